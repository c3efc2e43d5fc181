"""A planned run carried out, with its screen beside it."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from outlast.cli.hosts import HostWatch
from outlast.cli.options import Settings
from outlast.cli.phrases import duration, safe
from outlast.cli.plan import Plan
from outlast.cli.screen.happened import Happenings
from outlast.cli.screen.notices import NOTICED
from outlast.cli.screen.screens import JsonScreen, Screen, screen
from outlast.cli.screen.watcher import Stops, Watcher
from outlast.cli.sources import read
from outlast.cli.words.ending import beginning
from outlast.config import JobConfiguration, LoggingConfiguration
from outlast.correlation import handed_on
from outlast.events import EVENTS, EventType, ResilienceEvent, Severity
from outlast.jobs import Summary
from outlast.jobs.host import Reason
from outlast.ledger.port import Counts
from outlast.logs import configure
from outlast.logs.account import FREQUENT
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.jobs.options import RunOptions

__all__ = ["Worked", "logging_for", "noticed", "work"]

_LEVELS: Mapping[int, dict[str, str | int]] = {
    0: {"level": "WARNING", "event_severity_min": "critical"},
    1: {"level": "INFO", "event_severity_min": "info", "repeats_per_minute": 0},
    2: {"level": "DEBUG", "event_severity_min": "info", "repeats_per_minute": 0},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """What came of a run. `before` is how the job stood when it began, `output` the file that got the records.

    `job_paused`: the whole job still is; `paused` are the hosts that are.
    """

    summary: Summary
    before: Counts
    output: str | None
    seconds: float
    job_paused: bool = False
    paused: tuple[str, ...] = ()


def work(plan: Plan, settings: Settings, runtime: Runtime, watch: HostWatch) -> Worked:
    """Carry out a plan to its end. Raises what `Run` raises, and what reading the items raises."""
    stops, happenings = Stops(), Happenings()
    with ExitStack() as stack:
        if settings.json:
            # Standard output is for the one document; what handlers print goes beside it.
            stack.enter_context(redirect_stdout(sys.stderr))
        shown = stack.enter_context(screen(settings, plan.name))
        # After the screen, which may have put itself before standard error.
        as_json = isinstance(shown, JsonScreen)
        log = logging_for(plan.config.logging, settings.verbose, as_json=as_json, quiet=settings.quiet)
        stack.callback(configure(log, runtime.bus))
        stack.callback(runtime.bus.subscribe(watch, watch.types))
        stack.callback(runtime.bus.subscribe(happenings, happenings.types))
        if not settings.verbose or as_json:
            if not settings.quiet:
                notices = _notices(shown, plan.config, plan.hint)
                stack.callback(runtime.bus.subscribe(notices, noticed(as_json=as_json)))
            stack.enter_context(_said_once(plan.config.logging))
        watcher = Watcher(
            shown,
            runtime,
            stops,
            hosts=watch,
            happenings=happenings,
            concurrency=plan.config.concurrency,
            quiet=settings.quiet,
        )
        with asyncio.Runner(loop_factory=lambda: _SignalLoop(stops.ask)) as runner:
            return runner.run(_run(plan, settings, runtime, watcher))


def logging_for(
    config: LoggingConfiguration, verbosity: int, *, as_json: bool = False, quiet: bool = False
) -> LoggingConfiguration:
    """What is logged during a run: what the configuration says; where it says nothing, warnings, as the screen tells of events.

    `as_json`: whoever reads the terminal reads objects, so a line of the log is one as well. `quiet`: nothing but errors goes there.
    """
    on_terminal = config.destination in {"stderr", "stdout"}
    by_default = _LEVELS[min(verbosity, 2)] if verbosity or on_terminal else {}
    chosen = {name: value for name, value in by_default.items() if verbosity or name not in config.model_fields_set}
    if as_json and on_terminal and "format" not in config.model_fields_set:
        chosen["format"] = "json"
    if quiet and not verbosity and on_terminal and config.level != "CRITICAL":
        chosen["level"] = "ERROR"
    return config.model_copy(update=chosen)


def _notices(shown: Screen, config: JobConfiguration, hint: str) -> Callable[[ResilienceEvent], None]:
    # That items failed is said at the end in any case, with how many may. Before, it is news to those who have said how many.
    asked = "max_failed" in config.model_fields_set

    def say(event: ResilienceEvent) -> None:
        # What is found when all is over stands in the last lines, which come at once.
        is_said = event.data.get("at_end") or (not asked and event.data.get("expectation") == "max_failed")
        if not is_said:
            shown.tell(event, hint)
        if event.data.get("job_paused") and "job" in event.data["changed"] and config.max_time is not None:
            shown.say(f"Its time goes on meanwhile (max_time: {duration(config.max_time)}).")

    return say


def noticed(*, as_json: bool) -> Iterable[EventType]:
    """What somebody who watches is told of at once; a program also of what there are no words for, but not of every item."""
    if not as_json:
        return NOTICED
    graver = {kind for kind, spec in EVENTS.items() if spec.severity is not Severity.INFO}
    return {*NOTICED, EventType.RUN_STARTED, *graver} - FREQUENT


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


async def _run(plan: Plan, settings: Settings, runtime: Runtime, watcher: Watcher) -> Worked:
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
        left = await run.progress()
    return Worked(
        summary=summary,
        before=before,
        output=output,
        seconds=runtime.clock.monotonic() - started,
        job_paused=left.paused,
        paused=tuple(each.host for each in left.waiting if each.reason is Reason.PAUSED),
    )


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
