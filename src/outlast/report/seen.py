"""One run, as far as an event log tells of it; and what those after it have found of one that left no word."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

__all__ = ["Found", "RunSeen", "Stood", "completed"]


class Stood(NamedTuple):
    """Where a run stood at a moment, in seconds since the epoch. What is None was not measured."""

    at: float
    done: int
    failed: int
    retries: int
    finished: int | None = None
    total: int | None = None
    memory: int | None = None
    browser: int | None = None
    limit: int | None = None


class Found(NamedTuple):
    """How many items of the job were done and given up at a moment; and `finished` in all of those known, from the ledger itself."""

    done: int
    failed: int
    finished: int | None = None
    total: int | None = None


@dataclass(slots=True)
class RunSeen:
    """One run, as far as the log tells. `resumed` is None where its beginning is not there, `outcome` where its end is not.

    `found`: what was there when it began. `retried`: the retries that the log has one by one since the last sample.
    """

    id: str
    first: datetime
    last: datetime
    resumed: bool | None = None
    found: Found | None = None
    outcome: str | None = None
    ended: datetime | None = None
    closing: Stood | None = None
    taken_back: int = 0
    stood: list[Stood] = field(default_factory=list)
    retried: int = 0
    counts_retries: bool = False
    """Whether it has said how many there were."""

    @property
    def newest(self) -> Stood:
        """Where it stood when it was heard of last."""
        return self.stood[-1] if self.stood else Stood(self.first.timestamp(), 0, 0, 0)

    @property
    def retries(self) -> int | None:
        """How many there were, as far as is known; None: nobody has written that down."""
        return self.newest.retries if self.counts_retries or self.newest.retries else None

    @property
    def seconds(self) -> float:
        """How long it was heard of."""
        return max(0.0, (self.last - self.first).total_seconds())


def completed(run: RunSeen, after: Found | None) -> RunSeen:
    """A run that left no word, with what it did after its last sample; `after` is what was found behind it.

    Where less was found than it had said itself, somebody has had items done again: then its last word counts.
    """
    newest = run.newest
    done, failed, retries = newest.done, newest.failed, newest.retries + run.retried
    if run.found is not None and after is not None:
        done, failed = max(done, after.done - run.found.done), max(failed, after.failed - run.found.failed)
    elif not run.stood:
        return run
    finished = None if newest.finished is None else newest.finished + done - newest.done + failed - newest.failed
    # What was found behind it counts no ignored items; nor may fewer be known than have been finished.
    known = (newest.total, finished, None if after is None else after.total)
    total = None if newest.total is None else max(each for each in known if each is not None)
    if after is not None and after.finished is not None:
        finished, total = after.finished, after.total
    last = Stood(max(run.last.timestamp(), newest.at), done, failed, retries, finished, total)
    return replace(run, stood=[*run.stood, last])
