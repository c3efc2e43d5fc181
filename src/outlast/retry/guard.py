"""The calls of one host: run under a policy, and under the host's breaker, budget and not-before time."""

from collections.abc import Callable, Mapping
from inspect import isawaitable
from types import CoroutineType
from typing import Any

from outlast.errors import RetryConfigurationError
from outlast.retry.engine import Engine
from outlast.retry.host import Host
from outlast.retry.operation import Operation
from outlast.retry.policies import Policies
from outlast.runtime import Clock

__all__ = ["HostRetry", "host_name"]

HOST_NAME_MAX = 255


class HostRetry:
    """What `RetryManager.for_host` gives: its `execute_with_retry`, for one host."""

    __slots__ = ("_clock", "_engine", "_host", "_policies", "_unhurried")

    def __init__(self, host: Host, engine: Engine, policies: Policies, clock: Clock) -> None:
        self._host = host
        self._engine = engine
        self._policies = policies
        # Those under which a first attempt needs no look at the clock; the mapping is filled and emptied by its owner.
        self._unhurried = policies.unhurried
        self._clock = clock

    async def execute_with_retry(
        self, operation: Callable[..., Any], retry_policy_id: str, *args: Any, **kwargs: Any
    ) -> Any:
        """As `RetryManager.execute_with_retry`; beyond that, the host is not asked in vain.

        `MaxRetriesExceededError` has two more reasons: `circuit_open`, at once and without an attempt (`attempts` is 0, and `retry_at`
        says when to come back), and `budget`, when too much of what was asked of this host has failed. When the host has asked
        to be left alone, first attempts wait too.
        """
        # The way of every call that succeeds at once: see `RetryManager.execute_with_retry`.
        policy, host = self._unhurried.get(retry_policy_id), self._host
        if policy is None or host.barred:
            return await self.call(retry_policy_id, operation, args, kwargs)
        try:
            result = operation(*args, **kwargs)
            if type(result) is CoroutineType or isawaitable(result):
                result = await result
        except Exception as error:  # noqa: BLE001 - judging a failure is what this is for
            call = self._engine.failed(policy, operation, args, kwargs, error, host)
        else:
            if host.marked:
                host.succeeded(0.0)
            return result
        return await self._engine.again(call)

    async def call(
        self, retry_policy_id: str, operation: Operation, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        """The same, with the arguments in one piece each: no name among them can collide."""
        policy = self._policies.get(retry_policy_id)
        if not self._policies.enabled:
            return await self._engine.once(policy, operation, args, kwargs)
        return await self._engine.run(policy, operation, args, kwargs, self._host)

    def status(self) -> dict[str, Any]:
        """What is known of the host, as plain data.

        `host, state (closed, open, half_open), failures_in_a_row, evidence, down_for, opens_in, left_alone_for, budget,
        retries_allowed, last_error`; times are seconds.
        """
        return self._host.to_dict(self._clock.monotonic())


def host_name(name: object) -> str:
    """The name in lower case. Raises `RetryConfigurationError` for what is no name of a host, a URL say."""
    if not isinstance(name, str) or not name.strip() or len(name) > HOST_NAME_MAX:
        raise RetryConfigurationError(f"a host is a text of 1 to {HOST_NAME_MAX} characters, not {name!r}")
    if "/" in name or "@" in name:
        raise RetryConfigurationError(f"{name!r} is not the name of a host: give the part of the URL between // and /")
    return name.strip().lower()
