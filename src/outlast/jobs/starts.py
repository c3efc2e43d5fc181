"""Does this job crash every time? Decides from what the ledger keeps of its last starts.

A start got nothing done when its run was killed, or ended with an error, and no item had become done, failed or ignored since
it began. At so many of them in a row the job is held: whatever kills it would kill it again. A run that was stopped, aborted
or simply closed does not count, and ends the row.
"""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from outlast.errors import CrashLoopError
from outlast.ledger.port import Counts

__all__ = ["ITEMS_SHOWN_MAX", "KILLED", "Fruitless", "Starts", "held"]

KILLED = "killed"
STARTS_KEPT_MAX = 10
ITEMS_SHOWN_MAX = 5
KEY_SHOWN_MAX = 120
ENDINGS_SHOWN_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fruitless:
    """A start that got nothing done: when it was, how it ended, how many items it had leased by then."""

    run: str
    started: str
    ended: str
    leased: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """The starts in a row that got nothing done, the last of them kept, and the one that is under way."""

    fruitless: int = 0
    last: tuple[Fruitless, ...] = ()
    run: str | None = None
    started: str = ""
    settled: tuple[int, ...] = field(default=())

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Self:
        """What `to_json` gave; nothing for None."""
        if value is None:
            return cls()
        last = tuple(Fruitless(**each) for each in value["last"])
        return cls(**{**value, "last": last, "settled": tuple(value["settled"])})

    def to_json(self) -> dict[str, Any]:
        row = asdict(self)
        return {**row, "last": list(row["last"]), "settled": list(self.settled)}

    def judged(self, ended: Mapping[str, Any] | None, counts: Counts, leased: int) -> "Starts":
        """The row of fruitless starts, now that the run under way is over: `ended` is the note it may have left."""
        if self.run is None:
            return Starts()
        noted = ended if ended is not None and ended.get("run") == self.run else None
        if self.settled != _settled(counts) or (noted is not None and noted["outcome"] != "error"):
            return Starts()
        how = KILLED if noted is None else str(noted.get("error", "an error"))
        start = Fruitless(run=self.run, started=self.started, ended=how, leased=leased)
        return Starts(fruitless=self.fruitless + 1, last=(*self.last, start)[-STARTS_KEPT_MAX:])

    def gave_up(self) -> "Starts":
        """The same when an item was given up for killing the process: that is not getting something done."""
        if self.run is None:
            return self
        done, failed, ignored = self.settled
        return replace(self, settled=(done, failed + 1, ignored))

    def begun(self, run: str, started: str, counts: Counts) -> "Starts":
        """The same with another start under way."""
        return Starts(fruitless=self.fruitless, last=self.last, run=run, started=started, settled=_settled(counts))


def held(job_id: str, starts: Starts, items: Sequence[str], hint: str = "") -> CrashLoopError:
    """The error that says what the fruitless starts had in common; `items` are the first they began with, `hint` says where the job is."""
    endings = Counter(each.ended for each in starts.last)
    how = "; ".join(f"{ended} ({count}x)" for ended, count in endings.most_common(ENDINGS_SHOWN_MAX))
    leased = max(each.leased for each in starts.last)
    shown = ", ".join(repr(_shown(key)) for key in items[:ITEMS_SHOWN_MAX])
    began = f"; they began with {shown}{_rest(leased - len(items[:ITEMS_SHOWN_MAX]))}" if shown else ""
    return CrashLoopError(
        f"job {job_id!r} is on hold: its last {starts.fruitless} starts, {starts.last[0].started} to "
        f"{starts.last[-1].started}, got nothing done: {how}{began}. When that is mended: "
        f"outlast resume {shlex.quote(job_id)}{hint} --release-hold, or release_hold=True from code",
        context={"job_id": job_id, "starts": [asdict(each) for each in starts.last], "items": list(items)},
    )


def _settled(counts: Counts) -> tuple[int, ...]:
    return (counts.done, counts.failed, counts.ignored)


def _shown(key: str) -> str:
    return key if len(key) <= KEY_SHOWN_MAX else f"{key[:KEY_SHOWN_MAX]}..."


def _rest(more: int) -> str:
    return f" and {more} more" if more > 0 else ""
