"""Whatever is asked of them in whatever order: every ledger gives the answers of the one in memory."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.errors import StaleLeaseError
from outlast.ledger import ItemStatus, MemoryLedger, NewItem, Record, Shape, SqliteLedger
from outlast.storage.keys import Keyring

KEYS = Keyring.of([bytes(range(32))])
ITEM_KEYS = st.sampled_from(["a", "b", "c", "täglich", "", "d\x00", "e" * 300])
ITEMS = st.lists(st.builds(NewItem, ITEM_KEYS, st.none() | st.just('{"n":1}')), max_size=4)
STATUSES = st.sampled_from([ItemStatus.DONE, ItemStatus.FAILED, ItemStatus.DEFERRED, ItemStatus.IGNORED])
ITEM_IDS = st.lists(st.integers(-1, 8), max_size=4)
STEPS = st.one_of(
    st.tuples(st.just("add"), ITEMS),
    st.tuples(st.just("lease"), st.sampled_from(["one", "two"]), st.integers(1, 4)),
    st.tuples(st.just("record"), st.integers(0, 9), STATUSES, st.text(max_size=5), ITEMS),
    st.tuples(st.just("renew"), st.sampled_from(["one", "two"])),
    st.tuples(st.just("release"), st.sampled_from(["one", "two", None])),
    st.tuples(st.just("retry"), st.sampled_from([ItemStatus.FAILED, ItemStatus.DEFERRED, ItemStatus.IGNORED])),
    st.tuples(st.just("retry"), st.just(ItemStatus.FAILED) | st.just(ItemStatus.IGNORED), ITEM_IDS),
    st.tuples(st.just("ignore"), ITEM_IDS),
    st.tuples(st.just("put"), st.sampled_from(["job", "fact"]), st.integers(-9, 9)),
    st.tuples(st.just("examine"), st.integers(1, 5)),
    st.tuples(st.just("reopen")),
)


class Side:
    """A ledger, and the leases it gave."""

    def __init__(self, ledger, reopened=None):
        self.ledger, self.reopened, self.leases = ledger, reopened, []

    async def do(self, now, step, *given):
        match step:
            case "add":
                return await self.ledger.add(*given)
            case "lease":
                owner, count = given
                leases = await self.ledger.lease(owner, count, now, now + 3)
                self.leases += leases
                return [lease[:4] for lease in leases]
            case "record":
                return await self.record(now, *given)
            case "renew":
                return await self.ledger.renew(*given, now + 9)
            case "release":
                return await self.ledger.release(*given)
            case "retry":
                return await self.ledger.retry(*given)
            case "ignore":
                return await self.ledger.ignore(*given)
            case "put":
                return await self.ledger.put(*given)
            case "examine":
                return await self.examine(*given)
            case _:
                return await self.reopen()

    async def record(self, now, chosen, status, text, children):
        if not self.leases:
            return None
        lease = self.leases[chosen % len(self.leases)]
        due = now + 2 if status is ItemStatus.DEFERRED else None
        error = None if status is ItemStatus.DONE else f"[{len(text)}]"
        try:
            await self.ledger.record(Record(lease, status, lease.attempts + 1, Shape.ONE, text, children, due, error))
        except StaleLeaseError as stale:
            return stale.context["key"]

    async def examine(self, limit):
        after = 0
        while after is not None:
            examined = await self.ledger.examine(after, limit)
            assert examined.findings == ()
            after = examined.next

    async def reopen(self):
        if self.reopened is not None:
            await self.ledger.close()
            self.ledger = await self.reopened()

    async def picture(self):
        ledger = self.ledger
        return [
            await ledger.counts(),
            await ledger.results(0, 100),
            await ledger.failures(0, 100),
            await ledger.failures(0, 100, ItemStatus.IGNORED),
            [(each.key, each.payload, each.status, each.attempts, each.not_before, each.error)
             for each in await ledger.items(0, 100)],
            await ledger.position(),
            await ledger.next_due(),
            await ledger.get("job"),
            await ledger.get("fact"),
            await ledger.damage(),
        ]  # fmt: skip


@pytest.mark.parametrize("how", [{}, {"keys": KEYS}], ids=["plain", "sealed"])
@given(steps=st.lists(STEPS, max_size=25))
async def test_a_ledger_on_disk_gives_the_answers_of_the_one_in_memory(how, steps):
    with TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.db"

        async def opened():
            return await SqliteLedger.open(path, **how)

        disk, memory = Side(await opened(), opened), Side(MemoryLedger())
        for now, step in enumerate(steps):
            assert await disk.do(float(now), *step) == await memory.do(float(now), *step)
        assert await disk.picture() == await memory.picture()
        assert (await disk.ledger.check(deep=True)).sound
        await disk.ledger.close()
