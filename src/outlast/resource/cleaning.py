"""Giving memory back: our own first, then what the cleaners have."""

import asyncio
import ctypes
import gc
from collections.abc import Sequence

from outlast.resource.measuring import Measuring
from outlast.resource.ports import Cleaner
from outlast.resource.steps import Step

__all__ = ["Cleaning"]

DEADLINE = 5.0
YOUNG = 1


class Cleaning:
    """Carries out the steps that clean up. A cleaner that fails or takes too long does not keep the others from their turn."""

    def __init__(self, cleaners: Sequence[Cleaner], measuring: Measuring) -> None:
        self._cleaners = tuple(cleaners)
        self._measuring = measuring

    def can(self, step: Step) -> bool:
        """Whether there is anything that the step would do."""
        return step is Step.COLLECT or bool(self._cleaners)

    async def run(self, step: Step) -> list[str]:
        """Do it. What went wrong, in words."""
        if step is Step.COLLECT:
            await self._measuring.run(_collect)
        return [problem for each in self._cleaners if (problem := await _cleaned(each, step.level))]


async def _cleaned(cleaner: Cleaner, level: int) -> str:
    deadline = asyncio.timeout(DEADLINE)
    try:
        async with deadline:
            await cleaner.clean(level)
    except Exception as error:  # noqa: BLE001 - one cleaner's trouble is told, and the others have their turn
        if deadline.expired():
            return f"{cleaner.name}: not done within {DEADLINE:g} s"
        return f"{cleaner.name}: {type(error).__name__}: {error}"
    return ""


def _collect() -> None:
    # A whole collection of a large heap would hold the event loop up; the young generations hold most of the garbage.
    gc.collect(YOUNG)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; others give memory back by themselves
    if trim is not None:
        trim(0)
