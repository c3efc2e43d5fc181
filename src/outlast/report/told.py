"""What a report is made from beside the event log: what the ledger and the checkpoints of a job say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from outlast.failure.groups import Group
from outlast.ledger.port import Counts

__all__ = ["ABORTED", "Grade", "KeptCheckpoint", "Standing", "Told"]

ABORTED = "Aborted: "
"""How the detail of a job begins that was aborted."""


class Grade(StrEnum):
    """How one should take it that a job stands so."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the last run ended, or that it goes on: a word, and what else is known of it. `run` is the id of that run."""

    word: str
    grade: Grade
    detail: str = ""
    run: str = ""
    exit_code: int | None = None
    running: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCheckpoint:
    """A checkpoint that is on the disk, and how many seconds it took to get there, where that is known.

    `intact`: it was read when the report was made; None: it was not, for want of time or a key.
    """

    id: str
    at: datetime | None
    size: int
    reason: str = ""
    intact: bool | None = None
    took: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A job at the moment `now`. `attempts`: how many of the items that are done needed so many.

    `groups` are the causes of failure, each with its name; `steps` what can be typed next, each after what it is for; `command` what
    gives the report as data; `notes` what runs have noted. `unread`: the ledger cannot be read, and why, so that all but the event log is unknown.
    """

    job: str
    now: datetime
    standing: Standing
    counts: Counts = field(default_factory=Counts)
    groups: Sequence[tuple[str, Group]] = ()
    attempts: Mapping[int, int] = field(default_factory=dict)
    checkpoints: Sequence[KeptCheckpoint] = ()
    steps: Sequence[tuple[str, str]] = ()
    command: str = ""
    notes: Sequence[str] = ()
    unread: str = ""
