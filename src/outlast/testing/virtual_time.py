"""Time that passes when everybody waits: a day of back-off takes milliseconds, and the order of events is real.

`VirtualTimeLoop` is an ordinary event loop but for one thing: when nothing is ready to run, it jumps to the next timer
instead of waiting for it. `asyncio.sleep`, `asyncio.timeout` and `loop.call_later` obey.

Work handed to threads (`asyncio.to_thread`, `loop.run_in_executor`) takes real time and no virtual time: the loop waits for
it and the clock stands still. So a timeout around it never expires; test that on an ordinary loop. A thread of another kind
that will call `call_soon_threadsafe` announces itself with `loop.outside_work()`.

Sockets, pipes and subprocesses do not work here, because the loop cannot know whether an answer is still to come; it refuses
to watch them. Tests of those need an ordinary loop.
"""

import asyncio
import math
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

from typing_extensions import override

__all__ = ["EPOCH", "VirtualClock", "VirtualTimeLoop"]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
OUTSIDE_WORK_MAX_SECONDS = 60.0

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` begins at 0 and jumps from timer to timer.

    With nothing ready, no timer and no outside work it raises `RuntimeError("deadlock: ...")`: nothing could ever wake it.
    Outside work that takes longer than `patience` real seconds is an error too.
    """

    def __init__(self, *, patience: float = OUTSIDE_WORK_MAX_SECONDS) -> None:
        self._now = 0.0
        self._patience = patience
        self._outside: set[object] = set()
        self._threads: Executor | None = None
        selector = _JumpingSelector(self._wait)
        super().__init__(selector)
        # The loop's own wake-up pipe is in by now; nothing else may follow.
        selector.sealed = True

    @override
    def time(self) -> float:
        return self._now

    @contextmanager
    def outside_work(self) -> Iterator[None]:
        """While the block lasts, the clock stands still and the loop waits for a call from another thread."""
        token = object()
        self._outside.add(token)
        try:
            yield
        finally:
            self._outside.discard(token)

    @override
    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> "asyncio.Future[T]":
        self._check_open()
        work = (executor or self._default_threads()).submit(func, *args)
        self._outside.add(work)
        future = asyncio.wrap_future(work, loop=self)
        # Added after the callback that brings the result, so it runs after it: between the two, time must not jump.
        work.add_done_callback(self._come_back)
        return future

    @override
    def set_default_executor(self, executor: ThreadPoolExecutor) -> None:  # type: ignore[override] # as asyncio itself demands
        super().set_default_executor(executor)
        self._threads = executor

    @override
    async def shutdown_default_executor(self, *timeout: float | None) -> None:
        with self.outside_work():
            await super().shutdown_default_executor(*timeout)

    def _wait(self, poll: "Callable[[float], list[_Event]]", timeout: float | None) -> "list[_Event]":
        """What the selector does instead of waiting: take what is there, wait for outside work, or jump."""
        events = poll(0)
        if events or timeout == 0:
            return events
        if self._outside:
            return self._wait_outside(poll)
        self._jump()
        return events

    def _wait_outside(self, poll: "Callable[[float], list[_Event]]") -> "list[_Event]":
        events = poll(self._patience)
        if not events:
            raise RuntimeError(
                f"stuck: work outside the loop has taken {self._patience:g} s of real time; "
                f"virtual time stands still meanwhile, so no timeout can end it"
            )
        return events

    def _jump(self) -> None:
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined] # not in typeshed
        if not timers:
            raise RuntimeError(
                "deadlock: everything on this loop waits for something, "
                "and there is no timer and no work in a thread that could wake it"
            )
        self._now = max(self._now, timers[0].when())
        # A timer fires when it is due within the resolution. asyncio's nanosecond is lost in rounding after some months.
        self._clock_resolution = math.ulp(self._now)

    def _default_threads(self) -> Executor:
        if self._threads is None:
            self.set_default_executor(ThreadPoolExecutor(thread_name_prefix="virtual"))
        assert self._threads is not None
        return self._threads

    def _come_back(self, work: "Future[Any]") -> None:
        # Cancelled work may end after its loop was closed.
        with suppress(RuntimeError):
            self.call_soon_threadsafe(self._outside.discard, work)

    def _check_open(self) -> None:
        if self.is_closed():
            raise RuntimeError("Event loop is closed")


class VirtualClock:
    """A `Clock` on the running loop's time: `now()` is `epoch` plus the time that has passed on the loop.

    Where no loop runs (a worker's thread, a plain test) it tells the time of the loop it saw last; before any, none has passed.
    """

    def __init__(self, epoch: datetime = EPOCH) -> None:
        self._epoch = epoch
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look()

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        loop = self._look()
        return 0.0 if loop is None else loop.time()

    async def sleep(self, seconds: float, /) -> None:
        self._look()
        await asyncio.sleep(seconds)

    def _look(self) -> asyncio.AbstractEventLoop | None:
        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        return self._loop


_Event = tuple[selectors.SelectorKey, int]


class _JumpingSelector(selectors.DefaultSelector):
    """Asks `wait` what to do where a selector would sleep."""

    def __init__(self, wait: "Callable[[Callable[[float], list[_Event]], float | None], list[_Event]]") -> None:
        super().__init__()
        self._wait = wait
        self.sealed = False

    @override
    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self.sealed:
            raise RuntimeError(
                "a VirtualTimeLoop cannot wait for sockets, pipes or subprocesses: run this on an ordinary event loop"
            )
        return super().register(fileobj, events, data)

    @override
    def select(self, timeout: float | None = None) -> list[_Event]:
        return self._wait(super().select, timeout)
