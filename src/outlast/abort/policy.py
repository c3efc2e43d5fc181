"""What is wanted of aborting: a policy that cannot be built wrong, and the policies that are shipped."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from outlast.abort.checks import complaints_of
from outlast.abort.words import Action, Kind
from outlast.errors import AbortConfigurationError
from outlast.failure.checks import nearest
from outlast.failure.model import FailureClass

__all__ = ["ANSWERS", "AbortPolicy", "shipped_policies"]


ANSWERS = frozenset({FailureClass.NOT_FOUND.value})
"""Classes that are answers about the item, and say nothing about the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortPolicy:
    """When a job that cannot go on gives up, and what is done then. Times are seconds.

    Two-stage and strict: `false_alarm_bound` is the chance that a job of any length is suspected although at most `rate_healthy` of its
    operations fail; `rate_failing` is what is looked for. Windowed: when at least `failure_rate_threshold` of the last `window_size`
    operations failed, not older than `window_duration`. What is suspected, or silent, aborts without recovery after `patience` where
    waiting may help (an outage), after `patience_blocked` else. All: `consecutive_crashes` within `crash_window` with no completed item
    between, or `crashes_max` within `crashes_window`, 0 being no such rule; failures of `ignored_classes` count neither for nor against.
    """

    name: str
    id: str = ""
    kind: Kind = Kind.TWO_STAGE
    min_operations: int = 20
    false_alarm_bound: float = 0.01
    rate_healthy: float = 0.3
    rate_failing: float = 0.7
    patience: float = 900.0
    patience_blocked: float = 185.0
    failure_rate_threshold: float = 0.5
    window_size: int = 100
    window_duration: float = 300.0
    consecutive_crashes: int = 3
    crash_window: float = 300.0
    crashes_max: int = 10
    crashes_window: float = 600.0
    ignored_classes: frozenset[str] = frozenset()
    abort_actions: tuple[Action, ...] = (Action.SAVE_STATE, Action.NOTIFY, Action.CLEANUP, Action.LOG_EVENT)
    action_timeout: float = 30.0

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", self.name)
        _refuse(complaints_of({field.name: getattr(self, field.name) for field in fields(self)}))

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> "AbortPolicy":
        """The policy that a mapping of plain values describes; one that speaks of a window is windowed, unless it says what it is.

        Raises `AbortConfigurationError` with every complaint, in its message and in `context["complaints"]`.
        """
        _refuse(_no_mapping(config))
        given = {key: value for key, value in config.items() if key in _KEYS}
        if "kind" not in given and not _OF_WINDOWS.isdisjoint(given):
            given["kind"] = Kind.WINDOWED
        complaints = _unknown(config, _KEYS) + _idle(given)
        if "name" not in given:
            complaints.append("name: is missing")
        if given.get("id", "") is None:
            del given["id"]
        _refuse(complaints + complaints_of(_DEFAULTS | given))
        return cls(**{key: _CASTS.get(key, _as_is)(value) for key, value in given.items()})

    def waiting(self, patience: float) -> "AbortPolicy":
        """The same policy, waiting so long for an outage to pass, and no longer for anything else."""
        return replace(self, patience=patience, patience_blocked=min(self.patience_blocked, patience))

    def to_dict(self) -> dict[str, Any]:
        """The policy as plain values, those that its kind has no use for left out; `from_dict` makes an equal one of them."""
        plain: dict[str, Any] = {key: getattr(self, key) for key in _KEYS if key not in _IDLE[self.kind]}
        plain["kind"] = self.kind.value
        plain["ignored_classes"] = sorted(self.ignored_classes)
        plain["abort_actions"] = [Action(each).value for each in self.abort_actions]
        return plain


def shipped_policies() -> tuple[AbortPolicy, ...]:
    """The policies there are without anybody asking."""
    windowed = Kind.WINDOWED
    return (
        AbortPolicy(name="default", ignored_classes=ANSWERS),
        AbortPolicy(
            name="conservative",
            ignored_classes=ANSWERS,
            min_operations=50,
            false_alarm_bound=0.001,
            patience=3_600,
            patience_blocked=900,
        ),
        AbortPolicy(name="production", kind=windowed, min_operations=50),
        AbortPolicy(
            name="development",
            kind=windowed,
            failure_rate_threshold=0.8,
            window_size=20,
            window_duration=60,
            min_operations=10,
            abort_actions=(Action.SAVE_STATE, Action.LOG_EVENT),
        ),
        AbortPolicy(name="strict", kind=Kind.STRICT),
        AbortPolicy(name="never", kind=Kind.NEVER),
    )


_DEFAULTS = {field.name: field.default for field in fields(AbortPolicy) if field.name not in {"name", "id"}}
_KEYS = tuple(field.name for field in fields(AbortPolicy))
_OF_PATIENCE = frozenset({"patience", "patience_blocked"})
_OF_TESTS = frozenset({"false_alarm_bound", "rate_healthy", "rate_failing"})
_OF_WINDOWS = frozenset({"failure_rate_threshold", "window_size", "window_duration"})
_OF_CRASHES = frozenset({"consecutive_crashes", "crash_window", "crashes_max", "crashes_window"})
_IDLE: Mapping[str, frozenset[str]] = {
    Kind.TWO_STAGE: _OF_WINDOWS,
    Kind.WINDOWED: _OF_TESTS,
    Kind.STRICT: _OF_WINDOWS,
    Kind.NEVER: _OF_PATIENCE | _OF_TESTS | _OF_WINDOWS | _OF_CRASHES | {"min_operations"},
}


def _as_is(value: Any) -> Any:
    return value


def _actions(value: Iterable[str]) -> tuple[Action, ...]:
    return tuple(Action(each) for each in value)


_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "kind": Kind,
    "ignored_classes": frozenset,
    "abort_actions": _actions,
    **dict.fromkeys(
        (
            "false_alarm_bound",
            "rate_healthy",
            "rate_failing",
            "patience",
            "patience_blocked",
            "failure_rate_threshold",
            "window_duration",
            "crash_window",
            "crashes_window",
            "action_timeout",
        ),
        float,
    ),
}


def _no_mapping(config: object) -> list[str]:
    return [] if isinstance(config, Mapping) else [f"must be a mapping of keys to values, not {type(config).__name__}"]


def _unknown(config: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    return [f"{key}: is not a key{nearest(str(key), known)}" for key in config if key not in known]


def _idle(given: Mapping[str, Any]) -> list[str]:
    kind = given.get("kind", Kind.TWO_STAGE)
    idle = _IDLE.get(kind, frozenset()) if isinstance(kind, str) else frozenset()
    return [f"{key}: has no effect in a policy of the kind {Kind(kind).value!r}" for key in given if key in idle]


def _refuse(complaints: list[str]) -> None:
    if complaints:
        count = f"{len(complaints)} complaints: " if len(complaints) > 1 else ""
        raise AbortConfigurationError(
            f"the abort policy is not valid: {count}{'; '.join(complaints)}", context={"complaints": complaints}
        )
