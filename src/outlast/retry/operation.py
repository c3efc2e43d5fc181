"""What is run: anything that can be called twice, for no longer than it may take."""

import asyncio
from collections.abc import Callable
from inspect import isawaitable, iscoroutine
from typing import Any

from outlast.errors import RetryConfigurationError

__all__ = ["Operation", "refuse_uncallable", "result_of"]

Operation = Callable[..., Any]


async def result_of(work: Callable[[], Any], seconds: float | None) -> Any:
    """What `work` returns, awaited if it can be. Raises `TimeoutError` after `seconds`; None: it may take its time."""
    if seconds is not None:
        return await _within(seconds, work)
    result = work()
    return await result if isawaitable(result) else result


def refuse_uncallable(operation: object) -> None:
    """Raises `RetryConfigurationError` for what cannot be called, and for a coroutine object, which runs only once."""
    if callable(operation):
        return
    if iscoroutine(operation):
        operation.close()
        raise RetryConfigurationError(
            "the operation is a coroutine object, which can run only once: give the function, and its arguments after the policy"
        )
    raise RetryConfigurationError(f"the operation must be callable, and {type(operation).__name__!r} is not")


async def _within(seconds: float, work: Callable[[], Any]) -> Any:
    limit, cut = asyncio.timeout(seconds), None
    try:
        async with limit:
            result = work()
            return await result if isawaitable(result) else result
    except TimeoutError as error:
        if not limit.expired():
            raise
        cut = error.__cause__  # the cancellation: its traceback says where the time went
    finally:
        del limit  # it knows the task, and the task may end with an error that came through here
    try:
        raise TimeoutError(f"no result within {seconds:g} s") from cut
    finally:
        del cut
