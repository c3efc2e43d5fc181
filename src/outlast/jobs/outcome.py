"""How a run ended: the outcome, the summary, and the exit code that says so to cron."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from outlast.ledger.port import Counts

__all__ = ["BY_ITSELF", "Allowed", "Ending", "ExitCode", "Outcome", "Summary", "judge"]


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
    OUT_OF_PATIENCE = "out_of_patience"
    PAUSED = "paused"
    SIGINT = "sigint"
    SIGTERM = "sigterm"
    STOPPED = "stopped"
    RESOURCE_LIMIT = "resource_limit"
    NO_BROWSER = "no_browser"


BY_ITSELF = frozenset({Ending.RESOURCE_LIMIT, Ending.NO_BROWSER})
"""The endings for which there is a reason to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one run did. `total`, `done`, `failed` and `deferred` count the job's items; the others are of this run.

    `deferred` items still have to be done. `repeated` is how many items an earlier process had in hand when it was killed, which are
    fetched again. `damaged` is how many damaged rows were found in the ledger; what could be mended was, and
    what could not is among the failed. `paused` are the hosts that items are left of because they are paused, when only such are
    left: `outlast unpause` lets the next run go on with them. `reason` is the sentence that says why a run ended by itself before its
    items did: which limit it ran into, and what to do about it.
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
    reason: str | None = None


_CODES = {
    Ending.SIGINT: ExitCode.INTERRUPTED,
    Ending.SIGTERM: ExitCode.TERMINATED,
    Ending.RESOURCE_LIMIT: ExitCode.RESOURCE_LIMIT,
    # None could be started: that is how it was set up, not how the work went.
    Ending.NO_BROWSER: ExitCode.USAGE,
}


def judge(ending: Ending, counts: Counts, allowed: Allowed, *, lost: int = 0) -> tuple[Outcome, ExitCode]:
    """The outcome and exit code of a run that ended so and left these counts.

    `lost` items cannot be done again, because of damage that this run found; not one may fail like that.
    """
    if ending is Ending.OUT_OF_PATIENCE:
        return Outcome.ABORTED, ExitCode.ABORTED
    if counts.waiting:
        return Outcome.STOPPED, _CODES.get(ending, ExitCode.ABORTED)
    if counts.total == 0:
        return Outcome.EMPTY, ExitCode.TOO_MANY_FAILED
    outcome = Outcome.COMPLETED_WITH_FAILURES if counts.failed else Outcome.COMPLETED
    within = not lost and allowed.permits(counts.failed, counts.total)
    return outcome, ExitCode.FINISHED if within else ExitCode.TOO_MANY_FAILED
