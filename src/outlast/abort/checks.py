"""What is wrong with the values of an abort policy: every complaint at once, in words."""

from collections.abc import Iterable, Mapping
from functools import partial

from outlast.abort.words import Action, Kind
from outlast.failure.checks import Check, is_number, number, text, whole
from outlast.failure.model import FailureClass

__all__ = ["complaints_of"]

SECONDS_MAX = 366 * 86_400
OPERATIONS_MAX = 1_000_000
WINDOW_MAX = 100_000
CRASHES_MAX = 1_000


def complaints_of(values: Mapping[str, object]) -> list[str]:
    """The complaints about these fields of a policy; a field that is not there has none."""
    told = [f"{key}: {problem}" for key, value in values.items() if (problem := _CHECKS[key](value)) is not None]
    return told or _contradictions(values)


def _contradictions(values: Mapping[str, object]) -> list[str]:
    # Only of values that are right in themselves, so that their types are known.
    healthy, failing = values.get("rate_healthy"), values.get("rate_failing")
    if is_number(healthy) and is_number(failing) and failing <= healthy:
        return [f"rate_failing: must be more than rate_healthy ({healthy:g}), not {failing:g}"]
    return []


def _share(value: object) -> str | None:
    if is_number(value) and 0 < value < 1:
        return None
    return f"must be a number between 0 and 1, neither of them, not {value!r}"


def _positive(value: object) -> str | None:
    if is_number(value) and 0 < value <= SECONDS_MAX:
        return None
    return f"must be more than 0 and at most {SECONDS_MAX} seconds, not {value!r}"


def _kind(value: object) -> str | None:
    return None if _is_among(value, Kind) else f"must be one of {', '.join(Kind)}, not {value!r}"


def _classes(value: object) -> str | None:
    return _words(value, FailureClass, "failure classes")


def _actions(value: object) -> str | None:
    problem = _words(value, Action, "actions")
    if problem is None and isinstance(value, tuple | list) and len(set(value)) < len(value):
        return f"must name each action once, not {list(value)!r}"
    return problem


def _words(value: object, known: Iterable[str], what: str) -> str | None:
    if isinstance(value, str) or not isinstance(value, tuple | list | set | frozenset):
        return f"must be a list of {what}, not {value!r}"
    wrong = sorted((str(each) for each in value if not _is_among(each, known)), key=str)
    return f"{wrong!r} are no {what}; there are {', '.join(known)}" if wrong else None


def _is_among(value: object, known: Iterable[str]) -> bool:
    return isinstance(value, str) and value in set(known)


_CHECKS: Mapping[str, Check] = {
    "name": text,
    "id": text,
    "kind": _kind,
    "min_operations": partial(whole, 0, OPERATIONS_MAX),
    "false_alarm_bound": _share,
    "rate_healthy": _share,
    "rate_failing": _share,
    "patience": partial(number, 0, SECONDS_MAX),
    "patience_blocked": partial(number, 0, SECONDS_MAX),
    "failure_rate_threshold": partial(number, 0, 1),
    "window_size": partial(whole, 1, WINDOW_MAX),
    "window_duration": _positive,
    "consecutive_crashes": partial(whole, 0, CRASHES_MAX),
    "crash_window": _positive,
    "crashes_max": partial(whole, 0, CRASHES_MAX),
    "crashes_window": _positive,
    "ignored_classes": _classes,
    "abort_actions": _actions,
    "action_timeout": _positive,
}
