"""The way from an order to an exit code, shared by `run` and `resume`."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from outlast.cli.grouping import NamedGroup, failure_groups
from outlast.cli.hosts import HostWatch
from outlast.cli.options import Settings
from outlast.cli.plan import Order, Plan, planned
from outlast.cli.printing import answer, say
from outlast.cli.words import Ended, ending, style_of
from outlast.cli.work import Worked, work
from outlast.runtime import Runtime

__all__ = ["carry_out"]


def carry_out(order: Order, settings: Settings) -> int:
    """Plan, work, and say how it ended; the run's exit code."""
    plan = planned(order, settings)
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
        output=plan.config.output,
        allowed=str(plan.config.max_failed),
        patience=plan.config.patience,
        sources=[source.text for source in plan.sources],
        hint=plan.hint,
    )
    if settings.json:
        answer(_document(ended))
    else:
        lines = ending(ended)
        say(lines[:1] if settings.quiet else lines, color=settings.color, style=style_of(worked.summary))
    return worked.summary.exit_code


def _groups(plan: Plan, worked: Worked) -> Sequence[NamedGroup]:
    if not worked.summary.failed:
        return ()
    return asyncio.run(failure_groups(plan.directory, plan.name)).groups


def _document(ended: Ended) -> dict[str, Any]:
    return {
        **asdict(ended.summary),
        "duration": round(ended.seconds, 3),
        "failures": [group.to_dict() for group in ended.groups],
        "hosts_down": [{"host": each.host, "since": each.since.isoformat()} for each in ended.down],
        "output": ended.output,
    }
