"""A planned run carried out, with its screen beside it."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from outlast.cli.hosts import HostWatch
from outlast.cli.notices import NOTICED, told
from outlast.cli.options import Settings
from outlast.cli.phrases import duration, moment, safe
from outlast.cli.plan import Plan
from outlast.cli.progress import Pace, View, suspended_text
from outlast.cli.screens import Screen, screen
from outlast.cli.sources import read
from outlast.cli.words import beginning
from outlast.config import JobConfiguration, LoggingConfiguration
from outlast.correlation import handed_on
from outlast.events import ResilienceEvent
from outlast.jobs import Run, Summary
from outlast.jobs.host import Reason
from outlast.jobs.run import Progress
from outlast.ledger.port import Counts
from outlast.logs import configure
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.jobs.options import RunOptions

__all__ = ["Worked", "logging_for", "seen", "work"]

_LEVELS: Mapping[int, dict[str, str | int]] = {
    0: {"level": "WARNING", "event_severity_min": "critical"},
    1: {"level": "INFO", "event_severity_min": "info", "repeats_per_minute": 0},
    2: {"level": "DEBUG", "event_severity_min": "info", "repeats_per_minute": 0},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """What came of a run. `before` is how the job stood when it began, `output` the file that got the records; `job_paused`: the whole job still is."""

    summary: Summary
    before: Counts
    output: str | None
    seconds: float
    job_paused: bool = False


def work(plan: Plan, settings: Settings, runtime: Runtime, watch: HostWatch) -> Worked:
    """Carry out a plan to its end. Raises what `Run` raises, and what reading the items raises."""
    stops = _Stops()
    with ExitStack() as stack:
        if settings.json:
            # Standard output is for the one document; what handlers print goes beside it.
            stack.enter_context(redirect_stdout(sys.stderr))
        shown = stack.enter_context(screen(settings, plan.name))
        # After the screen, which may have put itself before standard error.
        stack.callback(configure(logging_for(plan.config.logging, settings.verbose), runtime.bus))
        stack.callback(runtime.bus.subscribe(watch, watch.types))
        if not settings.verbose:
            if not settings.quiet:
                stack.callback(runtime.bus.subscribe(_notices(shown, plan.config, plan.hint), NOTICED))
            stack.enter_context(_said_once(plan.config.logging))
        with asyncio.Runner(loop_factory=lambda: _SignalLoop(stops.ask)) as runner:
            return runner.run(_run(plan, settings, runtime, _Watcher(shown, runtime, stops, quiet=settings.quiet)))


def logging_for(config: LoggingConfiguration, verbosity: int) -> LoggingConfiguration:
    """What is logged during a run: what the configuration says; where it says nothing, warnings, as the screen tells of events."""
    by_default = _LEVELS[min(verbosity, 2)] if verbosity or config.destination in {"stderr", "stdout"} else {}
    chosen = {name: value for name, value in by_default.items() if verbosity or name not in config.model_fields_set}
    return config.model_copy(update=chosen)


def _notices(shown: Screen, config: JobConfiguration, hint: str) -> Callable[[ResilienceEvent], None]:
    # That items failed is said at the end in any case, with how many may. Before, it is news to those who have said how many.
    asked = "max_failed" in config.model_fields_set

    def say(event: ResilienceEvent) -> None:
        # What is found when all is over stands in the last lines, which come at once.
        is_said = event.data.get("at_end") or (not asked and event.data.get("expectation") == "max_failed")
        if not is_said:
            shown.say(told(event, hint))
        if event.data.get("job_paused") and "job" in event.data["changed"] and config.max_time is not None:
            shown.say(f"Its time goes on meanwhile (max_time: {duration(config.max_time)}).")

    return say


@contextmanager
def _said_once(config: LoggingConfiguration) -> Iterator[None]:
    """What is said as a notice, or is not to be said, is not logged to the same terminal, unless the log was asked for."""
    asked = "event_severity_min" in config.model_fields_set or config.destination not in {"stderr", "stdout"}
    logger = logging.getLogger("outlast.event")

    def unsaid(record: logging.LogRecord) -> bool:
        return asked or record.getMessage() not in NOTICED

    logger.addFilter(unsaid)
    try:
        yield
    finally:
        logger.removeFilter(unsaid)


async def _run(plan: Plan, settings: Settings, runtime: Runtime, watcher: "_Watcher") -> Worked:
    options: RunOptions = {**plan.options, "config": plan.config, "runtime": runtime}
    async with plan.job.open(plan.name, **options) as run:
        settings.begun = True
        started = runtime.clock.monotonic()
        before = (await run.progress()).counts
        if not settings.quiet:
            fresh = plan.options.get("fresh", False)
            watcher.screen.say(beginning(plan.name, run.run_id, before, store=plan.config.store, fresh=fresh))
            if plan.skipped_input:
                watcher.screen.say(
                    "The items came through standard input, which cannot be read again: "
                    f"going on with the {before.total} that were read."
                )
            if run.output is not None and plan.config.output is None:
                watcher.screen.say(f"Its output goes on in {safe(str(run.output), 300)}; -o names another file.")
        # What the handlers start belongs to the trace of the run.
        with handed_on():
            async with watcher.beside(run, started):
                summary = await run.process(plan.job.handler, read(plan.sources))
        output = None if run.output is None else str(run.output)
        is_paused = (await run.progress()).paused
    seconds = runtime.clock.monotonic() - started
    return Worked(summary=summary, before=before, output=output, seconds=seconds, job_paused=is_paused)


class _Stops:
    """Counts the signals that asked the run to stop."""

    def __init__(self) -> None:
        self.count = 0
        self.asked = asyncio.Event()

    def ask(self) -> None:
        self.count += 1
        self.asked.set()


class _SignalLoop(asyncio.SelectorEventLoop):
    """Tells of a signal before it passes it on to whoever asked the loop for it."""

    def __init__(self, told: Callable[[], None]) -> None:
        super().__init__()
        self._told = told

    @override
    def add_signal_handler(self, sig: int, callback: Callable[..., Any], *args: Any) -> None:  # type: ignore[override] # typeshed's TypeVarTuple
        super().add_signal_handler(sig, self._tell, callback, *args)

    def _tell(self, callback: Callable[..., Any], *args: Any) -> None:
        self._told()
        callback(*args)


class _Watcher:
    """Shows how a run goes on, beside it."""

    def __init__(self, shown: Screen, runtime: Runtime, stops: _Stops, *, quiet: bool) -> None:
        self.screen = shown
        self._quiet = quiet
        self._clock = runtime.clock
        self._stops = stops
        self._pace = Pace()

    @asynccontextmanager
    async def beside(self, run: Run, started: float) -> AsyncIterator[None]:
        """Watch `run` while the block runs. What goes wrong with showing it is said, and does not end it."""
        watching = asyncio.create_task(self._watch(run, started))
        try:
            yield
        finally:
            watching.cancel()
            [problem] = await asyncio.gather(watching, return_exceptions=True)
            if isinstance(problem, Exception):
                logging.getLogger("outlast.cli").warning("progress could not be shown: %s", problem)

    async def _watch(self, run: Run, started: float) -> None:
        announced, suspended = 0, False
        while True:
            progress = await run.progress()
            elapsed = self._clock.monotonic() - started
            view = seen(progress, self._pace, self._clock.now(), elapsed, stopping=bool(self._stops.count))
            if announced < self._stops.count:
                announced = self._stops.count
                self.screen.say(_stopping(announced, progress.in_flight))
            if bool(view.suspended) != suspended:
                suspended = bool(view.suspended)
                if not self._quiet:
                    self.screen.say(_suspension(view))
            self.screen.show(view)
            await self._rest()

    async def _rest(self) -> None:
        self._stops.asked.clear()
        try:
            async with asyncio.timeout(self.screen.every):
                await self._stops.asked.wait()
        except TimeoutError:
            return


def seen(progress: Progress, pace: Pace, now: datetime, elapsed: float, *, stopping: bool) -> View:
    """Note in `pace` where a run stands, and what there is to show of it."""
    paused = _waiting(progress, Reason.PAUSED)
    asked = _waiting(progress, Reason.ASKED_TO_WAIT)
    pace.note(
        progress.counts,
        elapsed,
        parked=bool(progress.parked or paused or asked or progress.suspended or progress.paused),
    )
    return View(
        now=now,
        elapsed=elapsed,
        counts=progress.counts,
        in_flight=progress.in_flight,
        parked=progress.parked,
        # Probes are no pace, and nobody knows when the rest goes on.
        rate=0.0 if progress.suspended or progress.paused else pace.rate(),
        eta=None if progress.suspended or progress.paused else pace.eta(progress.counts),
        stopping=stopping or progress.stopping,
        paused=paused,
        asked_to_wait=asked,
        suspended=progress.suspended,
        job_paused=progress.paused,
        memory_mb=progress.memory_mb,
        pages_max=progress.pages_max,
    )


def _waiting(progress: Progress, reason: Reason) -> tuple[str, ...]:
    return tuple(each.host for each in progress.waiting if each.reason is reason)


def _suspension(view: View) -> str:
    if view.suspended:
        return f"{moment(view.now)} WARN {suspended_text(view.suspended)}"
    return f"{moment(view.now)} INFO the job goes on, with half the concurrency at first"


def _stopping(asked: int, in_flight: int) -> str:
    if asked == 1:
        return f"stopping: {in_flight} in flight ... (again: stop now)"
    return "stopping now: what is in flight is left for the next run"
