"""`--supervise`: the run in a process of its own, and a small one beside it that begins it again when it dies.

It is a fork, and made before anything is imported or opened: what dies with the run is the run's alone.
"""

import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from outlast.cli.lives import UNBORN_MAX, Again, Death, DiedInVainError, Lives, Over, told_death
from outlast.cli.phrases import duration, moment
from outlast.cli.printing import left_drawing, remark
from outlast.runtime import Clock, SystemClock

__all__ = ["Life", "supervised"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
# Whoever began it so (nohup) does not want it to end by them.
_MAY_BE_IGNORED = frozenset({signal.SIGHUP, signal.SIGQUIT})


@dataclass(frozen=True, slots=True)
class Life:
    """One life of the run, in its own process: the first (until one has begun), or a later one.

    `has_begun` is to be called when the run has begun, `has_ended` when the process ends by what outlast does, whatever its code.
    """

    first: bool
    has_begun: Callable[[], None]
    has_ended: Callable[[], None]


class _StopAskedError(Exception):
    """Somebody asked to stop while no process was there to be asked."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def supervised(*, quiet: bool, as_json: bool = False, clock: Clock | None = None) -> Life | int:
    """Returns in each process of the run with its life, and in the one beside them with the exit code when all is over.

    Raises `DiedInVainError` when the process died again and again before the run had begun.
    """
    return _Supervisor(clock or SystemClock(), quiet=quiet, as_json=as_json).watch()


class _Supervisor:
    def __init__(self, clock: Clock, *, quiet: bool, as_json: bool) -> None:
        self._clock = clock
        self._quiet = quiet
        self._as_json = as_json
        self._child: int | None = None
        self._asked = False
        # Shared by both processes: whether the run of the present life has begun, and whether it has ended.
        self._noted = mmap.mmap(-1, 2)

    def watch(self) -> Life | int:
        lives = Lives()
        heard = [number for number in _SIGNALS if not _is_ignored(number)]
        before = {number: signal.signal(number, self._hear) for number in heard}
        try:
            while True:
                started = self._clock.monotonic()
                if self._is_child(before):
                    return Life(first=not lives.begun, has_begun=self._note_begun, has_ended=self._note_ended)
                death = self._wait(started)
                match lives.after(death):
                    case Over(code, in_vain):
                        if in_vain:
                            raise _in_vain(death)
                        return code
                    case Again(delay, lives):
                        self._wait_again(death, delay)
        except _StopAskedError as asked:
            if not self._quiet:
                remark("Stopped. What is recorded is kept: the same command goes on.", as_json=self._as_json)
            return 128 + asked.number

    def _is_child(self, before: Mapping[signal.Signals, Any]) -> bool:
        """With the signals held back, so that neither process gets one before it knows which it is."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._noted[:] = bytes(2)
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self._child = os.fork()
        if self._child == 0:
            for number, handler in before.items():
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return self._child == 0

    def _wait(self, started: float) -> Death:
        child = self._child
        assert child is not None
        _, status = os.waitpid(child, 0)
        self._child = None
        begun, ended = bool(self._noted[0]), bool(self._noted[1])
        if not ended and not self._quiet:
            left_drawing(sys.stderr, os.environ)
        return Death(
            status=os.waitstatus_to_exitcode(status),
            seconds=self._clock.monotonic() - started,
            begun=begun,
            ended=ended,
            asked=self._asked,
        )

    def _note_begun(self) -> None:
        self._noted[0] = 1

    def _note_ended(self) -> None:
        self._noted[1] = 1

    def _hear(self, number: int, _: FrameType | None) -> None:
        is_first, self._asked = not self._asked, True
        if self._child is None:
            if is_first:
                raise _StopAskedError(number)
            return
        # Ctrl-C at a terminal has reached the run already, and a second one would stop it at once.
        if number != signal.SIGINT or not _is_in_the_foreground():
            with suppress(ProcessLookupError):
                os.kill(self._child, number)

    def _wait_again(self, death: Death, delay: float) -> None:
        if not self._quiet:
            when = moment(self._clock.now())
            told = (
                f"{when} WARN the process of the run {told_death(death.status)}; it begins again in {duration(delay)}"
            )
            remark(told, as_json=self._as_json)
        # Whoever is asked to stop meanwhile leaves it by an error; the sleep of a clock needs an event loop.
        threading.Event().wait(delay)


def _in_vain(death: Death) -> DiedInVainError:
    return DiedInVainError(
        f"the process {told_death(death.status)} before the run had begun, {UNBORN_MAX} times in a row. "
        "Importing the target or opening the job kills it: try it without --supervise"
    )


def _is_ignored(number: signal.Signals) -> bool:
    return number in _MAY_BE_IGNORED and signal.getsignal(number) is signal.SIG_IGN


def _is_in_the_foreground() -> bool:
    """Whether a terminal sends its Ctrl-C to this process as well as to its child."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
