"""What is handed out about checkpoints."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["LatestCheckpoint", "LoadedCheckpoint", "Pruned", "Status", "Verdict"]


class Status(StrEnum):
    """What is known of a checkpoint; a listing knows it of the header alone."""

    AVAILABLE = "available"
    CORRUPTED = "corrupted"
    UNSUPPORTED = "unsupported"
    """Intact, and in a format that this version cannot read."""
    LOCKED = "locked"
    """Intact, and sealed by a key that is not at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCheckpoint:
    """An intact checkpoint; `timestamp` is ISO 8601 in UTC."""

    id: str
    job_id: str
    sequence_number: int
    timestamp: str
    data: dict[str, Any]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestCheckpoint(LoadedCheckpoint):
    """The newest intact checkpoint of a job; `skipped` are the ids of the newer ones that are damaged, newest first."""

    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a checkpoint is as it was written; `problem` is None where nothing is wrong."""

    id: str
    sequence: int
    status: Status
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """What retention kept, newest first, and deleted, oldest first, as ids; in a dry run what it would."""

    kept: tuple[str, ...]
    deleted: tuple[str, ...]
    freed_bytes: int
