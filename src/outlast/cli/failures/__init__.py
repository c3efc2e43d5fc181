"""The failures of a job as an operator deals with them: named groups, chosen items, what is done with them."""

__all__: list[str] = []
