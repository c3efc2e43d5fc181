"""What a ledger holds, written to a file for other tools: JSON lines, CSV, Parquet or SQLite.

The job may go on meanwhile: the records are those that were there when the export began. A slice is read at a time.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlast.errors import OutputError, ValidationError
from outlast.jobs.columns import ITEM_COLUMNS, Columns, as_row
from outlast.jobs.tablefiles import CsvFile, LinesFile, SqliteFile
from outlast.ledger.port import Ledger, Result, StoredItem
from outlast.storage.publishing import publishing
from outlast.storage.strictjson import decode, encode

if TYPE_CHECKING:
    from outlast.jobs.parquet import ParquetFile

__all__ = ["ExportFormat", "Exported", "What", "export", "format_of"]

SLICE = 100
"""How many items or results are read at once; one of them may be large."""


class ExportFormat(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    SQLITE = "sqlite"


class What(StrEnum):
    """`RECORDS` is what the handlers returned, `ITEMS` what they were given and where each stands."""

    RECORDS = "records"
    ITEMS = "items"


@dataclass(slots=True)
class Exported:
    """How many records and items the file holds, and its bytes; None for what was not asked for."""

    records: int | None = None
    items: int | None = None
    size: int = 0


_SUFFIXES = {
    ".jsonl": ExportFormat.JSONL,
    ".ndjson": ExportFormat.JSONL,
    ".csv": ExportFormat.CSV,
    ".parquet": ExportFormat.PARQUET,
    ".db": ExportFormat.SQLITE,
    ".sqlite": ExportFormat.SQLITE,
    ".sqlite3": ExportFormat.SQLITE,
}


def format_of(target: Path) -> ExportFormat:
    """The format that a file's suffix asks for. Raises `ValidationError` for one that is not known."""
    try:
        return _SUFFIXES[target.suffix.lower()]
    except KeyError as error:
        known = ", ".join(_SUFFIXES)
        raise ValidationError(
            f"{target.name}: the format cannot be told from its suffix: use one of {known}"
        ) from error


async def export(
    ledger: Ledger,
    target: Path,
    *,
    format: ExportFormat | None = None,  # noqa: A002 - what everybody calls it
    what: What | None = None,
) -> Exported:
    """Write the ledger's records or items to `target`, which is not there yet and appears when it is whole and durable.

    Without `format` the suffix tells. Without `what` it is the records; a SQLite file gets both. Raises `OutputError` when the file
    cannot be written, `ConfigurationError` when the format needs a package that is missing.
    """
    chosen = format or format_of(target)
    try:
        async with _published(target) as aside:
            exported = await _WRITERS[chosen](ledger, aside, what)
            exported.size = aside.stat().st_size
    except FileExistsError as error:
        raise OutputError(f"{target} exists: name a file that does not", context={"path": str(target)}) from error
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{target} cannot be written: {reason}", context={"path": str(target)}) from error
    return exported


async def _to_lines(ledger: Ledger, aside: Path, what: What | None) -> Exported:
    count = 0
    with closing(LinesFile(aside)) as file:
        if what is What.ITEMS:
            async for items in _items(ledger):
                file.write(f"{encode(_document(item)).decode()}\n" for item in items)
                count += len(items)
            return Exported(items=count)
        async for results in _results(ledger, await ledger.position()):
            file.write(result.lines for result in results)
            count += sum(result.lines.count("\n") for result in results)
    return Exported(records=count)


async def _to_csv(ledger: Ledger, aside: Path, what: What | None) -> Exported:
    return await _to_table(ledger, aside, what, CsvFile)


async def _to_parquet(ledger: Ledger, aside: Path, what: What | None) -> Exported:
    from outlast.jobs.parquet import ParquetFile  # noqa: PLC0415 - it needs an extra, and takes half a second to load

    return await _to_table(ledger, aside, what, ParquetFile)


async def _to_table(ledger: Ledger, aside: Path, what: What | None, make: "type[CsvFile | ParquetFile]") -> Exported:
    count = 0
    if what is What.ITEMS:
        with closing(make(aside, ITEM_COLUMNS)) as file:
            async for items in _items(ledger):
                file.write(_document(item) for item in items)
                count += len(items)
        return Exported(items=count)
    end = await ledger.position()
    columns = Columns()
    async for results in _results(ledger, end):
        for row in _rows(results):
            columns.see(row)
    with closing(make(aside, columns.kinds)) as file:
        async for results in _results(ledger, end):
            rows = _rows(results)
            file.write(rows)
            count += len(rows)
    return Exported(records=count)


async def _to_sqlite(ledger: Ledger, aside: Path, what: What | None) -> Exported:
    exported = Exported()
    with closing(SqliteFile(aside)) as file:
        if what is not What.ITEMS:
            exported.records = 0
            async for results in _results(ledger, await ledger.position()):
                records = [(result.position, result.key, line) for result in results for line in _lines(result)]
                file.write_records(records)
                exported.records += len(records)
        if what is not What.RECORDS:
            exported.items = 0
            async for items in _items(ledger):
                file.write_items(items)
                exported.items += len(items)
    return exported


_WRITERS = {
    ExportFormat.JSONL: _to_lines,
    ExportFormat.CSV: _to_csv,
    ExportFormat.PARQUET: _to_parquet,
    ExportFormat.SQLITE: _to_sqlite,
}


async def _results(ledger: Ledger, end: int) -> AsyncIterator[Sequence[Result]]:
    """The results up to a position, so that those which come meanwhile are not there in one pass and missing in another."""
    after = 0
    while results := await ledger.results(after, SLICE):
        after = results[-1].position
        yield [result for result in results if result.position <= end]
        if after >= end:
            return


async def _items(ledger: Ledger) -> AsyncIterator[Sequence[StoredItem]]:
    after = 0
    while items := await ledger.items(after, SLICE):
        after = items[-1].item
        yield items


def _lines(result: Result) -> list[str]:
    return result.lines.split("\n")[:-1]  # not `splitlines`: JSON may hold U+2028


def _rows(results: Sequence[Result]) -> list[Mapping[str, Any]]:
    return [as_row(decode(line)) for result in results for line in _lines(result)]


def _document(item: StoredItem) -> dict[str, Any]:
    return {
        "key": item.key,
        "status": item.status.value,
        "attempts": item.attempts,
        "not_before": item.not_before,
        "error": None if item.error is None else decode(item.error),
        "payload": None if item.payload is None else decode(item.payload),
        "lost": item.lost,
    }


@asynccontextmanager
async def _published(target: Path) -> AsyncIterator[Path]:
    """`publishing`, with its syncs off the loop. Cancelled during the last of them, it ends that before it is cancelled."""
    file = publishing(target)
    aside = await asyncio.to_thread(file.__enter__)
    try:
        yield aside
    except BaseException as error:
        file.__exit__(type(error), error, error.__traceback__)
        raise
    ending = asyncio.ensure_future(asyncio.to_thread(file.__exit__, None, None, None))
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        await asyncio.wait([ending])
        raise
