"""Why a verdict is what it is, in words."""

from outlast.abort.states import Decision

__all__ = ["CALM", "NEVER", "SWITCHED_OFF", "Why", "of_suspicion"]

Why = tuple[str, tuple[str, ...]]
"""The whole in one sentence, and what it is made of."""

SWITCHED_OFF = "aborting is switched off (abort.enabled = false)"
CALM = "nothing is suspected"
NEVER = "the policy never aborts"


def of_suspicion(why: str, decision: Decision, cause: str | None, waited: float, due_in: float | None) -> Why:
    """The parts: why it is suspected, what the cause is, what is being waited for."""
    first = f"{why} ({cause})" if cause else why
    if decision is Decision.ABORT:
        rest = f"no recovery in {waited:.0f} s" if waited > 0 else "that is enough for this policy"
    elif due_in is None:
        rest = "waiting for what is in flight"
    else:
        rest = f"probing, next in {max(0.0, due_in):.0f} s"
    return f"{first}; {rest}", (why, *((f"most of it: {cause}",) if cause else ()), rest)
