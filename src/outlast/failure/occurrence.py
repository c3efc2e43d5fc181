"""A failure as somebody reports it, as a dictionary, read into a value that has its class, its place and its signature."""

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from outlast.errors import ValidationError
from outlast.events import Severity
from outlast.failure.classify import classify
from outlast.failure.describe import TRACEBACK_MAX, Failure, describe
from outlast.failure.model import Classification, FailureClass
from outlast.failure.rule import FailureRule
from outlast.failure.rules import BY_TYPE
from outlast.failure.verdict import of_class

__all__ = ["CATEGORY", "Occurrence", "read_occurrence"]

CATEGORY: Mapping[FailureClass, str] = (
    dict.fromkeys(FailureClass, "network")
    | dict.fromkeys(
        (FailureClass.BLOCKED, FailureClass.AUTH_EXPIRED, FailureClass.NOT_FOUND, FailureClass.CLIENT_ERROR), "external"
    )
    | dict.fromkeys((FailureClass.LOCAL_RESOURCE, FailureClass.STORE_UNAVAILABLE), "system")
    | dict.fromkeys((FailureClass.PROGRAMMING, FailureClass.POISON, FailureClass.UNKNOWN), "application")
    | {FailureClass.BROWSER: "browser"}
)
"""The category of a class, where the report names none."""

# Both vocabularies that are in use.
_SEVERITY = {each.value: each for each in Severity} | {
    "low": Severity.INFO,
    "medium": Severity.WARNING,
    "high": Severity.ERROR,
}
_BY_WORD = {"timeout": TimeoutError, "connect": ConnectionError, "network": ConnectionError, "dns": ConnectionError}

TEXT_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One failure that was reported. `is_urgent`: the report itself called it critical."""

    error: Exception
    classification: Classification
    failure: Failure
    category: str
    severity: Severity
    job_id: str = ""
    incident_id: str | None = None
    host: str = ""
    key: str = ""
    attempt: int = 1
    max_attempts: int | None = None
    at: datetime
    is_urgent: bool = False
    context: Mapping[str, Any] = field(default_factory=dict)


def read_occurrence(
    event: Mapping[str, Any],
    context: Mapping[str, Any],
    *,
    now: datetime,
    rules: tuple[FailureRule, ...] = (),
    with_traceback: bool | Callable[[str], bool] = True,
) -> Occurrence:
    """Read a report. `ValidationError` when it tells of no failure, or has a word that is none.

    An exception under `error` is judged as it is; without one `error_type` and `message` are, and `status` and `retry_after` where
    they are given, and `stack_trace` is the traceback. A cancellation, or whatever else is no `Exception`, is raised as it came.
    """
    told = _joined(event, context)
    error = _error(told)
    host = _host(told)
    kind = classify(error, now=now, rules=rules, host=host)
    named = told.get("failure_class", told.get("class"))
    if named is not None:
        kind = _named(named, kind)
    given = _severity(told.get("severity"))
    return Occurrence(
        error=error,
        classification=kind,
        failure=_with_stack(describe(error, kind, with_traceback=with_traceback), error, told),
        category=_text(told.get("category")) or CATEGORY[kind.failure_class],
        severity=given or (Severity.WARNING if kind.transient else Severity.ERROR),
        job_id=_text(told.get("job_id"), 512),
        incident_id=_text(told.get("incident_id")) or None,
        host=host,
        key=_text(told.get("key") or told.get("item") or told.get("url")),
        attempt=_whole(told.get("attempt"), "attempt") or 1,
        max_attempts=_whole(told.get("max_attempts"), "max_attempts"),
        at=_moment(told.get("timestamp"), now),
        is_urgent=given is Severity.CRITICAL,
        context=context,
    )


def _joined(event: object, context: object) -> dict[str, Any]:
    for name, given in (("failure_event", event), ("context", context)):
        if not isinstance(given, Mapping):
            raise ValidationError(f"{name} must be a mapping, not {type(given).__name__}")
    assert isinstance(event, Mapping)
    assert isinstance(context, Mapping)
    inner = event.get("context")
    return {**context, **(inner if isinstance(inner, Mapping) else {}), **event}


def _error(told: Mapping[str, Any]) -> Exception:
    error = told.get("error") or told.get("exception")
    if isinstance(error, Exception):
        return error
    if isinstance(error, BaseException):
        raise error
    name, message = _text(told.get("error_type")), _text(told.get("message") or error, 10_000)
    if not name and not message:
        raise ValidationError("a failure event needs an exception under 'error', or an 'error_type' or a 'message'")
    return _stand_in(name or "Exception", message, told)


def _stand_in(name: str, message: str, told: Mapping[str, Any]) -> Exception:
    """An exception that looks like the one that was told of by its name."""
    module, _, kind = _dotted(name).rpartition(".")
    fields = {"__module__": module, "__qualname__": kind, "__str__": lambda _: message}
    looks: type[Exception] = type(kind, (_base(kind),), fields)
    error = looks.__new__(looks)
    for key, names in (("status", ("status", "status_code")), ("retry_after", ("retry_after",))):
        value = next((told[each] for each in names if told.get(each) is not None), None)
        if value is not None:
            error.__dict__[key] = value
    return error


def _base(kind: str) -> type[Exception]:
    known = getattr(builtins, kind, None)
    if isinstance(known, type) and issubclass(known, Exception) and not issubclass(known, BaseExceptionGroup):
        return known
    # Of a class that is only told of, the classes above it are not known; its name says what it is about.
    return next((base for word, base in _BY_WORD.items() if word in kind.lower()), Exception)


def _dotted(name: str) -> str:
    """The dotted name under which a class is known that was told of by a shorter one."""
    kind, package = name.rpartition(".")[2], name.partition(".")[0]
    if name in BY_TYPE:
        return name
    if name == kind and isinstance(getattr(builtins, kind, None), type):
        return f"builtins.{kind}"
    known = (each for each in BY_TYPE if each.rpartition(".")[2] == kind)
    near = (each for each in known if name == kind or each.partition(".")[0] == package)
    return next(near, name if "." in name else f"reported.{name}")


def _with_stack(failure: Failure, error: Exception, told: Mapping[str, Any]) -> Failure:
    """With the traceback that was told as text, where the exception has none of its own."""
    stack = told.get("stack_trace")
    if error.__traceback__ is not None or not isinstance(stack, str) or not failure.traceback:
        return failure
    return replace(failure, traceback=stack.encode("utf-8", "replace").decode()[-TRACEBACK_MAX:])


def _named(name: object, kind: Classification) -> Classification:
    if not isinstance(name, str) or name not in set(FailureClass):
        raise ValidationError(f"failure_class: must be one of {', '.join(FailureClass)}, not {name!r}")
    return replace(of_class(FailureClass(name)), status=kind.status, retry_after=kind.retry_after)


def _severity(word: object) -> Severity | None:
    if word is None:
        return None
    known = _SEVERITY.get(str(getattr(word, "value", word)).lower())
    if known is None:
        raise ValidationError(f"severity: must be one of {', '.join(_SEVERITY)}, not {word!r}")
    return known


def _host(told: Mapping[str, Any]) -> str:
    host = _text(told.get("host"))
    if host:
        return host
    try:
        return urlsplit(_text(told.get("url"), 10_000)).hostname or ""
    except ValueError:
        return ""


def _moment(value: object, now: datetime) -> datetime:
    """When it happened; never after `now`."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValidationError(f"timestamp: {value!r} is no moment in ISO 8601") from error
    if value is None:
        return now
    if not isinstance(value, datetime):
        raise ValidationError(f"timestamp: must be a datetime, not {value!r}")
    return min(now, value.replace(tzinfo=UTC) if value.tzinfo is None else value)


def _whole(value: object, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValidationError(f"{name}: must be a whole number above 0, not {value!r}")


def _text(value: object, length: int = TEXT_MAX) -> str:
    return "" if value is None else str(value)[:length]
