"""Measurements that may hang (a user's own, a network file system): each in a thread of its own, so that the others go on."""

from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, ParamSpec, TypeVar

from outlast.resource.thread import SamplingThread

__all__ = ["BOUND_SECONDS", "Bounded"]

P = ParamSpec("P")
T = TypeVar("T")

BOUND_SECONDS = 2.0


class Bounded(Generic[P, T]):
    """Measures like the function that it is given. Raises `TimeoutError` after `seconds`, and at once while an earlier call hangs."""

    def __init__(self, measure: Callable[P, T], seconds: float = BOUND_SECONDS) -> None:
        self._measure = measure
        self._seconds = seconds
        self._last: Future[T] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._last is None or self._last.done():
            thread = SamplingThread()
            self._last = thread.submit(self._measure, *args, **kwargs)
            thread.shutdown(wait=False)
            wait([self._last], self._seconds)
        if not self._last.done():
            raise TimeoutError(f"no answer within {self._seconds:g} s")
        return self._last.result()
