"""What is wrong with the values of a rule: every complaint at once, in words."""

import errno
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from functools import partial

from outlast.failure.checks import Check, nearest, number, or_none, pattern, text, truth, whole
from outlast.failure.model import FailureClass, Remedy
from outlast.failure.retry_after import RETRY_AFTER_MAX

__all__ = ["CONDITIONS", "OF_ERRORS", "complaints_of", "unknown_keys"]

CONDITIONS = ("types", "status", "message", "errno", "result", "hosts", "when")
OF_ERRORS = ("types", "message", "errno")
"""The conditions that a result cannot meet."""

VALUES_MAX = 1_000
ATTEMPTS_MAX = 100

# What no rule may name, for nothing may count, wrap or retry it.
_NEVER_FAILURES = {"BaseException", "BaseExceptionGroup", "Cancelled", "CancelledError", "GeneratorExit"} | {
    "KeyboardInterrupt",
    "SystemExit",
}
# The one exception of such a name that is an `Exception`.
_FAILURES_ALL_THE_SAME = {"concurrent.futures.CancelledError", "concurrent.futures._base.CancelledError"}


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
    return f"{key}: is not a key{nearest(key, known)}"


def _contradictions(values: Mapping[str, object]) -> list[str]:
    if not any(values.get(name) for name in CONDITIONS):
        return [f"at least one condition is needed: {', '.join(CONDITIONS)}"]
    if values.get("result") and any(values.get(name) for name in OF_ERRORS):
        return [f"result: asks about results, and cannot go with {', '.join(OF_ERRORS)}, which ask about errors"]
    return []


def _word_of(words: type[StrEnum], value: object) -> str | None:
    if isinstance(value, str) and value in set(words):
        return None
    hint = nearest(value, words) if isinstance(value, str) else ""
    return f"must be one of {', '.join(words)}, not {value!r}{hint}"


def _pattern(value: object) -> str | None:
    return pattern(value) if value else f"must be a regular expression, not {value!r}"


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


def _errno(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return None
    return f"{value!r} is no error number of this system, and no name of one such as {errno.errorcode[errno.EPIPE]!r}"


def _function(value: object) -> str | None:
    return None if callable(value) else f"must be a function of the error or the result, not {value!r}"


_CHECKS: Mapping[str, Check] = {
    "failure_class": partial(_word_of, FailureClass),
    "name": text,
    "types": partial(_each, _type),
    "status": partial(_each, partial(whole, 100, 599)),
    "message": partial(or_none, _pattern),
    "errno": partial(_each, _errno),
    "result": partial(or_none, _pattern),
    "hosts": partial(_each, _host),
    "when": partial(or_none, _function),
    "transient": partial(or_none, truth),
    "max_attempts": partial(or_none, partial(whole, 1, ATTEMPTS_MAX)),
    "retry_after": partial(or_none, partial(number, 0, RETRY_AFTER_MAX)),
    "remedy": partial(or_none, partial(_word_of, Remedy)),
}
