"""A run at work: the source is read, items are leased, tried and recorded, until an ending is reached.

Two groups of tasks. The workers try items; the services (source, supply of leases, output, checkpoints, renewal) keep them
going and end with them.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from typing import Any

from outlast.errors import StaleLeaseError, ValidationError
from outlast.jobs.athand import Task
from outlast.jobs.dispatch import LEASE_SECONDS, Dispatch
from outlast.jobs.inhand import Hands
from outlast.jobs.items import Items, KeyFunction, batches, host_of, new_item
from outlast.jobs.limit import AttemptLimit
from outlast.jobs.observing import Trying
from outlast.jobs.outcome import Ending
from outlast.jobs.signals import listening
from outlast.ledger.port import Ledger, NewItem, Record
from outlast.runtime import Clock

__all__ = ["Engine", "Service"]

SOURCE_BATCH = 500

Service = Callable[[], Coroutine[Any, Any, None]]


class Engine:
    """Runs one handler over one source, with a worker for each slot of `hands`.

    `drain` is how long work in hand may go on once the run is asked to stop; `recorded` is told of each record that is durable.
    """

    def __init__(  # noqa: PLR0913 - the parts of an engine
        self,
        ledger: Ledger,
        dispatch: Dispatch,
        attempts: Trying,
        hands: Hands,
        *,
        clock: Clock,
        owner: str,
        drain: float,
        recorded: Callable[[Record], None],
    ) -> None:
        self._ledger = ledger
        self._dispatch = dispatch
        self._attempts = attempts
        self._hands = hands
        self._clock = clock
        self._owner = owner
        self._drain = drain
        self._recorded = recorded
        self._deadline = asyncio.timeout(None)
        self._working = False
        self._raised: BaseException | None = None
        self._parent: asyncio.Task[Any] | None = None
        self._broken = False

    def stop(self, ending: Ending, *, within: float | None = None) -> None:
        """The first call lets work in hand end within the drain time; the second stops it now. `within` so many seconds: neither."""
        remaining = within
        if remaining is None:
            remaining = 0.0 if self.stopping else self._drain
        self._dispatch.end(ending)
        if self._working and not self._deadline.expired():
            due, at = self._deadline.when(), asyncio.get_running_loop().time() + remaining
            self._deadline.reschedule(at if due is None else min(due, at))

    @property
    def stopping(self) -> bool:
        return self._dispatch.ending is not None

    @property
    def has_read_all(self) -> bool:
        """Whether the source was read to its end."""
        return self._dispatch.has_read_all

    @property
    def seconds_left(self) -> float:
        """How long the work in hand of a run that was asked to stop may still go on."""
        due = self._deadline.when()
        return 0.0 if due is None else max(0.0, due - asyncio.get_running_loop().time())

    async def run(
        self, items: Items, key_of: KeyFunction | None, *, concurrency: int, services: list[Service]
    ) -> Ending:
        """Try every item of the job. Raises what a handler raised that is not an `Exception`, once the rest is drained."""
        self._parent = asyncio.current_task()
        own: list[Service] = [self._supply, self._renew, self._dispatch.beat]
        with listening(self.stop):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(service()) for service in [*own, *services]]
                tasks.append(group.create_task(self._read(items, key_of)))
                await self._work(concurrency)
                for task in tasks:
                    task.cancel()
        if self._raised is not None:
            raise self._raised
        assert self._dispatch.ending is not None
        return self._dispatch.ending

    async def _work(self, concurrency: int) -> None:
        try:
            async with self._deadline, asyncio.TaskGroup() as workers:
                self._working = True
                for slot in range(concurrency):
                    workers.create_task(self._worker(slot))
        except TimeoutError:
            if not self._deadline.expired():
                raise
        finally:
            self._working = False

    async def _worker(self, slot: int) -> None:
        try:
            with closing(self._attempts.limit()) as limit:
                await self._work_off(slot, limit)
        except Exception:
            self._broken = True
            raise

    async def _supply(self) -> None:
        await self._dispatch.supply()
        # Aborted: what is in hand has the drain time and no more.
        if self._working and self._deadline.when() is None:
            self._deadline.reschedule(asyncio.get_running_loop().time() + self._drain)

    def _is_cancelled(self) -> bool:
        """Whether a cancelled worker was cancelled by the run, not by the handler itself."""
        outside = self._parent is not None and self._parent.cancelling() > 0
        return outside or self._broken or self._deadline.expired()

    async def _work_off(self, slot: int, limit: AttemptLimit) -> None:
        dispatch, attempts, ledger, hands = self._dispatch, self._attempts, self._ledger, self._hands
        while True:
            task = dispatch.take() if dispatch.ending is None else None
            if task is None and (task := await dispatch.next()) is None:
                return
            hands[slot] = task.lease.item
            try:
                record: Record | None
                try:
                    record = await attempts(task, limit)
                except BaseException as error:  # noqa: BLE001 - the handler may cancel itself, or want the process to end
                    record = self._exit(task, error)
                    if record is None:
                        return
                await ledger.record(record)
                self._recorded(record)
            except StaleLeaseError:
                # The process was suspended for longer than a lease lasts, and the item is somebody else's now.
                continue
            finally:
                hands[slot] = 0
                dispatch.settled(task)
            if self._is_cancelled():  # the handler has swallowed it
                raise asyncio.CancelledError

    def _exit(self, task: Task, error: BaseException) -> Record | None:
        """What is to be recorded of an item whose handler cancelled itself; None: it wants the process to end, in order.

        Raises the cancellation of the run, and what is raised for it.
        """
        if not isinstance(error, asyncio.CancelledError):
            self._raised = error
            self.stop(Ending.STOPPED)
            return None
        if self._is_cancelled():
            raise error
        return self._attempts.cancelled(task, error)

    async def _read(self, items: Items, key_of: KeyFunction | None) -> None:
        read = 0
        async for batch in batches(items, SOURCE_BATCH):
            self._dispatch.notice(map(host_of, batch))
            if await self._ledger.add(_new_items(batch, key_of, read)):
                self._dispatch.changed()
            read += len(batch)
        self._dispatch.source_read()

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(LEASE_SECONDS / 3)
            await self._ledger.renew(self._owner, self._clock.now().timestamp() + LEASE_SECONDS)


def _new_items(batch: list[Any], key_of: KeyFunction | None, read: int) -> list[NewItem]:
    """The ledger's form of a batch; an item that has none is named by its number in the source, from 0."""
    place = read
    try:
        new: list[NewItem] = []
        for place, item in enumerate(batch, start=read):  # noqa: B007 - the error names the place
            new.append(new_item(item, key_of))
    except ValidationError as error:
        raise ValidationError(f"item {place} of the source: {error.message}", context={"item": place}) from error
    return new
