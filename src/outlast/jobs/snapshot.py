"""The state of a job at one moment: whether it changed, and how it is taken while handlers may be changing it."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from outlast.storage.strictjson import encode

__all__ = ["SMALL_MAX", "small_text", "undisturbed"]

SMALL_MAX = 16_384
"""Values and characters, keys included, in a state that is compared with the one before it."""

TRIES_MAX = 10

_T = TypeVar("_T")


def small_text(state: dict[str, Any], path: str) -> bytes | None:
    """The JSON of a small state; None for a larger one, at no more cost. Raises `ValidationError` for what is not JSON."""
    return _encoded(state, path) if _is_small(state) else None


async def undisturbed(take: Callable[[], Awaitable[_T]]) -> _T:
    """What `take` gives; again when a plain handler, in its thread, changed the state while it was looked at."""
    for _ in range(TRIES_MAX - 1):
        with suppress(RuntimeError):
            return await take()
    return await take()


def _encoded(state: dict[str, Any], path: str) -> bytes:
    for _ in range(TRIES_MAX - 1):
        with suppress(RuntimeError):
            return encode(state, path)
    return encode(state, path)


def _is_small(value: Any) -> bool:
    room = SMALL_MAX
    waiting = [value]
    while waiting and room >= 0:
        each = waiting.pop()
        room -= 1
        if isinstance(each, str | dict | list):
            room -= len(each)
        if room < 0:
            return False
        if isinstance(each, dict):
            waiting += [*each, *each.values()]
        elif isinstance(each, list):
            waiting += each
    return room >= 0
