"""Files that rows are written to: JSON lines, CSV, SQLite. Each is made at a name aside and published when it is whole."""

import csv
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from outlast.jobs.columns import Kind
from outlast.ledger.port import StoredItem
from outlast.storage.strictjson import encode

__all__ = ["CsvFile", "LinesFile", "SqliteFile"]

_TABLES = """
CREATE TABLE records (position INTEGER NOT NULL, key TEXT NOT NULL, record TEXT NOT NULL);
CREATE TABLE items (
  key TEXT PRIMARY KEY, status TEXT NOT NULL, attempts INTEGER NOT NULL, not_before REAL, error TEXT, payload TEXT,
  lost INTEGER NOT NULL
);
"""


class LinesFile:
    """One JSON text a line."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, lines: Iterable[str]) -> None:
        """Each ends with a newline."""
        self._file.write("".join(lines).encode())

    def close(self) -> None:
        self._file.close()


class CsvFile:
    """Comma-separated values in UTF-8, as RFC 4180 has them: a head, quotes where they are needed, CRLF.

    Text stands as it is, numbers and booleans as in JSON, objects and lists as JSON text; null and missing are empty.
    """

    def __init__(self, path: Path, columns: Mapping[str, Kind]) -> None:
        self._columns = list(columns)
        self._file = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(self._columns)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows.writerows([_printed(row.get(name)) for name in self._columns] for row in rows)

    def close(self) -> None:
        self._file.close()


class SqliteFile:
    """A database that any SQLite tool reads: `records` and `items`; errors, payloads and records are JSON text."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        # Nobody sees the file before it is whole and synced.
        self._db.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_TABLES}; BEGIN")

    def write_records(self, rows: Iterable[tuple[int, str, str]]) -> None:
        """Position, key and JSON text."""
        self._db.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)

    def write_items(self, items: Iterable[StoredItem]) -> None:
        self._db.executemany(
            "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (each.key, each.status.value, each.attempts, each.not_before, each.error, each.payload, each.lost)
                for each in items
            ],
        )

    def close(self) -> None:
        """Commit, unless an error is on its way; then the file is thrown away."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")
        self._db.close()


def _printed(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else encode(value).decode()
