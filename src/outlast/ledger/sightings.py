"""What a cell of a raw page is: a row of the ledger, by its shape alone. Whether it is true, its checksum says."""

from collections.abc import Sequence
from typing import NamedTuple

from outlast.ledger.pages import Cell, Value
from outlast.ledger.rows import ItemRow, ResultRow, fact_checksum

__all__ = [
    "FactRow",
    "Name",
    "count_in",
    "fact_in",
    "is_of_schema_1",
    "item_in",
    "name_in",
    "ordered",
    "result_in",
    "token_in",
]

NUMBER_MAX = 2**53
"""Larger ids and tokens are not those of a ledger."""


class FactRow(NamedTuple):
    """A row of `facts` or `spare`."""

    name: bytes
    value: str | bytes
    checksum: int | None

    @property
    def proved(self) -> bool:
        return self.checksum == fact_checksum(self.name, self.value)


class Name(NamedTuple):
    """An entry of the index of keys."""

    key: bytes
    item: int


def item_in(cell: Cell) -> ItemRow | None:
    match cell:
        case Cell(
            int(item), (None, str() | bytes() as key, payload, int(status), int(attempts), due, error, ident, state)
        ):
            stand = (status, attempts, _seconds(due), _bytes(error))
            return ItemRow(item, _stored(key), _bytes(payload), *stand, _integer(ident), _integer(state))
        case _:
            return None


def result_in(cell: Cell) -> ResultRow | None:
    match cell:
        case Cell(int(position), (None, int(item), int(shape), str() | bytes() as lines, checksum)):
            return ResultRow(position, item, shape, _stored(lines), _integer(checksum))
        case _:
            return None


def fact_in(cell: Cell) -> FactRow | None:
    match cell:
        case Cell(None, (str() | bytes() as name, str() | bytes() as value, checksum)):
            return FactRow(_stored(name), value, _integer(checksum))
        case _:
            return None


def name_in(cell: Cell) -> Name | None:
    match cell:
        case Cell(None, (str(key), int(item))) if 0 < item < NUMBER_MAX:
            return Name(key.encode(), item)
        case _:
            return None


def token_in(cell: Cell) -> int | None:
    """The fencing token of a lease, or the newest one."""
    match cell:
        case Cell(int(), (int(token),)) | Cell(int(), (None, str(), int() | float(), int(token))):
            return token if 0 <= token < NUMBER_MAX else None
        case _:
            return None


def count_in(cell: Cell) -> tuple[int, int] | None:
    """A status, and how many items the ledger says it has of it; nothing proves that."""
    match cell:
        case Cell(int(status), (None, int(number))) if 0 <= number < NUMBER_MAX:
            return status, number
        case _:
            return None


def is_of_schema_1(cell: Cell) -> bool:
    """Whether it is an item of a ledger whose rows had no checksums yet."""
    match cell:
        case Cell(int(), (None, str(), _, int(), int(), _, _)):
            return True
        case _:
            return False


def ordered(cells: Sequence[Cell]) -> list[Cell]:
    """The cells of a table's page in the order of their rowids, as they were written.

    A rowid that does not lie between its neighbours is damaged; rows follow each other, so it is the one after the row before.
    """
    ids = [cell.rowid or 0 for cell in cells]
    for place, rowid in enumerate(ids):
        before, after = ids[place - 1 : place], ids[place + 1 : place + 2]
        if place == 0 or not after or before[0] < rowid < after[0] or before[0] >= after[0]:
            continue
        ids[place] = before[0] + 1
    return [cell._replace(rowid=rowid) for cell, rowid in zip(cells, ids, strict=True)]


def _stored(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _bytes(value: Value) -> bytes | None:
    return _stored(value) if isinstance(value, str | bytes) else None


def _integer(value: Value) -> int | None:
    return value if isinstance(value, int) else None


def _seconds(value: Value) -> float | None:
    # SQLite writes a whole number of seconds as an integer.
    return float(value) if isinstance(value, int | float) else None
