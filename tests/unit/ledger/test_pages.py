"""What SQLite writes is read back from its raw pages, and what it never wrote harms nobody."""

import struct

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.ledger.pages import Cell, Kind, Reader, kind_of, page_size_in, text_of, varint

NUMBERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.one_of(st.text(max_size=40), st.integers(0, 30_000).map("x".__mul__))
VALUES = st.one_of(st.none(), NUMBERS, st.floats(allow_nan=False), TEXTS, st.binary(max_size=40))
ROWS = st.lists(st.tuples(VALUES, VALUES, VALUES), max_size=30)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write rows with SQLite; gives a function that fetches pages, their size and their number."""
    directory = tmp_path_factory.mktemp("pages")

    def write(*tables, page_size=4096):
        path = directory / f"{len(list(directory.iterdir()))}.db"
        db = apsw.Connection(str(path))
        db.execute(f"PRAGMA page_size = {page_size}")
        for schema, insert, rows in tables:
            db.execute(schema)
            db.executemany(insert, rows)
        db.close()
        blob = path.read_bytes()
        assert page_size_in(blob) == page_size
        return lambda number: blob[(number - 1) * page_size : number * page_size], page_size, len(blob) // page_size

    return write


def all_cells(written, *, kinds=(Kind.TABLE_LEAF,)):
    fetch, size, count = written
    reader = Reader(fetch, size)
    found = []
    for number in range(2, count + 1):
        if kind_of(fetch(number), number) in kinds:
            cells, whole = reader.cells(fetch(number), number)
            assert whole
            found += cells
    return found, reader


@given(rows=ROWS, page_size=st.sampled_from([512, 1024, 4096, 65536]))
def test_the_rows_of_a_table_come_back_as_they_were_written(written, rows, page_size):
    table = ("CREATE TABLE t (a, b, c)", "INSERT INTO t VALUES (?, ?, ?)", rows)
    found, _ = all_cells(written(table, page_size=page_size))
    assert sorted(found, key=lambda cell: cell.rowid) == [Cell(number, row) for number, row in enumerate(rows, 1)]


@given(keys=st.sets(TEXTS, max_size=40))
def test_the_rows_of_a_table_without_rowids_come_back_with_those_in_its_inner_pages(written, keys):
    table = ("CREATE TABLE t (k PRIMARY KEY, v) WITHOUT ROWID", "INSERT INTO t VALUES (?, 1)", [(key,) for key in keys])
    found, _ = all_cells(written(table, page_size=512), kinds=(Kind.INDEX_LEAF, Kind.INDEX_INTERIOR))
    assert {cell.values for cell in found} == {(key, 1) for key in keys}
    assert all(cell.rowid is None for cell in found)


def test_the_pages_that_a_long_row_runs_on_into_are_known(written):
    table = ("CREATE TABLE t (a)", "INSERT INTO t VALUES (?)", [("x" * 20_000,)])
    pages = written(table)
    _, reader = all_cells(pages)
    assert reader.overflow == set(range(3, pages[2] + 1))


def test_rows_are_found_in_a_page_whose_head_is_gone(written):
    rows = [(f"key {number}", "p" * number, number % 3) for number in range(60)]
    table = (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c, d, e)",
        "INSERT INTO t (a, b, c) VALUES (?, ?, ?)",
        rows,
    )
    fetch, size, _ = written(table)
    reader = Reader(fetch, size)
    page = fetch(2) if kind_of(fetch(2), 2) == Kind.TABLE_LEAF else fetch(3)
    cells, _ = reader.cells(page, 2)
    behind = [cell for cell in cells if page.find(cell.values[1].encode()) > 532]
    assert len(behind) >= 20
    assert set(behind) <= set(reader.carve(bytes(512) + page[512:]))


def test_facts_are_found_in_a_page_whose_head_is_gone(written):
    rows = [(f"name {number}", "v" * 30, 2**31 + number) for number in range(20)]
    table = ("CREATE TABLE t (name TEXT PRIMARY KEY, v, c) WITHOUT ROWID", "INSERT INTO t VALUES (?, ?, ?)", rows)
    fetch, size, _ = written(table)
    assert {Cell(None, row) for row in rows} <= set(Reader(fetch, size).carve(bytes(64) + fetch(2)[64:]))


@given(st.binary(max_size=600), st.integers(1, 3))
def test_any_bytes_are_read_without_harm(blob, number):
    page = blob[:512]
    reader = Reader(lambda wanted: page if wanted < 4 else b"", 512)
    reader.cells(page, number)
    list(reader.carve(page))
    kind_of(page, number)
    page_size_in(blob)


@given(st.binary(min_size=512, max_size=512), st.sampled_from([2, 5, 10, 13]))
def test_any_page_that_says_it_is_one_is_read_without_harm(blob, kind):
    page = bytes([kind]) + blob[1:]
    cells, _ = Reader(lambda _: page, 512).cells(page, 2)
    assert all(isinstance(cell, Cell) for cell in cells)


def test_a_row_that_runs_on_into_itself_is_none():
    """Its overflow pages form a ring."""
    page = bytearray(512)
    page[0], page[3:5] = Kind.TABLE_LEAF, struct.pack(">H", 1)
    at = 300
    page[8:10] = struct.pack(">H", at)
    length = 4 + 970
    cell = bytes([0x80 | length >> 7, length & 0x7F, 1, 4, 0, 0x8F, 0x21])
    page[at : at + len(cell)] = cell
    page[508:512] = struct.pack(">I", 3)
    ring = struct.pack(">I", 3) + bytes(508)
    cells, whole = Reader(lambda _: ring, 512).cells(bytes(page), 2)
    assert (cells, whole) == ([], False)


def test_a_record_of_more_columns_than_any_of_ours_is_left_out(written):
    names = ", ".join(f"c{number}" for number in range(20))
    table = (f"CREATE TABLE t ({names})", f"INSERT INTO t VALUES ({', '.join('?' * 20)})", [tuple(range(20))])
    fetch, size, _ = written(table)
    assert Reader(fetch, size).cells(fetch(2), 2) == ([], False)


def test_a_page_that_was_cut_off_is_not_whole(written):
    table = ("CREATE TABLE t (a)", "INSERT INTO t VALUES (?)", [("x",)] * 5)
    fetch, size, _ = written(table)
    assert Reader(fetch, size).cells(fetch(2), 2)[1]
    assert not Reader(fetch, size).cells(fetch(2)[:-1], 2)[1]


def test_a_leaf_that_became_an_inner_page_by_one_bit_is_not_whole(written):
    table = ("CREATE TABLE t (a, b)", "INSERT INTO t VALUES (?, ?)", [("x", 1)] * 50)
    fetch, size, _ = written(table)
    page = bytes([fetch(2)[0] ^ 8]) + fetch(2)[1:]
    assert kind_of(page, 2) == Kind.TABLE_INTERIOR
    assert Reader(fetch, size).cells(page, 2) == ([], False)


@pytest.mark.parametrize(
    ("blob", "value"),
    [
        (b"\x00", 0),
        (b"\x7f", 127),
        (b"\x81\x00", 128),
        (b"\xff" * 8 + b"\xff", -1),
        (b"\x80" * 8 + b"\x05", 5),
        (b"\xbf" + b"\xff" * 8, 2**63 - 2**62 + 2**62 - 1),
    ],
)
def test_a_variable_length_integer(blob, value):
    assert varint(blob, 0) == (value, len(blob))


def test_a_variable_length_integer_does_not_go_on_beyond_the_end():
    with pytest.raises(IndexError):
        varint(b"\x81", 0)


@pytest.mark.parametrize("size", [0, 3, 100, 4097, 131072])
def test_a_header_with_an_impossible_page_size_is_none(size):
    head = b"SQLite format 3\0" + struct.pack(">H", size % 65536) + bytes(82)
    assert page_size_in(head) is None
    assert page_size_in(head[:50]) is None


def test_bytes_that_are_no_text_stay_bytes():
    assert text_of("é".encode()) == "é"
    assert text_of(b"\xff") == b"\xff"
