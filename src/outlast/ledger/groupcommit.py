"""Who commits, and when: one thread, one transaction at a time, of everything that is waiting.

There is no timer. While a commit runs, requests queue; when it ends, all of them form the next one. So the number of items a
commit holds follows the number of workers, and its cost (one fsync) is shared by them (group commit: DeWitt et al., 1984).
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, TypeVar

from outlast.errors import LedgerUnavailableError

__all__ = ["GroupCommit"]

Request = TypeVar("Request")
_Waiting = list[tuple[Request, "asyncio.Future[Any]"]]


class GroupCommit(Generic[Request]):
    """Hands batches of requests to `apply`, in order, on a thread of its own.

    `apply` gives an outcome per request; an outcome that is an exception is raised to the one who asked. When `apply` itself
    raises, everybody in the batch gets that error.
    """

    def __init__(self, apply: Callable[[Sequence[Request]], Sequence[Any]], name: str) -> None:
        self._apply = apply
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._loop = asyncio.get_running_loop()
        self._waiting: _Waiting[Request] = []
        self._busy = False
        self._end: asyncio.Future[None] | None = None

    def submit(self, request: Request) -> "asyncio.Future[Any]":
        """A future that is done when the request is durable. Cancelling it does not take the request back."""
        if self._end is not None:
            raise LedgerUnavailableError("the ledger is closed")
        future = self._loop.create_future()
        self._waiting.append((request, future))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._start)
        return future

    async def close(self, last: Callable[[], None]) -> None:
        """Finish what is waiting, run `last` on the thread, and end it; all of that happens even when this is cancelled.

        A second call waits for the first one's end.
        """
        if self._end is None:
            if self._waiting:
                self._start()
            self._end = self._loop.run_in_executor(self._thread, last)
            self._thread.shutdown(wait=False)
        await asyncio.shield(self._end)

    def _start(self) -> None:
        batch, self._waiting = self._waiting, []
        if batch:
            commit = self._loop.run_in_executor(self._thread, self._apply, [request for request, _ in batch])
            commit.add_done_callback(partial(self._settle, batch))

    def _settle(self, batch: _Waiting[Request], commit: "asyncio.Future[Sequence[Any]]") -> None:
        error = commit.exception()
        outcomes = [error] * len(batch) if error is not None else commit.result()
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.cancelled():
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        # Those who were waiting run before the next commit begins, so that what they ask for is part of it.
        self._busy = bool(self._waiting)
        if self._busy:
            self._loop.call_soon(self._start)
