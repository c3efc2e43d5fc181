"""What a run would do: its items are read and its ledger is looked into, and nothing is started or written."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from outlast.cli.code import changes, code_noted
from outlast.cli.opening import opened
from outlast.cli.plan import Plan
from outlast.cli.reading import JobRecord, record_of
from outlast.cli.sources import read
from outlast.jobs.items import batches, key_function, new_item
from outlast.jobs.output import Output
from outlast.ledger.port import Counts, Ledger

__all__ = ["ITEMS_MAX", "Foretold", "foretold", "leaving_no_trace"]

ITEMS_MAX = 1_000_000
"""So many items of the sources, and of the ledger, are looked at: what is remembered of each is in memory."""

ITEMS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What there is to do. `read` items are in the sources, `new` of them are not in the ledger; None: it has too many to tell.

    `record` is None for a job that is not there yet, or is to be started over; then `aside` is what would be put aside. `more`: there
    is more than was looked at. `changed` are the files of the code that are others than in the last run; None: there was none, or nobody knows.
    """

    plan: Plan
    read: int = 0
    new: int | None = 0
    more: bool = False
    record: JobRecord | None = None
    aside: JobRecord | None = None
    output: str | None = None
    changed: tuple[str, ...] | None = None

    @property
    def counts(self) -> Counts:
        """How the items stand that are known already."""
        return Counts() if self.record is None else self.record.counts

    @property
    def to_do(self) -> int:
        """At least, where `more` is set."""
        return self.counts.waiting + (self.new or 0)


@dataclass(slots=True)
class _Keys:
    """The keys that were seen, by their hashes: of two millions, the odds that two are taken for one are one in nine millions."""

    hashes: set[int] = field(default_factory=set)

    def add(self, key: str) -> bool:
        """Whether it is a new one."""
        before = len(self.hashes)
        self.hashes.add(hash(key))
        return len(self.hashes) > before


@contextmanager
def leaving_no_trace() -> Iterator[None]:
    """Import within this without leaving compiled files."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


async def foretold(plan: Plan, *, fresh: bool) -> Foretold:
    """Look at everything. Raises what a run would raise about its items and its ledger."""
    there = await record_of(plan.directory) if plan.directory.exists else None
    record = None if fresh else there
    keys, looked, output = _Keys(), True, plan.config.output
    if record is not None:
        async with opened(plan.directory) as ledger:
            output = output or await Output.noted(ledger)
            looked = not plan.sources or await _known(ledger, keys)
    count, new, over = await _read(plan, keys)
    before = None if record is None else code_noted(record.invocation)
    return Foretold(
        plan=plan,
        read=count,
        new=new if looked else None,
        more=over or not looked,
        record=record,
        aside=there if fresh else None,
        output=output,
        changed=changes(before, plan.code),
    )


async def _known(ledger: Ledger, keys: _Keys) -> bool:
    """Take in the keys of the ledger; whether that were all."""
    after = 0
    while items := await ledger.items(after, ITEMS_AT_ONCE):
        after = items[-1].item
        for each in items:
            # An item whose payload is lost is new again when it is added anew.
            if not each.lost:
                keys.add(each.key)
        if len(keys.hashes) >= ITEMS_MAX:
            return False
    return True


async def _read(plan: Plan, keys: _Keys) -> tuple[int, int, bool]:
    """How many items the sources have, how many of them are new, and whether there are more."""
    key_of = key_function(plan.options.get("key") or plan.job.options.get("key") or plan.config.key)
    count = new = 0
    async for batch in batches(read(plan.sources), ITEMS_AT_ONCE):
        for value in batch:
            count += 1
            new += keys.add(new_item(value, key_of).key)
        if count >= ITEMS_MAX:
            return count, new, True
    return count, new, False
