"""Notices at once that a process has died; nothing else tells of a dead driver."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress

from outlast.browser.processes import Process, is_alive

__all__ = ["Deathwatch"]


class Deathwatch:
    """Calls back on the loop when a process dies. Where the system cannot tell (no pidfd), the health checks find it."""

    def __init__(self) -> None:
        self._descriptors: list[int] = []

    def watch(self, process: Process, died: Callable[[], None]) -> None:
        try:
            descriptor = os.pidfd_open(process.pid)
        except (AttributeError, OSError):
            if not is_alive(process):
                died()
            return
        if not is_alive(process):
            os.close(descriptor)  # it may be another one's by now
            died()
            return
        try:
            asyncio.get_running_loop().add_reader(descriptor, self._told, descriptor, died)
        except RuntimeError:  # a loop that watches no descriptors
            os.close(descriptor)
            return
        self._descriptors.append(descriptor)

    def end(self) -> None:
        for descriptor in tuple(self._descriptors):
            self._forget(descriptor)

    def _told(self, descriptor: int, died: Callable[[], None]) -> None:
        self._forget(descriptor)
        died()

    def _forget(self, descriptor: int) -> None:
        if descriptor in self._descriptors:
            self._descriptors.remove(descriptor)
            with suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)
