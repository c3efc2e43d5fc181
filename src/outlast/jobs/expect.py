"""Is a job what was expected of it? Decides from its counts, what its results hold, and what it gave last time.

Some expectations can be judged while a job works, and some at its end only. What chance could explain is not announced: a share
has to be missed by `DOUBT` standard deviations while there are more records to come; a drop, by `DOUBT_OF_DROP`, because it is
looked for in every `WINDOW` items of a job that may have millions.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from typing_extensions import override

from outlast.jobs.outcome import Allowed
from outlast.jobs.yields import Yield
from outlast.ledger.port import Counts

__all__ = [
    "RECORDS_MIN",
    "WINDOW",
    "Expectations",
    "Former",
    "Fruitless",
    "Unmet",
    "Window",
    "at_the_end",
    "is_barren",
    "stalled",
    "while_it_works",
]

WINDOW = 200
RECORDS_MIN = 100
DOUBT = 3.0
DOUBT_OF_DROP = 5.0
ENDLESS = 10**18
"""More items than any job has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """What has to be true of a job; every share is between 0 and 1. None and 0: nothing is expected."""

    max_failed: Allowed
    min_items: int = 0
    fields: Mapping[str, float] = field(default_factory=dict)
    items_increase_every: float = 0.0
    compared_with_last: float | None = None
    yield_drop: float | None = None
    results: bool = True

    def __post_init__(self) -> None:
        shares = [*self.fields.values(), self.compared_with_last, self.yield_drop]
        assert all(share is None or 0 <= share <= 1 for share in shares), f"no shares: {shares}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """What the last finished run gave, before the job was started over; `at` is when it ended (ISO 8601)."""

    run: str
    at: str
    records: int


@dataclass(frozen=True, slots=True)
class Unmet:
    """An expectation that is not met. `lasting`: it was not met at some moment, and what was missed then stays missed."""

    name: str
    reason: str
    lasting: bool = False

    @override
    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


def is_barren(wanted: Expectations, found: Yield) -> bool:
    """Whether items were done and gave nothing, not one, and that was not meant."""
    return wanted.results and found.items > 0 and not found.records


def at_the_end(wanted: Expectations, counts: Counts, found: Yield, former: Former | None) -> list[Unmet]:
    """What is not met of a job that has nothing left to do."""
    return list(_at_the_end(wanted, counts, found, former))


def while_it_works(wanted: Expectations, counts: Counts, found: Yield) -> list[Unmet]:
    """What is not met already, by the results of this run; the end may mend it."""
    unmet = [] if _may_be_mended(wanted.max_failed, counts) else list(_failed(wanted, counts))
    if found.records >= RECORDS_MIN:
        for name, share in wanted.fields.items():
            chance = DOUBT * math.sqrt(share * (1 - share) / found.records)
            if found.fields[name] / found.records < share - chance:
                unmet.append(_missing(name, share, found))
    return unmet


def stalled(wanted: Expectations, worked: float, records: int) -> Unmet | None:
    """`worked` is for how long the job has worked since it had its last new record; `records` is how many this run has."""
    every = wanted.items_increase_every
    if not every or worked < every:
        return None
    reason = f"no new record in {worked:.0f} s of work, after {records} in this run; expected one every {every:g} s"
    return Unmet("items_increase_every", reason, lasting=True)


class Window:
    """Compares what the last `WINDOW` items gave with the mean of all before them, a window at a time."""

    def __init__(self, drop: float | None, before: Yield) -> None:
        self._drop = drop
        self._before = Yield(before.items, before.records, before.squares)
        self._now = Yield()

    def add(self, records: int) -> Unmet | None:
        """Another item gave so many records. What is not met, if a window ended with it."""
        now = self._now
        now.items += 1
        now.records += records
        now.squares += records * records
        if now.items < WINDOW:
            return None
        before, self._before, self._now = self._before, self._before.plus(now), Yield()
        if self._drop is None or before.items < WINDOW or not _has_dropped(self._drop, before, now):
            return None
        fell = 1 - now.mean / before.mean
        reason = (
            f"the last {WINDOW} items gave {now.mean:.2f} records each, the {before.items} before them {before.mean:.2f}: "
            f"{100 * fell:.0f}% fewer, allowed: {100 * self._drop:g}%"
        )
        return Unmet("yield_drop", reason, lasting=True)


class Fruitless:
    """Counts the items that gave nothing, neither a record nor items to be done, until one gives a record."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._items = 0

    def add(self, records: int, *, enqueued: bool) -> Unmet | None:
        """Another item gave so many records, and perhaps items. What is not met."""
        if records:
            self._wanted = False
        elif self._wanted and not enqueued:
            self._items += 1
        return self.unmet

    @property
    def unmet(self) -> Unmet | None:
        if not self._wanted or self._items < WINDOW:
            return None
        return Unmet("results", f"none of {self._items} items gave a record, expected some (results = true)")


def _has_dropped(drop: float, before: Yield, now: Yield) -> bool:
    chance = DOUBT_OF_DROP * before.deviation / math.sqrt(WINDOW)
    return now.mean < before.mean * (1 - drop) and now.mean < before.mean - chance


def _at_the_end(wanted: Expectations, counts: Counts, found: Yield, former: Former | None) -> Iterator[Unmet]:
    yield from _failed(wanted, counts)
    if found.records < wanted.min_items:
        yield Unmet("min_items", f"{_records(found.records)}, expected at least {wanted.min_items}")
    if found.records:
        for name, share in wanted.fields.items():
            if found.fields[name] < share * found.records - 1e-9 * found.records:
                yield _missing(name, share, found)
    if wanted.compared_with_last is not None and former is not None:
        yield from _shrunk(wanted.compared_with_last, found, former)


def _failed(wanted: Expectations, counts: Counts) -> Iterator[Unmet]:
    if counts.total and not wanted.max_failed.permits(counts.failed, counts.total):
        share = f"{100 * counts.failed / counts.total:.1f}%"
        yield Unmet(
            "max_failed", f"{counts.failed} of {counts.total} items failed ({share}), allowed: {wanted.max_failed}"
        )


def _may_be_mended(allowed: Allowed, counts: Counts) -> bool:
    """Whether a share of few failures may be chance, as there may be items to come that nobody has found yet."""
    is_share = allowed.permits(counts.failed, ENDLESS)
    # The fewest to be expected of which so many are no more than `DOUBT` deviations away (Poisson).
    fewest = ((math.sqrt(DOUBT**2 + 4 * counts.failed) - DOUBT) / 2) ** 2
    return is_share and allowed.permits(math.floor(fewest), counts.total)


def _missing(name: str, share: float, found: Yield) -> Unmet:
    has, of = found.fields[name], found.records
    # Rounded down, so that what is less than 98 % is never said to be 98.0 %.
    percent = f"{math.floor(1000 * has / of) / 10:g}%"
    return Unmet(f"fields.{name}", f"it is in {has} of {_records(of)} ({percent}), expected in {100 * share:g}%")


def _shrunk(share: float, found: Yield, former: Former) -> Iterator[Unmet]:
    if found.records < former.records * (1 - share) - 1e-9 * former.records:
        fell = f"{100 * (1 - found.records / former.records):.0f}% fewer"
        reason = (
            f"{_records(found.records)}, {fell} than the {former.records} of {former.at}, allowed: {100 * share:g}%"
        )
        yield Unmet("compared_with_last", reason)


def _records(count: int) -> str:
    return f"{count} record" if count == 1 else f"{count} records"
