"""What is wanted of retries: a policy that cannot be built wrong, and the policies that are shipped."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from outlast.errors import RetryConfigurationError
from outlast.failure.checks import nearest
from outlast.retry.checks import complaints_of
from outlast.retry.jitter import Jitter

__all__ = ["RetryPolicy", "shipped_policies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often something is tried, and how long to wait between. Times are seconds.

    `max_attempts` counts the first call. `jitter_factor` is the part of the jitter that is used: 1 all of it, 0 none.
    `attempt_timeout` bounds one attempt; after `max_elapsed` since the call no attempt begins. A server that asks for more
    than `retry_after_cap` is not waited for.
    """

    name: str
    id: str = ""
    max_attempts: int = 5
    base_delay: float = 1.0
    multiplier: float = 2.0
    max_delay: float = 300.0
    jitter: Jitter = Jitter.FULL
    jitter_factor: float = 1.0
    attempt_timeout: float | None = None
    max_elapsed: float | None = None
    retry_after_cap: float = 300.0
    transient_patterns: tuple[str, ...] = ()
    permanent_patterns: tuple[str, ...] = ()
    retryable_status_codes: frozenset[int] = frozenset()
    non_retryable_status_codes: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", self.name)
        _refuse(complaints_of({field.name: getattr(self, field.name) for field in fields(self)}))

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> "RetryPolicy":
        """The policy that a mapping of plain values describes.

        Raises `RetryConfigurationError` with every complaint, in its message and in `context["complaints"]`.
        """
        _refuse(_no_mapping(config))
        given = {key: value for key, value in config.items() if key in _KEYS}
        rules = config.get(_CLASSIFIER)
        complaints = _unknown(config, [*_KEYS, _CLASSIFIER], "")
        if isinstance(rules, Mapping):
            complaints += _unknown(rules, _CLASSIFIER_KEYS, f"{_CLASSIFIER}.")
            given |= {key: value for key, value in rules.items() if key in _CLASSIFIER_KEYS}
        elif rules is not None:
            complaints.append(f"{_CLASSIFIER}: must be a mapping, not {rules!r}")
        if "name" not in given:
            complaints.append("name: is missing")
        if given.get("id", "") is None:
            del given["id"]
        _refuse(complaints + complaints_of(_DEFAULTS | given))
        return cls(**{key: _CASTS.get(key, _as_is)(value) for key, value in given.items()})

    def to_dict(self) -> dict[str, Any]:
        """The policy as plain values; `from_dict` makes an equal one of them."""
        plain: dict[str, Any] = {key: getattr(self, key) for key in _KEYS}
        plain["jitter"] = self.jitter.value
        plain[_CLASSIFIER] = {
            "transient_patterns": list(self.transient_patterns),
            "permanent_patterns": list(self.permanent_patterns),
            "retryable_status_codes": sorted(self.retryable_status_codes),
            "non_retryable_status_codes": sorted(self.non_retryable_status_codes),
        }
        return plain


def shipped_policies() -> tuple[RetryPolicy, ...]:
    """The policies there are without anybody asking."""
    equal = Jitter.EQUAL
    return (
        RetryPolicy(name="exponential_backoff"),
        RetryPolicy(name="conservative", max_attempts=3, base_delay=2, multiplier=3, max_delay=120),
        RetryPolicy(name="aggressive", max_attempts=10, base_delay=0.5, multiplier=1.5, max_delay=30),
        RetryPolicy(name="http", max_attempts=4, base_delay=0.5, max_delay=30, attempt_timeout=30, max_elapsed=180),
        RetryPolicy(
            name="navigation",
            max_attempts=3,
            base_delay=2,
            max_delay=60,
            jitter=equal,
            attempt_timeout=60,
            max_elapsed=240,
        ),
        RetryPolicy(name="browser", max_attempts=3, multiplier=3, max_delay=30, jitter=equal, attempt_timeout=60),
        RetryPolicy(name="storage", base_delay=0.05, max_delay=2, max_elapsed=15),
        RetryPolicy(name="polite", base_delay=5, jitter=equal, attempt_timeout=60, max_elapsed=900),
        RetryPolicy(name="none", max_attempts=1),
    )


_CLASSIFIER = "failure_classifier"
_CLASSIFIER_KEYS = (
    "transient_patterns",
    "permanent_patterns",
    "retryable_status_codes",
    "non_retryable_status_codes",
)
_DEFAULTS = {field.name: field.default for field in fields(RetryPolicy) if field.name not in {"name", "id"}}
_KEYS = tuple(field.name for field in fields(RetryPolicy) if field.name not in _CLASSIFIER_KEYS)


def _as_is(value: Any) -> Any:
    return value


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)


_CASTS: Mapping[str, Callable[[Any], Any]] = {
    "base_delay": float,
    "multiplier": float,
    "max_delay": float,
    "jitter": Jitter,
    "jitter_factor": float,
    "attempt_timeout": _seconds,
    "max_elapsed": _seconds,
    "retry_after_cap": float,
    "transient_patterns": tuple,
    "permanent_patterns": tuple,
    "retryable_status_codes": frozenset,
    "non_retryable_status_codes": frozenset,
}


def _no_mapping(config: object) -> list[str]:
    return [] if isinstance(config, Mapping) else [f"must be a mapping of keys to values, not {type(config).__name__}"]


def _unknown(config: Mapping[str, Any], known: Iterable[str], prefix: str) -> list[str]:
    return [f"{prefix}{key}: is not a key{nearest(str(key), known)}" for key in config if key not in known]


def _refuse(complaints: list[str]) -> None:
    if complaints:
        count = f"{len(complaints)} complaints: " if len(complaints) > 1 else ""
        raise RetryConfigurationError(
            f"the retry policy is not valid: {count}{'; '.join(complaints)}", context={"complaints": complaints}
        )
