"""What the gate says: to an item that wants to go, of a host, of a failure."""

from dataclasses import dataclass
from enum import StrEnum

from outlast.jobs.host import Reason

__all__ = ["Failed", "Parked", "Probe", "Recovered", "Waiting"]


class Probe(StrEnum):
    """What the gate says to an item: go, go as the one probe of its host, wait, or be given up for its host's sake."""

    GO = "go"
    PROBE = "probe"
    WAIT = "wait"
    GIVE_UP = "give_up"


@dataclass(frozen=True, slots=True)
class Parked:
    """A host was just parked after so many failures in a row."""

    host: str
    failures: int
    next_probe_in: float


@dataclass(frozen=True, slots=True)
class Recovered:
    """A parked host answers again, after so many seconds."""

    host: str
    down_for: float


@dataclass(frozen=True, slots=True)
class Failed:
    """What a failed try means: whether it counts against its item, and what to announce."""

    counts: bool
    parked: Parked | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A host whose items wait: why, and for how many seconds yet (None: until something happens; 0: it is asked now).

    `per_second` is how often it may be asked, where that is what keeps them.
    """

    host: str
    reason: Reason
    seconds: float | None
    per_second: float = 0.0
