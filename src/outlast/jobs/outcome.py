"""How a run ended: the outcome, the summary, and the exit code that says so to cron."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from outlast.ledger.port import Counts

__all__ = [
    "BY_COMMAND",
    "BY_ITSELF",
    "CUT_SHORT",
    "UNREAD",
    "Allowed",
    "Ending",
    "ExitCode",
    "Outcome",
    "Summary",
    "judge",
    "reason_for",
]


class Outcome(StrEnum):
    COMPLETED = "completed"
    COMPLETED_WITH_FAILURES = "completed_with_failures"
    ABORTED = "aborted"
    STOPPED = "stopped"
    TIMED_OUT = "timed_out"
    EMPTY = "empty"


class ExitCode(IntEnum):
    """What the command line's exit status means; a code not in this table is a failure too."""

    FINISHED = 0
    TOO_MANY_FAILED = 1
    USAGE = 2
    ABORTED = 3
    DAMAGED = 4
    LOCKED = 5
    NOT_FOUND = 6
    RESOURCE_LIMIT = 7
    BUG = 70
    INTERRUPTED = 130
    TERMINATED = 143


class Allowed(Protocol):
    """How many items may fail before a run counts as failed."""

    def permits(self, failed: int, total: int, /) -> bool: ...


class Ending(StrEnum):
    """Why a run stopped handing out items."""

    NOTHING_LEFT = "nothing_left"
    ABORTED = "aborted"
    PAUSED = "paused"
    SIGINT = "sigint"
    SIGTERM = "sigterm"
    STOPPED = "stopped"
    COMMANDED = "commanded"
    OUT_OF_TIME = "out_of_time"
    NOT_AS_EXPECTED = "not_as_expected"
    RESOURCE_LIMIT = "resource_limit"
    NO_BROWSER = "no_browser"


BY_ITSELF = frozenset({Ending.RESOURCE_LIMIT, Ending.NO_BROWSER})
"""The endings for which there is a reason to be told."""
BY_COMMAND = "stopped by `outlast stop`"
"""The reason of a run that was told to stop."""
UNREAD = "its source was not read to its end"
"""The reason of a run that was stopped with nothing left but what its source still holds."""
CUT_SHORT = frozenset({Outcome.ABORTED, Outcome.STOPPED, Outcome.TIMED_OUT})
"""The outcomes of a run that left something to do: items, or a source that was not read to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one run did. `total`, `done`, `failed` and `deferred` count the job's items; the others are of this run.

    `deferred` items still have to be done. `retries` are the tries that cost their item an attempt and were followed by another:
    probes, and tries that failed for the host's sake, are none. `repeated` is how many items an earlier process had in hand when it was killed, which are
    fetched again. `damaged` is how many damaged rows were found in the ledger; what could be mended was, and
    what could not is among the failed. `paused` are the hosts that items are left of because they are paused, when only such are
    left: `outlast unpause` lets the next run go on with them. `records` is how many records the job has that hold something.
    `taken_back` is how many items that were given up while it went wrong wait again, since the run was aborted; they are among the
    deferred. `untried` is how many of the failed were given up without a try, for their host's sake: the next run tries them.
    `unmet` are the expectations that are not met, a sentence with its numbers for each; of a run that left items to do those that
    could be judged already. `reason` is the sentence that says why a run ended by itself before its items did: which limit it ran into,
    and what to do about it; or why one is empty; or that somebody has stopped it by a command, or why somebody has aborted it; or
    that its source was not read to its end, where nothing else is left.
    """

    job_id: str
    run_id: str
    outcome: Outcome
    total: int
    done: int
    failed: int
    deferred: int
    retries: int
    repeated: int
    damaged: int
    exit_code: int
    paused: tuple[str, ...] = ()
    records: int = 0
    taken_back: int = 0
    untried: int = 0
    unmet: tuple[str, ...] = ()
    reason: str | None = None


_LEFT_UNDONE: Mapping[Ending, tuple[Outcome, ExitCode]] = {
    Ending.SIGINT: (Outcome.STOPPED, ExitCode.INTERRUPTED),
    Ending.SIGTERM: (Outcome.STOPPED, ExitCode.TERMINATED),
    Ending.COMMANDED: (Outcome.STOPPED, ExitCode.INTERRUPTED),
    Ending.OUT_OF_TIME: (Outcome.TIMED_OUT, ExitCode.RESOURCE_LIMIT),
    Ending.NOT_AS_EXPECTED: (Outcome.STOPPED, ExitCode.TOO_MANY_FAILED),
    Ending.RESOURCE_LIMIT: (Outcome.STOPPED, ExitCode.RESOURCE_LIMIT),
    # None could be started: that is how it was set up, not how the work went.
    Ending.NO_BROWSER: (Outcome.STOPPED, ExitCode.USAGE),
}
"""How a run ended that left something to do; by any other ending it was stopped."""


def judge(
    ending: Ending,
    counts: Counts,
    allowed: Allowed,
    *,
    unread: bool = False,
    lost: int = 0,
    unmet: bool = False,
    barren: bool = False,
) -> tuple[Outcome, ExitCode]:
    """The outcome and exit code of a run that ended so and left these counts.

    `unread`: the source was not read to its end, and may hold more items. `lost` items cannot be done again, because of damage that this run found; not one may fail like that. `unmet`: the job is not
    what was expected of it. `barren`: what is done has given nothing, and was to give something.
    """
    if ending is Ending.ABORTED:
        return Outcome.ABORTED, ExitCode.ABORTED
    if counts.waiting or unread:
        return _LEFT_UNDONE.get(ending, (Outcome.STOPPED, ExitCode.ABORTED))
    if counts.total == 0 or barren:
        return Outcome.EMPTY, ExitCode.TOO_MANY_FAILED
    outcome = Outcome.COMPLETED_WITH_FAILURES if counts.failed or unmet else Outcome.COMPLETED
    within = not lost and not unmet and allowed.permits(counts.failed, counts.total)
    return outcome, ExitCode.FINISHED if within else ExitCode.TOO_MANY_FAILED


def reason_for(outcome: Outcome, ending: Ending, counts: Counts, by_itself: str | None) -> str | None:
    """Why a run ended so, where there is more to say than its outcome; `by_itself`: why it ended before its items did."""
    if outcome is Outcome.EMPTY:
        done = f"{counts.done} {'item is' if counts.done == 1 else 'items are'} done, and gave no record"
        return done if counts.done else "there were no items"
    if outcome is Outcome.STOPPED and ending is Ending.COMMANDED:
        return BY_COMMAND
    if outcome in {Outcome.STOPPED, Outcome.TIMED_OUT} and ending not in BY_ITSELF and not counts.waiting:
        return UNREAD
    is_told = outcome is Outcome.ABORTED or (outcome is Outcome.STOPPED and ending in BY_ITSELF)
    return by_itself if is_told else None
