"""The states of a guarded job and what leads from one to the next; what is not in the table cannot happen."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

__all__ = ["TRANSITIONS", "Decision", "State", "Turn"]


class Decision(StrEnum):
    """What a verdict asks for: go on, hand out nothing new, try one item now, or give up."""

    CONTINUE = "continue"
    SUSPEND = "suspend"
    PROBE = "probe"
    ABORT = "abort"


class State(StrEnum):
    """Running; suspended, while what is in flight ends; probing, one attempt at a time; aborted."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    PROBING = "probing"
    ABORTED = "aborted"


class Turn(StrEnum):
    """What changes the state."""

    SUSPECTED = "suspected"
    DRAINED = "drained"
    CLEARED = "cleared"
    RECOVERED = "recovered"
    CONDEMNED = "condemned"


TRANSITIONS: Mapping[tuple[State, Turn], State] = MappingProxyType(
    {
        (State.RUNNING, Turn.SUSPECTED): State.SUSPENDED,
        (State.RUNNING, Turn.CONDEMNED): State.ABORTED,
        (State.SUSPENDED, Turn.DRAINED): State.PROBING,
        (State.SUSPENDED, Turn.CLEARED): State.RUNNING,
        (State.SUSPENDED, Turn.RECOVERED): State.RUNNING,
        (State.SUSPENDED, Turn.CONDEMNED): State.ABORTED,
        (State.PROBING, Turn.CLEARED): State.RUNNING,
        (State.PROBING, Turn.RECOVERED): State.RUNNING,
        (State.PROBING, Turn.CONDEMNED): State.ABORTED,
    }
)
