"""What is done about a bound that stays broken: one rung after the other, measured after each, until it is enough."""

import asyncio
from dataclasses import dataclass
from typing import Any

from outlast.errors import ResourceCleanupError, ResourceMonitoringError
from outlast.events import EventType
from outlast.resource.cleaning import Cleaning
from outlast.resource.hysteresis import Level, Standing, level_of, value_of
from outlast.resource.measuring import Measuring
from outlast.resource.readings import Readings
from outlast.resource.restarting import Restarting
from outlast.resource.steps import CLEANING, Futility, Step, freed_share, may_help, room_seconds, steps_for
from outlast.runtime import Runtime

__all__ = ["Ladder", "Switches"]

SETTLE = 1.0
SETTLE_CRITICAL = 0.2
AGAIN_AFTER = 60.0
CANCEL_PATIENCE = 5.0
HURRY = 3.0
DRAIN_MIN = 0.5
DRAIN_MAX = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What the ladder may do by itself."""

    cleanup: bool
    restart: bool


class Ladder:
    """Climbs for one rule at a time. Each step is told when it has been done, and only then."""

    def __init__(
        self,
        measuring: Measuring,
        cleaning: Cleaning,
        restarting: Restarting | None,
        switches: Switches,
        runtime: Runtime,
        *,
        job_id: str,
    ) -> None:
        self._measuring = measuring
        self._cleaning = cleaning
        self._restarting = restarting
        self._switches = switches
        self._runtime = runtime
        self._job_id = job_id
        self._futility = Futility()
        self._climb: asyncio.Task[None] | None = None
        self._rests: dict[tuple[str, str], float] = {}
        self._alone = asyncio.Lock()

    def relieve(self, threshold_id: str, standing: Standing, *, is_news: bool) -> None:
        """Begin to climb for a rule that is broken: at once when that is news, else a minute after the last time."""
        key = threshold_id, standing.rule.name
        if is_news:
            self._rests.pop(key, None)
        is_resting = self._runtime.clock.monotonic() < self._rests.get(key, float("-inf"))
        is_busy = self._climb is not None and not self._climb.done()
        if is_busy or is_resting or not self._steps(standing):
            return
        loop = asyncio.get_running_loop()
        self._climb = loop.create_task(self._relieved(threshold_id, standing), name="outlast-resource-relief")

    async def cleanup(self, level: int) -> dict[str, Any]:
        """Every cleaning step up to this level. Raises `ResourceCleanupError` when one has failed."""
        done: dict[str, float | None] = {}
        problems: list[str] = []
        async with self._alone:
            for step in CLEANING:
                if step.level <= level and self._cleaning.can(step):
                    before = await self._measuring.take(exactly=True)
                    after = await self._cleaned(step, "", before, problems)
                    done[step.value] = _freed_mb(before, after)
        if problems:
            raise ResourceCleanupError(
                f"cleaning up failed: {'; '.join(problems)}", context={"problems": problems, "steps": list(done)}
            )
        return {"steps": list(done), "freed_mb": sum(freed or 0.0 for freed in done.values())}

    async def aclose(self) -> None:
        """Stop climbing. It may be called from a rung."""
        if self._climb is not None and self._climb is not asyncio.current_task() and not self._climb.done():
            self._climb.cancel()
            await asyncio.wait([self._climb], timeout=CANCEL_PATIENCE)

    def _steps(self, standing: Standing) -> list[Step]:
        restart = self._switches.restart and self._can(Step.RESTART)
        is_critical, room = _is_critical(standing), _room(standing)
        able = steps_for(standing.rule, cleanup=self._switches.cleanup, restart=restart, is_critical=is_critical)
        if Step.RESTART in able and is_critical and room is not None and room < HURRY:
            # Cleaning up has to wait: it is what is left when a new browser was not enough.
            able = (Step.RESTART, *(step for step in able if step is not Step.RESTART))
        return [step for step in able if self._can(step)]

    def _can(self, step: Step) -> bool:
        if step is not Step.RESTART:
            return self._cleaning.can(step)
        return self._restarting is not None and self._measuring.has_browser

    async def _relieved(self, threshold_id: str, standing: Standing) -> None:
        try:
            async with self._alone:
                await self._climbed(threshold_id, standing)
        except ResourceMonitoringError:
            return  # told where it was met; blind, nothing more is done
        finally:
            self._rests[threshold_id, standing.rule.name] = self._runtime.clock.monotonic() + AGAIN_AFTER

    async def _climbed(self, threshold_id: str, standing: Standing) -> None:
        rule, clock = standing.rule, self._runtime.clock
        before = await self._measuring.take(exactly=True)
        if level_of(rule, before) not in {Level.BEYOND, Level.CRITICAL}:
            return  # an estimate had said so
        met: set[Step] = set()
        # It may become critical meanwhile: then there are fewer, and in another order.
        while step := next((each for each in self._steps(standing) if each not in met), None):
            met.add(step)
            if self._futility.skips(rule, step, clock.monotonic()) or not may_help(rule, step, before):
                continue
            after = await self._taken(step, threshold_id, standing, before)
            share = freed_share(rule, value_of(rule, before), value_of(rule, after))
            self._futility.note(rule, step, share, clock.monotonic())
            if level_of(rule, after) is Level.WELL:
                return
            before = after

    async def _taken(self, step: Step, threshold_id: str, standing: Standing, before: Readings) -> Readings:
        settle = SETTLE_CRITICAL if _is_critical(standing) else SETTLE
        if step is not Step.RESTART:
            return await self._cleaned(step, threshold_id, before, [], settle=settle)
        assert self._restarting is not None, "a step that cannot be taken is none"
        told: dict[str, Any] = {"threshold_id": threshold_id, "rule": standing.rule.name}
        told["critical"] = _is_critical(standing)
        room = _room(standing)
        if _is_critical(standing) and room is not None:
            told["drain"] = min(max(room, DRAIN_MIN), DRAIN_MAX)
        try:
            await self._restarting.restart(standing.rule.name, {**told, "metrics": dict(before)})
        except Exception as error:  # noqa: BLE001 - the owner's of the browser; told, and watching goes on
            self._trouble(threshold_id, step, f"{type(error).__name__}: {error}")
        return await self._settled(settle)

    async def _cleaned(
        self, step: Step, threshold_id: str, before: Readings, problems: list[str], *, settle: float = SETTLE
    ) -> Readings:
        began = self._runtime.clock.monotonic()
        found = await self._cleaning.run(step)
        took = self._runtime.clock.monotonic() - began
        after = await self._settled(settle)
        told = {
            "threshold_id": threshold_id,
            "step": step.value,
            "freed_mb": _freed_mb(before, after),
            "duration": took,
        }
        self._runtime.emit(EventType.CLEANUP_INITIATED, self._job_id, **told)
        for problem in found:
            self._trouble(threshold_id, step, problem)
        problems += found
        return after

    async def _settled(self, settle: float) -> Readings:
        await self._runtime.clock.sleep(settle)
        return await self._measuring.take(exactly=True)

    def _trouble(self, threshold_id: str, step: Step, error: str) -> None:
        told = {"threshold_id": threshold_id, "step": step.value, "error": error}
        self._runtime.emit(EventType.CLEANUP_FAILED, self._job_id, **told)


def _is_critical(standing: Standing) -> bool:
    return standing.episode is not None and standing.episode.is_critical


def _room(standing: Standing) -> float | None:
    return room_seconds(standing.rule, standing.value, standing.rate)


def _freed_mb(before: Readings, after: Readings) -> float | None:
    was, now = before.get("memory_usage"), after.get("memory_usage")
    return was - now if isinstance(was, int | float) and isinstance(now, int | float) else None
