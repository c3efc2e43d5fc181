"""The contract's retry manager."""
# ruff: noqa: UP006, UP035 - the published signatures, as they are written there

from collections.abc import Callable
from dataclasses import replace
from inspect import isawaitable
from types import CoroutineType, TracebackType
from typing import TYPE_CHECKING, Any, Dict, Self

from typing_extensions import override

from outlast.contracts import IRetryManager
from outlast.errors import RetryPolicyNotFoundError
from outlast.events import EventBus
from outlast.failure.classify import classify
from outlast.retry.backoff import delay_after
from outlast.retry.checks import nearest
from outlast.retry.engine import Engine
from outlast.retry.jitter import Jitter
from outlast.retry.policy import RetryPolicy, shipped_policies
from outlast.runtime import Clock, Runtime

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 - the type alone

    from outlast.config import RetryConfiguration

__all__ = ["DEFAULT", "RetryManager"]

DEFAULT = "default"
"""The id that stands for `RetryConfiguration.default_policy`, unless a policy was created under it."""


class RetryManager(IRetryManager):
    """Runs operations again when they fail in a way that may pass.

    It holds nothing that must be closed: it may be used before, inside and after `async with`.
    """

    def __init__(
        self,
        config: "RetryConfiguration",
        *,
        events: EventBus | None = None,
        clock: Clock | None = None,
        rng: "Random | None" = None,
    ) -> None:
        given = Runtime()
        self._config = config
        self._runtime = Runtime(
            clock=given.clock if clock is None else clock,
            roll=_chance(config, given.roll if rng is None else rng.random),
            bus=given.bus if events is None else events,
        )
        self._engine = Engine(
            self._runtime,
            retries_max=config.max_concurrent_retries,
            classifying=config.failure_classification_enabled,
        )
        self._policies: dict[str, RetryPolicy] = {}
        # Those under which a first attempt needs neither a clock nor a timeout: see `execute_with_retry`.
        self._untimed: dict[str, RetryPolicy] = {}
        for policy in shipped_policies():
            self._keep(policy)

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
        policy = self._untimed.get(retry_policy_id)
        if policy is None:
            begin = self._engine.run if self._config.enabled else self._engine.once
            return await begin(self.policy(retry_policy_id), operation, args, kwargs)
        try:
            result = operation(*args, **kwargs)
            if type(result) is CoroutineType or isawaitable(result):
                return await result
        except Exception as error:  # noqa: BLE001 - judging a failure is what this is for
            call = self._engine.failed(policy, operation, args, kwargs, error, started=0.0)
        else:
            return result
        return await self._engine.again(call)

    @override
    async def classify_failure(self, error: Exception) -> str:
        """`"transient"` or `"permanent"`; every failure is transient with `failure_classification_enabled=False`."""
        if not self._config.failure_classification_enabled:
            return "transient"
        return "transient" if classify(error, now=self._runtime.clock.now()).transient else "permanent"

    @override
    async def calculate_backoff_delay(self, attempt: int, retry_policy_id: str) -> float:
        """The seconds to wait after failed attempt number `attempt`, 1 being the first call.

        Raises `RetryConfigurationError` for an attempt that is not a whole number above 0.
        """
        return delay_after(self.policy(retry_policy_id), attempt, self._runtime.roll())

    @override
    async def create_retry_policy(self, policy_config: Dict[str, Any]) -> str:
        """The id of the policy: the one given, else its name. It replaces an older one; calls under way keep theirs.

        Raises `RetryConfigurationError` naming every complaint; then nothing has changed.
        """
        return self._keep(RetryPolicy.from_dict(policy_config))

    def policy(self, policy_id: str) -> RetryPolicy:
        """The policy as it is in force. Raises `RetryPolicyNotFoundError`, which names the nearest id there is."""
        wanted = policy_id
        if wanted == DEFAULT and DEFAULT not in self._policies:
            wanted = self._config.default_policy
        found = self._policies.get(wanted)
        if found is None:
            raise RetryPolicyNotFoundError(
                f"there is no retry policy {wanted!r}{nearest(str(wanted), self._policies)}",
                context={"policy_id": wanted, "known": sorted(self._policies)},
            )
        return found

    def _keep(self, policy: RetryPolicy) -> str:
        kept = policy if self._config.jitter_enabled else replace(policy, jitter=Jitter.NONE)
        self._policies[policy.id] = kept
        self._untimed.pop(policy.id, None)
        if self._config.enabled and kept.attempt_timeout is None and kept.max_elapsed is None:
            self._untimed[policy.id] = kept
        return policy.id


def _chance(config: "RetryConfiguration", roll: Callable[[], float]) -> Callable[[], float]:
    # Without jitter nothing is left to chance, the spread after a Retry-After included.
    return roll if config.jitter_enabled else float
