"""What is wrong with the values of a policy: every complaint at once, in words."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from outlast.failure.checks import Check, is_number, number, pattern, text, whole
from outlast.retry.jitter import Jitter

__all__ = ["complaints_of"]

SECONDS_MAX = 366 * 86_400
PATTERNS_MAX = 1_000


def complaints_of(values: Mapping[str, object]) -> list[str]:
    """The complaints about these fields of a policy; a field that is not there has none."""
    told = [f"{key}: {problem}" for key, value in values.items() if (problem := _CHECKS[key](value)) is not None]
    return told or _contradictions(values)


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


def _positive_or_none(value: object) -> str | None:
    if value is None or (is_number(value) and 0 < value <= SECONDS_MAX):
        return None
    return f"must be more than 0 and at most {SECONDS_MAX} seconds, or None, not {value!r}"


def _jitter(value: object) -> str | None:
    if isinstance(value, str) and value in set(Jitter):
        return None
    return f"must be one of {', '.join(Jitter)}, not {value!r}"


def _patterns(value: object) -> str | None:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) > PATTERNS_MAX:
        return f"must be a list of regular expressions, not {value!r}"
    problems = [problem for each in value if (problem := pattern(each)) is not None]
    return "; ".join(problems) or None


def _statuses(value: object) -> str | None:
    if not isinstance(value, Sequence | AbstractSet) or isinstance(value, str | bytes):
        return f"must be a list of HTTP status codes, not {value!r}"
    wrong = [each for each in value if whole(100, 599, each) is not None]
    return f"{wrong!r} are not HTTP status codes" if wrong else None


_CHECKS: Mapping[str, Check] = {
    "name": text,
    "id": text,
    "max_attempts": partial(whole, 1, 100),
    "base_delay": partial(number, 0, 60),
    "multiplier": partial(number, 1, 10),
    "max_delay": partial(number, 0, SECONDS_MAX),
    "jitter": _jitter,
    "jitter_factor": partial(number, 0, 1),
    "attempt_timeout": _positive_or_none,
    "max_elapsed": _positive_or_none,
    "retry_after_cap": partial(number, 0, SECONDS_MAX),
    "transient_patterns": _patterns,
    "permanent_patterns": _patterns,
    "retryable_status_codes": _statuses,
    "non_retryable_status_codes": _statuses,
}
