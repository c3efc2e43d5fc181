"""One watch over one threshold: where each of its rules stands, and who is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from outlast.events import EventType
from outlast.resource.callback import BreachCallback, Calls
from outlast.resource.hysteresis import Change, Standing
from outlast.resource.policy import ResourceThreshold
from outlast.resource.readings import Readings
from outlast.resource.standing import Breach, breach_of
from outlast.runtime import Runtime

__all__ = ["Session"]


@dataclass(frozen=True, slots=True)
class _Told:
    standing: Standing
    change: Change


class Session:
    """Steps its rules with every sample, emits their events, and calls back when a bound is broken."""

    def __init__(
        self, session_id: str, threshold: ResourceThreshold, callback: BreachCallback, runtime: Runtime, job_id: str
    ) -> None:
        self.id = session_id
        self.threshold = threshold
        self._standings = [Standing(rule) for rule in threshold.rules] if threshold.is_active else []
        self._calls = Calls(callback, runtime.clock, self._trouble)
        self._runtime = runtime
        self._job_id = job_id

    def step(self, readings: Readings, now: float) -> list[Standing]:
        """Count a sample; the rules that were broken by it, or have become critical."""
        steps = [(each, each.step(readings, now)) for each in self._standings]
        changed = [_Told(standing, change) for standing, change in steps if change is not None]
        for each in changed:
            self._emit(each, readings, now)
        worse = [each.standing for each in changed if each.change is not Change.RECOVERED]
        if worse:
            self._calls.call(self._words(readings))
        return worse

    def breached(self) -> Iterator[Standing]:
        return (each for each in self._standings if each.is_breached)

    def breaches(self, now: float) -> list[Breach]:
        """The bounds that are broken now."""
        return [breach_of(self.threshold.id, each, now) for each in self.breached()]

    async def aclose(self) -> None:
        await self._calls.aclose()

    def _words(self, readings: Readings) -> dict[str, Any]:
        broken = {each.rule.name: each.is_breached for each in self._standings}
        is_critical = any(each.episode is not None and each.episode.is_critical for each in self.breached())
        return {
            **readings,
            "threshold_id": self.threshold.id,
            "session_id": self.id,
            "breached": [name for name, is_breached in broken.items() if is_breached],
            "is_critical": is_critical,
            **{f"{name}_breached": is_breached for name, is_breached in broken.items()},
        }

    def _emit(self, told: _Told, readings: Readings, now: float) -> None:
        if told.change is Change.ESCALATED:
            return
        breach = breach_of(self.threshold.id, told.standing, now)
        told_of = {"threshold_id": self.threshold.id, "breached": [breach.name], "metrics": dict(readings)}
        if told.change is Change.BREACHED:
            severity = "critical" if breach.is_critical else told.standing.rule.severity
            self._runtime.emit(EventType.THRESHOLD_BREACHED, self._job_id, **told_of, level=severity)
        else:
            measured = {"duration": breach.duration, "peak": breach.peak, "samples": breach.samples}
            self._runtime.emit(EventType.THRESHOLD_RECOVERED, self._job_id, **told_of, **measured)

    def _trouble(self, error: str) -> None:
        told = {"session_id": self.id, "threshold_id": self.threshold.id, "error": error}
        self._runtime.emit(EventType.BREACH_CALLBACK_FAILED, self._job_id, **told)
