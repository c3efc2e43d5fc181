"""Is a bound broken, and since when? A state machine that noise cannot make flap, as a table.

```
OK -> PENDING -> BREACHED -> RECOVERING -> OK
```
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from outlast.resource.policy import Rule
from outlast.resource.readings import Readings

__all__ = ["TRANSITIONS", "Change", "Episode", "Level", "Standing", "State", "Turn", "level_of", "value_of"]

PSI_FULL_CRITICAL = 20.0


class Level(StrEnum):
    """Where one value stands to one rule."""

    UNKNOWN = "unknown"
    WELL = "well"
    WITHIN = "within"
    BEYOND = "beyond"
    CRITICAL = "critical"


class State(StrEnum):
    OK = "ok"
    PENDING = "pending"
    BREACHED = "breached"
    RECOVERING = "recovering"


class Turn(StrEnum):
    """What a sample means once it is counted: `LASTING` is beyond for long enough, `MENDED` well for long enough."""

    BEYOND = "beyond"
    LASTING = "lasting"
    WITHIN = "within"
    WELL = "well"
    MENDED = "mended"


TRANSITIONS: Mapping[tuple[State, Turn], State] = MappingProxyType(
    {
        (State.OK, Turn.BEYOND): State.PENDING,
        (State.OK, Turn.LASTING): State.BREACHED,
        (State.PENDING, Turn.LASTING): State.BREACHED,
        (State.PENDING, Turn.WITHIN): State.OK,
        (State.PENDING, Turn.WELL): State.OK,
        (State.PENDING, Turn.MENDED): State.OK,
        (State.BREACHED, Turn.WELL): State.RECOVERING,
        (State.BREACHED, Turn.MENDED): State.OK,
        (State.RECOVERING, Turn.WITHIN): State.BREACHED,
        (State.RECOVERING, Turn.BEYOND): State.BREACHED,
        (State.RECOVERING, Turn.LASTING): State.BREACHED,
        (State.RECOVERING, Turn.MENDED): State.OK,
    }
)
"""What is not in the table stays as it is."""


class Change(StrEnum):
    """What is worth telling of one step."""

    BREACHED = "breached"
    ESCALATED = "escalated"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Episode:
    """One excursion beyond a limit: from the first sample beyond it, with the worst value and the samples that were beyond."""

    since: float
    peak: float
    samples: int
    is_critical: bool = False


class Standing:
    """How one rule stands. All times are monotonic seconds, given by the caller."""

    __slots__ = ("_at", "_beyond", "_quiet_until", "_well", "episode", "rate", "rule", "state", "value")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.state = State.OK
        self.episode: Episode | None = None
        """The excursion under way, or the one that has just ended."""
        self.value: float | None = None
        self.rate: float | None = None
        """By how much the value changed in a second, from one sample to the next; None: not known."""
        self._at = 0.0
        self._beyond = 0
        self._well = 0
        self._quiet_until = float("-inf")

    @property
    def is_breached(self) -> bool:
        return self.state in {State.BREACHED, State.RECOVERING}

    def step(self, readings: Readings, now: float) -> Change | None:
        """Count one sample. What is not known changes nothing: no breach comes of it, and no recovery."""
        before, self.value = self.value, value_of(self.rule, readings)
        self.rate = _rate(before, self.value, now - self._at)
        self._at = now
        level = level_of(self.rule, readings)
        if level is Level.UNKNOWN or self.value is None:
            return None
        self._count(level)
        was_breached, was_critical = self.is_breached, self.episode is not None and self.episode.is_critical
        self._remember(level, self.value, now)
        self.state = TRANSITIONS.get((self.state, self._turn(level, now)), self.state)
        if self.is_breached and not was_breached:
            return Change.BREACHED
        if was_breached and not self.is_breached:
            self._quiet_until = now + self.rule.cooldown
            return Change.RECOVERED
        return Change.ESCALATED if was_breached and level is Level.CRITICAL and not was_critical else None

    def _count(self, level: Level) -> None:
        is_beyond = level in {Level.BEYOND, Level.CRITICAL}
        self._beyond = self._beyond + 1 if is_beyond else 0
        self._well = self._well + 1 if level is Level.WELL else 0

    def _turn(self, level: Level, now: float) -> Turn:
        if level is Level.CRITICAL:
            return Turn.LASTING
        if level is Level.BEYOND:
            is_lasting = self._beyond >= self.rule.breach_samples and now >= self._quiet_until
            return Turn.LASTING if is_lasting else Turn.BEYOND
        if level is Level.WELL:
            return Turn.MENDED if self._well >= self.rule.recover_samples else Turn.WELL
        return Turn.WITHIN

    def _remember(self, level: Level, value: float, now: float) -> None:
        is_beyond = level in {Level.BEYOND, Level.CRITICAL}
        before = self.episode
        if self.state is State.OK:
            before = None
        if before is None:
            self.episode = Episode(now, value, 1, level is Level.CRITICAL) if is_beyond else self.episode
            return
        worst = max if self.rule.op == ">=" else min
        is_critical = before.is_critical or level is Level.CRITICAL
        self.episode = Episode(before.since, worst(before.peak, value), before.samples + is_beyond, is_critical)


def value_of(rule: Rule, readings: Readings) -> float | None:
    """The value that the rule is about; with `limit_percent_of` in percent of that metric. None: not known."""
    value = _number(readings.get(rule.metric))
    if rule.limit_percent_of is None or value is None:
        return value
    whole = _number(readings.get(rule.limit_percent_of))
    return None if not whole else 100 * value / whole


def level_of(rule: Rule, readings: Readings) -> Level:
    """Where the readings stand to the rule, without memory of earlier ones."""
    value = value_of(rule, readings)
    if value is None:
        return Level.UNKNOWN
    assert rule.recover is not None, "a rule always knows its way back"
    if not _reaches(rule, value, rule.limit):
        return Level.WITHIN if _reaches(rule, value, rule.recover) and value != rule.recover else Level.WELL
    is_critical = rule.critical is not None and (_reaches(rule, value, rule.critical) or _is_thrashing(rule, readings))
    return Level.CRITICAL if is_critical else Level.BEYOND


def _reaches(rule: Rule, value: float, bound: float) -> bool:
    return value >= bound if rule.op == ">=" else value <= bound


def _is_thrashing(rule: Rule, readings: Readings) -> bool:
    # Pressure alone may be somebody else's; with our own memory beyond its limit nothing is left to wait for.
    if rule.metric not in {"memory_percent", "memory_usage"}:
        return False
    pressure = _number(readings.get("psi_memory_full_avg10"))
    return pressure is not None and pressure >= PSI_FULL_CRITICAL


def _rate(before: float | None, value: float | None, seconds: float) -> float | None:
    return None if before is None or value is None or seconds <= 0 else (value - before) / seconds


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
