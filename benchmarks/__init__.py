"""What the package costs, each time against a peer in the same run: `python -m benchmarks [NAME...] [--full] [--json FILE]`."""

__all__: list[str] = []
