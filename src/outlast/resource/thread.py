"""The thread that measures: files of the system are read there, so that the event loop never waits for one."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

from typing_extensions import override

__all__ = ["SamplingThread"]

P = ParamSpec("P")
T = TypeVar("T")

_Work = tuple["Future[object]", Callable[[], object]]


class SamplingThread(Executor):
    """An executor of one thread, which is there from the first work until `shutdown` and may begin again after it.

    It is a daemon: a file system that hangs must not keep the program from ending.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Work | None] | None = None
        self._thread: threading.Thread | None = None

    @override
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        if self._queue is None:
            self._queue = SimpleQueue()
            self._thread = threading.Thread(target=_serve, args=(self._queue,), name="outlast-resources", daemon=True)
            self._thread.start()
        future: Future[T] = Future()
        self._queue.put((future, partial(fn, *args, **kwargs)))  # type: ignore[arg-type] # whose result it is, is its own affair
        return future

    @override
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        queue, thread = self._queue, self._thread
        self._queue = self._thread = None
        if queue is not None and thread is not None:
            queue.put(None)
            if wait:
                thread.join()


def _serve(queue: "SimpleQueue[_Work | None]") -> None:
    while (work := queue.get()) is not None:
        future, act = work
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(act())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the result
            future.set_exception(error)
        del work, future, act
