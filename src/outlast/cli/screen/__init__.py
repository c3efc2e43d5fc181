"""What is seen of a run while it works: the live view, plain lines, lines of JSON; from this process or another."""

__all__: list[str] = []
