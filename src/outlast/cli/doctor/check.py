"""One thing that was looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["Check", "State"]


class State(StrEnum):
    """`WARN`: jobs run, but not as well or as safely as they could. `BAD`: some do not run, or lose what they record."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found, in a sentence; `do` is what to type or change about it; `facts` are for programs."""

    name: str
    state: State
    says: str
    do: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
