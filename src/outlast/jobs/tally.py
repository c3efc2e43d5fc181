"""What a run has done so far."""

from dataclasses import dataclass

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """Counts of one run."""

    done: int = 0
    failed: int = 0
    retries: int = 0
    in_flight: int = 0
