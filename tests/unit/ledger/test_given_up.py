"""Items that were given up, in a file: what is proved changes, what is not is left alone, and nobody waits for all of it."""

import asyncio

import pytest

from outlast.ledger import Counts, ItemStatus, NewItem, Record, Remedy, SqliteLedger
from outlast.ledger.given_up import SLICE

COUNT = 2 * SLICE + 5


async def many_failed(ledger, count=COUNT):
    await ledger.add([NewItem(f"k{number}") for number in range(count)])
    leases = await ledger.lease("me", count, 0.0, 1e9)
    await asyncio.gather(*(ledger.record(Record(lease, ItemStatus.FAILED, 3, error="{}")) for lease in leases))
    return [lease.item for lease in leases]


@pytest.mark.parametrize("named", [False, True])
async def test_while_many_are_tried_again_others_are_let_in(path, named):
    ledger = await SqliteLedger.open(path)
    items = await many_failed(ledger)
    changing = asyncio.ensure_future(ledger.retry(ItemStatus.FAILED, items if named else None))
    await asyncio.sleep(0)
    await ledger.put("fact", 1)
    assert not changing.done()
    assert await changing == COUNT
    assert await ledger.counts() == Counts(pending=COUNT)
    await ledger.close()


async def test_what_was_stopped_halfway_is_done_by_the_same_call(path):
    ledger = await SqliteLedger.open(path)
    await many_failed(ledger)
    stopped = asyncio.ensure_future(ledger.retry())
    await asyncio.sleep(0)
    await ledger.counts()
    stopped.cancel()
    await asyncio.wait([stopped])
    done = (await ledger.counts()).pending
    assert 0 < done < COUNT
    assert await ledger.retry() == COUNT - done
    assert await ledger.counts() == Counts(pending=COUNT)
    await ledger.close()


async def test_a_slice_that_is_exactly_full_is_not_the_end_of_the_world(path):
    ledger = await SqliteLedger.open(path)
    await many_failed(ledger, SLICE)
    assert await ledger.retry() == SLICE
    assert await ledger.retry() == 0
    await ledger.close()


async def test_what_is_ignored_is_proved_anew_and_survives_the_process(filled, path, swept):
    await filled()
    ledger = await SqliteLedger.open(path)
    [failed] = await ledger.failures(0, 9)
    assert await ledger.ignore([failed.item]) == 1
    await ledger.close()
    ledger = await SqliteLedger.open(path)
    assert await swept(ledger) == []
    assert await ledger.failures(0, 9, ItemStatus.IGNORED) == [failed]
    assert (await ledger.check(deep=True)).sound
    await ledger.close()


async def test_what_may_have_been_done_is_not_ignored(filled, path, spoil, swept):
    await filled()
    spoil("UPDATE items SET status = 3 WHERE key = 'a'")
    ledger = await SqliteLedger.open(path)
    assert await ledger.ignore([1]) == 0
    assert [(each.key, each.remedy) for each in await swept(ledger)] == [("a", Remedy.DONE)]
    await ledger.close()


async def test_what_damage_took_stays_a_failure(filled, path, spoil, swept):
    await filled()
    spoil("UPDATE items SET payload = 'x' WHERE key = 'f'")
    ledger = await SqliteLedger.open(path)
    await swept(ledger)
    [lost] = [item for item in await ledger.items(0, 10) if item.lost]
    assert await ledger.ignore([lost.item]) == 0
    assert lost.key in {each.key for each in await ledger.failures(0, 10)}
    assert await swept(ledger) == []
    await ledger.close()
