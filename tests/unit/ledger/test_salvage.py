"""Rows come back out of pages that SQLite does not read any more: proved ones, and no others."""

import json
import apsw
import pytest

from outlast.errors import KeyMissingError, LedgerCorruptionError
from outlast.ledger import ItemStatus, NewItem
from outlast.ledger import rebuild
from outlast.ledger.connection import connect
from outlast.ledger.gather import Leavings
from outlast.ledger.image import RawFile, log_path
from outlast.ledger.migrate import prepare
from outlast.ledger.pages import Kind, kind_of
from outlast.ledger.repair import repair
from outlast.ledger.rows import ItemRow, ResultRow, identity_of, result_checksum, state_of
from outlast.ledger.salvage import Salvaged, write_rows
from outlast.ledger.schema import DONE, FAILED, NOBODY, PENDING
from outlast.ledger.sealing import Clear
from outlast.ledger.sightings import Name
from outlast.ledger.stage import Stage
from outlast.ledger.tables import Tables

PAGE = 4096
MANY = 300


def key(number):
    return f"https://example.org/{number:04}"


@pytest.fixture
def many(opened):
    """300 items, two thirds of them done; closed."""

    def make(**how):
        one = opened(**how)
        one.do("add", [NewItem(key(number), f'{{"n":{number}}}') for number in range(MANY)])
        one.finish(200)
        one.do("put", "output", json.dumps({"path": "/x", "position": 200, "size": 1600}))
        one.do("put", "job", '{"job_id":"shop"}')
        one.close()

    return make


@pytest.fixture
def mended(path, tmp_path):
    def run(**how):
        return repair(path, aside=tmp_path / "aside", **how)

    return run


def pages_of(blob, kind):
    count = len(blob) // PAGE
    return [
        number for number in range(1, count + 1) if kind_of(blob[(number - 1) * PAGE : number * PAGE], number) == kind
    ]


def wipe(path, number, *, start=0, size=PAGE):
    blob = bytearray(path.read_bytes())
    at = (number - 1) * PAGE + start
    blob[at : at + size] = bytes(size)
    path.write_bytes(bytes(blob))


def page_with(path, text):
    blob = path.read_bytes()
    return blob.index(text.encode()) // PAGE + 1


def assert_whole(file, *, without=()):
    items, results = file.everything()
    assert set(items) == {key(number) for number in range(MANY)} - set(without)
    assert set(results) == {key(number) for number in range(200)} - set(without)
    assert set(results.values()) == {'{"r":1}\n'}
    assert all(items[key(number)].payload == f'{{"n":{number}}}' for number in range(MANY) if key(number) in items)
    assert file.file.check(deep=True).sound


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("size", [100, 512, PAGE])
def test_without_its_header_or_its_schema_a_ledger_comes_back_whole(path, opened, many, mended, keys, sealed, size):
    how = {"keys": keys} if sealed else {}
    many(**how)
    wipe(path, 1, size=size)
    repaired = mended(**how)
    assert repaired.rebuilt
    assert (repaired.items, repaired.results, repaired.lost_items, repaired.lost_results) == (300, 200, 0, 0)
    assert not [finding for finding in repaired.findings if finding.table != "items"]
    assert_whole(opened(**how))


def test_without_an_inner_page_every_row_comes_back(path, opened, many, mended):
    many()
    for number in pages_of(path.read_bytes(), Kind.TABLE_INTERIOR):
        wipe(path, number)
    assert mended().lost_items == 0
    assert_whole(opened())


def test_without_the_head_of_a_leaf_its_rows_are_found_all_the_same(path, opened, many, mended):
    many()
    page = page_with(path, '{"n":150}')
    wipe(path, page, size=512)
    repaired = mended()
    assert repaired.lost_items == 0
    items, results = opened().everything()
    # What stood in those 512 bytes is known by its key alone; the rest is there.
    lost = [item for item in items.values() if item.lost]
    assert set(items) == {key(number) for number in range(MANY)}
    assert len(lost) < 12
    assert len(results) == 200


def test_a_leaf_that_is_gone_leaves_keys_and_results(path, opened, many, mended):
    many()
    wipe(path, page_with(path, '{"n":150}'))
    repaired = mended()
    items, results = opened().everything()
    lost = {item.key for item in items.values() if item.lost}
    assert set(items) == {key(number) for number in range(MANY)}
    assert len(results) == 200
    assert key(150) in lost
    assert {finding.key for finding in repaired.findings if finding.problem == "only its key was found"} == lost
    assert all(items[one].status is ItemStatus.DONE for one in lost)


def test_items_that_are_their_keys_come_back_by_the_index_alone(path, opened, mended):
    one = opened()
    one.do("add", [NewItem(key(number)) for number in range(MANY)])
    one.close()
    blob = path.read_bytes()
    for number in pages_of(blob, Kind.TABLE_LEAF):
        if key(0).encode() in blob[(number - 1) * PAGE : number * PAGE]:
            wipe(path, number)
    assert mended().lost_items == 0
    items, _ = opened().everything()
    assert {item.key for item in items.values() if item.status is ItemStatus.PENDING} == {key(n) for n in range(MANY)}


def test_a_leaf_of_results_that_is_gone_has_its_items_done_again_and_named(path, opened, many, mended, look):
    many()
    page = look("SELECT pageno FROM dbstat WHERE name = 'results' AND pagetype = 'leaf' ORDER BY pageno")[1][0]
    wipe(path, page)
    repaired = mended()
    items, results = opened().everything()
    again = {item.key for item in items.values() if item.status is ItemStatus.PENDING} - {
        key(n) for n in range(200, MANY)
    }
    assert repaired.lost_results == 200 - len(results) == len(again) > 0
    assert again <= {finding.key for finding in repaired.findings}


def test_a_file_that_ends_early_keeps_what_it_has(path, opened, many, mended):
    many()
    blob = path.read_bytes()
    path.write_bytes(blob[: len(blob) * 2 // 3])
    repaired = mended()
    assert any("it ends early" in line for line in repaired.structure)
    items, results = opened().everything()
    assert repaired.lost_items in {None, MANY - len(items)}
    assert set(results) <= {key(number) for number in range(200)}


def test_committed_pages_in_a_log_come_back_where_the_file_is_gone(path, opened, mended):
    one = opened()
    one.do("add", [NewItem(key(number)) for number in range(50)])
    one.finish(10)
    log = log_path(path).read_bytes()
    one.close()
    path.unlink()
    log_path(path).write_bytes(log)
    assert mended().rebuilt
    items, results = opened().everything()
    assert (len(items), len(results)) == (50, 10)


def test_the_older_image_of_a_page_serves_where_the_newest_is_damaged(path, opened, mended):
    """An item's key and payload never change; that it was done is proved by its result."""
    one = opened()
    one.do("add", [NewItem(key(number), f'{{"n":{number}}}') for number in range(20)])
    one.finish(5)
    one.do("put", "x", "1")
    main, log = path.read_bytes(), log_path(path).read_bytes()
    one.close()
    # The last frame in which the items stand.
    step = PAGE + 24
    frames = [at for at in range(32, len(log), step) if b'{"n":19}' in log[at : at + step]]
    assert len(frames) >= 2
    log = log[: frames[-1] + 24 + 3000] + bytes(600) + log[frames[-1] + 24 + 3600 :]
    path.write_bytes(main)
    log_path(path).write_bytes(log)
    repaired = mended()
    assert "committed pages of its log are damaged" in repaired.structure[0]
    items, results = opened().everything()
    assert {key(number): f'{{"n":{number}}}' for number in range(20)} == {
        item.key: item.payload for item in items.values()
    }
    assert len(results) == 5


def test_the_token_of_a_new_lease_is_larger_than_any_before(path, opened, many, mended):
    many()
    one = opened()
    [lease] = one.do("lease", "me", 1, 0.0, 1e9)
    one.close()
    wipe(path, 1)
    mended()
    [later] = opened().do("lease", "me", 1, 0.0, 1e9)
    assert later.token > lease.token


def test_what_no_checksum_proves_is_no_ledger_and_stays_as_it_is(path, mended, tmp_path):
    path.write_bytes(b"something else " * 1_000)
    with pytest.raises(LedgerCorruptionError, match="nothing in it has a checksum that fits; nothing was changed"):
        mended()
    assert path.read_bytes() == b"something else " * 1_000
    assert [each.name for each in tmp_path.iterdir()] == ["ledger.db"]


def test_a_ledger_from_before_there_were_checksums_is_not_guessed_at(path, mended):
    db = apsw.Connection(str(path))
    db.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, payload TEXT, status INTEGER NOT NULL DEFAULT 0, "
        "attempts INTEGER NOT NULL DEFAULT 0, not_before REAL, error TEXT)"
    )
    db.execute("INSERT INTO items (key) VALUES ('a')")
    db.close()
    wipe(path, 1)
    with pytest.raises(LedgerCorruptionError, match="written before rows had checksums"):
        mended()


def test_a_sealed_ledger_is_not_rebuilt_without_its_key(path, many, mended, keys):
    many(keys=keys)
    wipe(path, 1)
    before = path.read_bytes()
    with pytest.raises(KeyMissingError):
        mended()
    assert path.read_bytes() == before
    assert mended(dry_run=True).items == MANY


def test_a_sealed_ledger_whose_wrapped_key_is_lost_twice_is_not_called_plain(path, many, mended, keys):
    many(keys=keys)
    blob = path.read_bytes()
    path.write_bytes(blob.replace(b"sealing", b"sealinG"))
    wipe(path, 1)
    with pytest.raises(LedgerCorruptionError, match="both copies of its wrapped key are lost"):
        mended(keys=keys)


def test_one_copy_of_the_wrapped_key_is_enough(path, opened, many, mended, keys):
    many(keys=keys)
    blob = path.read_bytes()
    path.write_bytes(blob.replace(b"sealing", b"sealinG", 1))
    wipe(path, 1)
    mended(keys=keys)
    assert_whole(opened(keys=keys))


def test_an_item_whose_result_outlived_its_row_and_key_is_reported(path, opened, many, mended, look):
    many()
    [(leaf,)] = look("SELECT pageno FROM dbstat WHERE name = 'items' AND pagetype = 'leaf' ORDER BY pageno LIMIT 1")
    indexed = look("SELECT pageno FROM dbstat WHERE name = 'sqlite_autoindex_items_1'")
    wipe(path, leaf)
    for (number,) in indexed:
        wipe(path, number)
    repaired = mended()
    orphans = [finding for finding in repaired.findings if finding.problem == "its item is gone"]
    items, results = opened().everything()
    assert repaired.lost_items == MANY - len(items) == len(orphans) > 0
    assert len(results) == 200 - len(orphans)


def an_item(item, name, payload=b"1", status=PENDING, attempts=0):
    stand = (status, attempts, None, None)
    state = None if stand == (PENDING, 0, None, None) else state_of(item, *stand)
    return ItemRow(item, name, payload, *stand, identity_of(name, payload), state)


def a_result(position, item, lines=b"1\n"):
    return ResultRow(position, item, 1, lines, result_checksum(item, 1, lines))


class Chosen:
    """What becomes of rows that were seen."""

    def __init__(self, path, directory):
        self.db = connect(path, read_only=False, vfs=None)
        prepare(self.db, path, read_only=False, facts={})
        self.stage = Stage(self.db, directory / "stage.db")
        self.salvaged = Salvaged()

    def write(self, *items, results=(), names=(), **left):
        self.stage.keep_items([each for each in items if each.item], newest=True)
        self.stage.keep_results(results)
        self.stage.keep_names(names)
        self.db.execute("BEGIN")
        write_rows(Tables(self.db, Clear(), writable=True), self.stage, Leavings(**left), self.salvaged)
        self.db.execute("COMMIT")
        return self

    def ask(self, sql):
        return self.db.execute(sql).fetchall()

    @property
    def said(self):
        return [(finding.table, finding.row, finding.key, finding.problem) for finding in self.salvaged.findings]


@pytest.fixture
def chosen(path, tmp_path):
    one = Chosen(path, tmp_path)
    yield one
    one.db.close()


def test_of_two_results_in_one_place_the_second_goes_to_the_end(chosen):
    done = [an_item(number, f"k{number}".encode(), status=DONE, attempts=1) for number in (1, 2, 3)]
    chosen.write(*done, results=[a_result(1, 1), a_result(2, 2), a_result(2, 3)])
    assert chosen.ask("SELECT position, item FROM results") == [(1, 1), (2, 2), (3, 3)]
    assert chosen.said == [("results", 2, None, "its place was lost; it is 3")]


def test_a_result_in_an_impossible_place_goes_to_the_end(chosen):
    done = [an_item(number, f"k{number}".encode(), status=DONE, attempts=1) for number in (1, 2)]
    chosen.write(*done, results=[a_result(-5, 1), a_result(7, 2)])
    assert chosen.ask("SELECT position, item FROM results") == [(7, 2), (8, 1)]


def test_an_item_has_one_result(chosen):
    chosen.write(an_item(1, b"a", status=DONE, attempts=1), results=[a_result(1, 1), a_result(4, 1, b"other\n")])
    assert chosen.ask("SELECT position, lines FROM results") == [(1, "1\n")]


def test_places_that_are_nobodys_stay_taken(chosen):
    chosen.write(results=[a_result(3, NOBODY, b"")])
    assert chosen.ask("SELECT position, item FROM results") == [(3, NOBODY)]


def test_of_two_rows_with_one_key_one_is_taken(chosen):
    chosen.write(an_item(1, b"a", status=FAILED, attempts=1), an_item(2, b"a", status=FAILED, attempts=2))
    assert chosen.ask("SELECT id, key FROM items") == [(1, "a")]
    assert chosen.said == [("items", 2, "a", "there is another row of its key")]


def test_a_row_that_nothing_proves_is_named_and_left_out(chosen):
    chosen.write(an_item(1, b"a")._replace(payload=b"x"), an_item(2, b"b"))
    assert chosen.ask("SELECT key FROM items") == [("b",)]
    assert chosen.said == [("items", 1, "a", "nothing proves it")]


def test_a_row_whose_place_is_anothers_is_put_behind_all_others(chosen):
    chosen.write(an_item(2, b"a"), an_item(3, b"b"), names=[Name(b"a", 1), Name(b"b", 3)])
    assert chosen.ask("SELECT id, key FROM items ORDER BY id") == [(3, "b"), (4, "a")]
    assert chosen.said == [("items", 4, "a", "its place cannot be told")]


def test_keys_alone_are_believed_up_to_the_newest_item_that_there_was(chosen):
    row = an_item(1, b"a", status=FAILED, attempts=1)
    names = [Name(b"b", 2), Name(b"z", 1_000_000)]
    chosen.write(row, names=names, newest_item=1, counts={PENDING: 1, FAILED: 1})
    assert chosen.ask("SELECT id, key FROM items") == [(1, "a"), (2, "b")]


def test_the_counts_are_those_of_the_items(chosen):
    chosen.write(an_item(1, b"a"), an_item(2, b"b"), an_item(3, b"c", status=FAILED, attempts=1), counts={PENDING: 99})
    assert dict(chosen.ask("SELECT * FROM counts"))[PENDING] == 2
    assert dict(chosen.ask("SELECT * FROM counts"))[FAILED] == 1


def test_rows_in_free_pages_are_not_taken_for_the_newest(path, opened, many, mended, spoil):
    """Whatever stood in a page before it was freed may be older than what is true."""
    many()
    spoil("CREATE TABLE gone AS SELECT * FROM items")
    spoil("DROP TABLE gone")
    wipe(path, 1, start=0, size=28)
    wipe(path, 1, start=40, size=300)
    assert mended().rebuilt
    assert_whole(opened())


def test_what_the_disk_cannot_read_counts_as_zeroes(tmp_path):
    unreadable = RawFile(tmp_path)  # a directory: every read of it fails
    assert unreadable.read(0, 1_000) == bytes(1_000)
    assert unreadable.unreadable == 2
    unreadable.close()


def test_a_new_ledger_that_is_not_wholly_in_its_log_does_not_take_the_old_ones_place(path, opened):
    one = opened()
    one.do("add", [NewItem("a")])
    one.close()
    with pytest.raises(LedgerCorruptionError, match="lacks"):
        rebuild._make_sure_of_the_log(path)
