"""What to type next, after what it is for: to go on with a job, and about what failed."""

from collections.abc import Sequence

from outlast.cli.failures.grouping import NamedGroup
from outlast.cli.phrases import quoted
from outlast.jobs.outcome import CUT_SHORT
from outlast.ledger.port import Counts

__all__ = ["failure_steps", "go_on_steps"]


def go_on_steps(
    name: str,
    counts: Counts,
    hint: str,
    paused: Sequence[str] = (),
    *,
    outcome: str,
    job_paused: bool = False,
    untried: bool = False,
) -> list[tuple[str, str]]:
    """What to type to go on with a job that was begun on the command line; `outcome` is that of its last run.

    `untried`: some of the failed were given up without a try.
    """
    word = quoted(name)
    is_left = counts.waiting or outcome in CUT_SHORT
    if is_left and job_paused:
        return [("go on", f"outlast unpause {word}{hint} && outlast resume {word}{hint}")]
    if is_left:
        unpaused = f"outlast unpause {word} --all{hint} && outlast resume {word}{hint}"
        with_all = [("go on with the paused", unpaused)] if paused else []
        return [("go on", f"outlast resume {word}{hint}"), *with_all]
    if counts.failed:
        first = [("try the untried", f"outlast resume {word}{hint}")] if untried else []
        return [*first, ("try the failed ones again", f"outlast retry {word}{hint} && outlast resume {word}{hint}")]
    return []


def failure_steps(
    name: str, groups: Sequence[NamedGroup], hint: str, *, running: bool = False
) -> list[tuple[str, str]]:
    """What to type about the failed; while the job runs nothing can be retried."""
    word = quoted(name)
    steps = [("see why they failed", f"outlast failures {word}{hint}")] if groups else []
    first = next((group.name for group in groups if group.takes_verbs), None)
    if first is None or running:
        return steps
    return [*steps, ("retry one group", f"outlast retry {word} --group {first}{hint}")]
