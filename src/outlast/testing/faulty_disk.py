"""A disk that fails where it is told to: for tests of what goes through `outlast.storage.disk`."""

import errno
import os
from collections.abc import Callable
from typing import Any

from outlast.storage.disk import OsDisk

__all__ = ["FaultyDisk", "PowerCutError"]


class PowerCutError(BaseException):
    """The process is no more: nothing after this step happens."""


class FaultyDisk:
    """The real disk, but for one step (they count from 1).

    Step `fails_at` raises `OSError(code)`; from step `dies_at` on nothing is done, and `PowerCutError` is raised. A write takes at
    most `bytes_a_write`. `steps` are the names of the steps so far.
    """

    PowerCut = PowerCutError

    def __init__(
        self,
        *,
        fails_at: int | None = None,
        code: int = errno.EIO,
        dies_at: int | None = None,
        bytes_a_write: int | None = None,
    ) -> None:
        self._real = OsDisk()
        self._fails_at, self._code, self._dies_at, self._bytes = fails_at, code, dies_at, bytes_a_write
        self.steps: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        real: Callable[..., Any] = getattr(self._real, name)

        def step(*arguments: Any) -> Any:
            self.steps.append(name)
            if self._dies_at is not None and len(self.steps) >= self._dies_at:
                raise PowerCutError
            if len(self.steps) == self._fails_at:
                if name == "close":
                    real(*arguments)  # as the kernel does: the handle is gone, and the error stays
                raise OSError(self._code, os.strerror(self._code))
            if name == "write" and self._bytes is not None:
                descriptor, blob = arguments
                return real(descriptor, blob[: self._bytes])
            return real(*arguments)

        return step
