"""What is done about one failure: exactly one thing."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any

from outlast.errors import ValidationError
from outlast.failure.model import Fault, Remedy
from outlast.failure.occurrence import Occurrence

__all__ = ["Action", "Decision", "decide", "read_answer", "without_policy"]

DELAY_MAX = 300.0


class Action(StrEnum):
    """What follows a failure."""

    RETRY = "retry"
    DEFER = "defer"
    SKIP = "skip"
    ROTATE = "rotate"
    RESTART_BROWSER = "restart_browser"
    PAUSE = "pause"
    ABORT = "abort"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An action and why. `delay`: the seconds to wait before it, None where nobody has said. `remedy` is what a rotation mends."""

    action: Action
    reason: str
    delay: float | None = None
    remedy: Remedy | None = None


_BY_REMEDY = {
    Remedy.REFRESH_SESSION: Action.ROTATE,
    Remedy.ROTATE_PROXY: Action.ROTATE,
    Remedy.RESTART_BROWSER: Action.RESTART_BROWSER,
    Remedy.DEFER: Action.DEFER,
    Remedy.SKIP: Action.SKIP,
}

# Other words for them that handlers written elsewhere answer with.
_SYNONYMS = {
    "retry_with_backoff": Action.RETRY,
    "cleanup_and_retry": Action.RETRY,
    "restart": Action.RESTART_BROWSER,
    "skip_operation": Action.SKIP,
    "abort_operation": Action.ABORT,
    "rotate_proxy": Action.ROTATE,
    "refresh_session": Action.ROTATE,
}


def decide(occurrence: Occurrence) -> Decision:
    """What is done where nobody has said otherwise."""
    kind = occurrence.classification
    what = f"the failure is {kind.failure_class.value}"
    if occurrence.is_urgent:
        return Decision(action=Action.ABORT, reason="the failure was reported as critical")
    bounds = [bound for bound in (occurrence.max_attempts, kind.max_attempts) if bound is not None]
    if bounds and occurrence.attempt >= min(bounds):
        return Decision(
            action=Action.SKIP, reason=f"{what}, and {occurrence.attempt} of {min(bounds)} attempts are used up"
        )
    if kind.remedy is not None:
        action = _BY_REMEDY[kind.remedy]
        delay = kind.retry_after if action in {Action.DEFER, Action.RETRY} else None
        return Decision(action=action, reason=f"{what}: {kind.remedy.value} mends it", delay=delay, remedy=kind.remedy)
    if kind.fault is Fault.MACHINE:
        return Decision(action=Action.PAUSE, reason=f"{what}: this machine cannot go on")
    if kind.transient:
        return Decision(action=Action.RETRY, reason=f"{what}, which may pass", delay=kind.retry_after)
    return Decision(action=Action.SKIP, reason=f"{what}, and trying again cannot mend it")


def read_answer(answer: object) -> Decision | None:
    """What a registered handler has answered; None: it leaves the failure to others. `ValidationError` for what is no answer."""
    if answer is None:
        return None
    if not isinstance(answer, Mapping):
        raise ValidationError(f"a handler must answer with a mapping or None, not {type(answer).__name__}")
    word = str(getattr(answer.get("action"), "value", answer.get("action")))
    action = _SYNONYMS.get(word) or (Action(word) if word in set(Action) else None)
    if action is None:
        raise ValidationError(f"action: must be one of {', '.join(Action)}, not {answer.get('action')!r}")
    reason = str(answer.get("reason") or "a registered handler says so")
    remedy = Remedy(word) if word in set(Remedy) else None
    return Decision(action=action, reason=reason, delay=_delay(answer.get("delay")), remedy=remedy)


def without_policy(attempt: int, roll: float) -> float:
    """The delay after failed attempt number `attempt` where no retry policy is at hand; `roll` is in [0, 1)."""
    return roll * min(DELAY_MAX, 2.0 ** min(attempt - 1, 16))


def _delay(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0:
        return float(value)
    raise ValidationError(f"delay: must be a number of seconds, not {value!r}")
