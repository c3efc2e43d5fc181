"""Takes care that nothing of a browser outlives its owner: written down, guarded by a shell, swept at the next start."""

import asyncio
import ctypes
import os
from contextlib import suppress
from pathlib import Path

from outlast.browser.generation import Generation
from outlast.browser.policy import BrowserPolicy
from outlast.browser.processes import Process
from outlast.browser.reaper import Reaper
from outlast.browser.registry import Left, Registry, left_behind
from outlast.runtime import Runtime

__all__ = ["Custody"]

PR_SET_CHILD_SUBREAPER = 36
POLL_SECONDS = 0.05


class Custody:
    """What is known of the processes and directories that this owner is answerable for; without a directory only by the shell."""

    def __init__(self, directory: Path | None, policy: BrowserPolicy, runtime: Runtime) -> None:
        self._directory = directory
        self._policy = policy
        self._clock = runtime.clock
        self._registry = None if directory is None else Registry(directory, runtime.new_id())
        self._reaper = Reaper() if policy.reaper else None
        self._is_swept = False

    async def sweep(self) -> int:
        """End what dead owners left here, once; how many of them there were."""
        if self._is_swept or self._directory is None:
            return 0
        self._is_swept = True
        found = await asyncio.to_thread(left_behind, self._directory, self._clock.now().timestamp())
        for each in found:
            await self._end(each)
        return len(found)

    async def began(self, generation: Generation) -> None:
        """Answer for a browser from now on."""
        processes = _processes(generation)
        await asyncio.to_thread(self._begin, generation.number, processes, generation.directories)

    async def ended(self, generation: Generation) -> None:
        """Nothing is left of the browser."""
        await asyncio.to_thread(self._end_of, generation.number, _processes(generation))

    async def close(self) -> None:
        """Nothing is left at all."""
        await asyncio.to_thread(self._close)

    def _begin(self, number: int, processes: list[Process], directories: tuple[str, ...]) -> None:
        if self._policy.subreaper:
            _become_subreaper()
        if self._registry is not None:
            # On a disk that takes nothing a browser is still worth having: the shell guards it all the same.
            with suppress(OSError):
                self._registry.began(number, processes, directories)
        if self._reaper is not None:
            self._reaper.guard(processes, directories)

    def _end_of(self, number: int, processes: list[Process]) -> None:
        if self._reaper is not None:
            self._reaper.guard((), ())
        if self._registry is not None:
            with suppress(OSError):
                self._registry.ended(number)
        if self._policy.subreaper:
            _reap(processes)

    def _close(self) -> None:
        if self._registry is not None:
            with suppress(OSError):
                self._registry.close()
        if self._reaper is not None:
            self._reaper.close()

    async def _end(self, left: Left) -> None:
        await asyncio.to_thread(left.end)
        deadline = self._clock.monotonic() + self._policy.deadlines.die
        while not await asyncio.to_thread(lambda: left.is_gone):
            if self._clock.monotonic() >= deadline:
                return  # its file stays, for the next start
            await self._clock.sleep(POLL_SECONDS)
        with suppress(OSError):
            await asyncio.to_thread(left.forget)


def _processes(generation: Generation) -> list[Process]:
    return [each for each in (generation.process, generation.driver) if each is not None]


def _become_subreaper() -> None:
    """Orphans of ours become our children, of this whole process: so it is only done when asked for."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap(processes: list[Process]) -> None:
    for each in processes[:1]:
        # The browser and the rest of its group, once the driver that was their parent has gone.
        with suppress(ChildProcessError, PermissionError):
            while os.waitpid(-each.pid, os.WNOHANG)[0]:
                continue
