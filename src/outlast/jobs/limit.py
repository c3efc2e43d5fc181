"""How long one attempt may take: `asyncio.timeout` at a fraction of its cost.

A worker makes one attempt after another, all with the same limit. So it has one timer, which is not moved with every attempt: when
it rings early it is set again for what is left (the lazy timers of G. Varghese and T. Lauck, "Hashed and hierarchical timing
wheels", 1987, in their simplest form). `asyncio.timeout` sets and cancels one per attempt, a third of what the event loop does
for an item that does nothing.
"""

import asyncio
from types import TracebackType
from typing import Self

__all__ = ["AttemptLimit"]


class AttemptLimit:
    """A reusable `with` block for one task: what takes longer than `seconds` in it is cancelled, and is a `TimeoutError`.

    None: there is no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._expired = False
        self._cancelled_before = 0

    def __enter__(self) -> Self:
        if self._seconds is None:
            return self
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelled_before = self._task.cancelling()
        self._expired = False
        self._due = self._loop.time() + self._seconds
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._ring)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._due = None
        if not self._expired:
            return
        assert self._task is not None
        # Whoever else cancelled the task meanwhile comes first, as with `asyncio.timeout`.
        if self._task.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError:
            raise TimeoutError(f"no result within {self._seconds:g} s") from error

    def close(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._due is None:
            return
        if self._loop.time() < self._due:
            self._timer = self._loop.call_at(self._due, self._ring)
            return
        assert self._task is not None
        self._expired = True
        self._task.cancel()
