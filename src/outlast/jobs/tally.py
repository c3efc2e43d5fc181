"""What a run has done so far."""

from dataclasses import dataclass, field

from outlast.jobs.causes import Causes

__all__ = ["Tally"]


@dataclass(slots=True)
class Tally:
    """Counts of one run, and why what failed did. `retries` are the tries that cost their item an attempt and were followed by another."""

    done: int = 0
    failed: int = 0
    retries: int = 0
    in_flight: int = 0
    causes: Causes = field(default_factory=Causes)
