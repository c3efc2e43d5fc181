"""Functions that are retried whenever they are called."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import wraps
from inspect import isasyncgenfunction, isgeneratorfunction
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from outlast.errors import RetryConfigurationError
from outlast.retry.operation import Operation, refuse_uncallable

__all__ = ["Caller", "HostOf", "Retrying"]

P = ParamSpec("P")
R = TypeVar("R")

HostOf = str | Callable[..., str] | None
"""A host, or what tells it from the arguments of the call."""

# The names that `execute_with_retry` has taken.
_OURS = frozenset({"self", "operation", "retry_policy_id"})


class Caller(Protocol):
    """Runs an operation under a policy: in a hurry, or with arguments that have the names of its own."""

    async def execute_with_retry(
        self, operation: Operation, retry_policy_id: str, /, *args: Any, **kwargs: Any
    ) -> Any: ...

    async def call(
        self, retry_policy_id: str, operation: Operation, args: tuple[Any, ...], kwargs: Mapping[str, Any], /
    ) -> Any: ...


class Retrying:
    """The decorator that `RetryManager.retrying` gives: what it wraps has the same arguments, and is async."""

    def __init__(self, policy_id: str, plain: Caller, for_host: Callable[[str], Caller], host: HostOf) -> None:
        if host is not None and not isinstance(host, str) and not callable(host):
            raise RetryConfigurationError(f"host: must be a text, a function of the arguments, or None, not {host!r}")
        self._policy_id = policy_id
        self._plain = plain
        self._for_host = for_host
        self._host = host

    @overload
    def __call__(self, function: Callable[P, Awaitable[R]], /) -> Callable[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __call__(self, function: Callable[..., Any], /) -> Callable[..., Coroutine[Any, Any, Any]]:
        """Raises `RetryConfigurationError` for what cannot be called again: a coroutine object, a generator function."""
        refuse_uncallable(function)
        if isgeneratorfunction(function) or isasyncgenfunction(function):
            raise RetryConfigurationError(
                f"{function.__qualname__} is a generator: a stream that breaks cannot be tried again"
            )
        fixed = self._fixed()
        return self._by_arguments(function) if fixed is None else self._by(fixed, function)

    def _by(self, caller: Caller, function: Operation) -> Callable[..., Coroutine[Any, Any, Any]]:
        policy_id, execute = self._policy_id, caller.execute_with_retry

        @wraps(function)
        async def retried(*args: Any, **kwargs: Any) -> Any:
            if kwargs and not _OURS.isdisjoint(kwargs):
                return await caller.call(policy_id, function, args, kwargs)
            return await execute(function, policy_id, *args, **kwargs)

        return retried

    def _by_arguments(self, function: Operation) -> Callable[..., Coroutine[Any, Any, Any]]:
        policy_id, for_host, host = self._policy_id, self._for_host, self._host
        assert callable(host), "else it is fixed"

        @wraps(function)
        async def retried(*args: Any, **kwargs: Any) -> Any:
            return await for_host(host(*args, **kwargs)).call(policy_id, function, args, kwargs)

        return retried

    def _fixed(self) -> Caller | None:
        if self._host is None:
            return self._plain
        return self._for_host(self._host) if isinstance(self._host, str) else None
