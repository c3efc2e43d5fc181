"""One module per foreign library, each behind an extra."""

__all__: list[str] = []
