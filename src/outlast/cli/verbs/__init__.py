"""One module per verb; each has a `command`."""

__all__: list[str] = []
