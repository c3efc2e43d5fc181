"""Which steps of the ladder are taken: the mild ones first, the useless ones not again for a while."""

from enum import StrEnum

from outlast.resource.policy import Action, Rule
from outlast.resource.readings import Readings

__all__ = ["CLEANING", "Futility", "Step", "freed_share", "may_help", "room_seconds", "steps_for"]

POOR_SHARE = 0.05
POOR_MAX = 2
SKIPPED_FOR = 600.0


class Step(StrEnum):
    """The rungs, in order. The first two are levels 1 and 2 of the cleaners."""

    COLLECT = "collect"
    RECYCLE = "recycle"
    RESTART = "restart_browser"

    @property
    def level(self) -> int:
        return list(Step).index(self) + 1


CLEANING = (Step.COLLECT, Step.RECYCLE)


def steps_for(rule: Rule, *, cleanup: bool, restart: bool, is_critical: bool = False) -> tuple[Step, ...]:
    """The steps that may help with this rule, of those that are switched on; with no time to lose, fewer."""
    # Only a new browser is younger.
    cleans = cleanup and rule.action is not Action.TELL and rule.metric != "browser_uptime"
    restarts = restart and rule.action is Action.RESTART
    cleaning = CLEANING[:1] if is_critical and restarts else CLEANING
    return (*(cleaning if cleans else ()), *((Step.RESTART,) if restarts else ()))


def room_seconds(rule: Rule, value: float | None, rate: float | None) -> float | None:
    """How long it takes, at this rate, until the value is as far beyond critical as critical is beyond the limit.

    None: it is not known, or the value comes no nearer.
    """
    if value is None or not rate or rule.critical is None:
        return None
    sign = 1 if rule.op == ">=" else -1
    left = sign * (2 * rule.critical - rule.limit - value)
    return max(0.0, left) / (sign * rate) if sign * rate > 0 else None


def may_help(rule: Rule, step: Step, readings: Readings) -> bool:
    """Whether the step could free enough to be noticed: where others have the memory, no new browser gives it back."""
    held, used = readings.get("browser_memory"), readings.get("memory_used_mb")
    if step is not Step.RESTART or rule.metric != "memory_percent":
        return True
    if not isinstance(held, int | float) or not isinstance(used, int | float):
        return True
    return held >= POOR_SHARE * used


def freed_share(rule: Rule, before: float | None, after: float | None) -> float | None:
    """The part of the rule's value that a step took away; negative when it got worse, None when it is not known."""
    if before is None or after is None or not before:
        return None
    sign = 1 if rule.op == ">=" else -1
    return sign * (before - after) / abs(before)


class Futility:
    """Remembers steps that did not help: one that freed under 5 % twice in a row is left out for ten minutes.

    All times are monotonic seconds, given by the caller.
    """

    def __init__(self) -> None:
        self._poor: dict[tuple[str, Step], int] = {}
        self._until: dict[tuple[str, Step], float] = {}

    def skips(self, rule: Rule, step: Step, now: float) -> bool:
        return now < self._until.get((rule.name, step), float("-inf"))

    def note(self, rule: Rule, step: Step, share: float | None, now: float) -> None:
        """What a step freed; not known is no reproach."""
        key = rule.name, step
        if share is None:
            return
        self._poor[key] = self._poor.get(key, 0) + 1 if share < POOR_SHARE else 0
        if self._poor[key] >= POOR_MAX:
            # After the pause one more useless time is enough for the next pause.
            self._poor[key] = POOR_MAX - 1
            self._until[key] = now + SKIPPED_FOR
