"""Ledgers of earlier versions go on; a migration is whole or has not happened."""

import gzip
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from outlast.errors import LedgerCorruptionError, LedgerError
from outlast.ledger import Counts, ItemStatus, NewItem, Record, Shape, SqliteLedger

GOLDEN = Path(__file__).parents[2] / "golden"
OF_VERSION_1 = Counts(pending=13, leased=8, done=8, failed=2, deferred=2)


@pytest.fixture
def first(path):
    """A ledger of version 1."""
    path.write_bytes(gzip.decompress((GOLDEN / "ledger-1.db.gz").read_bytes()))
    return path


async def content(ledger):
    return [
        await ledger.counts(),
        await ledger.results(0, 99),
        await ledger.failures(0, 99),
        await ledger.items(0, 99),
        await ledger.position(),
        await ledger.next_due(),
        *[await ledger.get(name) for name in ("job", "lineage", "concurrency")],
    ]


async def test_version_1_is_read_without_a_change(first):
    before = first.read_bytes()
    ledger = await SqliteLedger.open(first, read_only=True)
    counts, results, failures, items, position, due, *facts = await content(ledger)
    assert counts == OF_VERSION_1
    assert [(each.key, each.lines) for each in results[:2]] == [
        (f"https://golden.test/{n}", f'{{"n":{n},"url":"https://golden.test/{n}"}}\n') for n in range(2)
    ]
    assert results[7].shape is Shape.MANY
    assert [each.error for each in failures] == ['{"type":"ValueError","message":"golden"}'] * 2
    assert ('{"url":"https://golden.test/d","n":1}', 33) == (items[30].payload, len(items))
    assert (position, due, facts) == (8, 5000.5, ["golden", "L1", 4])
    health = await ledger.check(deep=True)
    assert (health.sound, health.proved, health.items, health.results) == (True, False, 33, 8)
    await ledger.close()
    assert first.read_bytes() == before


async def test_version_1_becomes_this_version_with_all_that_it_has(first, look, swept):
    reader = await SqliteLedger.open(first, read_only=True)
    before = await content(reader)
    await reader.close()
    ledger = await SqliteLedger.open(first)
    assert await content(ledger) == before
    assert (await ledger.check(deep=True)).proved
    assert await swept(ledger) == []
    assert await ledger.release() == 8
    assert await ledger.add([NewItem("https://golden.test/0"), NewItem("new")]) == 1
    for lease in await ledger.lease("me", 100, 6_000.0, 1e9):
        await ledger.record(Record(lease, ItemStatus.DONE, lease.attempts + 1, Shape.ONE, "1\n"))
    assert await ledger.counts() == Counts(done=32, failed=2)
    assert await swept(ledger) == []
    await ledger.close()
    assert look("PRAGMA user_version") == [(2,)]


async def test_a_migrated_ledger_has_the_tables_of_a_new_one(first, tmp_path):
    await (await SqliteLedger.open(first)).close()
    fresh = tmp_path / "fresh.db"
    await (await SqliteLedger.open(fresh)).close()
    assert columns(first) == columns(fresh)


async def test_damage_in_a_migrated_ledger_is_noticed(first, spoil, swept):
    await (await SqliteLedger.open(first)).close()
    spoil("UPDATE results SET lines = 'x' WHERE position = 3")
    ledger = await SqliteLedger.open(first)
    assert [each.key for each in await swept(ledger)] == ["https://golden.test/2"] * 2
    await ledger.close()


async def test_the_golden_ledgers_of_this_version_open(path, keys, swept):
    for name, how in {"ledger-2.db.gz": {}, "ledger-2-sealed.db.gz": {"keys": keys}}.items():
        path.write_bytes(gzip.decompress((GOLDEN / name).read_bytes()))
        ledger = await SqliteLedger.open(path, **how)
        assert await ledger.counts() == OF_VERSION_1
        assert [each.key for each in await ledger.results(0, 99)] == [f"https://golden.test/{n}" for n in range(8)]
        assert await ledger.get("lineage") == "L1"
        assert await swept(ledger) == []
        await ledger.close()


async def test_a_later_version_is_refused_and_not_touched(first, spoil):
    spoil("PRAGMA user_version = 3")
    before = first.read_bytes()
    for read_only in (True, False):
        with pytest.raises(LedgerError, match="schema 3; this one reads 1 to 2"):
            await SqliteLedger.open(first, read_only=read_only)
    assert first.read_bytes() == before


async def test_a_file_that_is_no_ledger_is_refused(path):
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE theirs (a)")
    db.close()
    for read_only in (True, False):
        with pytest.raises(LedgerCorruptionError, match="not a ledger of outlast"):
            await SqliteLedger.open(path, read_only=read_only)


@pytest.mark.real_time
@pytest.mark.parametrize("step", [1, 20, 33, 40, 43])
async def test_killed_in_the_middle_it_is_the_old_version_still(first, step):
    """The process is killed at the given call of a checksum, by a real signal."""
    before = columns(first)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(first), str(step)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert columns(first) == before
    ledger = await SqliteLedger.open(first, read_only=True)
    assert await ledger.counts() == OF_VERSION_1
    await ledger.close()
    ledger = await SqliteLedger.open(first)
    assert await ledger.counts() == OF_VERSION_1
    assert (await ledger.check(deep=True)).sound
    await ledger.close()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from outlast.ledger import SqliteLedger, connection

calls = 0

def dying(checksum):
    def call(*arguments):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return checksum(*arguments)
    call.__name__ = checksum.__name__
    return call

for name in ("identity_of", "state_of", "result_checksum", "fact_checksum"):
    setattr(connection, name, dying(getattr(connection, name)))
asyncio.run(SqliteLedger.open(Path(sys.argv[1])))
"""


def columns(path):
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        tables = sorted(name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"))
        return db.pragma("user_version"), {name: db.execute(f"PRAGMA table_info({name})").fetchall() for name in tables}
    finally:
        db.close()
