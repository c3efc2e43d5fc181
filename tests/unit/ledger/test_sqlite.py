"""What only the ledger on disk promises."""

import asyncio
import threading
from contextlib import suppress
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.errors import LedgerUnavailableError
from outlast.ledger import Counts, ItemStatus, NewItem, Record, Shape, SqliteLedger
from outlast.ledger.connection import LOG_BYTES_KEPT
from outlast.storage.disk import OsDisk


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
    db = ledger._file._tables.db
    assert [db.pragma(name) for name in ("synchronous", "wal_autocheckpoint", "journal_size_limit")] == [
        2,
        0,
        LOG_BYTES_KEPT,
    ]
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


async def test_a_request_that_fails_takes_nothing_of_its_neighbours_back(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = await SqliteLedger.open(path)
    await ledger.add([NewItem("a")])
    [lease] = await ledger.lease("me", 1, 0.0, 10.0)
    broken = Record(lease=lease, status=ItemStatus.DONE, attempts=1, shape=Shape.ONE, lines=object())
    outcomes = await asyncio.gather(ledger.record(broken), ledger.add([NewItem("b")]), return_exceptions=True)
    assert isinstance(outcomes[0], TypeError)
    assert outcomes[1] == 1
    assert await ledger.counts() == Counts(pending=1, leased=1)
    await ledger.record(Record(lease=lease, status=ItemStatus.DONE, attempts=1))
    assert await ledger.counts() == Counts(pending=1, done=1)
    await ledger.close()


def held_open(path):
    """Whether a descriptor of this process is of the file."""
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one by which this directory is read is gone by now
            if link.readlink() == path:
                return True
    return False


@pytest.mark.real_time
async def test_a_ledger_whose_opening_is_cancelled_is_closed(tmp_path):
    path = tmp_path / "ledger.db"
    started, go_on = threading.Event(), threading.Event()

    class SlowDisk(OsDisk):
        def create(self, path):
            started.set()
            go_on.wait(10)
            return super().create(path)

    opening = asyncio.ensure_future(SqliteLedger.open(path, disk=SlowDisk()))
    await asyncio.to_thread(started.wait, 10)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    go_on.set()
    while not path.exists() or not path.stat().st_size or held_open(path):
        await asyncio.sleep(0.01)


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


async def test_large_rows_come_a_few_at_a_time_and_none_is_missing(tmp_path):
    ledger = await SqliteLedger.open(tmp_path / "ledger.db")
    text = "x" * 3_000_000
    await ledger.add([NewItem(str(n), f'"{text}"') for n in range(10)])
    await finish(ledger, 10, f'"{text}"\n')
    for ask in (ledger.results, ledger.items):
        keys, after = [], 0
        while page := await ask(after, 100):
            assert len(page) <= 3
            keys += [each.key for each in page]
            after = page[-1].position if ask == ledger.results else page[-1].item
        assert sorted(keys) == sorted(map(str, range(10)))
    slices, after = 0, 0
    while after is not None:
        examined = await ledger.examine(after, 1_000)
        assert examined.findings == ()
        slices, after = slices + 1, examined.next
    assert slices >= 8
    # A slice that was not read to its end holds on to nothing: the log can be copied and begun anew.
    assert (await ledger.check()).sound
    await ledger.close()
    assert not (tmp_path / "ledger.db-wal").exists()


async def test_looking_at_a_closed_ledger_leaves_nothing_behind(tmp_path):
    path = tmp_path / "a ledger?#%20.db"
    ledger = await SqliteLedger.open(path)
    await ledger.add([NewItem("a")])
    await ledger.close()
    looking = await SqliteLedger.open(path, read_only=True)
    assert (await looking.counts()).pending == 1
    assert (await looking.check(deep=True)).sound
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    await looking.close()


async def test_who_looks_at_a_closed_ledger_sees_what_a_job_then_writes(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = await SqliteLedger.open(path)
    await ledger.add([NewItem("a")])
    await ledger.close()
    looking = await SqliteLedger.open(path, read_only=True)
    slice_ = await looking.examine(0, 1)
    for number in range(3):
        ledger = await SqliteLedger.open(path)
        await ledger.add([NewItem(str(number))])
        assert (await looking.counts()).pending == number + 2
        if number != 1:
            await ledger.close()
        assert (await looking.counts()).pending == number + 2
    assert (await looking.examine(slice_.next, 100)).findings == ()
    await looking.close()
    await ledger.close()
