"""A run is held against what was expected of it: while it works, and at its end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from outlast.events import EventType
from outlast.jobs.census import Census
from outlast.jobs.expect import (
    Expectations,
    Former,
    Fruitless,
    Unmet,
    Window,
    at_the_end,
    is_barren,
    stalled,
    while_it_works,
)
from outlast.jobs.gate import Gate
from outlast.jobs.host import Reason
from outlast.jobs.outcome import Ending
from outlast.jobs.session import Session
from outlast.jobs.suspension import Suspension
from outlast.jobs.tally import Tally
from outlast.jobs.throttle import Throttle
from outlast.jobs.totals import former_total, note_total
from outlast.ledger.port import Counts, ItemStatus, Record
from outlast.runtime import Clock

if TYPE_CHECKING:
    from outlast.config import JobConfiguration
    from outlast.jobs.engine import Service

__all__ = ["Expecting", "Judged", "Stoppable", "at_work"]

TICK_SECONDS_MIN = 0.05
TICK_SECONDS_MAX = 5.0
TICKS = 60
_FACT = "unmet"


class Stoppable(Protocol):
    """What can be stopped: a run at work."""

    @property
    def stopping(self) -> bool: ...

    def stop(self, ending: Ending, /) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How the job stands at the end of a run: its counts and records, what is not met, whether it gave nothing at all."""

    counts: Counts
    records: int
    unmet: tuple[Unmet, ...]
    barren: bool


class Expecting:
    """Watches one run. What is not met is announced once, noted for whoever asks, and kept when it lasts.

    `on_stalled` is called with the reason when records no longer increase, once.
    """

    def __init__(
        self, session: Session, config: "JobConfiguration", *, on_stalled: Callable[[str], Awaitable[None]]
    ) -> None:
        self._session = session
        self._on_stalled = on_stalled
        self._clock = session.runtime.clock
        self._wanted = _expectations(config)
        self._check_every = config.expect.check_every
        self._stops = config.expect.stop
        self._max_time = config.max_time
        self._census = Census(session.ledger, tuple(self._wanted.fields), self._clock, session)
        self._window: Window | None = None
        self._fruitless = Fruitless(wanted=self._wanted.results)
        self._lasting: dict[str, Unmet] = {}
        self._told: dict[str, Unmet] = {}
        self._news = asyncio.Event()
        self._run: Stoppable | None = None
        self._began = self._clock.monotonic()

    async def begin(self) -> None:
        """Take up what earlier runs have noted. To be called before anything is recorded."""
        await self._census.begin()
        if self._wanted.yield_drop is not None:
            self._window = Window(self._wanted.yield_drop, self._census.known)
        noted = await self._session.ledger.get(_FACT)
        if noted is None:
            return
        kept = [Unmet(**each) for each in noted["unmet"] if each["lasting"]]
        self._lasting = {each.name: each for each in kept if getattr(self._wanted, each.name)}

    def recorded(self, record: Record) -> None:
        """Count what was just recorded, and see whether less is given than before."""
        gave = self._census.note(record)
        if record.status is not ItemStatus.DONE:
            return
        if self._window is not None:
            self._found(self._window.add(gave))
        # What earlier runs have given counts as well.
        if self._fruitless.add(gave, enqueued=bool(record.children)) is not None and not self._census.known.records:
            self._found(self._fruitless.unmet)

    def services(self, run: Stoppable, works: Callable[[], bool]) -> "list[Service]":
        """What goes on beside `run`. `works`: whether items are being tried, and not only waited for."""
        self._run = run
        services: list[Service] = [self._census.follow, self._keep, self._check]
        if self._wanted.items_increase_every:
            services.append(lambda: self._watch_increase(works))
        if self._max_time is not None:
            services.append(lambda: self._end_in_time(run))
        return services

    async def conclude(self, *, unread: bool) -> Judged:
        """Judge the run, which has ended; `unread`: not all of its source was read. The counts are those after all that could not be read was mended."""
        ledger, wanted, here = self._session.ledger, self._wanted, self._census.here
        self._run = None
        total = await self._census.total()
        counts = await ledger.counts()
        is_over = not counts.waiting and not unread
        if not is_over:
            found = while_it_works(wanted, counts, here)
            if self._fruitless.unmet is not None and not total.records:
                found.append(self._fruitless.unmet)
        else:
            found = at_the_end(wanted, counts, total, await self._former())
        unmet = [*found, *self._lasting.values()]
        for each in unmet:
            self._found(each)
        await self._note(unmet)
        barren = is_barren(wanted, total)
        is_measure = total.items and not barren and not any(each.name == "compared_with_last" for each in found)
        if is_measure and is_over:
            await self._keep_total(total.records)
        return Judged(counts=counts, records=total.records, unmet=tuple(unmet), barren=barren)

    def _found(self, unmet: Unmet | None) -> None:
        if unmet is None or unmet.name in self._told:
            return
        self._told[unmet.name] = unmet
        if unmet.lasting:
            self._lasting[unmet.name] = unmet
        session = self._session
        told = {
            "run_id": session.run_id,
            "expectation": unmet.name,
            "reason": unmet.reason,
            "at_end": self._run is None,
        }
        session.runtime.emit(EventType.EXPECTATION_FAILED, session.job_id, **told)
        self._news.set()
        if self._stops and self._run is not None and not self._run.stopping:
            self._run.stop(Ending.NOT_AS_EXPECTED)

    async def _check(self) -> None:
        while True:
            await self._clock.sleep(self._check_every)
            counts = await self._session.ledger.counts()
            for unmet in while_it_works(self._wanted, counts, self._census.here):
                self._found(unmet)

    async def _keep(self) -> None:
        """Note what is found while the run works, for whoever asks meanwhile; what is left of earlier runs is what lasts."""
        self._news.set()
        while True:
            await self._news.wait()
            self._news.clear()
            await self._note(
                [*self._told.values(), *(each for each in self._lasting.values() if each.name not in self._told)]
            )

    async def _watch_increase(self, works: Callable[[], bool]) -> None:
        every, clock, census = self._wanted.items_increase_every, self._clock, self._census
        tick = min(max(every / TICKS, TICK_SECONDS_MIN), TICK_SECONDS_MAX)
        worked, records, looked = 0.0, census.here.records, clock.monotonic()
        while True:
            await clock.sleep(tick)
            passed, looked = clock.monotonic() - looked, clock.monotonic()
            if census.here.records != records:
                worked, records = 0.0, census.here.records
            elif works():
                worked += passed
            unmet = stalled(self._wanted, worked, records)
            is_news = unmet is not None and unmet.name not in self._told
            self._found(unmet)
            if unmet is not None and is_news:
                await self._on_stalled(unmet.reason)

    async def _end_in_time(self, run: Stoppable) -> None:
        assert self._max_time is not None
        await self._clock.sleep(max(0.0, self._began + self._max_time - self._clock.monotonic()))
        if not run.stopping:
            run.stop(Ending.OUT_OF_TIME)

    async def _note(self, unmet: Sequence[Unmet]) -> None:
        session = self._session
        note = {"at": self._now(), "run": session.run_id, "unmet": [asdict(each) for each in unmet]}
        if unmet or await session.ledger.get(_FACT) is not None:
            await session.ledger.put(_FACT, note if unmet else None)

    async def _former(self) -> Former | None:
        directory = self._session.directory
        if directory is None or self._wanted.compared_with_last is None:
            return None
        return await asyncio.to_thread(former_total, directory, self._session.lineage)

    async def _keep_total(self, records: int) -> None:
        session = self._session
        if session.directory is not None:
            total = Former(run=session.run_id, at=self._now(), records=records)
            await asyncio.to_thread(note_total, session.directory, session.lineage, total)

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="seconds")


def at_work(gate: Gate, suspension: Suspension, throttle: Throttle, tally: Tally, clock: Clock) -> bool:
    """Whether items are being tried now, other than as probes; items that are only spaced out by a rate are at work too."""
    if suspension.suspended or throttle.is_shut:
        return False
    if tally.in_flight > gate.parked:
        return True
    return any(each.reason is Reason.RATE for each in gate.waiting(clock.monotonic()))


def _expectations(config: "JobConfiguration") -> Expectations:
    expect = config.expect
    fields: Mapping[str, Any] = expect.fields
    return Expectations(
        max_failed=config.max_failed,
        min_items=expect.min_items,
        fields=dict(fields),
        items_increase_every=expect.items_increase_every,
        compared_with_last=expect.compared_with_last,
        yield_drop=expect.yield_drop,
        results=expect.results,
    )
