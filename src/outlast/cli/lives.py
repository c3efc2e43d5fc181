"""When the process of a run has died: whether it is begun again, after how long. Decided from how it died and how often it did."""

import signal
from dataclasses import dataclass, replace

from outlast.errors import JobError
from outlast.jobs import ExitCode

__all__ = ["UNBORN_MAX", "Again", "Death", "DiedInVainError", "Lives", "Over", "told_death"]

DELAY_MIN = 1.0
DELAY_MAX = 60.0
LONG_LIFE = 60.0
"""After a life of so many seconds the waiting begins anew."""
UNBORN_MAX = 3
"""So many deaths in a row before the run had begun are enough: nothing but the job's own hold counts those after that."""

_ASKED = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
_OURS = frozenset(int(code) for code in ExitCode)


class DiedInVainError(JobError):
    """The process of a supervised run died again and again before the run had begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a process ended: its exit code, or the negative number of the signal; whether the run had begun; whether it was asked to stop.

    `ended`: it was outlast that ended it, and no library that calls `exit`.
    """

    status: int
    seconds: float
    begun: bool
    ended: bool
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """It is begun again after `delay` seconds."""

    delay: float
    lives: "Lives"


@dataclass(frozen=True, slots=True)
class Over:
    """It is not. `in_vain`: it died before it could begin, as often as it may."""

    exit_code: int
    in_vain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """The deaths so far: how many there were, how many in a row were early, how many before the run had begun; whether it ever had."""

    deaths: int = 0
    begun: bool = False
    early: int = 0
    unborn: int = 0

    def after(self, death: Death) -> Again | Over:
        """What follows. A code that outlast itself ends with is an ending; a signal that asks to stop is one as well."""
        if death.ended and death.status in _OURS:
            return Over(death.status)
        # What ended without outlast has not finished, whatever it says.
        code = 128 - death.status if death.status < 0 else death.status or ExitCode.BUG
        if death.asked or -death.status in _ASKED:
            return Over(code)
        unborn = 0 if death.begun else self.unborn + 1
        if unborn >= UNBORN_MAX:
            return Over(ExitCode.BUG, in_vain=True)
        early = 0 if death.seconds >= LONG_LIFE else self.early
        delay = min(DELAY_MAX, DELAY_MIN * 2.0 ** min(early, 16))
        begun = self.begun or death.begun
        return Again(delay, replace(self, deaths=self.deaths + 1, begun=begun, early=early + 1, unborn=unborn))


def told_death(status: int) -> str:
    """How it died, in words."""
    if status in _OURS:
        return f"was ended with exit code {status} by the code that it runs"
    if status >= 0:
        return f"ended with exit code {status}, which is none of outlast's"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
