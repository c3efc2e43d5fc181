"""Where a run stands, and what it has just finished: what it tells whoever runs it from code."""

from dataclasses import dataclass
from typing import Any

from outlast.jobs.causes import Cause
from outlast.jobs.gate import Waiting
from outlast.ledger.port import Counts

__all__ = ["CAUSES_TOLD_MAX", "Done", "Progress", "Trouble", "let_go_words"]

CAUSES_TOLD_MAX = 10


@dataclass(frozen=True, slots=True)
class Done:
    """An item that `Run.map` finished: its key, and what the function returned."""

    key: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a run has come to a stop, and how it tries to get out of it. Times are seconds from now; None: nobody knows, or never.

    `seconds`: since when. `probes` were sent since, so many of them `good_probes`.
    """

    reason: str
    seconds: float | None
    probes: int
    good_probes: int
    next_probe_in: float | None
    gives_up_in: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands. `counts` are the job's, the others this run's.

    `parked` are the hosts that are down and waited for, `waiting` all whose items wait, and why. `suspended` says why nobody but
    probes may go; empty: anybody may. `paused`: the whole job is, by an order; `stopping`: nothing new is begun any more. `trouble`
    says why the job is suspended in numbers, also when no host answers at all. `causes` are the most frequent kinds of failure.
    `let_go`: nothing has recovered, and the last so many items are let go, done now or given up; None: it is not so.
    `memory_mb` is what the job and its browser hold, where that is known, of `memory_limit_mb`; `pages_max` is how many pages may be
    open, where memory lets fewer be open than were asked for.
    """

    counts: Counts
    done: int
    failed: int
    retries: int
    in_flight: int
    parked: tuple[str, ...]
    waiting: tuple[Waiting, ...] = ()
    suspended: str = ""
    let_go: int | None = None
    paused: bool = False
    stopping: bool = False
    trouble: Trouble | None = None
    causes: tuple[Cause, ...] = ()
    memory_mb: float | None = None
    memory_limit_mb: float | None = None
    pages_max: int | None = None


def let_go_words(left: int) -> str:
    """What becomes of the last items of a job that nothing but they waits for any more."""
    last = "item is" if left == 1 else f"{left} items are"
    return f"nothing has recovered: the last {last} let go, done now or given up"
