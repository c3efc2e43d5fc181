"""What the results of a job hold, counted: items, records, fields.

A record counts when something is in it: `null`, `""`, `[]` and `{}` are no records here, though each is a line of the output. A
field is in a record when its value is there and not empty; `0` and `false` are values. `a.b` is the field `b` of the object `a`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from outlast.ledger.port import Shape
from outlast.storage.strictjson import decode

__all__ = ["Yield", "has_field", "records_in"]

_EMPTY_LINES = frozenset({"null", '""', "[]", "{}"})
_EMPTY_SIZE_MAX = 4
_ONE = Shape.ONE
_EMPTY_VALUES: tuple[Any, ...] = ([], {})


@dataclass(slots=True)
class Yield:
    """Running totals of results. `squares` is the sum of the squares of what each item gave; `fields` are counts by name."""

    items: int = 0
    records: int = 0
    squares: int = 0
    fields: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Sequence[str]) -> Self:
        """Nothing yet, of these fields."""
        return cls(fields=dict.fromkeys(names, 0))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(value["items"], value["records"], value["squares"], dict(value["fields"]))

    def to_json(self) -> dict[str, Any]:
        return {"items": self.items, "records": self.records, "squares": self.squares, "fields": dict(self.fields)}

    def add(self, shape: Shape, lines: str) -> int:
        """Count the result of one item; how many records that hold something were in it."""
        if self.fields:
            return self._add_records(records_in(shape, lines))
        if shape is _ONE and len(lines) > _EMPTY_SIZE_MAX + 1:
            # Nearly every result of nearly every job.
            self.items += 1
            self.records += 1
            self.squares += 1
            return 1
        found = len(records_in(shape, lines))
        self._count(found)
        return found

    def plus(self, other: "Yield") -> "Yield":
        """Both together, of the fields of this one."""
        fields = {name: count + other.fields.get(name, 0) for name, count in self.fields.items()}
        return Yield(self.items + other.items, self.records + other.records, self.squares + other.squares, fields)

    def only(self, names: Sequence[str]) -> "Yield | None":
        """The same of these fields alone; None where one of them was not counted."""
        if not set(names) <= set(self.fields):
            return None
        return Yield(self.items, self.records, self.squares, {name: self.fields[name] for name in names})

    @property
    def mean(self) -> float:
        """Records per item."""
        return self.records / self.items if self.items else 0.0

    @property
    def deviation(self) -> float:
        """By how much what an item gives differs from the mean, usually: the standard deviation."""
        return math.sqrt(max(0.0, self.squares / self.items - self.mean**2)) if self.items else 0.0

    def _add_records(self, lines: Sequence[str]) -> int:
        for line in lines:
            record = decode(line)
            for name in self.fields:
                if has_field(record, name):
                    self.fields[name] += 1
        self._count(len(lines))
        return len(lines)

    def _count(self, found: int) -> None:
        self.items += 1
        self.records += found
        self.squares += found * found


def records_in(shape: Shape, lines: str) -> list[str]:
    """The records of a result that hold something, each as its JSON."""
    if shape is Shape.NOTHING:
        return []
    return [line for line in lines.split("\n")[:-1] if _is_record(line)]  # not `splitlines`: JSON may hold U+2028


def has_field(record: Any, name: str) -> bool:
    """Whether the field is there and not empty."""
    if isinstance(record, dict) and name in record:
        return _holds(record[name])
    value, rest = record, name
    while rest:
        step, _, rest = rest.partition(".")
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return _holds(value)


def _is_record(line: str) -> bool:
    # The length is known, and to look a long line up is to hash all of it.
    return len(line) > _EMPTY_SIZE_MAX or line not in _EMPTY_LINES


def _holds(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value not in _EMPTY_VALUES
