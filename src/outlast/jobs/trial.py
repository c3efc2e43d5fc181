"""Items that may kill the process: tried alone, before the others, and given up when it dies with them once more.

What the ledger keeps of it: `suspicion` (at how many kills in a row each item was in hand), and `alone`, the item that is being
tried alone, noted before it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from outlast.events import EventType
from outlast.failure.describe import Failure
from outlast.failure.model import FailureClass
from outlast.jobs.athand import Task
from outlast.jobs.inhand import read_in_hand
from outlast.jobs.poison import Suspicion
from outlast.jobs.starts import Starts
from outlast.jobs.tally import Tally
from outlast.ledger.port import ItemStatus, Ledger, Record
from outlast.runtime import Runtime
from outlast.storage.strictjson import encode

__all__ = ["SUSPICION", "LeftBehind", "Trials", "left_behind"]

SUSPICION = "suspicion"
ALONE = "alone"


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What a run that was killed had in hand: how many items that were not recorded (None: that is not known), and whom to suspect."""

    repeated: int | None
    suspicion: Suspicion


async def left_behind(ledger: Ledger, in_hand: Path | None) -> LeftBehind:
    """What the last run of this ledger left behind, by its file `in_hand`; without one nobody is suspected."""
    run, ended = await ledger.get("run"), await ledger.get("ended")
    suspicion = Suspicion.from_json(await ledger.get(SUSPICION))
    if in_hand is None or run is None:
        return LeftBehind(None, suspicion)
    if ended is not None and ended.get("run") == run["id"]:
        return LeftBehind(None, suspicion.cleared())
    items = read_in_hand(in_hand, run["id"])
    if items is None:
        return LeftBehind(None, suspicion)
    waiting = [item for item in items if await _is_pending(ledger, item)]
    alone = await ledger.get(ALONE)
    lone = alone["item"] if alone is not None and alone["run"] == run["id"] else None
    return LeftBehind(len(waiting), suspicion.killed(run["id"], waiting, lone))


class Trials:
    """Sorts out the suspects and the condemned among what is leased. `after` lone kills condemn an item (0: any number is allowed)."""

    def __init__(
        self, ledger: Ledger, runtime: Runtime, suspicion: Suspicion, *, after: int, job: str, run: str, tally: Tally
    ) -> None:
        self._ledger = ledger
        self._runtime = runtime
        self._suspicion = suspicion
        self._job, self._run = job, run
        self._condemned = suspicion.condemned(after) if after else frozenset()
        self._suspects = set(suspicion.suspects()) if after else set()
        self._tally = tally

    async def sorted_out(self, tasks: list[Task]) -> tuple[list[Task], list[Task]]:
        """The tasks to be tried as usual, and those to be tried alone; the condemned are given up and in neither."""
        if not self._suspects and not self._condemned:
            return tasks, []
        usual, alone = list[Task](), list[Task]()
        for task in tasks:
            item = task.lease.item
            if item in self._condemned:
                await self._give_up(task)
            else:
                (alone if item in self._suspects else usual).append(task)
        return usual, alone

    async def begin(self, task: Task) -> None:
        """Note that this item, and no other, is about to be tried."""
        await self._ledger.put(ALONE, {"item": task.lease.item, "run": self._run, "at": self._now()})

    async def end(self, items: Iterable[int]) -> None:
        """The process has outlived these items."""
        await self._ledger.put(ALONE, None)
        for item in items:
            self._suspects.discard(item)
            self._suspicion = self._suspicion.without(item)
        await self._ledger.put(SUSPICION, self._suspicion.to_json())

    async def _give_up(self, task: Task) -> None:
        kills, alone = (each.get(task.lease.item, 0) for each in (self._suspicion.kills, self._suspicion.alone))
        message = f"the process was killed {kills} times while this item was in hand, the last {alone} with it alone"
        failure = Failure(
            type="outlast.PoisonItem",
            message=message,
            status=None,
            failure_class=FailureClass.POISON,
            signature="outlast.PoisonItem the process was killed with it alone",
            traceback="",
        )
        attempts = task.lease.attempts + 1
        told = {**failure.to_dict(), "at": self._now()}
        await self._ledger.record(Record(task.lease, ItemStatus.FAILED, attempts, error=encode(told).decode()))
        await self._ledger.put("starts", Starts.from_json(await self._ledger.get("starts")).gave_up().to_json())
        self._condemned -= {task.lease.item}
        self._suspicion = self._suspicion.without(task.lease.item)
        await self._ledger.put(SUSPICION, self._suspicion.to_json())
        self._tally.failed += 1
        self._tally.causes.note(told, task.host, failed=True)
        self._runtime.emit(EventType.ITEM_QUARANTINED, self._job, key=task.lease.key, kills=kills)

    def _now(self) -> str:
        return self._runtime.clock.now().isoformat()


async def _is_pending(ledger: Ledger, item: int) -> bool:
    found = await ledger.items(item - 1, 1)
    return bool(found) and found[0].item == item and found[0].status is ItemStatus.PENDING
