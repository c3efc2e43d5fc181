"""Takes checkpoints and gives them back: the files are worked on by threads, the events come from the loop."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from typing import Any, TypeVar

from outlast.checkpoint.envelope import Codec
from outlast.checkpoint.names import key_of
from outlast.checkpoint.policy import CheckpointPolicy
from outlast.checkpoint.shelf import Opened, Refused, Shelf, Snapshot
from outlast.checkpoint.store import DirectoryStore, Entry
from outlast.errors import CheckpointCreationError, CheckpointError, CheckpointNotFoundError, ValidationError
from outlast.events import EventType
from outlast.runtime import Runtime
from outlast.storage.strictjson import encode

__all__ = ["Checkpointer", "LatestCheckpoint"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LatestCheckpoint:
    """The newest intact checkpoint of a job; `skipped` are the ids of the newer ones that are damaged, newest first."""

    id: str
    sequence_number: int
    data: dict[str, Any]
    metadata: dict[str, Any]
    skipped: tuple[str, ...] = ()


class Checkpointer:
    """Creates, opens, lists and deletes the checkpoints in a store.

    Writes happen one after the other, in the order of the calls, so that the newest snapshot has the highest number. A write
    whose awaiter is cancelled is left out when it has not begun, and completed (without an event) when it has.
    """

    def __init__(self, store: DirectoryStore, policy: CheckpointPolicy, runtime: Runtime) -> None:
        self._policy = policy
        self._runtime = runtime
        self._shelf = Shelf(store, policy)
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outlast-checkpoints")

    async def create(self, job_id: str, data: dict[str, Any], metadata: dict[str, Any] | None) -> str:
        """The new checkpoint's id, once it is durable. The snapshot is taken before the first await."""
        if not self._policy.enabled:
            raise CheckpointCreationError("checkpoints are switched off (checkpoint.enabled is false)")
        key_of(job_id)
        created = self._runtime.clock.now().astimezone(UTC).isoformat()
        snapshot = Snapshot(
            job_id, created, _object(data, "$"), _object({} if metadata is None else metadata, "metadata")
        )
        try:
            entry, removed = await self._in_turn(partial(self._shelf.put, snapshot))
        except OSError as error:
            raise CheckpointCreationError(
                f"the checkpoint of {job_id!r} could not be written: {error}",
                context={"job_id": job_id, "errno": error.errno, "path": str(error.filename)},
            ) from error
        compressed = self._policy.codec is Codec.GZIP
        self._emit_saved(EventType.CHECKPOINT_CREATED, job_id, entry, compressed=compressed, encrypted=False)
        for old in removed:
            self._emit_deleted(job_id, old, "retention")
        return entry.id

    async def load(self, checkpoint_id: str) -> dict[str, Any] | None:
        """The data, or None when there is no such checkpoint; raises when it cannot be read."""
        with _telling("read"):
            look = await asyncio.to_thread(self._shelf.open, checkpoint_id)
        if look is None:
            return None
        return self._judged(look).data

    async def latest(self, job_id: str) -> LatestCheckpoint:
        """The newest intact checkpoint. A newer one in a format from the future raises: going back behind it is no resume."""
        skipped: list[str] = []
        with _telling("read"):
            for entry in await asyncio.to_thread(self._shelf.entries, job_id):
                look = None if entry.quarantined else await asyncio.to_thread(self._shelf.open_entry, entry)
                if isinstance(look, Opened) or (isinstance(look, Refused) and not look.damaged):
                    opened = self._judged(look)
                    header = opened.header
                    return LatestCheckpoint(header.id, header.sequence, opened.data, header.metadata, tuple(skipped))
                if look is not None:
                    self._emit_corrupted(look)
                if look is not None or entry.quarantined:
                    skipped.append(entry.id)
        raise CheckpointNotFoundError(
            f"job {job_id!r} has no intact checkpoint", context={"job_id": job_id, "skipped": skipped}
        )

    async def rows(self, job_id: str, limit: int | None) -> list[dict[str, Any]]:
        if limit is not None and limit < 0:
            raise ValidationError(f"limit must be 0 or more, not {limit}", context={"limit": limit})
        with _telling("listed"):
            return await asyncio.to_thread(self._shelf.rows, job_id, limit)

    async def delete(self, checkpoint_id: str) -> bool:
        """Whether there was one to delete."""
        with _telling("deleted"):
            removed = await self._in_turn(partial(self._shelf.remove, checkpoint_id))
        if removed is None:
            return False
        entry, job_id = removed
        self._emit_deleted(job_id, entry, "requested")
        return True

    async def verify(self, checkpoint_id: str) -> bool:
        """Whether every byte of it is as written, and readable by this version."""
        with _telling("read"):
            look = await asyncio.to_thread(self._shelf.verify, checkpoint_id)
        if isinstance(look, Refused) and look.damaged:
            self._emit_corrupted(look)
        return isinstance(look, Opened) and not look.entry.quarantined

    async def drain(self) -> None:
        """Wait for the writes that have begun, also those whose awaiters were cancelled."""
        await self._in_turn(lambda: None)

    async def _in_turn(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    def _judged(self, look: Opened | Refused) -> Opened:
        if isinstance(look, Opened):
            self._emit_saved(EventType.CHECKPOINT_LOADED, look.header.job_id, look.entry)
            return look
        if look.damaged:
            self._emit_corrupted(look)
        raise look.error

    def _emit_saved(self, kind: EventType, job_id: str, entry: Entry, **more: bool) -> None:
        self._runtime.emit(
            kind, job_id, checkpoint_id=entry.id, sequence_number=entry.sequence, size_bytes=entry.size, **more
        )

    def _emit_deleted(self, job_id: str, entry: Entry, reason: str) -> None:
        self._runtime.emit(
            EventType.CHECKPOINT_DELETED, job_id, checkpoint_id=entry.id, sequence_number=entry.sequence, reason=reason
        )

    def _emit_corrupted(self, look: Refused) -> None:
        moved = None if look.quarantined_to is None else str(look.quarantined_to)
        self._runtime.emit(
            EventType.CHECKPOINT_CORRUPTED,
            look.job_id,
            checkpoint_id=look.entry.id,
            reason=look.error.message,
            quarantined_to=moved,
        )


def _object(value: object, path: str) -> bytes:
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise ValidationError(f"{path}: {kind} is not a JSON object", context={"path": path, "type": kind})
    return encode(value, path)


@contextmanager
def _telling(done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"the checkpoint could not be {done}: {error}", context={"errno": error.errno}) from error
