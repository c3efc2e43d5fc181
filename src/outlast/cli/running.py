"""The way from an order to an exit code, shared by `run` and `resume`."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from outlast.cli.grouping import NamedGroup, failure_groups
from outlast.cli.hosts import HostWatch
from outlast.cli.jsonlines import put_object
from outlast.cli.options import Settings
from outlast.cli.phrases import units
from outlast.cli.plan import Order, Plan, planned
from outlast.cli.printing import answer, say
from outlast.cli.reading import record_of
from outlast.cli.sources import STANDARD_INPUT
from outlast.cli.words import Ended, ending, style_of
from outlast.cli.work import Worked, work
from outlast.jobs import Outcome
from outlast.jobs.abortion import abort_policy_of
from outlast.jobs.bind import HANDLER_THREADS
from outlast.runtime import Runtime

__all__ = ["carry_out"]

IDLE_SECONDS = 0.05


def carry_out(order: Order, settings: Settings) -> int:
    """Plan, work, and say how it ended; the run's exit code."""
    plan = planned(order, settings)
    settings.job, settings.hint = plan.name, plan.hint
    runtime, watch = Runtime(), HostWatch()
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
    )
    document = _document(ended)
    if settings.progress == "json":
        put_object("summary", document)
    if settings.json:
        answer(document)
    elif settings.progress != "json":
        lines = ending(ended)
        say(lines[:1] if settings.quiet else lines, color=settings.color, style=style_of(worked.summary))
        _say_what_is_waited_for()
    return worked.summary.exit_code


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
