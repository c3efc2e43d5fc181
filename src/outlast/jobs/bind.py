"""How a handler is called: the item first, then what it asks for by name."""

import asyncio
import contextvars
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from functools import partial
from typing import Any

from outlast.errors import TargetError

__all__ = [
    "BROWSER_NAMES",
    "CONTEXT",
    "HANDLER_THREADS",
    "Call",
    "Collected",
    "Named",
    "Threads",
    "asked_names",
    "call_by_name",
    "call_of",
    "wanted_names",
]

CONTEXT = "ctx"
BROWSER_NAMES = ("page", "context", "browser")
"""What a job with a browser gives to whom must have it: a parameter of one of these names that has a default is left alone."""
HANDLER_THREADS = "outlast-handler"
"""How the names of the threads begin that plain functions run in."""

Call = Callable[[Any, Mapping[str, Any]], Awaitable[Any]]
Named = Callable[[Mapping[str, Any]], Awaitable[Any]]


class Collected(list[Any]):
    """What an async generator yielded."""


class Threads:
    """Where plain functions run, one per worker. One that was given up on keeps its thread, and nobody waits behind it."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._pool = self._new()

    async def call(self, function: Callable[[], Any]) -> Any:
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function)
        except asyncio.CancelledError:
            if pool is self._pool:
                self.close()
                self._pool = self._new()
            raise

    def close(self) -> None:
        """Take no more calls; those that run, run on."""
        self._pool.shutdown(wait=False)

    def _new(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._size, thread_name_prefix=HANDLER_THREADS)


def wanted_names(handler: Callable[..., Any], known: Iterable[str]) -> list[str]:
    """The names after the item that `handler` must be given: `ctx`, those of `known` that it asks for, and those of the browser.

    Raises `TargetError` when it takes no item, or asks for something that nobody provides.
    """
    name, parameters = _signature(handler)
    if not parameters or parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
        raise TargetError(f"{name} takes no item: its first parameter is the item")
    return _asked(name, parameters[1:], {*known, CONTEXT})


def asked_names(function: Callable[..., Any], known: Iterable[str]) -> list[str]:
    """The same for a function that takes no item and no `ctx`. Raises `TargetError` as `wanted_names` does."""
    name, parameters = _signature(function)
    return _asked(name, parameters, set(known))


def _signature(function: Callable[..., Any]) -> tuple[str, list[inspect.Parameter]]:
    name = getattr(function, "__qualname__", repr(function))
    try:
        return name, list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise TargetError(f"{name} cannot be called: it has no signature") from error


def _asked(name: str, parameters: Iterable[inspect.Parameter], known: set[str]) -> list[str]:
    wanted, provided = [], {*known, *BROWSER_NAMES}
    for parameter in parameters:
        if parameter.kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
            continue
        is_needed = parameter.default is inspect.Parameter.empty
        if parameter.name in (provided if is_needed else known):
            wanted.append(parameter.name)
        elif is_needed:
            near = get_close_matches(parameter.name, provided, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise TargetError(
                f"{name} asks for {parameter.name!r}, which nobody provides "
                f"(there are: {', '.join(sorted(provided))}){hint} Give it with resources={{{parameter.name!r}: ...}}.",
                context={"parameter": parameter.name, "provided": sorted(provided)},
            )
    return wanted


def call_of(handler: Callable[..., Any], threads: Threads) -> Call:
    """One way to call any handler: a coroutine function, an async generator, or a plain function (in a thread)."""
    if inspect.isasyncgenfunction(handler):
        return partial(_collect, handler)
    if inspect.iscoroutinefunction(handler):
        return partial(_await, handler)
    return partial(_in_thread, handler, threads)


def call_by_name(function: Callable[..., Any], threads: Threads) -> Named:
    """One way to call a function that takes no item: a coroutine function, or a plain one (in a thread)."""
    return partial(_named, function, None if inspect.iscoroutinefunction(function) else threads)


async def _named(function: Callable[..., Any], threads: Threads | None, given: Mapping[str, Any]) -> Any:
    result = function(**given) if threads is None else await threads.call(partial(function, **given))
    return await result if inspect.isawaitable(result) else result


def _await(handler: Callable[..., Awaitable[Any]], item: Any, given: Mapping[str, Any]) -> Awaitable[Any]:
    return handler(item, **given)


async def _collect(handler: Callable[..., AsyncIterator[Any]], item: Any, given: Mapping[str, Any]) -> Any:
    return Collected([record async for record in handler(item, **given)])


async def _in_thread(handler: Callable[..., Any], threads: Threads, item: Any, given: Mapping[str, Any]) -> Any:
    context = contextvars.copy_context()
    result = await threads.call(partial(context.run, partial(handler, item, **given)))
    # A plain callable may still hand back a coroutine: a lambda around one, a callable object.
    return await result if inspect.isawaitable(result) else result
