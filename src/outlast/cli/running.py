"""The way from an order to an exit code, shared by `run` and `resume`."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from outlast.cli.code import changed_line, changes, code_before, refuse_other_code
from outlast.cli.failures.grouping import NamedGroup, failure_groups
from outlast.cli.foretelling import foretold, leaving_no_trace
from outlast.cli.hosts import HostWatch
from outlast.cli.once import Once
from outlast.cli.options import Settings
from outlast.cli.phrases import units
from outlast.cli.plan import Order, Plan, planned
from outlast.cli.printing import answer, remark, say
from outlast.cli.reading import record_of
from outlast.cli.screen.jsonlines import put_object
from outlast.cli.sources import STANDARD_INPUT
from outlast.cli.supervising import Life, supervised
from outlast.cli.words.ending import Ended, ending, style_of
from outlast.cli.words.foretold import foretold_document, foretold_lines
from outlast.cli.work import Worked, work
from outlast.errors import ConfigurationError
from outlast.events import EventType
from outlast.jobs import ExitCode, Outcome, Summary
from outlast.jobs.abortion import abort_policy_of
from outlast.jobs.bind import HANDLER_THREADS
from outlast.runtime import Runtime

__all__ = ["carry_out"]

IDLE_SECONDS = 0.05


def carry_out(order: Order, settings: Settings, prepare: Callable[[], None] | None = None) -> int:
    """Plan, work, and say how it ended; the run's exit code. `prepare` is called when all is found that a run needs."""
    if order.once.dry_run:
        return _foretell(order, settings)
    if not order.once.supervise:
        return _carry_out(order, settings, prepare, None)
    life = supervised(quiet=settings.quiet or settings.json, as_json=settings.progress == "json")
    if isinstance(life, int):
        return life
    try:
        return _carry_out(order if life.first else _again(order), settings, prepare if life.first else None, life)
    finally:
        # Not reached where the code of somebody else ends the process.
        life.has_ended()


def _again(order: Order) -> Order:
    return replace(order, once=order.once.again())


def _carry_out(order: Order, settings: Settings, prepare: Callable[[], None] | None, life: Life | None) -> int:
    plan = planned(order, settings)
    settings.job, settings.hint = plan.name, plan.hint
    if life is not None:
        _refuse_what_cannot_be_read_again(plan)
    changed = _code_changes(plan, order.once)
    if prepare is not None:
        prepare()
    if changed and not settings.quiet and not settings.json:
        remark(changed_line(changed), as_json=settings.progress == "json")
    runtime, watch = Runtime(), HostWatch()
    if life is not None:
        runtime.bus.subscribe(lambda _: life.has_begun(), (EventType.RUN_STARTED,))
    worked = work(plan, settings, runtime, watch)
    groups = _groups(plan, worked)
    ended = Ended(
        summary=worked.summary,
        before=worked.before,
        seconds=worked.seconds,
        now=runtime.clock.now(),
        groups=groups,
        down=watch.down(),
        output=worked.output,
        allowed=str(plan.config.max_failed),
        patience=abort_policy_of(plan.config).patience,
        sources=[source.text for source in plan.sources],
        hint=plan.hint,
        repeatable=STANDARD_INPUT not in plan.texts,
        aborted=_aborted(plan, worked),
        max_time=plan.config.max_time,
        job_paused=worked.job_paused,
        paused=worked.paused,
    )
    document = {**_document(ended), "code_changed": None if changed is None else list(changed)}
    if settings.progress == "json":
        put_object("summary", document)
    if settings.json:
        answer(document)
    elif settings.progress != "json":
        lines = [*ending(ended), *_forgiven_lines(worked.summary, order.once)]
        say(lines[:1] if settings.quiet else lines, color=settings.color, style=style_of(worked.summary))
        _say_what_is_waited_for()
    return _exit_code(worked.summary, order.once)


def _refuse_what_cannot_be_read_again(plan: Plan) -> None:
    if any(source.text == STANDARD_INPUT for source in plan.sources):
        raise ConfigurationError(
            "--supervise begins a run again, and standard input cannot be read again: put the items into a file"
        )


def _foretell(order: Order, settings: Settings) -> int:
    with leaving_no_trace():
        plan = planned(order, settings)
        settings.job, settings.hint = plan.name, plan.hint
        told = asyncio.run(foretold(plan, fresh=order.once.fresh))
    if order.once.require_same_code and told.record is not None:
        refuse_other_code(plan.name, told.changed)
    if settings.json:
        answer(foretold_document(told))
    else:
        lines = foretold_lines(told)
        say(lines[:1] if settings.quiet else lines)
    return ExitCode.FINISHED


def _code_changes(plan: Plan, once: Once) -> tuple[str, ...] | None:
    """Which files of the code are others than in the last run, if there was one; refuses them where the same are required."""
    if once.fresh or not plan.directory.exists:
        return None
    changed = changes(asyncio.run(code_before(plan.directory)), plan.code)
    if once.require_same_code:
        refuse_other_code(plan.name, changed)
    return changed


def _exit_code(summary: Summary, once: Once) -> int:
    # The findings alone: a run that was cut short has still to be gone on with, whoever asks.
    return ExitCode.FINISHED if once.exit_zero and summary.exit_code == ExitCode.TOO_MANY_FAILED else summary.exit_code


def _forgiven_lines(summary: Summary, once: Once) -> list[str]:
    if _exit_code(summary, once) == summary.exit_code:
        return []
    return [f"The exit code is 0, as --exit-zero asks; else it would be {summary.exit_code}."]


def _say_what_is_waited_for() -> None:
    """Python ends no process before its threads have ended, and a thread cannot be cut off."""
    calls = [thread for thread in threading.enumerate() if thread.name.startswith(HANDLER_THREADS)]
    for thread in calls:
        thread.join(IDLE_SECONDS)  # one that has no call any more ends at once
    busy = sum(thread.is_alive() for thread in calls)
    if busy:
        left = "Its item is" if busy == 1 else "Their items are"
        say(
            f"Waiting for {units(busy, 'call')}, which cannot be cut off before they end. {left} left for the next run."
        )


def _groups(plan: Plan, worked: Worked) -> Sequence[NamedGroup]:
    if not worked.summary.failed:
        return ()
    return asyncio.run(failure_groups(plan.directory, plan.name)).groups


def _aborted(plan: Plan, worked: Worked) -> dict[str, Any] | None:
    if worked.summary.outcome is not Outcome.ABORTED:
        return None
    return asyncio.run(record_of(plan.directory)).notes.aborted


def _document(ended: Ended) -> dict[str, Any]:
    return {
        **asdict(ended.summary),
        "duration": round(ended.seconds, 3),
        "failures": [group.to_dict() for group in ended.groups],
        "hosts_down": [{"host": each.host, "since": each.since.isoformat()} for each in ended.down],
        "aborted": ended.aborted,
        "output": ended.output,
    }
