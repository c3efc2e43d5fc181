"""Which steps of the ladder are taken: the mild ones first, the useless ones not again for a while."""

from enum import StrEnum

from outlast.resource.policy import Action, Rule

__all__ = ["CLEANING", "Futility", "Step", "freed_share", "steps_for"]

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


def steps_for(rule: Rule, *, cleanup: bool, restart: bool) -> tuple[Step, ...]:
    """The steps that may help with this rule, of those that are switched on."""
    # Only a new browser is younger.
    cleans = cleanup and rule.action is not Action.TELL and rule.metric != "browser_uptime"
    restarts = restart and rule.action is Action.RESTART
    return (*(CLEANING if cleans else ()), *((Step.RESTART,) if restarts else ()))


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
