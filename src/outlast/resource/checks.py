"""What is wrong with the values of a threshold: every complaint at once, in words."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from outlast.failure.checks import Check, nearest, number, or_none, text, truth, whole

__all__ = ["SHORTHAND_KEYS", "complaints_of_rule", "complaints_of_threshold"]

LARGE = 1e15
SAMPLES_MAX = 1_000
SECONDS_MAX = 366 * 86_400
RULES_MAX = 100

SHORTHAND_KEYS = (
    "memory_percent",
    "memory_absolute",
    "cpu_percent",
    "browser_lifetime",
    "disk_space",
    "network_connections",
)
"""Keys of a threshold that stand for a rule each."""


def complaints_of_threshold(config: object, metrics: Collection[str], rule_keys: Collection[str]) -> list[str]:
    """The complaints about a threshold as plain values; `metrics` are the names that its rules may be about."""
    if not isinstance(config, Mapping):
        return [f"must be a mapping of keys to values, not {type(config).__name__}"]
    known = ("id", "name", "is_active", "rules", *SHORTHAND_KEYS)
    told = [f"{key}: is not a key{nearest(str(key), known)}" for key in config if key not in known]
    if "name" not in config:
        told.append("name: is missing")
    told += [
        f"{key}: {problem}"
        for key, value in config.items()
        if key in _CHECKS and (problem := _CHECKS[key](value)) is not None
    ]
    return told + _rules(config.get("rules"), metrics, rule_keys)


def complaints_of_rule(values: Mapping[str, object]) -> list[str]:
    """The complaints about the fields of a rule; a field that is not there has none."""
    told = [f"{key}: {problem}" for key, value in values.items() if (problem := _RULE_CHECKS[key](value)) is not None]
    return told or _wrong_sides(values)


def _rules(rules: object, metrics: Collection[str], keys: Collection[str]) -> list[str]:
    if rules is None:
        return []
    if not isinstance(rules, Sequence) or isinstance(rules, str) or len(rules) > RULES_MAX:
        return [f"rules: must be a list of at most {RULES_MAX} rules, not {rules!r}"]
    return [f"rules[{index}]{each}" for index, rule in enumerate(rules) for each in _rule(rule, metrics, keys)]


def _rule(rule: object, metrics: Collection[str], keys: Collection[str]) -> list[str]:
    if not isinstance(rule, Mapping):
        return [f": must be a mapping of keys to values, not {rule!r}"]
    told = [f".{key}: is not a key{nearest(str(key), keys)}" for key in rule if key not in keys]
    told += [f".{key}: is missing" for key in ("name", "metric", "limit") if key not in rule]
    told += [
        f".{key}: {rule[key]!r} is not a metric{nearest(str(rule[key]), metrics)}"
        for key in ("metric", "limit_percent_of")
        if rule.get(key) is not None and rule[key] not in metrics
    ]
    return told + [f".{each}" for each in complaints_of_rule({key: rule[key] for key in rule if key in keys})]


def _wrong_sides(values: Mapping[str, object]) -> list[str]:
    # Only of values that are right in themselves, so that their types are known.
    limit = values.get("limit")
    sign = 1 if values.get("op", ">=") == ">=" else -1
    if not isinstance(limit, int | float):
        return []
    told = []
    recover, critical = values.get("recover"), values.get("critical")
    if isinstance(recover, int | float) and sign * recover > sign * limit:
        told.append(f"recover: {recover:g} is beyond the limit {limit:g}, so it could never end")
    if isinstance(critical, int | float) and sign * critical < sign * limit:
        told.append(f"critical: {critical:g} is not beyond the limit {limit:g}")
    return told


def _one_of(words: tuple[str, ...], value: object) -> str | None:
    return None if value in words else f"must be one of {', '.join(words)}, not {value!r}"


_amount = partial(number, 0, LARGE)

_CHECKS: Mapping[str, Check] = {
    "name": text,
    "id": partial(or_none, text),
    "is_active": truth,
    "memory_percent": partial(or_none, partial(number, 1, 100)),
    "memory_absolute": partial(or_none, partial(number, 1, LARGE)),
    "cpu_percent": partial(or_none, partial(number, 1, 100)),
    "browser_lifetime": partial(or_none, partial(number, 1, SECONDS_MAX)),
    "disk_space": partial(or_none, _amount),
    "network_connections": partial(or_none, partial(number, 1, LARGE)),
}
_RULE_CHECKS: Mapping[str, Check] = {
    "name": text,
    "metric": text,
    "limit": partial(number, -LARGE, LARGE),
    "limit_percent_of": partial(or_none, text),
    "op": partial(_one_of, (">=", "<=")),
    "recover": partial(or_none, partial(number, -LARGE, LARGE)),
    "critical": partial(or_none, partial(number, -LARGE, LARGE)),
    "breach_samples": partial(whole, 1, SAMPLES_MAX),
    "recover_samples": partial(whole, 1, SAMPLES_MAX),
    "cooldown": partial(number, 0, SECONDS_MAX),
    "severity": partial(_one_of, ("info", "warning", "error", "critical")),
    "action": partial(_one_of, ("tell", "clean", "restart")),
}
