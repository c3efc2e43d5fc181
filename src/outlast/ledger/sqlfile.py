"""The SQL of the ledger: one SQLite file, WAL, `synchronous=FULL`, a batch of requests a transaction."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from outlast.errors import LedgerCorruptionError, LedgerError, LedgerUnavailableError, StaleLeaseError
from outlast.ledger.port import Counts, ItemStatus, Lease, NewItem, Record, Result, StoredFailure
from outlast.ledger.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION, SHAPE_NUMBER, SHAPES, STATUS_NUMBER, STATUSES
from outlast.storage.strictjson import decode

__all__ = ["LedgerFile", "Read", "Request", "Write"]

WAL_PAGES_MAX = 4_000
CACHE_KIB = 16_000
BUSY_MILLISECONDS = 10_000


@dataclass(frozen=True, slots=True)
class Read:
    """A question; it is answered before the batch's changes, from what is already durable."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Write:
    call: Callable[[], Any]


Request = Record | Read | Write


class LedgerFile:
    """The SQL; used by one thread at a time."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path
        with self._translated():
            self._db = _connect(path, read_only=read_only)
            _check_schema(self._db, path, read_only=read_only)
        self._change: Counter[int] = Counter()

    def apply(self, batch: Sequence[Request]) -> Sequence[Any]:
        outcomes: list[Any] = [None] * len(batch)
        records: list[int] = []
        writes: list[int] = []
        with self._translated():
            for place, request in enumerate(batch):
                if isinstance(request, Record):
                    records.append(place)
                elif isinstance(request, Write):
                    writes.append(place)
                else:
                    outcomes[place] = request.call()
            if records or writes:
                self._commit(batch, records, writes, outcomes)
        return outcomes

    def _commit(self, batch: Sequence[Any], records: list[int], writes: list[int], outcomes: list[Any]) -> None:
        self._change.clear()
        # `with` on an apsw connection is a savepoint; a plain transaction is what lets a reader go on while this waits.
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if records:
                for place, stale in zip(records, self._record([batch[place] for place in records]), strict=True):
                    outcomes[place] = stale
            for place in writes:
                outcomes[place] = batch[place].call()
            self._db.executemany(
                "UPDATE counts SET n = n + ? WHERE status = ?",
                [(change, status) for status, change in self._change.items() if change],
            )
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _record(self, records: list[Record]) -> Sequence[StaleLeaseError | None]:
        """Write the records whose leases hold; for each record an error or None."""
        given_up = self._db.executemany(
            "DELETE FROM leases WHERE item = ? AND token = ? RETURNING item, token",
            [(record.lease.item, record.lease.token) for record in records],
        )
        held = set(given_up)
        if len(held) == len(records):
            self._write(records)
            return [None] * len(records)
        outcomes: list[StaleLeaseError | None] = []
        good: list[Record] = []
        for record in records:
            lease = (record.lease.item, record.lease.token)
            if lease in held:
                held.remove(lease)
                good.append(record)
                outcomes.append(None)
            else:
                outcomes.append(StaleLeaseError(context={"key": record.lease.key, "token": record.lease.token}))
        self._write(good)
        return outcomes

    def _write(self, records: list[Record]) -> None:
        items: list[tuple[Any, ...]] = []
        results: list[tuple[Any, ...]] = []
        children: list[NewItem] = []
        for lease, status, attempts, shape, lines, enqueued, not_before, error in records:
            items.append((STATUS_NUMBER[status], attempts, not_before, error, lease.item))
            if status is ItemStatus.DONE:
                results.append((lease.item, SHAPE_NUMBER[shape], lines))
            children.extend(enqueued)
        self._db.executemany("UPDATE items SET status = ?, attempts = ?, not_before = ?, error = ? WHERE id = ?", items)
        self._db.executemany("INSERT INTO results (item, shape, lines) VALUES (?, ?, ?)", results)
        self._change[0] -= len(items)
        for item in items:
            self._change[item[0]] += 1
        if children:
            self.add(children)

    def add(self, items: Sequence[NewItem]) -> int:
        return self._changed(
            0,
            "INSERT INTO items (key, payload) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
            [(item.key, item.payload) for item in items],
        )

    def lease(self, owner: str, count: int, now: float, expires: float) -> list[Lease]:
        self._db.execute("DELETE FROM leases WHERE expires <= ?", (now,))
        earliest = self.next_due()
        if earliest is not None and earliest <= now:
            self._make_pending(now, count)
        [(token,)] = self._rows("UPDATE fence SET token = token + 1 RETURNING token")
        self._db.execute(
            "INSERT INTO leases SELECT id, ?, ?, ? FROM items INDEXED BY items_pending "
            "WHERE status = 0 AND id NOT IN (SELECT item FROM leases) ORDER BY id LIMIT ?",
            (owner, expires, token, count),
        )
        rows = self._rows(
            "SELECT id, key, payload, attempts FROM leases JOIN items ON items.id = item WHERE token = ? ORDER BY id",
            (token,),
        )
        return [Lease(item, key, payload, attempts, token) for item, key, payload, attempts in rows]

    def _make_pending(self, now: float, count: int) -> None:
        self._db.execute(
            "UPDATE items SET status = 0, not_before = NULL WHERE id IN "
            "(SELECT id FROM items WHERE status = 4 AND not_before <= ? ORDER BY not_before LIMIT ?)",
            (now, count),
        )
        due = self._db.changes()
        self._change[0] += due
        self._change[4] -= due

    def renew(self, owner: str, expires: float) -> int:
        self._db.execute("UPDATE leases SET expires = ? WHERE owner = ?", (expires, owner))
        return self._db.changes()

    def release(self, owner: str | None) -> int:
        self._db.execute("DELETE FROM leases WHERE owner = ifnull(?, owner)", (owner,))
        return self._db.changes()

    def retry(self, status: ItemStatus) -> int:
        number = STATUS_NUMBER[status]
        self._db.execute(
            "UPDATE items SET status = 0, attempts = 0, not_before = NULL, error = NULL WHERE status = ?", (number,)
        )
        again = self._db.changes()
        self._change[0] += again
        self._change[number] -= again
        return again

    def counts(self) -> Counts:
        stored = dict(self._rows("SELECT status, n FROM counts"))
        [(leased,)] = self._rows("SELECT count(*) FROM leases")
        by_status = {status.value: stored[number] for number, status in enumerate(STATUSES)}
        return Counts(**{**by_status, "pending": stored[0] - leased, "leased": leased})

    def next_due(self) -> float | None:
        due: float | None
        [(due,)] = self._rows("SELECT min(not_before) FROM items WHERE status = 4")
        return due

    def results(self, after: int, limit: int) -> list[Result]:
        rows = self._rows(
            "SELECT position, key, shape, lines FROM results JOIN items ON items.id = results.item "
            "WHERE position > ? ORDER BY position LIMIT ?",
            (after, limit),
        )
        return [Result(position, key, SHAPES[shape], lines) for position, key, shape, lines in rows]

    def position(self) -> int:
        newest: int
        [(newest,)] = self._rows("SELECT ifnull(max(position), 0) FROM results")
        return newest

    def failures(self, after: int, limit: int) -> list[StoredFailure]:
        rows = self._rows(
            "SELECT id, key, attempts, error FROM items WHERE status = 3 AND id > ? ORDER BY id LIMIT ?", (after, limit)
        )
        return [StoredFailure(*row) for row in rows]

    def get(self, name: str) -> Any:
        rows = self._rows("SELECT value FROM facts WHERE name = ?", (name,))
        return decode(rows[0][0]) if rows else None

    def put(self, name: str, value: str) -> None:
        self._db.execute(
            "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
        )

    def close(self) -> None:
        with self._translated():
            self._db.close()

    def _rows(self, sql: str, bindings: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(sql, bindings).fetchall()

    def _changed(self, status: int, sql: str, rows: Sequence[tuple[Any, ...]]) -> int:
        before = self._db.total_changes()
        self._db.executemany(sql, rows)
        changed = self._db.total_changes() - before
        self._change[status] += changed
        return changed

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (apsw.CorruptError, apsw.NotADBError) as error:
            message = f"the ledger {self._path} is damaged ({error}); nothing was changed in it"
            raise LedgerCorruptionError(message, context={"path": str(self._path)}) from error
        except (apsw.Error, OSError) as error:
            message = f"the ledger {self._path} cannot be used: {error}"
            raise LedgerUnavailableError(message, context={"path": str(self._path)}) from error


def _connect(path: Path, *, read_only: bool) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    db = apsw.Connection(str(path), flags=flags)
    db.set_busy_timeout(BUSY_MILLISECONDS)
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    if not read_only:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES_MAX}")
    return db


def _check_schema(db: apsw.Connection, path: Path, *, read_only: bool) -> None:
    version = db.pragma("user_version")
    if version == 0 and not read_only and not db.execute("SELECT 1 FROM sqlite_schema").fetchone():
        with db:
            db.execute(SCHEMA)
            db.executemany("INSERT INTO counts VALUES (?, 0)", [(number,) for number in range(len(STATUSES))])
            db.execute("INSERT INTO fence VALUES (0)")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return
    if db.pragma("application_id") != APPLICATION_ID:
        raise LedgerCorruptionError(f"{path} is not a ledger of outlast", context={"path": str(path)})
    if version != SCHEMA_VERSION:
        raise LedgerError(
            f"{path} was written by another version (schema {version}; this one reads {SCHEMA_VERSION})",
            context={"path": str(path), "version": version},
        )
