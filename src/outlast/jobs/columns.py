"""Records as rows of a table: which columns there are, what type each has, and what stands in a cell."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from outlast.errors import ValidationError
from outlast.storage.strictjson import encode

__all__ = ["COLUMNS_MAX", "ITEM_COLUMNS", "VALUE", "Columns", "Kind", "as_row", "cell"]

COLUMNS_MAX = 2_000
"""Records with more different keys are no table."""

VALUE = "value"
"""The column of records that are not objects."""

_EXACT = 2**53
_WIDE = 2**63


class Kind(StrEnum):
    """The type of a column. `JSON`: the values are of several types, objects or lists, and each stands there as JSON text."""

    EMPTY = "empty"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    WIDE = "wide integer"
    """Integers that a float would not hold exactly."""
    NUMBER = "number"
    TEXT = "text"
    JSON = "json"


ITEM_COLUMNS: Mapping[str, Kind] = {
    "key": Kind.TEXT,
    "status": Kind.TEXT,
    "attempts": Kind.INTEGER,
    "not_before": Kind.NUMBER,
    "error": Kind.JSON,
    "payload": Kind.JSON,
    "lost": Kind.BOOLEAN,
}

_JOINED = {
    frozenset({Kind.INTEGER, Kind.WIDE}): Kind.WIDE,
    frozenset({Kind.INTEGER, Kind.NUMBER}): Kind.NUMBER,
}


class Columns:
    """The columns of the records seen so far, in the order in which their keys first came up."""

    def __init__(self) -> None:
        self._kinds: dict[str, Kind] = {}

    def see(self, row: Mapping[str, Any]) -> None:
        """Raises `ValidationError` when there are more than `COLUMNS_MAX`."""
        for name, value in row.items():
            self._kinds[name] = _joined(self._kinds.get(name, Kind.EMPTY), _kind(value))
        if len(self._kinds) > COLUMNS_MAX:
            raise ValidationError(
                f"the records have more than {COLUMNS_MAX} different keys, too many for columns: export them as jsonl or sqlite"
            )

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """At least one, so that a row without values is a row all the same."""
        return self._kinds or {VALUE: Kind.EMPTY}


def as_row(record: Any) -> Mapping[str, Any]:
    """The record's values by column."""
    return record if isinstance(record, dict) else {VALUE: record}


def cell(kind: Kind, value: Any) -> Any:
    """What stands in a column of this kind: a value of its type, or None."""
    match kind:
        case _ if value is None:
            return None
        case Kind.JSON:
            return encode(value).decode()
        case Kind.NUMBER:
            return float(value)
        case _:
            return value


def _joined(one: Kind, other: Kind) -> Kind:
    if one is other or other is Kind.EMPTY:
        return one
    if one is Kind.EMPTY:
        return other
    return _JOINED.get(frozenset({one, other}), Kind.JSON)


def _kind(value: Any) -> Kind:
    match value:
        case None:
            return Kind.EMPTY
        case bool():
            return Kind.BOOLEAN
        case int():
            return _integer(value)
        case float():
            return Kind.NUMBER
        case str():
            return Kind.TEXT
        case _:
            return Kind.JSON


def _integer(value: int) -> Kind:
    if -_EXACT <= value <= _EXACT:
        return Kind.INTEGER
    return Kind.WIDE if -_WIDE <= value < _WIDE else Kind.JSON
