"""Is a value that somebody gave what it should be? Each check gives a complaint in words, or None."""

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from math import isfinite
from typing import TypeGuard

__all__ = [
    "NAME_MAX",
    "Check",
    "is_number",
    "nearest",
    "not_there",
    "number",
    "or_none",
    "pattern",
    "text",
    "truth",
    "whole",
]

NAME_MAX = 200
NAMED_MAX = 20

Check = Callable[[object], str | None]


def nearest(key: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?`, or nothing when nothing known is near."""
    found = get_close_matches(key, list(known), n=1)
    return f", did you mean {str(found[0])!r}?" if found else ""


def not_there(what: str, wanted: object, known: Iterable[str]) -> str:
    """That there is no such thing, with the nearest that there is, and all of them as far as they are few."""
    names = sorted(known)
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return f"there is no {what} {wanted!r}{nearest(str(wanted), names)}; there are {', '.join(names[:NAMED_MAX])}{more}"


def text(value: object) -> str | None:
    if isinstance(value, str) and value.strip() and len(value) <= NAME_MAX:
        return None
    return f"must be a text of 1 to {NAME_MAX} characters, not {value!r}"


def truth(value: object) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {value!r}"


def whole(low: int, high: int, value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return None
    return f"must be a whole number from {low} to {high}, not {value!r}"


def number(low: float, high: float, value: object) -> str | None:
    if is_number(value) and low <= value <= high:
        return None
    return f"must be a number from {low:.10g} to {high:.10g}, not {value!r}"


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def pattern(value: object) -> str | None:
    if not isinstance(value, str):
        return f"{value!r} is not a regular expression"
    try:
        re.compile(value)
    except re.error as error:
        return f"{value!r} is not a regular expression: {error}"
    return None


def or_none(check: Check, value: object) -> str | None:
    return None if value is None else check(value)
