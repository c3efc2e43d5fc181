"""Where salvaged rows wait to be chosen from: on the disk, because a ledger may be larger than memory."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import apsw

from outlast.ledger.pages import text_of
from outlast.ledger.rows import ItemRow, ResultRow, identity_of
from outlast.ledger.schema import NOBODY
from outlast.ledger.settle import Candidate, Seen
from outlast.ledger.sightings import FactRow, Name

__all__ = ["Stage"]

_TABLES = """
CREATE TABLE stage.items (
  item INTEGER, key BLOB, payload BLOB, status INTEGER, attempts INTEGER, not_before REAL, error BLOB,
  identity INTEGER, state INTEGER, newest INTEGER
);
CREATE TABLE stage.names (item INTEGER PRIMARY KEY, key BLOB);
CREATE TABLE stage.results (
  position INTEGER, item INTEGER, shape INTEGER, lines BLOB, checksum INTEGER, UNIQUE (position, item, checksum)
);
CREATE TABLE stage.facts (name BLOB PRIMARY KEY, value, checksum INTEGER) WITHOUT ROWID;
CREATE TABLE stage.finished (item INTEGER PRIMARY KEY);
"""
_INDEXES = """
CREATE INDEX stage.items_by_id ON items(item, newest);
CREATE INDEX stage.names_by_key ON names(key);
"""
_SEEN = """
SELECT items.*, names.key, finished.item IS NOT NULL FROM stage.items
LEFT JOIN stage.names USING (item) LEFT JOIN stage.finished USING (item)
ORDER BY items.item, newest DESC, items.rowid
"""
_ONLY_NAMED = """
SELECT names.item, names.key, finished.item IS NOT NULL FROM stage.names LEFT JOIN stage.finished USING (item)
WHERE names.item <= ? AND names.item NOT IN (SELECT item FROM stage.items) ORDER BY names.item
"""


class Stage:
    """Tables of `db`, in a file of their own at `path`. Of several facts, names or results in one place the first one stays."""

    def __init__(self, db: apsw.Connection, path: Path) -> None:
        self._db = db
        db.execute("ATTACH ? AS stage", (str(path),))
        db.execute("PRAGMA stage.journal_mode = OFF")
        db.execute("PRAGMA stage.synchronous = OFF")
        db.execute(_TABLES)

    def keep_items(self, rows: Iterable[ItemRow], *, newest: bool) -> None:
        self._db.executemany("INSERT INTO stage.items VALUES (?,?,?,?,?,?,?,?,?,?)", [(*row, newest) for row in rows])

    def keep_names(self, names: Iterable[Name]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO stage.names (key, item) VALUES (?, ?)", names)

    def keep_results(self, rows: Iterable[ResultRow]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO stage.results VALUES (?, ?, ?, ?, ?)", rows)

    def keep_facts(self, rows: Iterable[FactRow]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO stage.facts VALUES (?, ?, ?)", rows)

    def finish(self, item: int) -> bool:
        """Note that a result of the item is taken; False when one was taken before."""
        self._db.execute("INSERT OR IGNORE INTO stage.finished VALUES (?)", (item,))
        return bool(self._db.changes())

    def results(self) -> Iterator[ResultRow]:
        """In the order of their positions, those seen first before those in the same place."""
        for row in self._db.execute("SELECT * FROM stage.results ORDER BY position, rowid"):
            yield ResultRow._make(row)

    def unplaced_results(self) -> Iterator[ResultRow]:
        """Those of items of which none is taken yet."""
        sql = (
            "SELECT * FROM stage.results WHERE item <> ? AND item NOT IN (SELECT item FROM stage.finished) "
            "ORDER BY position, rowid"
        )
        for row in self._db.execute(sql, (NOBODY,)):
            yield ResultRow._make(row)

    def rows(self) -> int:
        """How many rows of items were seen."""
        [(number,)] = self._db.execute("SELECT count(*) FROM stage.items")
        return int(number)

    def is_bare(self) -> bool:
        """Whether no item was seen that has a payload."""
        return not self._db.execute("SELECT 1 FROM stage.items WHERE payload IS NOT NULL LIMIT 1").fetchall()

    def is_sealed(self) -> bool:
        """Whether the first item that is proved has a payload that is no text."""
        for key, payload, identity in self._db.execute("SELECT key, payload, identity FROM stage.items"):
            if payload and identity == identity_of(key, payload):
                return isinstance(text_of(payload), bytes)
        return False

    def facts(self) -> list[FactRow]:
        return [FactRow._make(row) for row in self._db.execute("SELECT * FROM stage.facts")]

    def place_of(self, key: bytes) -> int | None:
        """The item that the index of keys says has this key."""
        for (item,) in self._db.execute("SELECT item FROM stage.names WHERE key = ?", (key,)):
            return int(item)
        return None

    def seen(self, newest: int) -> Iterator[Seen]:
        """Every item that left a row, by its id; then those up to `newest` that left a key alone."""
        self._db.execute(_INDEXES)
        for item, rows in groupby(self._db.execute(_SEEN), itemgetter(0)):
            kept = list(rows)
            candidates = tuple(Candidate(ItemRow._make(row[:9]), bool(row[9])) for row in kept)
            yield Seen(item, candidates, kept[0][10], bool(kept[0][11]))
        for item, key, finished in self._db.execute(_ONLY_NAMED, (newest,)):
            yield Seen(item, (), key, bool(finished))

    def close(self) -> None:
        self._db.execute("DETACH stage")
