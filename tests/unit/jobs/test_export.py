"""What a ledger holds comes out in four formats, value for value, also while its job goes on."""

import asyncio
import csv
import json
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.errors import LedgerCorruptionError, OutputError, ValidationError
from outlast.jobs.columns import COLUMNS_MAX, Columns, Kind, as_row, cell
from outlast.jobs.export import Exported, ExportFormat, What, export, format_of
from outlast.jobs.records import written
from outlast.ledger import ItemStatus, MemoryLedger, NewItem, Record, SqliteLedger

parquet = pytest.importorskip("pyarrow.parquet")

HOSTILE = 'a,"b"\r\n\x00\u2028é\U0001f600=1+1'


async def filled(ledger, *values, failed=()):
    """A ledger of items `key-0`, `key-1`, ... whose handlers returned these values."""
    keys = [f"key-{number}" for number in range(len(values))] + list(failed)
    await ledger.add([NewItem(key, json.dumps({"of": key})) for key in keys])
    leases = {lease.key: lease for lease in await ledger.lease("me", len(keys), 0.0, 9.0)}
    for number, value in enumerate(values):
        shape, lines = written(value)
        await ledger.record(Record(leases[f"key-{number}"], ItemStatus.DONE, 1, shape, lines))
    for key in failed:
        await ledger.record(Record(leases[key], ItemStatus.FAILED, 3, error='{"type": "ValueError"}'))
    return ledger


@pytest.fixture
async def ledger():
    values = ({"a": 1, "b": "x"}, [{"a": 2}, {"a": None, "c": [1, {"d": 2}]}], None, {"a": 3, "b": HOSTILE})
    return await filled(MemoryLedger(), *values, failed=[HOSTILE])


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


async def test_json_lines_are_the_lines_of_the_output(ledger, tmp_path):
    target = tmp_path / "a.jsonl"
    exported = await export(ledger, target)
    assert exported == Exported(records=4, size=target.stat().st_size)
    assert target.read_text() == "".join([result.lines for result in await ledger.results(0, 99)])


async def test_items_as_json_lines_tell_where_each_stands(ledger, tmp_path):
    exported = await export(ledger, tmp_path / "a.ndjson", what=What.ITEMS)
    items = [json.loads(line) for line in (tmp_path / "a.ndjson").read_text().split("\n")[:-1]]
    assert exported.items == len(items) == 5
    assert items[-1] == {
        "key": HOSTILE,
        "status": "failed",
        "attempts": 3,
        "not_before": None,
        "error": {"type": "ValueError"},
        "payload": {"of": HOSTILE},
        "lost": False,
    }


async def test_csv_has_a_column_for_every_key(ledger, tmp_path):
    await export(ledger, tmp_path / "a.csv")
    assert rows_of(tmp_path / "a.csv") == [
        ["a", "b", "c"],
        ["1", "x", ""],
        ["2", "", ""],
        ["", "", '[1,{"d":2}]'],
        ["3", HOSTILE, ""],
    ]


async def test_csv_writes_values_as_json_does(tmp_path):
    ledger = await filled(MemoryLedger(), {"t": True, "f": 1.5, "n": None, "s": "", "i": 2**63})
    await export(ledger, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b"t,f,n,s,i\r\ntrue,1.5,,,9223372036854775808\r\n"


async def test_records_that_are_no_objects_stand_in_a_column_of_their_own(tmp_path):
    ledger = await filled(MemoryLedger(), "text", 5, {"a": 1}, [[1, 2], None])
    await export(ledger, tmp_path / "a.csv")
    assert rows_of(tmp_path / "a.csv") == [["value", "a"], ["text", ""], ["5", ""], ["", "1"], ["[1,2]", ""], ["", ""]]


async def test_items_as_csv(ledger, tmp_path):
    await export(ledger, tmp_path / "a.csv", what=What.ITEMS)
    head, *rows = rows_of(tmp_path / "a.csv")
    assert head == ["key", "status", "attempts", "not_before", "error", "payload", "lost"]
    assert rows[0] == ["key-0", "done", "1", "", "", '{"of":"key-0"}', "false"]
    assert rows[4][0] == HOSTILE


async def test_sqlite_gets_records_and_items_that_any_tool_reads(ledger, tmp_path):
    exported = await export(ledger, tmp_path / "a.db")
    assert (exported.records, exported.items) == (4, 5)
    db = sqlite3.connect(tmp_path / "a.db")
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows = db.execute("SELECT position, key, record FROM records").fetchall()
    assert [(position, key) for position, key, _ in rows] == [(1, "key-0"), (2, "key-1"), (2, "key-1"), (4, "key-3")]
    assert json.loads(rows[3][2]) == {"a": 3, "b": HOSTILE}
    assert db.execute("SELECT record ->> 'b' FROM records").fetchall()[0] == ("x",)
    stored = db.execute("SELECT key, status, attempts, error, payload FROM items WHERE status = 'failed'").fetchall()
    assert stored == [(HOSTILE, "failed", 3, '{"type": "ValueError"}', json.dumps({"of": HOSTILE}))]
    db.close()


@pytest.mark.parametrize(("what", "counts"), [(What.RECORDS, (4, 0)), (What.ITEMS, (0, 5))])
async def test_sqlite_with_one_of_them_alone(ledger, tmp_path, what, counts):
    await export(ledger, tmp_path / "a.sqlite", what=what)
    db = sqlite3.connect(tmp_path / "a.sqlite")
    assert (
        tuple(db.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in ("records", "items")) == counts
    )
    db.close()


async def test_parquet_columns_have_the_type_of_their_values_or_are_json_text(tmp_path):
    ledger = await filled(
        MemoryLedger(),
        {
            "int": 1,
            "float": 1.5,
            "mixed": 1,
            "both": 2,
            "text": HOSTILE,
            "bool": True,
            "none": None,
            "deep": {"a": [1]},
        },
        {"int": -(2**63), "float": 2.0, "mixed": "one", "both": 2.5, "text": None},
    )
    await export(ledger, tmp_path / "a.parquet")
    table = parquet.read_table(tmp_path / "a.parquet")
    types = {field.name: (str(field.type), field.metadata) for field in table.schema}
    assert types == {
        "int": ("int64", None),
        "float": ("double", None),
        "mixed": ("string", {b"outlast": b"json"}),
        "both": ("double", None),
        "text": ("string", None),
        "bool": ("bool", None),
        "none": ("string", None),
        "deep": ("string", {b"outlast": b"json"}),
    }
    assert table.to_pylist() == [
        {
            "int": 1,
            "float": 1.5,
            "mixed": "1",
            "both": 2.0,
            "text": HOSTILE,
            "bool": True,
            "none": None,
            "deep": '{"a":[1]}',
        },
        {
            "int": -(2**63),
            "float": 2.0,
            "mixed": '"one"',
            "both": 2.5,
            "text": None,
            "bool": None,
            "none": None,
            "deep": None,
        },
    ]


async def test_items_as_parquet(ledger, tmp_path):
    await export(ledger, tmp_path / "a.parquet", what=What.ITEMS)
    rows = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert [row["key"] for row in rows][-1] == HOSTILE
    assert rows[0]["payload"] == '{"of":"key-0"}'
    assert rows[0]["lost"] is False


async def test_parquet_is_written_in_groups(tmp_path):
    ledger = await filled(MemoryLedger(), *[[{"text": "t" * 100_000}] * 100 for _ in range(4)])
    await export(ledger, tmp_path / "a.parquet")
    file = parquet.ParquetFile(tmp_path / "a.parquet")
    assert file.metadata.num_rows == 400
    assert file.metadata.num_row_groups >= 2


@pytest.mark.parametrize("format", list(ExportFormat))
@pytest.mark.parametrize("what", list(What))
async def test_an_empty_ledger_makes_an_empty_file(tmp_path, format, what):
    exported = await export(MemoryLedger(), tmp_path / "a", format=format, what=what)
    assert (exported.records, exported.items) in {(0, None), (None, 0)}
    assert (tmp_path / "a").exists()


@pytest.mark.parametrize("format", list(ExportFormat))
async def test_records_without_any_value_are_rows_all_the_same(tmp_path, format):
    ledger = await filled(MemoryLedger(), {}, {}, [None])
    assert (await export(ledger, tmp_path / "a", format=format)).records == 3
    if format is ExportFormat.PARQUET:
        assert parquet.read_table(tmp_path / "a").num_rows == 3


@pytest.mark.parametrize("format", list(ExportFormat))
async def test_a_file_that_is_there_is_left_alone(ledger, tmp_path, format):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(OutputError, match="a exists: name a file that does not"):
        await export(ledger, tmp_path / "a", format=format)
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "mine"


async def test_where_nothing_can_be_written_that_is_said(ledger, tmp_path):
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
        await export(ledger, tmp_path / "none" / "a.csv")


class Failing(MemoryLedger):
    async def results(self, after, limit):
        if after:
            raise LedgerCorruptionError
        return (await super().results(after, limit))[:1]


@pytest.mark.parametrize("format", list(ExportFormat))
async def test_after_an_error_there_is_no_file(tmp_path, format):
    ledger = await filled(Failing(), {"a": 1}, {"a": 2})
    with pytest.raises(LedgerCorruptionError):
        await export(ledger, tmp_path / "a", format=format)
    assert list(tmp_path.iterdir()) == []


class Stuck(MemoryLedger):
    async def results(self, after, limit):
        if after:
            await asyncio.Event().wait()
        return await super().results(after, limit)


@pytest.mark.real_time
@pytest.mark.parametrize("format", list(ExportFormat))
async def test_a_cancelled_export_leaves_nothing(tmp_path, format):
    ledger = await filled(Stuck(), *[{"a": number} for number in range(500)])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await export(ledger, tmp_path / "a", format=format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real_time
@pytest.mark.parametrize("format", list(ExportFormat))
async def test_an_export_holds_what_was_there_when_it_began(tmp_path, format):
    """Also when results come between the look for columns and the writing."""
    ledger = await SqliteLedger.open(tmp_path / "ledger.db")
    await filled(ledger, *[{"a": number} for number in range(450)])
    await ledger.add([NewItem(f"later-{number}") for number in range(300)])
    leases = await ledger.lease("me", 300, 0.0, 1e9)

    async def go_on():
        for number, lease in enumerate(leases):
            shape, lines = written({"a": "late", f"new-{number}": 1})
            await ledger.record(Record(lease, ItemStatus.DONE, 1, shape, lines))

    target = tmp_path / "out"
    going = asyncio.ensure_future(go_on())
    exported = await export(ledger, target, format=format, what=What.RECORDS)
    assert 450 <= exported.records < 750
    await going
    if format is ExportFormat.CSV:
        head, *rows = rows_of(target)
        assert all(len(row) == len(head) for row in rows)
        assert len(rows) == exported.records
    await ledger.close()


async def test_a_large_ledger_is_read_a_slice_at_a_time(tmp_path):
    class Counting(MemoryLedger):
        largest = 0

        async def results(self, after, limit):
            found = await super().results(after, limit)
            self.largest = max(self.largest, len(found))
            return found

    ledger = await filled(Counting(), *[{"a": number} for number in range(1_000)])
    await export(ledger, tmp_path / "a.csv")
    assert ledger.largest <= 100


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.jsonl", "jsonl"), ("A.CSV", "csv"), ("a.b.parquet", "parquet"), ("a.db", "sqlite"), ("a.sqlite3", "sqlite")],
)
def test_the_suffix_tells_the_format(tmp_path, name, format):
    assert format_of(tmp_path / name) is ExportFormat(format)


def test_a_suffix_that_tells_nothing_is_an_error_that_names_those_that_do(tmp_path):
    with pytest.raises(
        ValidationError, match=r"a.xlsx: the format cannot be told from its suffix: use one of .jsonl, "
    ):
        format_of(tmp_path / "a.xlsx")


def test_without_pyarrow_one_line_says_how_to_get_it(tmp_path):
    script = (
        "import asyncio, sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path; from outlast.jobs.export import export; from outlast.ledger import MemoryLedger\n"
        "try: asyncio.run(export(MemoryLedger(), Path(sys.argv[1])))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "a.parquet"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "ConfigurationError Parquet files need the package pyarrow: pip install 'outlast[parquet]'\n"
    assert list(tmp_path.iterdir()) == []


def test_more_columns_than_a_table_can_have_are_refused():
    columns = Columns()
    columns.see({str(number): 1 for number in range(COLUMNS_MAX)})
    with pytest.raises(ValidationError, match="more than 2000 different keys.*jsonl or sqlite"):
        columns.see({"one more": 1})


JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.lists(st.booleans(), max_size=2),
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), JSON), max_size=8))
def test_a_cell_says_what_the_value_was(records):
    columns = Columns()
    for record in records:
        columns.see(as_row(record))
    for record in records:
        for name, value in record.items():
            kind = columns.kinds[name]
            found = cell(kind, value)
            if value is None:
                assert found is None
            elif kind is Kind.JSON:
                assert json.loads(found) == value
            else:
                assert found == value
                assert kind is not Kind.EMPTY
