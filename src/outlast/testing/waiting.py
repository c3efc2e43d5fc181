"""Waiting for what another process does, in real time."""

import time
from collections.abc import Callable

__all__ = ["wait_until"]


def wait_until(holds: Callable[[], object], seconds: float = 100.0, *, every: float = 0.02) -> None:
    """Return once `holds()` does, which is asked anew after each `every` seconds.

    Raises:
        TimeoutError: it did not for so many `seconds`.

    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= deadline:
            raise TimeoutError(f"it did not come about within {seconds:g} s")
        time.sleep(every)
