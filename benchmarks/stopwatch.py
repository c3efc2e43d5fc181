"""Seconds and CPU of what runs inside, added up over several times."""

import time
from types import TracebackType
from typing import Self

from benchmarks.fresh import Numbers

__all__ = ["Stopwatch"]


class Stopwatch:
    """Used as a context manager, any number of times, in the event loop's thread."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.loop_cpu_seconds = 0.0

    def __enter__(self) -> Self:
        self._began = (time.perf_counter(), time.process_time(), time.thread_time())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        began, cpu, loop_cpu = self._began
        self.seconds += time.perf_counter() - began
        self.cpu_seconds += time.process_time() - cpu
        self.loop_cpu_seconds += time.thread_time() - loop_cpu

    def per_item(self, items: int) -> Numbers:
        """Items a second, and microseconds of CPU an item: of the process, and of the event loop's thread alone."""
        return {
            "rate": items / self.seconds,
            "cpu_us": self.cpu_seconds / items * 1e6,
            "loop_cpu_us": self.loop_cpu_seconds / items * 1e6,
        }
