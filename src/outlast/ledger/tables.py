"""An open ledger file and the rows in it, read as bytes: they are proved before anything decodes them."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import apsw

from outlast.errors import SealError
from outlast.ledger.health import FINDINGS_KEPT_MAX, Finding
from outlast.ledger.rows import ItemRow, ResultRow
from outlast.ledger.sealing import Sealing

__all__ = ["SLICE_BYTES", "UNREADABLE", "Tables", "paired"]

SLICE_BYTES = 8 * 1024 * 1024
"""A slice ends with the row that fills it, however few rows it has then."""

UNREADABLE = (SealError, ValueError, TypeError)
"""What reading a text raises whose checksum fits and that nobody of ours has written so."""

_ITEM = ("id", "key", "payload", "status", "attempts", "not_before", "error", "identity", "state")
_RESULT = ("position", "item", "shape", "lines", "checksum")
_PAIRS = "SELECT {results}, {items} FROM results LEFT JOIN items ON items.id = results.item "
_TEXTS = {"key", "payload", "error", "lines"}
_LARGE = _TEXTS - {"key"}
_NEVER_NULL = {"key", "lines"}

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Tables:
    """A connection and what belongs to it. `change` is by how much the transaction changes the kept counts."""

    db: apsw.Connection
    sealing: Sealing
    writable: bool
    change: Counter[int] = field(default_factory=Counter)
    found: list[Finding] = field(default_factory=list)

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.db.execute(sql, bindings).fetchall()

    def items(self, rest: str, bindings: Sequence[Any] = (), *, source: str = "items") -> list[ItemRow]:
        """The rows of `source`, a table or join in which the items are called `items`."""
        return [ItemRow._make(row) for row in self.bare_items(rest, bindings, source=source)]

    def bare_items(self, rest: str, bindings: Sequence[Any] = (), *, source: str = "items") -> list[tuple[Any, ...]]:
        """What `items` makes rows of: for those who read a million of them."""
        return self._read(f"SELECT {{items}} FROM {source} {rest}", bindings, list)  # noqa: S608 - ours

    def slice_of_items(self, rest: str, bindings: Sequence[Any]) -> tuple[list[tuple[Any, ...]], bool]:
        """Bare rows up to the limit that `rest` ends with, or up to `SLICE_BYTES`; and whether that ended them early."""
        return self._read(f"SELECT {{items}} FROM items {rest}", bindings, _sliced(_ITEM))  # noqa: S608 - ours

    def slice_of_results(self, rest: str, bindings: Sequence[Any]) -> tuple[list[tuple[Any, ...]], bool]:
        """The same of results."""
        return self._read(f"SELECT {{results}} FROM results {rest}", bindings, _sliced(_RESULT))  # noqa: S608 - ours

    def slice_of_results_with_items(self, rest: str, bindings: Sequence[Any]) -> tuple[list[tuple[Any, ...]], bool]:
        """The same of results with their items; see `paired`."""
        return self._read(_PAIRS + rest, bindings, _sliced((*_RESULT, *_ITEM)))

    def results_with_items(self, rest: str, bindings: Sequence[Any] = ()) -> list[tuple[ResultRow, ItemRow | None]]:
        """Each result with the item that it names; None where there is no such item."""
        return [paired(row) for row in self._read(_PAIRS + rest, bindings, list)]

    def _read(self, sql: str, bindings: Sequence[Any], take: Callable[[Iterable[tuple[Any, ...]]], Answer]) -> Answer:
        try:
            return self._taken(sql.format(**_PLAINLY), bindings, take)
        except UnicodeDecodeError:
            # Damage has made a text of a number, and none that could be decoded.
            return self._taken(sql.format(**_CAREFULLY), bindings, take)

    def _taken(self, sql: str, bindings: Sequence[Any], take: Callable[[Iterable[tuple[Any, ...]]], Answer]) -> Answer:
        cursor = self.db.execute(sql, bindings)
        try:
            return take(cursor)
        finally:
            cursor.close()  # one that is not read to its end holds on to its moment

    def name(self, key: bytes, payload: bytes | None) -> str:
        """The item's key for people; what stands in its place when that cannot be read."""
        try:
            return self.sealing.item(key, payload)[0]
        except UNREADABLE:
            return key.decode(errors="replace")

    def report(self, findings: Sequence[Finding]) -> None:
        """Keep for `damage` what was found; beyond `FINDINGS_KEPT_MAX` the oldest stay."""
        self.found.extend(findings[: FINDINGS_KEPT_MAX - len(self.found)])


def paired(row: tuple[Any, ...]) -> tuple[ResultRow, ItemRow | None]:
    """A bare row of a result with its item."""
    width = len(_RESULT)
    return ResultRow._make(row[:width]), None if row[width] is None else ItemRow._make(row[width:])


def _sliced(columns: Sequence[str]) -> Callable[[Iterable[tuple[Any, ...]]], tuple[list[tuple[Any, ...]], bool]]:
    large = [place for place, name in enumerate(columns) if name in _LARGE]

    def take(rows: Iterable[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], bool]:
        taken, size = [], 0
        for row in rows:
            taken.append(row)
            for place in large:
                size += len(row[place] or b"")
            if size >= SLICE_BYTES:
                return taken, True
        return taken, False

    return take


def _column(table: str, name: str, *, carefully: bool) -> str:
    column = f"{table}.{name}"
    if name in _TEXTS:
        return f"CAST(ifnull({column}, x'') AS BLOB)" if name in _NEVER_NULL else f"CAST({column} AS BLOB)"
    return f"iif(typeof({column}) = 'text', CAST({column} AS BLOB), {column})" if carefully else column


def _columns(*, carefully: bool) -> dict[str, str]:
    return {
        table: ", ".join(_column(table, name, carefully=carefully) for name in names)
        for table, names in {"items": _ITEM, "results": _RESULT}.items()
    }


_PLAINLY = _columns(carefully=False)
_CAREFULLY = _columns(carefully=True)
