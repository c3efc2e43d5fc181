"""JSON that comes back as it went in: what cannot do that is refused, with the path to it.

orjson alone would write NaN as null, a tuple as a list and an enum as its value. So a value is packed as MessagePack too, by an
encoder that refuses all of that except numbers that are not finite; and those are found in what it packed. This is exact where
a comparison of values is not (`Colour.RED == "red"`), and four times as fast as looking at each member in Python.
"""

import re
from operator import call
from typing import Any

import orjson
import ormsgpack

from outlast.errors import ValidationError
from outlast.storage.exact import DEPTH_MAX, plain

__all__ = ["DEPTH_MAX", "decode", "encode", "encode_packed", "pack", "unpack"]

_JSON = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_PACKED = (
    ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_UUID
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
)

# How many containers ormsgpack packs inside each other.
_PACKED_DEPTH_MAX = 255

_CONTAINERS = bytes((*range(0x80, 0xA0), *range(0xDC, 0xE0)))
_COUNTED_BYTES_MAX = 4_096

# A double with all bits of its exponent set. Other bytes may look like one; then the slow way finds nothing wrong.
_not_finite = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]").search


def encode(value: Any, path: str = "$") -> bytes:
    """The JSON of `value`. Raises `ValidationError` naming the path and type of what `decode` could not give back.

    Subclasses of `str`, `int`, `float`, `list` and `dict` that equal their plain value come back as that; enums do not pass.
    """
    blob = _encode_plain(value)
    return orjson.dumps(plain(value, path), None, _JSON) if blob is None else blob


def decode(blob: bytes | bytearray | memoryview | str) -> Any:
    """The value of a JSON text. Raises `ValidationError` when it is none."""
    try:
        return orjson.loads(blob)
    except orjson.JSONDecodeError as error:
        raise ValidationError(f"not JSON: {error}") from error


def pack(value: Any, depth: int = 0) -> bytes | None:
    """`value`, which stands in `depth` containers, in one uninterrupted step: to the types and the order of its members.

    None when that cannot be. Bytes and numbers that are not finite are packed too: `encode_packed` refuses them.
    """
    try:
        return ormsgpack.packb(_nested(value, depth), None, _PACKED)
    except ormsgpack.MsgpackEncodeError:
        return None


def unpack(packed: bytes, depth: int = 0) -> Any:
    """What was packed."""
    return ormsgpack.unpackb(memoryview(packed)[_levels(depth) :], ext_hook=ormsgpack.Ext)


def encode_packed(value: Any, packed: bytes, depth: int = 0) -> bytes | None:
    """The JSON of `value`; None unless it is all JSON and still exactly what was packed.

    It is packed again and encoded by one call into C, during which no other thread runs Python: if the one gives what was packed,
    the other is its JSON, whoever changes `value` before or after.
    """
    try:
        now, blob = tuple(
            map(call, (ormsgpack.packb, orjson.dumps), (_nested(value, depth), value), (None, None), (_PACKED, _JSON))
        )
    except (ormsgpack.MsgpackEncodeError, orjson.JSONEncodeError):
        return None
    return blob if now == packed and not _not_finite(packed) else None


def _encode_plain(value: Any) -> bytes | None:
    # Packed first: orjson writes beyond its buffer when a value is nested too deep.
    try:
        packed = ormsgpack.packb(value, None, _PACKED)
        if _not_finite(packed) or (_may_be_deep(packed) and pack(value) is None):
            return None
        return orjson.dumps(value, None, _JSON)
    except (ormsgpack.MsgpackEncodeError, orjson.JSONEncodeError):
        return None


def _may_be_deep(packed: bytes) -> bool:
    # The bytes that begin a container stand in texts and numbers too, so this is no more than a bound.
    size = len(packed)
    return size > DEPTH_MAX and (
        size > _COUNTED_BYTES_MAX or size - len(packed.translate(None, _CONTAINERS)) > DEPTH_MAX
    )


def _nested(value: Any, depth: int) -> Any:
    # So deep that ormsgpack itself refuses what would stand deeper than `DEPTH_MAX`.
    for _ in range(_levels(depth)):
        value = [value]
    return value


def _levels(depth: int) -> int:
    return _PACKED_DEPTH_MAX - DEPTH_MAX + depth
