"""SIGINT and SIGTERM: the first asks the run to finish what is in hand, the second to stop now."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from outlast.jobs.outcome import Ending

__all__ = ["listening"]

_SIGNALS = {signal.SIGINT: Ending.SIGINT, signal.SIGTERM: Ending.SIGTERM}


@contextmanager
def listening(stop: Callable[[Ending], None]) -> Iterator[None]:
    """Call `stop` for each signal while the block runs; elsewhere than in the main thread signals are left alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, ending in _SIGNALS.items():
        loop.add_signal_handler(number, partial(stop, ending))
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            if handler is not None:
                signal.signal(number, handler)
