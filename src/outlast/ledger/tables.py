"""An open ledger file and the rows in it, read as bytes: they are proved before anything decodes them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import apsw

from outlast.errors import SealError
from outlast.ledger.health import FINDINGS_KEPT_MAX, Finding
from outlast.ledger.rows import ItemRow, ResultRow
from outlast.ledger.sealing import Sealing

__all__ = ["UNREADABLE", "Tables", "paired"]

UNREADABLE = (SealError, ValueError, TypeError)
"""What reading a text raises whose checksum fits and that nobody of ours has written so."""

_ITEM = ("id", "key", "payload", "status", "attempts", "not_before", "error", "identity", "state")
_RESULT = ("position", "item", "shape", "lines", "checksum")
_TEXTS = {"key", "payload", "error", "lines"}
_NEVER_NULL = {"key", "lines"}


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
        return self._read(f"SELECT {{items}} FROM {source} {rest}", bindings)  # noqa: S608 - ours

    def bare_results(self, rest: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._read(f"SELECT {{results}} FROM results {rest}", bindings)  # noqa: S608 - ours

    def results_with_items(self, rest: str, bindings: Sequence[Any] = ()) -> list[tuple[ResultRow, ItemRow | None]]:
        """Each result with the item that it names; None where there is no such item."""
        return [paired(row) for row in self.bare_results_with_items(rest, bindings)]

    def bare_results_with_items(self, rest: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        sql = f"SELECT {{results}}, {{items}} FROM results LEFT JOIN items ON items.id = results.item {rest}"  # noqa: S608
        return self._read(sql, bindings)

    def _read(self, sql: str, bindings: Sequence[Any]) -> list[tuple[Any, ...]]:
        try:
            return self.rows(sql.format(**_PLAINLY), bindings)
        except UnicodeDecodeError:
            # Damage has made a text of a number, and none that could be decoded.
            return self.rows(sql.format(**_CAREFULLY), bindings)

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
