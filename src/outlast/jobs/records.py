"""A handler's return value as lines of the output, and back."""

from typing import Any

from outlast.jobs.bind import Collected
from outlast.ledger.port import Result, Shape
from outlast.storage.strictjson import decode, encode

__all__ = ["value_of", "written"]


def written(value: Any) -> tuple[Shape, str]:
    """The shape of what a handler returned, and a line of JSON for each record in it.

    Raises `ValidationError`, with the path, for what JSON cannot hold.
    """
    if value is None:
        return Shape.NOTHING, ""
    if type(value) in {list, Collected}:
        return Shape.MANY, "".join(
            [f"{encode(record, f'$[{place}]').decode()}\n" for place, record in enumerate(value)]
        )
    return Shape.ONE, f"{encode(value).decode()}\n"


def value_of(result: Result) -> Any:
    """What the handler returned."""
    match result.shape:
        case Shape.NOTHING:
            return None
        case Shape.ONE:
            return decode(result.lines)
        case Shape.MANY:
            return [decode(line) for line in result.lines.split("\n")[:-1]]  # not `splitlines`: JSON may hold U+2028
