"""What the command line says: each function gives lines or texts, and prints nothing."""

__all__: list[str] = []
