"""A look through the whole ledger: everything that is damaged comes up once, and is as good as it can be afterwards."""

import tracemalloc
from functools import partial

import apsw
import pytest

from outlast.ledger import Counts, ItemStatus, NewItem, Record, Remedy, Shape, SqliteLedger
from outlast.ledger.aside import fits_its_rows
from outlast.ledger.sealing import Clear
from outlast.ledger.sqlfile import LedgerFile, Write
from outlast.ledger.sweep import Sweep
from outlast.ledger.tables import Tables

ALL = Counts(pending=2, done=2, failed=1, deferred=1)


def told(findings):
    return sorted(((each.table, each.key, each.remedy) for each in findings), key=repr)


async def do_all(ledger):
    while leases := await ledger.lease("me", 10, 100.0, 1e9):
        for lease in leases:
            line = f'{{"again":"{lease.key}"}}\n'
            await ledger.record(Record(lease, ItemStatus.DONE, lease.attempts + 1, Shape.ONE, line))


# What is spoiled, and what is found: table, key, remedy.
CASES = {
    "a result": ("UPDATE results SET lines = 'x' WHERE item = 1", {("results", "a", "removed"), ("items", "a", "pending")}),
    "whose it is": ("UPDATE results SET item = 4 WHERE item = 1", {("results", "d", "removed"), ("items", "a", "pending")}),
    "a result gone": ("DELETE FROM results WHERE item = 2", {("items", "b", "pending")}),
    "a result twice": ("INSERT INTO results SELECT 9, item, shape, lines, checksum FROM results WHERE item = 1",
                       {("results", "a", "removed")}),
    "done, not said": ("UPDATE items SET status = 0, attempts = 0, state = NULL WHERE key = 'a'",
                       {("items", "a", "done")}),
    "a status": ("UPDATE items SET status = 5 WHERE key = 'e'", {("items", "e", "pending")}),
    "attempts": ("UPDATE items SET attempts = 4 WHERE key = 'c'", {("items", "c", "pending")}),
    "no status": ("UPDATE items SET state = NULL WHERE key = 'a'", {("items", "a", "done")}),
    "a payload": ("UPDATE items SET payload = 'x' WHERE key = 'f'", {("items", "f", "failed")}),
    "a payload of what is done": ("UPDATE items SET payload = NULL WHERE key = 'b'", {("items", "b", "done")}),
    "payload and result": ("UPDATE items SET payload = 'x' WHERE key = 'b'; DELETE FROM results WHERE item = 2",
                           {("items", "b", "failed")}),
    "a checksum": ("UPDATE items SET identity = 7 WHERE key = 'e'", {("items", "e", "failed")}),
    "a fact": ("UPDATE facts SET value = '1' WHERE name = 'fact'", {("facts", None, "removed")}),
    "the job": ("UPDATE facts SET value = '1' WHERE name = 'job'", {("facts", None, "restored")}),
    "the job gone": ("DELETE FROM facts WHERE name = 'job'", {("facts", None, "restored")}),
    "its copy": ("DELETE FROM spare", {("spare", None, "restored")}),
    "counts": ("UPDATE counts SET n = 1000 WHERE status = 2", {("counts", None, "restored")}),
    "counts gone": ("DELETE FROM counts", {("counts", None, "restored")}),
    "a vain lease": ("INSERT INTO leases VALUES (1, 'me', 1e12, 1), (77, 'me', 1e12, 1)", {("leases", None, "removed")}),
    "the fence": ("DELETE FROM fence", {("fence", None, "restored")}),
    "the fence behind": ("INSERT INTO leases VALUES (5, 'me', 1e12, 999)", {("fence", None, "restored")}),
}  # fmt: skip


@pytest.mark.parametrize(("spoiled", "found"), CASES.values(), ids=CASES)
async def test_what_is_damaged_is_found_and_mended(filled, path, spoil, look, swept, spoiled, found):
    await filled()
    spoil(spoiled)
    ledger = await SqliteLedger.open(path)
    assert {(table, key, remedy.value) for table, key, remedy in told(await swept(ledger))} == found
    assert await swept(ledger) == []
    assert (await ledger.counts()).total == 6
    health = await ledger.check(deep=True)
    assert (health.sound, health.items, health.structure) == (True, 6, ())
    await ledger.close()
    assert look("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize(("spoiled", "found"), CASES.values(), ids=CASES)
async def test_one_who_only_reads_says_what_would_be_done_and_changes_nothing(
    filled, path, spoil, swept, spoiled, found
):
    await filled()
    spoil(spoiled)
    before = path.read_bytes()
    ledger = await SqliteLedger.open(path, read_only=True)
    assert {(table, key, remedy.value) for table, key, remedy in told(await swept(ledger))} == found
    health = await ledger.check()
    assert {(each.table, each.key, each.remedy.value) for each in health.findings} == found
    assert (health.sound, health.damaged) == (False, len(health.findings))
    await ledger.close()
    assert path.read_bytes() == before


async def test_a_sound_ledger_has_nothing_to_tell(filled, path, swept):
    await filled()
    ledger = await SqliteLedger.open(path)
    assert await swept(ledger) == []
    health = await ledger.check(deep=True)
    assert (health.sound, health.items, health.results, health.facts, health.proved) == (True, 6, 2, 2, True)
    assert await ledger.counts() == ALL
    await ledger.close()


async def test_what_was_damaged_is_done_again_and_once(filled, path, spoil, swept):
    await filled()
    spoil("UPDATE results SET lines = 'x'")
    ledger = await SqliteLedger.open(path)
    await swept(ledger)
    await ledger.retry()
    await do_all(ledger)
    results = await ledger.results(0, 100)
    assert sorted(result.key for result in results) == list("abcdef")
    assert await swept(ledger) == []
    await ledger.close()


async def test_the_position_of_a_result_that_is_taken_out_is_never_given_again(filled, path, spoil, swept):
    await filled()
    spoil("UPDATE results SET lines = 'x' WHERE item = 2")
    ledger = await SqliteLedger.open(path)
    newest = await ledger.position()
    await swept(ledger)
    assert await ledger.position() == newest
    await do_all(ledger)
    assert all(result.position > newest for result in await ledger.results(newest, 100))
    assert [result.key for result in await ledger.results(0, 1)] == ["a"]
    await ledger.close()


async def test_a_payload_that_was_lost_comes_back_with_its_item(filled, path, spoil, swept):
    await filled()
    spoil("UPDATE items SET payload = 'x' WHERE key IN ('f', 'b')")
    ledger = await SqliteLedger.open(path)
    await swept(ledger)
    assert await ledger.retry() == 1  # c alone: what is lost cannot be done again
    [lost] = [item for item in await ledger.items(0, 10) if item.lost and item.status is ItemStatus.FAILED]
    assert (lost.key, lost.payload) == ("f", None)
    assert await ledger.add([NewItem("f", '{"of":"f"}'), NewItem("b", "1"), NewItem("a")]) == 1
    leases = {lease.key: lease.payload for lease in await ledger.lease("me", 10, 0.0, 1e9)}
    assert leases == {"c": None, "e": None, "f": '{"of":"f"}'}
    assert await ledger.counts() == Counts(leased=3, done=2, deferred=1)
    await ledger.close()


async def test_a_damaged_key_is_read_from_the_index(filled, path, overwrite, swept, look):
    await filled()
    # Of a key there are two copies: in the row, where the payload follows it, and in the index.
    overwrite(b'f{"of":"f"}', b'g{"of":"f"}')
    ledger = await SqliteLedger.open(path)
    assert told(await swept(ledger)) == [("items", "f", Remedy.RESTORED)]
    assert [item.key for item in await ledger.items(4, 10)] == ["e", "f"]
    await ledger.close()
    assert look("PRAGMA integrity_check") == [("ok",)]


async def test_an_index_that_lost_a_key_is_seen_by_a_deep_check_and_built_anew(path, change, look):
    ledger = await SqliteLedger.open(path)
    await ledger.add([NewItem(key) for key in ("key-one", "key-two", "key-three")])
    await ledger.close()
    pages = path.read_bytes()
    # Of the two copies, the one that the table does not read.
    at = [place for place in range(len(pages)) if pages[place : place + 7] == b"key-two"]
    for place in at:
        path.write_bytes(pages[:place] + b"key-zzz" + pages[place + 7 :])
        if look("SELECT key FROM items NOT INDEXED WHERE id = 2") == [("key-two",)]:
            break
    file = LedgerFile(path, read_only=False)
    assert file.check(deep=False).sound
    assert file.check(deep=True).structure == ("row 2 missing from index sqlite_autoindex_items_1",)
    [examined] = file.apply([Write(partial(Sweep(file._tables, deep=True).look_on, 100))])
    assert [(each.row, each.remedy) for each in examined.findings] == [("indexes", Remedy.RESTORED)]
    assert change(file, "add", [NewItem("key-two")]) == 0
    file.close()
    assert look("PRAGMA integrity_check") == [("ok",)]


async def test_rows_that_vanished_come_back_by_what_the_index_knows(path, swept, look):
    ledger = await SqliteLedger.open(path)
    await ledger.add([NewItem(f"key-{n}") for n in range(6)])
    [lease] = await ledger.lease("me", 1, 0.0, 1e9)
    await ledger.record(Record(lease, ItemStatus.DONE, 1, Shape.ONE, "1\n"))
    await ledger.close()
    [(page,)] = look("SELECT rootpage FROM sqlite_schema WHERE name = 'items'")
    blob = bytearray(path.read_bytes())
    start = (page - 1) * 4096
    cells = int.from_bytes(blob[start + 3 : start + 5], "big")
    assert cells == 6
    # The cells of the first and the last row are forgotten, as if the page said that it has four.
    pointers = blob[start + 8 : start + 8 + 2 * cells]
    blob[start + 3 : start + 5] = (4).to_bytes(2, "big")
    blob[start + 8 : start + 16] = pointers[2:10]
    path.write_bytes(blob)
    ledger = await SqliteLedger.open(path)
    assert {("items", "key-0", "done"), ("items", "key-5", "failed")} <= {
        (each.table, each.key, each.remedy.value) for each in await swept(ledger)
    }
    assert await swept(ledger) == []
    assert await ledger.counts() == Counts(pending=4, done=1, failed=1)
    assert [result.key for result in await ledger.results(0, 9)] == ["key-0"]
    assert await ledger.add([NewItem("key-0"), NewItem("key-5")]) == 1
    await ledger.close()


async def test_an_id_that_damage_made_huge_costs_no_memory(filled, path, spoil, swept):
    await filled()
    spoil("INSERT INTO items (id, key, identity) VALUES (1 << 40, 'far', 0), (1 << 41, 'farther', 0)")
    spoil(
        "INSERT INTO results (item, shape, lines, checksum) VALUES (1 << 40, 1, 'x', result_checksum(1 << 40, 1, 'x'))"
    )
    ledger = await SqliteLedger.open(path)
    tracemalloc.start()
    try:
        found = {(each.key, each.remedy.value) for each in await swept(ledger)}
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert found == {("far", "done"), ("farther", "failed")}
    assert await swept(ledger) == []
    await ledger.close()


async def test_a_job_goes_on_between_the_slices(filled, path):
    await filled()
    ledger = await SqliteLedger.open(path)
    await ledger.add([NewItem(str(n)) for n in range(40)])
    found, after = [], 0
    while after is not None:
        examined = await ledger.examine(after, 3)
        found += examined.findings
        after = examined.next
        for lease in await ledger.lease("me", 2, 0.0, 1e9):
            await ledger.record(Record(lease, ItemStatus.DONE, 1, Shape.ONE, "1\n", [NewItem(f"child of {lease.key}")]))
    assert found == []
    await ledger.close()


async def test_what_is_leased_is_left_to_the_one_who_has_it(filled, path, spoil, swept):
    await filled()
    ledger = await SqliteLedger.open(path)
    leases = {lease.key: lease for lease in await ledger.lease("me", 10, 0.0, 1e9)}
    spoil("UPDATE items SET attempts = 9 WHERE key = 'f'")
    assert await swept(ledger) == []
    await ledger.record(Record(leases["f"], ItemStatus.DONE, 1, Shape.ONE, "1\n"))
    assert await swept(ledger) == []
    await ledger.close()


async def test_mending_that_is_taken_back_is_looked_for_again(filled, path, spoil, change):
    await filled()
    spoil("UPDATE items SET attempts = 9 WHERE key = 'e'")
    file = LedgerFile(path, read_only=False)
    first = change(file, "examine", 0, 3)

    def fail():
        file.examine(first.next, 100)
        raise LookupError("a neighbour")

    [outcome] = file.apply([Write(fail)])
    assert isinstance(outcome, LookupError)
    again = change(file, "examine", first.next, 100)
    assert told(again.findings) == [("items", "e", Remedy.PENDING)]
    file.close()


def test_what_takes_a_look_at_all_rows_is_not_asked_between_commits(opened):
    one = opened()
    one.do("add", [NewItem(str(number)) for number in range(30)])
    one.finish(10)
    asked = []
    after = one.do("examine", 0, 5).next
    while not one.file.asks:
        after = one.do("examine", after, 5).next
    one.finish(5)
    one.file._tables.db.set_exec_trace(lambda _cursor, sql, _bindings: asked.append(sql) or True)
    one.file.survey()
    while after is not None:
        after = one.do("examine", after, 5).next
    assert asked
    assert not [sql for sql in asked if "count(" in sql and "json_each" not in sql]


def test_a_survey_that_nobody_asked_for_is_none(opened):
    one = opened()
    one.file.survey()
    assert one.do("examine", 0, 5).findings == ()


async def test_a_file_that_cannot_be_read_on_is_told_as_such(path):
    ledger = await SqliteLedger.open(path)
    await ledger.add([NewItem(f"https://example.test/{n}") for n in range(2_000)])
    await ledger.close()
    blob = bytearray(path.read_bytes())
    blob[20 * 4096 : 30 * 4096] = bytes(10 * 4096)
    path.write_bytes(blob)
    ledger = await SqliteLedger.open(path, read_only=True)
    health = await ledger.check()
    assert not health.sound
    assert health.structure
    assert health.items < 2_000
    await ledger.close()


async def test_what_looks_at_all_rows_sorts_none_of_them(filled, path):
    # A sort of a million statuses takes a file of 4 MB, which every run would write.
    await filled()
    asked = []
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    db.exec_trace = lambda _, statement, __: asked.append(statement) or True
    assert fits_its_rows(Tables(db, Clear(), writable=False))
    db.exec_trace = None
    selects = [statement for statement in asked if statement.startswith("SELECT")]
    plans = [str(row) for statement in selects for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]
    db.close()
    assert len(selects) >= 3
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]
