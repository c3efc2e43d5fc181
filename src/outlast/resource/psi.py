"""How long work has waited for memory: pressure stall information of the kernel."""

from collections.abc import Mapping

__all__ = ["parse_pressure"]


def parse_pressure(text: str) -> Mapping[str, float]:
    """`some` and `full` by name: the percent of the last ten seconds; what is not there is left out."""
    found = {}
    for line in text.splitlines():
        kind, *pairs = line.split()
        values = dict(pair.partition("=")[::2] for pair in pairs)
        if "avg10" in values:
            found[kind] = float(values["avg10"])
    return found
