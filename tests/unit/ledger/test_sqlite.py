"""What only the ledger on disk promises."""

import asyncio

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.errors import LedgerUnavailableError
from outlast.ledger import Counts, ItemStatus, NewItem, Record, Shape, SqliteLedger


def look(path, sql):
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


async def finish(ledger, count=1, lines="1\n"):
    for lease in await ledger.lease("me", count, 0.0, 10.0):
        await ledger.record(Record(lease=lease, status=ItemStatus.DONE, attempts=1, shape=Shape.ONE, lines=lines))


async def test_everything_is_there_after_closing_and_opening(tmp_path):
    path = tmp_path / "ledger.db"
    first = await SqliteLedger.open(path)
    await first.add([NewItem("a"), NewItem("b", '{"n":1}'), NewItem("c")])
    await finish(first, 1, '{"x":1}\n')
    await first.lease("me", 1, 0.0, 10.0)
    await first.put("fact", [1])
    await first.close()

    second = await SqliteLedger.open(path)
    assert await second.counts() == Counts(pending=1, leased=1, done=1)
    assert [result.lines for result in await second.results(0, 9)] == ['{"x":1}\n']
    assert await second.get("fact") == [1]
    assert await second.release() == 1
    await second.close()


async def test_a_commit_is_in_the_file_when_its_await_returns(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = await SqliteLedger.open(path)
    await ledger.add([NewItem("a")])
    await finish(ledger)
    assert look(path, "SELECT key, status FROM items JOIN results ON items.id = item") == [("a", 2)]
    await ledger.close()


async def test_the_file_is_written_so_that_a_power_cut_loses_nothing(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = await SqliteLedger.open(path)
    assert look(path, "PRAGMA journal_mode") == [("wal",)]
    assert ledger._file._db.pragma("synchronous") == 2
    await ledger.close()


async def test_a_reader_neither_waits_nor_disturbs(tmp_path):
    path = tmp_path / "ledger.db"
    writer = await SqliteLedger.open(path)
    await writer.add([NewItem(str(n)) for n in range(50)])
    reader = await SqliteLedger.open(path, read_only=True)
    assert (await reader.counts()).pending == 50
    await finish(writer, 20)
    assert (await reader.counts()).done == 20
    with pytest.raises(LedgerUnavailableError, match="cannot be used"):
        await reader.put("a", 1)
    await reader.close()
    await finish(writer, 5)
    assert (await writer.counts()).done == 25
    await writer.close()


async def test_reading_a_ledger_that_is_not_there_creates_nothing(tmp_path):
    with pytest.raises(LedgerUnavailableError, match="cannot be used"):
        await SqliteLedger.open(tmp_path / "none.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


async def test_a_failing_commit_takes_back_all_of_it(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = await SqliteLedger.open(path)
    await ledger.add([NewItem("a")])
    [lease] = await ledger.lease("me", 1, 0.0, 10.0)
    broken = Record(lease=lease, status=ItemStatus.DONE, attempts=1, shape=Shape.ONE, lines=object())
    with pytest.raises(TypeError):
        await asyncio.gather(ledger.record(broken), ledger.add([NewItem("b")]))
    assert await ledger.counts() == Counts(leased=1)
    await ledger.record(Record(lease=lease, status=ItemStatus.DONE, attempts=1))
    assert await ledger.counts() == Counts(done=1)
    await ledger.close()


STEPS = st.lists(st.sampled_from(["add", "done", "fail", "defer", "release", "retry", "reopen"]), max_size=30)


@given(STEPS)
async def test_the_kept_counts_are_those_of_the_items(tmp_path, steps):
    path = tmp_path / f"{abs(hash(tuple(steps)))}-{len(list(tmp_path.iterdir()))}.db"
    ledger = await SqliteLedger.open(path)
    statuses = {"done": ItemStatus.DONE, "fail": ItemStatus.FAILED, "defer": ItemStatus.DEFERRED}
    for number, step in enumerate(steps):
        match step:
            case "add":
                await ledger.add([NewItem(f"{number}-{n}") for n in range(3)])
            case "release":
                await ledger.release()
            case "retry":
                await ledger.retry()
            case "reopen":
                await ledger.close()
                ledger = await SqliteLedger.open(path)
            case _:
                for lease in await ledger.lease("me", 1, float(number), number + 5.0):
                    due = number + 3.0 if step == "defer" else None
                    await ledger.record(
                        Record(lease=lease, status=statuses[step], attempts=1, not_before=due, error="{}")
                    )
    counts = await ledger.counts()
    await ledger.close()
    by_status = dict(look(path, "SELECT status, count(*) FROM items GROUP BY status"))
    [(leased,)] = look(path, "SELECT count(*) FROM leases")
    expected = Counts(
        pending=by_status.get(0, 0) - leased,
        leased=leased,
        done=by_status.get(2, 0),
        failed=by_status.get(3, 0),
        deferred=by_status.get(4, 0),
    )
    assert counts == expected
