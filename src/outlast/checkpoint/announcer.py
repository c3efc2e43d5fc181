"""The events of checkpoints."""

from collections.abc import Iterable

from outlast.checkpoint.reader import Refused
from outlast.checkpoint.store import Entry
from outlast.events import EventType
from outlast.runtime import Runtime

__all__ = ["Announcer"]


class Announcer:
    """Tells the bus what happened to checkpoints."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def created(self, job_id: str, entry: Entry, *, compressed: bool, encrypted: bool, duration: float) -> None:
        more = {"compressed": compressed, "encrypted": encrypted, "duration": round(duration, 3)}
        self._saved(EventType.CHECKPOINT_CREATED, job_id, entry, **more)

    def loaded(self, job_id: str, entry: Entry) -> None:
        self._saved(EventType.CHECKPOINT_LOADED, job_id, entry)

    def deleted(self, job_id: str, entries: Iterable[Entry], reason: str) -> None:
        for entry in entries:
            self._runtime.emit(
                EventType.CHECKPOINT_DELETED,
                job_id,
                checkpoint_id=entry.id,
                sequence_number=entry.sequence,
                reason=reason,
            )

    def corrupted(self, look: Refused) -> None:
        moved = None if look.quarantined_to is None else str(look.quarantined_to)
        self._runtime.emit(
            EventType.CHECKPOINT_CORRUPTED,
            look.job_id,
            checkpoint_id=look.entry.id,
            reason=look.error.message,
            quarantined_to=moved,
        )

    def _saved(self, kind: EventType, job_id: str, entry: Entry, **more: float) -> None:
        self._runtime.emit(
            kind, job_id, checkpoint_id=entry.id, sequence_number=entry.sequence, size_bytes=entry.size, **more
        )
