"""What JSON gives back as it was, told member by member: slow, and able to say where it is.

Whoever needs speed looks in another way first, and comes here when there is something to tell or to take back to plain values.
"""

from collections.abc import Iterator
from enum import Enum
from math import isfinite
from typing import Any

from outlast.errors import ValidationError

__all__ = ["DEPTH_MAX", "members", "plain", "plain_members", "shallow"]

DEPTH_MAX = 96
"""How many containers may stand inside each other: as many as orjson can write, with room to spare."""

KEY_SHOWN_MAX = 60

_SCALARS = (str, int, float)
_INTEGERS = range(-(2**63), 2**64)


def plain(value: Any, path: str, ancestors: tuple[int, ...] = ()) -> Any:
    """A copy of `value` without subclasses. `ancestors` are the ids of the containers around it.

    Raises `ValidationError` naming the path and type of what JSON would not give back.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        raise _refused(path, value, "is not JSON: store its value")
    if isinstance(value, _SCALARS):
        return _plain_scalar(value, path)
    if not isinstance(value, dict | list):
        raise _refused(path, value, "is not JSON")
    if id(value) in ancestors:
        raise _refused(path, value, "is not JSON: a cycle")
    if len(ancestors) == DEPTH_MAX:
        raise _refused(path, value, f"stands deeper than {DEPTH_MAX} levels")
    return _same(plain_members(value, path, (*ancestors, id(value))), value, path)


def plain_members(value: dict[Any, Any] | list[Any], path: str, ancestors: tuple[int, ...], start: int = 0) -> Any:
    """The members of a container, each made plain; the first one of a list is called `start`."""
    if isinstance(value, list):
        return [plain(member, f"{path}[{index}]", ancestors) for index, member in enumerate(value, start)]
    return {key: plain(member, where, ancestors) for key, member, where in members(value, path)}


def members(value: dict[Any, Any], path: str) -> Iterator[tuple[str, Any, str]]:
    """The members of a dict, each with its plain key and its path. Raises `ValidationError` for a key that is no text."""
    for key, member in value.items():
        if not isinstance(key, str) or isinstance(key, Enum):
            raise ValidationError(
                f"{path}: the key {_shown(key)} is of type {type(key).__name__}: JSON keys are strings",
                context={"path": path, "type": type(key).__name__},
            )
        if not _is_text(key):
            raise _refused(path, key, f"the key {_shown(key)} is not JSON: it has a lone surrogate")
        step = f".{key}" if key.isidentifier() and len(key) <= KEY_SHOWN_MAX else f"[{_shown(key)}]"
        yield str.__str__(key), member, path + step


def shallow(value: dict[Any, Any] | list[Any], path: str) -> dict[Any, Any] | list[Any]:
    """A copy of the container that is no subclass, its members untouched; raises as `plain` does."""
    copied: dict[Any, Any] | list[Any] = dict(value) if isinstance(value, dict) else list(value)
    _same(copied, value, path)
    return copied


def _plain_scalar(value: str | float, path: str) -> Any:
    found: str | float
    if isinstance(value, str):
        found = str.__str__(value)
        if not _is_text(found):
            raise _refused(path, value, "is not JSON: it has a lone surrogate")
    elif isinstance(value, int):
        found = int.__int__(value)
        if found not in _INTEGERS:
            raise _refused(path, value, "is beyond 64 bits: store it as a string")
    else:
        found = float.__float__(value)
        if not isfinite(found):
            raise ValidationError(f"{path}: {found} is not JSON", context={"path": path, "type": "float"})
    return _same(found, value, path)


def _same(found: Any, value: Any, path: str) -> Any:
    if type(found) is not type(value) and found != value:
        raise _refused(path, value, f"is not JSON: it does not equal its plain {type(found).__name__}")
    return found


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(key: object) -> str:
    text = ascii(key)
    return text if len(text) <= KEY_SHOWN_MAX else f"{text[:KEY_SHOWN_MAX]}..."


def _refused(path: str, value: object, why: str) -> ValidationError:
    kind = type(value).__name__
    return ValidationError(f"{path}: {kind} {why}", context={"path": path, "type": kind})
