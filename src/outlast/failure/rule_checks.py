"""What is wrong with the values of a rule: every complaint at once, in words."""

import errno
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from math import isfinite

from outlast.failure.model import FailureClass, Remedy
from outlast.failure.retry_after import RETRY_AFTER_MAX

__all__ = ["CONDITIONS", "OF_ERRORS", "complaints_of", "unknown_keys"]

CONDITIONS = ("types", "status", "message", "errno", "result", "hosts", "when")
OF_ERRORS = ("types", "message", "errno")
"""The conditions that a result cannot meet."""

NAME_MAX = 200
VALUES_MAX = 1_000
ATTEMPTS_MAX = 100

# What no rule may name, for nothing may count, wrap or retry it.
_NEVER_FAILURES = {"BaseException", "BaseExceptionGroup", "Cancelled", "CancelledError", "GeneratorExit"} | {
    "KeyboardInterrupt",
    "SystemExit",
}
# The one exception of such a name that is an `Exception`.
_FAILURES_ALL_THE_SAME = {"concurrent.futures.CancelledError", "concurrent.futures._base.CancelledError"}

Check = Callable[[object], str | None]


def complaints_of(values: Mapping[str, object]) -> list[str]:
    """The complaints about the fields of a rule; `failure_class` is called `class` in them, as in files."""
    told = [
        f"{'class' if key == 'failure_class' else key}: {problem}"
        for key, value in values.items()
        if (problem := _CHECKS[key](value)) is not None
    ]
    return told or _contradictions(values)


def unknown_keys(given: Iterable[str], known: Collection[str]) -> list[str]:
    """A complaint about each key that is not `known`, with the nearest one that is."""
    return [_unknown(key, known) for key in given if key not in known]


def _unknown(key: str, known: Collection[str]) -> str:
    if key == "when":
        return "when: is a function, and can be given in code only"
    close = get_close_matches(key, list(known), n=1)
    return f"{key}: is not a key" + (f", did you mean {close[0]!r}?" if close else "")


def _contradictions(values: Mapping[str, object]) -> list[str]:
    if not any(values.get(name) for name in CONDITIONS):
        return [f"at least one condition is needed: {', '.join(CONDITIONS)}"]
    if values.get("result") and any(values.get(name) for name in OF_ERRORS):
        return [f"result: asks about results, and cannot go with {', '.join(OF_ERRORS)}, which ask about errors"]
    return []


def _text(value: object) -> str | None:
    if isinstance(value, str) and value.strip() and len(value) <= NAME_MAX:
        return None
    return f"must be a text of 1 to {NAME_MAX} characters, not {value!r}"


def _word_of(words: type[StrEnum], value: object) -> str | None:
    if isinstance(value, str) and value in set(words):
        return None
    close = get_close_matches(value, list(words), n=1) if isinstance(value, str) else []
    hint = f"; did you mean {str(close[0])!r}?" if close else ""
    return f"must be one of {', '.join(words)}, not {value!r}{hint}"


def _pattern(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return f"must be a regular expression, not {value!r}"
    try:
        re.compile(value)
    except re.error as error:
        return f"{value!r} is not a regular expression: {error}"
    return None


def _each(check: Check, value: object) -> str | None:
    if not isinstance(value, Collection) or isinstance(value, str | bytes | Mapping) or len(value) > VALUES_MAX:
        return f"must be a list of at most {VALUES_MAX} values, not {value!r}"
    return "; ".join(problem for each in value if (problem := check(each)) is not None) or None


def _type(value: object) -> str | None:
    if isinstance(value, type) and issubclass(value, BaseException):
        return f"{value.__qualname__!r} is no Exception: it always gets through, and no rule can make a failure of it"
    if not isinstance(value, str) or not all(part.isidentifier() or part == "<locals>" for part in value.split(".")):
        return f"{value!r} is not the name of an exception class"
    if value.rpartition(".")[2] in _NEVER_FAILURES and value not in _FAILURES_ALL_THE_SAME:
        return f"{value!r} is no Exception: it always gets through, and no rule can make a failure of it"
    return None


def _host(value: object) -> str | None:
    return (
        None
        if isinstance(value, str) and value
        else f"{value!r} is not a host, or a pattern of hosts such as '*.example'"
    )


def _whole(low: int, high: int, value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return None
    return f"must be a whole number from {low} to {high}, not {value!r}"


def _errno(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return None
    return f"{value!r} is no error number of this system, and no name of one such as {errno.errorcode[errno.EPIPE]!r}"


def _seconds(value: object) -> str | None:
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and isfinite(value)
        and 0 <= value <= RETRY_AFTER_MAX
    ):
        return None
    return f"must be a number of seconds from 0 to {RETRY_AFTER_MAX:.10g}, not {value!r}"


def _truth(value: object) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {value!r}"


def _function(value: object) -> str | None:
    return None if callable(value) else f"must be a function of the error or the result, not {value!r}"


def _or_none(check: Check, value: object) -> str | None:
    return None if value is None else check(value)


_CHECKS: Mapping[str, Check] = {
    "failure_class": partial(_word_of, FailureClass),
    "name": _text,
    "types": partial(_each, _type),
    "status": partial(_each, partial(_whole, 100, 599)),
    "message": partial(_or_none, _pattern),
    "errno": partial(_each, _errno),
    "result": partial(_or_none, _pattern),
    "hosts": partial(_each, _host),
    "when": partial(_or_none, _function),
    "transient": partial(_or_none, _truth),
    "max_attempts": partial(_or_none, partial(_whole, 1, ATTEMPTS_MAX)),
    "retry_after": partial(_or_none, _seconds),
    "remedy": partial(_or_none, partial(_word_of, Remedy)),
}
