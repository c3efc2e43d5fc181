"""What is wanted of the machine: thresholds that cannot be built wrong, and those that are shipped."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from outlast.errors import ValidationError
from outlast.resource.checks import SHORTHAND_KEYS, complaints_of_rule, complaints_of_threshold
from outlast.resource.readings import METRICS

__all__ = ["Action", "ResourceThreshold", "Rule", "further_bounds", "shipped_thresholds"]

RECOVER_ROOM = 0.1
CRITICAL_SHARE = 1.1


class Action(StrEnum):
    """How far a lasting breach goes: told only, cleaned up, or cleaned up and then the browser restarted."""

    TELL = "tell"
    CLEAN = "clean"
    RESTART = "restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One bound on one metric. Times are seconds.

    It is breached after `breach_samples` samples in a row beyond `limit`, over after `recover_samples` in a row back at
    `recover`; beyond `critical` one sample is enough. With `limit_percent_of` the limit is so many percent of that metric, and
    `recover` and `critical` likewise. For `cooldown` after its end no new breach is announced, unless it is critical.
    """

    name: str
    metric: str
    limit: float
    limit_percent_of: str | None = None
    op: str = ">="
    recover: float | None = None
    critical: float | None = None
    breach_samples: int = 3
    recover_samples: int = 5
    cooldown: float = 60.0
    severity: str = "warning"
    action: Action = Action.TELL

    def __post_init__(self) -> None:
        _refuse([f"{self.name}.{each}" for each in complaints_of_rule(_values(self))], "rule")
        object.__setattr__(self, "action", Action(self.action))
        if self.recover is None:
            room = abs(self.limit) * RECOVER_ROOM
            object.__setattr__(self, "recover", self.limit - room if self.op == ">=" else self.limit + room)

    def to_dict(self) -> dict[str, Any]:
        """The rule as plain values."""
        return {**_values(self), "action": self.action.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceThreshold:
    """Bounds that belong together, by the names of their rules. One that is not active is never breached."""

    name: str
    id: str = ""
    rules: tuple[Rule, ...] = ()
    is_active: bool = True

    def __post_init__(self) -> None:
        if not self.id:
            object.__setattr__(self, "id", self.name)
        names = [rule.name for rule in self.rules]
        _refuse(
            [f"rules: {name!r} is there twice" for name in sorted({each for each in names if names.count(each) > 1})]
        )

    @classmethod
    def from_dict(cls, config: Mapping[str, Any], *, probes: Collection[str] = ()) -> "ResourceThreshold":
        """The threshold that a mapping of plain values describes; rules may be about metrics and `probes`.

        Raises `ValidationError` with every complaint, in its message and in `context["complaints"]`.
        """
        _refuse(complaints_of_threshold(config, (*METRICS, *probes), _RULE_KEYS))
        given = [_shorthand(key, float(config[key])) for key in SHORTHAND_KEYS if config.get(key) is not None]
        given += [Rule(**dict(each)) for each in config.get("rules") or ()]
        return cls(
            name=config["name"],
            id=config.get("id") or "",
            rules=tuple(given),
            is_active=bool(config.get("is_active", True)),
        )

    def with_rules(self, more: Iterable[Rule]) -> "ResourceThreshold":
        """The same with further rules; those it has of the same name stay."""
        names = {rule.name for rule in self.rules}
        return replace(self, rules=(*self.rules, *(each for each in more if each.name not in names)))

    def to_dict(self) -> dict[str, Any]:
        """The threshold as plain values; `from_dict` makes an equal one of them."""
        rules = [rule.to_dict() for rule in self.rules]
        return {"id": self.id, "name": self.name, "is_active": self.is_active, "rules": rules}


def shipped_thresholds() -> tuple[ResourceThreshold, ...]:
    """The thresholds there are without anybody asking."""
    return tuple(
        ResourceThreshold.from_dict(
            {
                "name": name,
                "memory_percent": memory,
                "cpu_percent": cpu,
                "browser_lifetime": lifetime,
                "disk_space": disk,
            }
        )
        for name, memory, cpu, lifetime, disk in (
            ("production", 80, 90, 7_200, 512),
            ("development", 90, 95, 14_400, 128),
        )
    )


def further_bounds(memory_limit_mb: float, cpu_limit_percent: float) -> tuple[Rule, ...]:
    """The rules that the two limits of the configuration stand for; 0 is none."""
    rules = []
    if memory_limit_mb > 0:
        rules.append(_memory("memory_limit", "memory_usage", float(memory_limit_mb)))
    if cpu_limit_percent > 0:
        rules.append(Rule(name="cpu_limit", metric="tree_cpu_percent", limit=float(cpu_limit_percent)))
    return tuple(rules)


def _shorthand(key: str, limit: float) -> Rule:
    match key:
        case "memory_percent":
            # Above 100 there is nothing: halfway from the limit to the end is where it becomes critical.
            return _memory(key, "memory_percent", limit, critical=min(limit * CRITICAL_SHARE, (limit + 100) / 2))
        case "memory_absolute":
            return _memory(key, "memory_usage", limit)
        case "cpu_percent":
            return Rule(name=key, metric="cpu_usage", limit=limit)
        case "browser_lifetime":
            # An age is not noise, and a new browser is young at once.
            return Rule(
                name=key,
                metric="browser_uptime",
                limit=limit,
                breach_samples=1,
                recover_samples=1,
                action=Action.RESTART,
            )
        case "disk_space":
            return Rule(name=key, metric="disk_free", limit=limit, op="<=", critical=limit / 2, action=Action.CLEAN)
        case _:
            return Rule(name=key, metric=key, limit=limit, action=Action.RESTART)


def _memory(name: str, metric: str, limit: float, *, critical: float | None = None) -> Rule:
    beyond = limit * CRITICAL_SHARE if critical is None else critical
    return Rule(name=name, metric=metric, limit=limit, critical=beyond, action=Action.RESTART)


def _values(rule: Rule) -> dict[str, Any]:
    return {field.name: getattr(rule, field.name) for field in fields(rule)}


def _refuse(complaints: list[str], what: str = "threshold") -> None:
    if complaints:
        count = f"{len(complaints)} complaints: " if len(complaints) > 1 else ""
        raise ValidationError(
            f"the resource {what} is not valid: {count}{'; '.join(complaints)}", context={"complaints": complaints}
        )


_RULE_KEYS = tuple(field.name for field in fields(Rule))
