"""What is wrong with the values of a policy: every complaint at once, in words."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from functools import partial
from math import isfinite
from typing import TypeGuard

from outlast.retry.jitter import Jitter

__all__ = ["complaints_of", "nearest"]

Check = Callable[[object], str | None]

NAME_MAX = 200
SECONDS_MAX = 366 * 86_400
PATTERNS_MAX = 1_000


def complaints_of(values: Mapping[str, object]) -> list[str]:
    """The complaints about these fields of a policy; a field that is not there has none."""
    told = [f"{key}: {problem}" for key, value in values.items() if (problem := _CHECKS[key](value)) is not None]
    return told or _contradictions(values)


def nearest(key: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?`, or nothing when nothing known is near."""
    found = get_close_matches(key, list(known), n=1)
    return f", did you mean {found[0]!r}?" if found else ""


def _contradictions(values: Mapping[str, object]) -> list[str]:
    # Only of values that are right in themselves, so that their types are known.
    told = []
    base, ceiling = values.get("base_delay"), values.get("max_delay")
    if isinstance(base, int | float) and isinstance(ceiling, int | float) and ceiling < base:
        told.append(f"max_delay: must be at least base_delay ({base:g}), not {ceiling:g}")
    again, never = values.get("retryable_status_codes", ()), values.get("non_retryable_status_codes", ())
    if isinstance(again, Collection) and isinstance(never, Collection) and (both := sorted(set(again) & set(never))):
        told.append(f"retryable_status_codes: {both} cannot be in non_retryable_status_codes too")
    return told


def _text(value: object) -> str | None:
    if isinstance(value, str) and value.strip() and len(value) <= NAME_MAX:
        return None
    return f"must be a text of 1 to {NAME_MAX} characters, not {value!r}"


def _whole(low: int, high: int, value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return None
    return f"must be a whole number from {low} to {high}, not {value!r}"


def _number(low: float, high: float, value: object) -> str | None:
    if _is_number(value) and low <= value <= high:
        return None
    return f"must be a number from {low:.10g} to {high:.10g}, not {value!r}"


def _positive_or_none(value: object) -> str | None:
    if value is None or (_is_number(value) and 0 < value <= SECONDS_MAX):
        return None
    return f"must be more than 0 and at most {SECONDS_MAX} seconds, or None, not {value!r}"


def _jitter(value: object) -> str | None:
    if isinstance(value, str) and value in set(Jitter):
        return None
    return f"must be one of {', '.join(Jitter)}, not {value!r}"


def _patterns(value: object) -> str | None:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) > PATTERNS_MAX:
        return f"must be a list of regular expressions, not {value!r}"
    problems = [problem for each in value if (problem := _pattern(each)) is not None]
    return "; ".join(problems) or None


def _pattern(value: object) -> str | None:
    if not isinstance(value, str):
        return f"{value!r} is not a regular expression"
    try:
        re.compile(value)
    except re.error as error:
        return f"{value!r} is not a regular expression: {error}"
    return None


def _statuses(value: object) -> str | None:
    if not isinstance(value, Sequence | AbstractSet) or isinstance(value, str | bytes):
        return f"must be a list of HTTP status codes, not {value!r}"
    wrong = [each for each in value if _whole(100, 599, each) is not None]
    return f"{wrong!r} are not HTTP status codes" if wrong else None


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


_CHECKS: Mapping[str, Check] = {
    "name": _text,
    "id": _text,
    "max_attempts": partial(_whole, 1, 100),
    "base_delay": partial(_number, 0, 60),
    "multiplier": partial(_number, 1, 10),
    "max_delay": partial(_number, 0, SECONDS_MAX),
    "jitter": _jitter,
    "jitter_factor": partial(_number, 0, 1),
    "attempt_timeout": _positive_or_none,
    "max_elapsed": _positive_or_none,
    "retry_after_cap": partial(_number, 0, SECONDS_MAX),
    "transient_patterns": _patterns,
    "permanent_patterns": _patterns,
    "retryable_status_codes": _statuses,
    "non_retryable_status_codes": _statuses,
}
