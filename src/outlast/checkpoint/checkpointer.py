"""Takes checkpoints and gives them back: the files are worked on by threads, the events come from the loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import copy_context
from datetime import UTC
from functools import partial
from typing import Any, TypeVar

from outlast.checkpoint.announcer import Announcer
from outlast.checkpoint.envelope import Codec, Header
from outlast.checkpoint.names import key_of
from outlast.checkpoint.policy import CheckpointPolicy
from outlast.checkpoint.reader import Opened, Refused, status_of
from outlast.checkpoint.records import LatestCheckpoint, LoadedCheckpoint, Pruned, Status, Verdict
from outlast.checkpoint.sealing import Sealing
from outlast.checkpoint.shelf import Shelf, Snapshot, in_use
from outlast.checkpoint.store import DirectoryStore, Entry
from outlast.errors import CheckpointCreationError, CheckpointError, CheckpointNotFoundError, ValidationError
from outlast.runtime import Runtime
from outlast.storage.frozen import Frozen, freeze

__all__ = ["Checkpointer", "absent"]

LISTINGS_MAX = 100

_T = TypeVar("_T")


class Checkpointer:
    """Creates, opens, lists and deletes the checkpoints in a store.

    Writes happen one after the other, in the order of the calls, so that the newest snapshot has the highest number. A write
    whose awaiter is cancelled is left out when it has not begun, and completed (without an event) when it has.
    """

    def __init__(
        self, store: DirectoryStore, policy: CheckpointPolicy, runtime: Runtime, sealing: Sealing | None = None
    ) -> None:
        self._policy = policy
        self._runtime = runtime
        self._announcer = Announcer(runtime)
        self._sealing = sealing or Sealing()
        self._shelf = Shelf(store, policy, self._sealing)
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outlast-checkpoints")

    async def create(self, job_id: str, data: dict[str, Any], metadata: dict[str, Any] | None) -> str:
        """The new checkpoint's id, once it is durable. The snapshot is taken before the first await."""
        if not self._policy.enabled:
            raise CheckpointCreationError("checkpoints are switched off (checkpoint.enabled is false)")
        key_of(job_id)
        now, began = self._runtime.clock.now(), self._runtime.clock.monotonic()
        snapshot = Snapshot(job_id, now, _object(data, "$"), _object({} if metadata is None else metadata, "metadata"))
        try:
            entry, removed = await self._in_turn(partial(self._shelf.put, snapshot))
        except OSError as error:
            raise CheckpointCreationError(
                f"the checkpoint of {job_id!r} could not be written: {error}",
                context={"job_id": job_id, "errno": error.errno, "path": str(error.filename)},
            ) from error
        self._announcer.created(
            job_id,
            entry,
            compressed=self._policy.codec is Codec.GZIP,
            encrypted=self._sealing.writing is not None,
            duration=self._runtime.clock.monotonic() - began,
        )
        self._announcer.deleted(job_id, removed, "retention")
        return entry.id

    async def open(self, checkpoint_id: str) -> LoadedCheckpoint | None:
        """The checkpoint, or None when there is none of this id; raises when it cannot be read."""
        with _telling("read"):
            look = await asyncio.to_thread(self._shelf.open, checkpoint_id)
        return None if look is None else LoadedCheckpoint(**self._judged(look))

    async def latest(self, job_id: str) -> LatestCheckpoint:
        """The newest intact checkpoint. A newer one that only others can read raises: going back behind it is no resume."""
        with _telling("read"):
            for _ in range(LISTINGS_MAX):
                skipped: list[str] = []
                for entry in await asyncio.to_thread(self._shelf.entries, job_id):
                    look = None if entry.quarantined else await asyncio.to_thread(self._shelf.open_entry, entry)
                    if look is None and not entry.quarantined:
                        break  # removed by another process: something else is the newest now
                    if isinstance(look, Opened) or (isinstance(look, Refused) and not look.damaged):
                        return LatestCheckpoint(**self._judged(look), skipped=tuple(skipped))
                    if look is not None:
                        self._announcer.corrupted(look)
                    skipped.append(entry.id)
                else:
                    raise CheckpointNotFoundError(
                        f"job {job_id!r} has no intact checkpoint", context={"job_id": job_id, "skipped": skipped}
                    )
        raise CheckpointError(
            f"the checkpoints of job {job_id!r} change faster than they can be read", context={"job_id": job_id}
        )

    async def rows(self, job_id: str, limit: int | None) -> list[dict[str, Any]]:
        if limit is not None and (type(limit) is not int or limit < 0):
            raise ValidationError(f"limit must be a whole number from 0, not {limit!r}", context={"limit": repr(limit)})
        with _telling("listed"):
            return await asyncio.to_thread(self._shelf.rows, job_id, limit)

    async def delete(self, checkpoint_id: str) -> bool:
        """Whether there was one to delete. One that is pinned is `CheckpointError`."""
        with _telling("deleted"):
            try:
                removed = await self._in_turn(partial(self._shelf.remove, checkpoint_id))
            except BlockingIOError as error:
                raise in_use(checkpoint_id) from error
        if removed is None:
            return False
        entry, job_id = removed
        self._announcer.deleted(job_id, [entry], "requested")
        return True

    async def verify(self, checkpoint_id: str) -> bool:
        """Whether every byte of it is as written, and readable by this version with the keys at hand."""
        with _telling("read"):
            look = await asyncio.to_thread(self._shelf.verify, checkpoint_id)
        if isinstance(look, Refused) and look.damaged:
            self._announcer.corrupted(look)
        return isinstance(look, Header)

    async def verify_all(self, job_id: str, *, deep: bool) -> list[Verdict]:
        """What is known of each checkpoint of a job, newest first; by the headers, or `deep` by every byte."""
        with _telling("read"):
            entries = await asyncio.to_thread(self._shelf.entries, job_id)
            verdicts = [await self._verdict(entry, deep=deep) for entry in entries]
        return [each for each in verdicts if each is not None]

    async def prune(self, job_id: str, *, dry_run: bool) -> Pruned:
        """Apply retention now; what it did, or in a dry run what it would."""
        now = self._runtime.clock.now().astimezone(UTC)
        with _telling("deleted"):
            pruning = await self._in_turn(partial(self._shelf.prune, job_id, now, dry_run=dry_run))
            if not dry_run:
                self._announcer.deleted(job_id, pruning.deleted, "retention")
            if pruning.trouble is not None:
                raise pruning.trouble
        return pruning.outcome()

    async def rewrap(self, job_id: str) -> int:
        """How many checkpoints had to be wrapped anew, so that the first key opens all of them."""
        with _telling("re-wrapped"):
            return await self._in_turn(partial(self._shelf.rewrap, job_id))

    @asynccontextmanager
    async def pin(self, checkpoint_id: str) -> AsyncIterator[None]:
        """Keep a checkpoint from being removed by any process; raises `CheckpointNotFoundError` when there is none."""
        with _telling("pinned"):
            descriptor = await self._held(checkpoint_id)
        if descriptor is None:
            raise absent(checkpoint_id)
        try:
            yield
        finally:
            self._release(descriptor)

    async def drain(self) -> None:
        """Wait for the writes that have begun, also those whose awaiters were cancelled."""
        await self._in_turn(lambda: None)

    async def _in_turn(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, copy_context().run, work)

    async def _verdict(self, entry: Entry, *, deep: bool) -> Verdict | None:
        if not deep or entry.quarantined:
            return await asyncio.to_thread(self._shelf.judge, entry)
        look = await asyncio.to_thread(self._shelf.verify_entry, entry)
        if isinstance(look, Refused):
            if look.damaged:
                self._announcer.corrupted(look)
            return Verdict(entry.id, entry.sequence, status_of(look.error), look.error.message)
        return None if look is None else Verdict(entry.id, entry.sequence, Status.AVAILABLE)

    async def _held(self, checkpoint_id: str) -> int | None:
        holding = asyncio.ensure_future(asyncio.to_thread(self._shelf.hold, checkpoint_id))
        try:
            return await asyncio.shield(holding)
        except asyncio.CancelledError:
            holding.add_done_callback(self._let_go)
            raise

    def _let_go(self, holding: asyncio.Future[int | None]) -> None:
        if not holding.cancelled() and holding.exception() is None and (descriptor := holding.result()) is not None:
            self._release(descriptor)

    def _release(self, descriptor: int) -> None:
        with suppress(OSError):  # the handle is gone either way, and nothing was written by it
            self._shelf.release(descriptor)

    def _judged(self, look: Opened | Refused) -> dict[str, Any]:
        if isinstance(look, Refused):
            if look.damaged:
                self._announcer.corrupted(look)
            raise look.error
        header = look.header
        self._announcer.loaded(header.job_id, look.entry)
        return {
            "id": header.id,
            "job_id": header.job_id,
            "sequence_number": header.sequence,
            "timestamp": header.created,
            "data": look.data,
            "metadata": header.metadata,
        }


def absent(checkpoint_id: str) -> CheckpointNotFoundError:
    """The refusal to work with what is not there."""
    return CheckpointNotFoundError(f"there is no checkpoint {checkpoint_id}", context={"checkpoint_id": checkpoint_id})


def _object(value: object, path: str) -> Frozen:
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise ValidationError(f"{path}: {kind} is not a JSON object", context={"path": path, "type": kind})
    return freeze(value, path)


@contextmanager
def _telling(done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CheckpointError(f"the checkpoint could not be {done}: {error}", context={"errno": error.errno}) from error
