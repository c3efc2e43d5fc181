"""The contract's retry manager."""
# ruff: noqa: UP006, UP035 - the published signatures, as they are written there

from collections.abc import Callable, Mapping, Sequence
from inspect import isawaitable
from types import CoroutineType, TracebackType
from typing import TYPE_CHECKING, Any, Dict, Self

from typing_extensions import override

from outlast.contracts import IRetryManager
from outlast.errors import RetryConfigurationError
from outlast.events import EventBus, EventType
from outlast.failure.hearing import heard
from outlast.failure.rule import FailureRule, rules_of
from outlast.retry.backoff import delay_after
from outlast.retry.decorate import HostOf, Retrying
from outlast.retry.engine import Engine
from outlast.retry.guard import HostRetry, host_name
from outlast.retry.host import Host, Hosts
from outlast.retry.judge import Judge
from outlast.retry.operation import Operation
from outlast.retry.policies import DEFAULT, Policies
from outlast.retry.policy import RetryPolicy
from outlast.retry.remedies import Remedies, RemedyFunction
from outlast.retry.telling import job_id
from outlast.runtime import Clock, Runtime

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 - the type alone

    from outlast.config import RetryConfiguration

__all__ = ["DEFAULT", "RetryManager"]


class RetryManager(IRetryManager):
    """Runs operations again when they fail in a way that may pass.

    It holds nothing that must be closed: it may be used before, inside and after `async with`. `rules` come before those of the
    configuration; results are judged by those that ask for them. `remedies` are functions by the names of `Remedy`
    (`refresh_session`, `rotate_proxy`, `restart_browser`), plain or async, that get the name of the host: a failure for whose remedy
    there is a function is tried again once it has been applied.
    """

    def __init__(
        self,
        config: "RetryConfiguration",
        *,
        events: EventBus | None = None,
        clock: Clock | None = None,
        rng: "Random | None" = None,
        rules: Sequence[FailureRule] = (),
        remedies: Mapping[str, RemedyFunction] | None = None,
    ) -> None:
        given = Runtime()
        self._runtime = Runtime(
            clock=given.clock if clock is None else clock,
            roll=_chance(config, given.roll if rng is None else rng.random),
            bus=given.bus if events is None else events,
        )
        self._judge = Judge(heard((*rules, *rules_of(config.rule))), classifying=config.failure_classification_enabled)
        mending = Remedies(remedies or {}, self._runtime)
        self._engine = Engine(
            self._runtime, retries_max=config.max_concurrent_retries, judge=self._judge, remedies=mending
        )
        self._policies = Policies(
            default=config.default_policy,
            jitter=config.jitter_enabled,
            enabled=config.enabled,
            hurry_allowed=not mending and not self._judge.asks_results,
        )
        self._unhurried = self._policies.unhurried
        self._hosts: Hosts[HostRetry] = Hosts(self._guard)
        self._known = self._hosts.known

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held, so nothing is closed."""

    @override
    async def execute_with_retry(
        self, operation: Callable[..., Any], retry_policy_id: str, *args: Any, **kwargs: Any
    ) -> Any:
        """The result of `operation(*args, **kwargs)`, a plain or an async callable, tried as the policy says.

        Raises `MaxRetriesExceededError` or `PermanentFailureError` from the last error; their `context` holds `attempts`,
        `reason` (`attempts`, `deadline`, `retry_after_too_long` or `permanent`), `history`, `policy_id` and, where the other side
        asked to be left alone for too long, `retry_at`. With `enabled=False` there is one attempt, and its error comes as it is.
        Raises `RetryPolicyNotFoundError`, and `RetryConfigurationError` for an operation that cannot be called twice.
        """
        # This is the way of every call that succeeds at once, so nothing is done here that it does not need.
        policy = self._unhurried.get(retry_policy_id)
        if policy is None:
            return await self.call(retry_policy_id, operation, args, kwargs)
        try:
            result = operation(*args, **kwargs)
            if type(result) is CoroutineType or isawaitable(result):
                return await result
        except Exception as error:  # noqa: BLE001 - judging a failure is what this is for
            call = self._engine.failed(policy, operation, args, kwargs, error)
        else:
            return result
        return await self._engine.again(call)

    @override
    async def classify_failure(self, error: Exception) -> str:
        """`"transient"` or `"permanent"`; every failure is transient with `failure_classification_enabled=False`."""
        return "transient" if self._judge.is_transient(error, now=self._runtime.clock.now()) else "permanent"

    @override
    async def calculate_backoff_delay(self, attempt: int, retry_policy_id: str) -> float:
        """The seconds to wait after failed attempt number `attempt`, 1 being the first call.

        Raises `RetryConfigurationError` for an attempt that is not a whole number above 0.
        """
        return delay_after(self.policy(retry_policy_id), attempt, self._runtime.roll())

    @override
    async def create_retry_policy(self, policy_config: Dict[str, Any]) -> str:
        """The id of the policy: the one given, else its name. It replaces an older one; calls under way keep theirs.

        Raises `RetryConfigurationError` naming every complaint; then the old one is still in force.
        """
        try:
            policy = RetryPolicy.from_dict(policy_config)
        except RetryConfigurationError as error:
            self._refused(policy_config, error)
            raise
        if self._policies.keep(policy):
            told = {"policy_id": policy.id, "policy": policy.to_dict()}
            self._runtime.emit(EventType.RETRY_POLICY_REPLACED, job_id.get(), **told)
        return policy.id

    def policy(self, policy_id: str) -> RetryPolicy:
        """The policy as it is in force. Raises `RetryPolicyNotFoundError`, which names the nearest id there is."""
        return self._policies.get(policy_id)

    def for_host(self, host: str) -> HostRetry:
        """The same `execute_with_retry` with a circuit breaker, a retry budget and a not-before time, one of each per host.

        The host is the part of a URL between `//` and `/`; upper and lower case are the same. At most 10,000 hosts are
        remembered. Raises `RetryConfigurationError` for what is no name of a host.
        """
        try:
            known = self._known(host)
        except TypeError:  # it cannot even be a key
            known = None
        return known or self._hosts.of(host_name(host))

    def retrying(self, retry_policy_id: str = DEFAULT, *, host: HostOf = None) -> Retrying:
        """A decorator: each call of the function is retried as the policy says, which is looked up when it is called.

        The function may be plain or async and keeps its arguments; what comes out is async. `host` is the host it asks, or a
        function that tells the host from the arguments of the call.
        """
        return Retrying(retry_policy_id, self, self.for_host, host)

    async def call(
        self, retry_policy_id: str, operation: Operation, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """`execute_with_retry` with the arguments in one piece each: no name among them can collide with its own."""
        policy = self._policies.get(retry_policy_id)
        begin = self._engine.run if self._policies.enabled else self._engine.once
        return await begin(policy, operation, args, kwargs)

    def _guard(self, host: str) -> HostRetry:
        return HostRetry(Host(host), self._engine, self._policies, self._runtime.clock)

    def _refused(self, config: object, error: RetryConfigurationError) -> None:
        given = (config.get("id") or config.get("name")) if isinstance(config, Mapping) else None
        told = {"policy_id": given if isinstance(given, str) else "", "complaints": error.context["complaints"]}
        self._runtime.emit(EventType.RETRY_POLICY_REFUSED, job_id.get(), **told)


def _chance(config: "RetryConfiguration", roll: Callable[[], float]) -> Callable[[], float]:
    # Without jitter nothing is left to chance, the spread after a Retry-After included.
    return roll if config.jitter_enabled else float
