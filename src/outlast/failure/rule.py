"""A rule of the user's own: which failures and which results it is about, and what they are."""

import errno
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from outlast.errors import RetryConfigurationError
from outlast.failure.facts import errno_of, is_named, status_of, text_of, type_name, type_names
from outlast.failure.model import FailureClass, Remedy
from outlast.failure.result_text import result_text
from outlast.failure.rule_checks import CONDITIONS, OF_ERRORS, complaints_of, unknown_keys

if TYPE_CHECKING:
    from outlast.config import FailureRuleSettings

__all__ = ["FailureRule", "rules_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRule:
    """Says what a failure is, before anything else does. All conditions that are given must hold; the first rule whose do wins.

    Conditions. `types`: class names, bare (`"ReadError"`) or with their package (`"httpx.ReadError"`, wherever in the package
    the class is defined), or classes; a subclass is met too. `status`: HTTP statuses. `message`: a regular expression, searched in
    the message and in the dotted name of the type. `errno`: numbers or names. `result`: a regular expression, searched in the
    text of a result. `hosts`: patterns such as `"*.example"`. `when`: a function of the error or the result; one that raises
    says no.

    Verdict. `failure_class`, and `transient`, `max_attempts`, `retry_after` and `remedy` where the class's own will not do.
    """

    failure_class: FailureClass
    name: str = ""
    types: tuple[str | type[Exception], ...] = ()
    status: frozenset[int] = frozenset()
    message: str | None = None
    errno: frozenset[int] = frozenset()
    result: str | None = None
    hosts: tuple[str, ...] = ()
    when: Callable[[Any], bool] | None = None
    transient: bool | None = None
    max_attempts: int | None = None
    retry_after: float | None = None
    remedy: Remedy | None = None

    def __post_init__(self) -> None:
        for key, cast in _CASTS.items():
            object.__setattr__(self, key, cast(getattr(self, key)))
        if not self.name:
            object.__setattr__(self, "name", self._described())
        _refuse(complaints_of({field.name: getattr(self, field.name) for field in fields(self)}))
        object.__setattr__(self, "failure_class", FailureClass(self.failure_class))
        object.__setattr__(self, "remedy", None if self.remedy is None else Remedy(self.remedy))

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> "FailureRule":
        """The rule that a mapping of plain values describes; `failure_class` is called `class` there.

        Raises `RetryConfigurationError` with every complaint, in its message and in `context["complaints"]`.
        """
        if not isinstance(config, Mapping):
            raise _refusal([f"must be a mapping of keys to values, not {type(config).__name__}"])
        complaints = unknown_keys(map(str, config), _KEYS)
        if "class" not in config:
            complaints.append("class: is missing")
        given = {_FIELDS[key]: value for key, value in config.items() if key in _KEYS}
        told = complaints_of({key: _CASTS.get(key, _as_is)(value) for key, value in given.items()}) if given else []
        _refuse(complaints + [each for each in told if not (complaints and each.startswith("at least one"))])
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values, those that were given; `when` is only named."""
        told: dict[str, Any] = {"name": self.name, "class": self.failure_class.value}
        for field in fields(self)[2:]:
            value = getattr(self, field.name)
            if value is not None and value != field.default:
                told[field.name] = _plain(value)
        return told

    @property
    def asks_errors(self) -> bool:
        """Whether an error can meet it."""
        return self.result is None

    @property
    def asks_results(self) -> bool:
        """Whether a result can meet it: by `result`, or by `when` where nothing asks about an error."""
        return self.result is not None or (
            self.when is not None and not self.status and not any(getattr(self, name) for name in OF_ERRORS)
        )

    def matches(self, error: BaseException, host: str) -> bool:
        """Whether this very error, its causes apart, meets all conditions."""
        return (
            self.asks_errors
            and self._is_about(host)
            and (
                not self.types
                or any(is_named(dotted, str(name)) for name in self.types for dotted in type_names(error))
            )
            and (not self.status or status_of(error) in self.status)
            and (not self.errno or errno_of(error) in self.errno)
            and (self.message is None or _found(self.message, text_of(error), type_name(error)))
            and self._agrees(error)
        )

    def condemns(self, result: object, host: str) -> bool:
        """Whether this result meets all conditions."""
        return (
            self.asks_results
            and self._is_about(host)
            and (not self.status or status_of(result) in self.status)
            and (self.result is None or _found(self.result, result_text(result)))
            and self._agrees(result)
        )

    def _is_about(self, host: str) -> bool:
        return not self.hosts or any(fnmatchcase(host.lower(), pattern.lower()) for pattern in self.hosts)

    def _agrees(self, thing: object) -> bool:
        if self.when is None:
            return True
        try:
            return bool(self.when(thing))
        except Exception:  # noqa: BLE001 - it is asked about errors and results of every kind, and cannot know them all
            return False

    def _described(self) -> str:
        told = (f"{name} {_plain(value)}" for name in CONDITIONS if (value := getattr(self, name)))
        return ", ".join(told)[:80] or "a rule without conditions"


def rules_of(settings: Iterable["FailureRuleSettings"]) -> tuple[FailureRule, ...]:
    """The rules that stand in a configuration, as `[[retry.rule]]`. Raises `RetryConfigurationError` naming every complaint."""
    rules, complaints = [], []
    for number, each in enumerate(settings):
        try:
            rules.append(FailureRule.from_dict(each.model_dump(by_alias=True, exclude_unset=True)))
        except RetryConfigurationError as error:
            complaints += [f"rule[{number}].{told}" for told in error.context["complaints"]]
    _refuse(complaints)
    return tuple(rules)


_FIELDS = {"class": "failure_class"} | {
    field.name: field.name for field in fields(FailureRule) if field.name not in {"failure_class", "when"}
}
_KEYS = tuple(_FIELDS)


def _found(pattern: str, *texts: str) -> bool:
    return any(re.search(pattern, text) for text in texts)


def _as_is(value: Any) -> Any:
    return value


def _names(value: Any) -> Any:
    if not isinstance(value, tuple | list):
        return value
    return tuple(
        f"{each.__module__}.{each.__qualname__}" if isinstance(each, type) and issubclass(each, Exception) else each
        for each in value
    )


def _numbers(value: Any) -> Any:
    known = {name: number for number, name in errno.errorcode.items()}
    return _set(value, lambda each: known.get(each, each) if isinstance(each, str) else each)


def _set(value: Any, cast: Callable[[Any], Any] = _as_is) -> Any:
    # What cannot be hashed stays as it is, to be complained about.
    if not isinstance(value, tuple | list | set | frozenset):
        return value
    try:
        return frozenset(map(cast, value))
    except TypeError:
        return value


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    return getattr(value, "__qualname__", repr(value)) if callable(value) else value


def _refuse(complaints: list[str]) -> None:
    if complaints:
        raise _refusal(complaints)


def _refusal(complaints: list[str]) -> RetryConfigurationError:
    count = f"{len(complaints)} complaints: " if len(complaints) > 1 else ""
    return RetryConfigurationError(
        f"the rule is not valid: {count}{'; '.join(complaints)}", context={"complaints": complaints}
    )


_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "types": _names,
    "status": _set,
    "errno": _numbers,
    "hosts": _tuple,
}
