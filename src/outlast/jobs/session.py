"""A job that is open: what every part of a run shares, and what the ledger is told of the run."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlast.assembly import Resilience
from outlast.errors import CheckpointError, ResilienceException, ValidationError
from outlast.events import EventType
from outlast.jobs.diary import Diary
from outlast.jobs.lineage import Behind, Pin
from outlast.jobs.obeying import Obedience
from outlast.jobs.poison import Suspicion
from outlast.jobs.recall import BROWSER_STATE, Recalled, Recollection
from outlast.jobs.regrets import take_back_untried
from outlast.jobs.scrub import Scrub
from outlast.jobs.snapshot import small_text, undisturbed
from outlast.jobs.starts import ITEMS_SHOWN_MAX, Starts, held
from outlast.jobs.store import JobDirectory
from outlast.jobs.trial import SUSPICION, LeftBehind, left_behind
from outlast.ledger.port import Ledger
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.jobs.outcome import Ending
    from outlast.jobs.output import Output
    from outlast.storage.keys import Keyring

__all__ = ["Session", "Told"]

PEEK_SECONDS = 60.0


@dataclass(slots=True)
class Told:
    """How a run is to end since somebody has said so, whatever it is given to do after that; and `why`, if that is an abort.

    `has_acted`: what is to be done about the abort was done.
    """

    ending: "Ending | None" = None
    why: str | None = None
    has_acted: bool = False


class Session:
    """What every part of a run shares. Opened by `open_session`: first `admit`, then `begin`.

    `directory` is that of the job, and `obedience` is to what it is told there; with a ledger of the user's own there is none. `keys`
    seal what is kept; None: it is kept in clear.
    """

    follows_abort = False
    """Whether the last run was aborted."""

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        resilience: Resilience,
        runtime: Runtime,
        *,
        directory: JobDirectory | None = None,
        keys: "Keyring | None" = None,
    ) -> None:
        self.job_id = name
        self.run_id = runtime.new_id()
        self.ledger = ledger
        self.resilience = resilience
        self.runtime = runtime
        self.state: dict[str, Any] = {}
        self.directory = directory
        self.keys = keys
        self.obedience = None if directory is None else Obedience(directory, keys, runtime, job=name, run=self.run_id)
        self.told = Told()
        """How somebody has told the run to end."""
        self.diary = Diary(name, self.run_id, ledger, runtime)
        self.repeated = 0
        self.reason: str | None = None
        """Why the run is ended by itself, in a sentence."""
        self.browser_state: dict[str, Any] | None = None
        """The newest known state of the job's browser: its checkpoints keep it."""
        self.look_at_browser: Callable[[], Awaitable[None]] | None = None
        """Brings `browser_state` up to date, while there is a browser."""
        self.usage: Callable[[], dict[str, Any]] | None = None
        """What the present work uses of the machine, where that is watched (`outlast.jobs.watching`)."""
        self.suspicion = Suspicion()
        self._left = LeftBehind(None, self.suspicion)
        self.output: Output | None = None
        self.scrub = Scrub(ledger, runtime, name, self._damage_found)
        self._starts = Starts()
        self._pin = Pin(lineage=self.run_id, start=1, position=0, items=0)
        self._saved: tuple[Any, ...] | None = None
        self._newest: str | None = None

    @property
    def newest(self) -> str | None:
        """The last checkpoint of this run."""
        return self._newest

    @property
    def lineage(self) -> str:
        """The id of the ledger's first run."""
        return self._pin.lineage

    async def admit(self, *, limit: int, release: bool, trials: int = 0, hint: str = "") -> None:
        """Count the starts that got nothing done. Raises `CrashLoopError` when they are `limit` in a row (0: any number).

        While an item is suspected of killing the process, it has `trials` more starts to be found out. `hint` is what
        `outlast resume` needs to find the job.
        """
        ledger = self.ledger
        self._left = await left_behind(ledger, None if self.directory is None else self.directory.in_hand)
        if limit and trials and self._left.suspicion.goes_on(trials):
            limit += trials
        counts = await ledger.counts()
        before = Starts.from_json(await ledger.get("starts"))
        starts = before.judged(await ledger.get("ended"), counts, counts.leased)
        hold = await ledger.get("hold")
        if limit and starts.fruitless >= limit and not release:
            if hold is None:
                items = await self._first_items(counts.leased)
                hold = {"at": self._now(), "starts": starts.to_json(), "items": items}
                await ledger.put("hold", hold)
            raise held(self.job_id, Starts.from_json(hold["starts"]), hold["items"], hint)
        if hold is not None:
            await ledger.put("hold", None)
        self._starts = Starts() if release else starts

    async def begin(
        self,
        *,
        concurrency: int,
        invocation: Mapping[str, Any] | None,
        started_over: bool,
        rates: Mapping[str, str] | None = None,
    ) -> None:
        """Take over what an earlier process left: its leases, its state; and note who runs now, at which rates of its own.

        `started_over`: it is no surprise that the ledger is new.
        """
        ledger, started = self.ledger, self._now()
        before = await ledger.get("concurrency")
        self.follows_abort = (await ledger.get("ended") or {}).get("outcome") == "aborted"
        released, left = await ledger.release(), self._left
        await take_back_untried(ledger, was_killed=released > 0)
        self.repeated = min(released, before or 0) if left.repeated is None else left.repeated
        self.suspicion = left.suspicion
        await ledger.put(SUSPICION, left.suspicion.to_json())
        counts = await ledger.counts()
        if not counts.total:
            self.scrub.skip()
        await ledger.put("starts", self._starts.begun(self.run_id, started, counts).to_json())
        try:
            self.state.update(await self._recall(counts.total, started_over=started_over))
        except BaseException:
            # Nothing was run: a key that is missing is not a crash.
            with suppress(ResilienceException):
                await ledger.put("starts", self._starts.to_json())
            raise
        notes: dict[str, Any] = {
            "lineage": self._pin.lineage,
            "start": self._pin.start,
            "job": self.job_id,
            "concurrency": concurrency,
            "rates": dict(rates or {}),
            "run": {"id": self.run_id, "started": started, "pid": os.getpid()},
            "redact": list(self.resilience.config.logging.redact),
            **({} if invocation is None else {"invocation": dict(invocation)}),
        }
        await asyncio.gather(*[ledger.put(name, value) for name, value in notes.items()])
        found = {"done": counts.done, "failed": counts.failed, "pending": counts.waiting}
        self._emit(EventType.RUN_STARTED, run_id=self.run_id, **found, resumed=before is not None)
        await self.diary.on_file()

    async def ended(self, outcome: str, exit_code: int | None, **more: str) -> None:
        """Note how the run ended, for whoever asks later; a run without this note was killed."""
        self.diary.ended(outcome, exit_code, more.get("error", ""))
        note = {"run": self.run_id, "outcome": outcome, "at": self._now(), "exit_code": exit_code, **more}
        await self.ledger.put("ended", note)

    async def closed(self) -> None:
        """Note that this start was no crash."""
        await self.ledger.put("starts", Starts().to_json())

    async def save(self, reason: str, *, browser_state: dict[str, Any] | None = None) -> str | None:
        """Take a checkpoint of `state` and the ledger's position, unless nothing changed since the last; its id.

        A state that is large is saved rather than compared: to compare it would hold up the event loop, or cost as much. With a
        `browser_state`, that is what the browser holds; else it is asked, and what it holds alone is not saved.
        """
        self.browser_state = browser_state or self.browser_state
        if not self.resilience.config.checkpoint.enabled:
            return None
        counts = asdict(await self.ledger.counts())
        position = await self.ledger.position()
        text = small_text(self.state, "$.state")
        if browser_state is None and text is not None and self._saved == (text, counts, position):
            return None
        if browser_state is None and self.look_at_browser is not None:
            await self.look_at_browser()
        data = {"state": self.state, "counts": counts, "position": position, "start": self._pin.start}
        if self.browser_state is not None:
            data[BROWSER_STATE] = self.browser_state
        metadata = {"run_id": self.run_id, "lineage": self._pin.lineage, "reason": reason}
        create = self.resilience.checkpoints.create_checkpoint
        saved = await undisturbed(lambda: create(self.job_id, data, metadata))
        self._saved, self._newest = (text, counts, position), saved
        return saved

    async def checkpoints(self) -> None:
        """Take a checkpoint every interval, until cancelled.

        One that fails is announced and does not stop the items; the last one, at the end of the run, raises.
        """
        while True:
            await self.runtime.clock.sleep(self.resilience.config.checkpoint.interval)
            try:
                await self.save("interval")
            except (CheckpointError, ValidationError) as error:
                self._emit(EventType.CHECKPOINT_FAILED, reason=error.message)

    async def mend(self) -> bool:
        """Examine the whole ledger now; whether damage was found."""
        return await self.scrub.mend()

    async def kept(self, path: Path, /) -> None:
        """Say that the output held lines which the ledger does not know."""
        found = await self.ledger.position()
        await self._behind(Behind.OUTPUT, None, found, checkpoint_id=None, kept_as=str(path))
        await self.ledger.put("unknown_lines", {"at": self._now(), "kept_as": str(path)})

    async def _recall(self, items: int, *, started_over: bool) -> dict[str, Any]:
        """The state to go on with; says so when the ledger is behind its checkpoints, and where it stands itself."""
        ledger, recollection = self.ledger, Recollection(self.resilience.checkpoints, self.job_id)
        lineage, position = await ledger.get("lineage"), await ledger.position()
        if lineage is None:
            await ledger.put("after", await recollection.newest_sequence())
            recalled = Recalled() if started_over else await recollection.without_ledger()
            self._pin = Pin(lineage=self.run_id, start=1, position=position, items=items)
        else:
            found = Pin(lineage=lineage, start=await ledger.get("start") or 0, position=position, items=items)
            recalled = await recollection.of(found, await ledger.get("after"), await ledger.get("behind"))
            self._pin = replace(found, start=found.start + 1)
        await self._tell_if_behind(recalled)
        self.browser_state = recalled.browser_state
        return recalled.state

    async def _tell_if_behind(self, recalled: Recalled) -> None:
        newest = recalled.newest
        if recalled.behind is None or newest is None:
            return
        expected, found = newest.pin.position, self._pin.position
        reason = await self._reason(recalled.behind, newest.sequence)
        await self._behind(reason, expected, found, checkpoint_id=newest.id, kept_as=None)
        note = {
            "at": self._now(),
            "reason": reason.value,
            "checkpoint": newest.id,
            "sequence": newest.sequence,
            "state_of": recalled.state_of,
            "expected_position": expected,
            "found_position": found,
        }
        await self.ledger.put("behind", note)

    async def _reason(self, behind: Behind, sequence: int) -> Behind:
        """A ledger that was repaired after its newest checkpoint is behind for that reason, and no older copy of it."""
        repaired = await self.ledger.get("repaired")
        return Behind.REPAIRED if repaired is not None and sequence <= repaired["sequence"] else behind

    async def _behind(self, reason: Behind, expected: int | None, found: int, **more: str | None) -> None:
        told = {"reason": reason.value, "expected_position": expected, "found_position": found, **more}
        self._emit(EventType.LEDGER_BEHIND, **told)

    async def _first_items(self, leased: int) -> list[str]:
        """The keys of the items that the dead process had leased first: those at the head of the queue."""
        if not leased:
            return []
        await self.ledger.release()
        now = self.runtime.clock.now().timestamp()
        count = min(leased, ITEMS_SHOWN_MAX)
        leases = await self.ledger.lease(self.run_id, count, now, now + PEEK_SECONDS)
        await self.ledger.release(self.run_id)
        return [lease.key for lease in leases]

    def _damage_found(self) -> None:
        if self.output is not None:
            self.output.doubt()

    def _now(self) -> str:
        return self.runtime.clock.now().isoformat()

    def _emit(self, kind: EventType, **told: Any) -> None:
        self.runtime.emit(kind, self.job_id, **told)
