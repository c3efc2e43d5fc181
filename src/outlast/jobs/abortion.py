"""The run tells what the guard of its job thinks, and does what is to be done when it gives up."""

from typing import TYPE_CHECKING

from outlast.abort import Guard, Kind, shipped_policies
from outlast.jobs.suspension import Suspension
from outlast.jobs.throttle import Throttle

if TYPE_CHECKING:
    from outlast.config import JobConfiguration

__all__ = ["suspension_of"]


def suspension_of(config: "JobConfiguration", throttle: Throttle) -> Suspension:
    """What stands between the items of a run and who hands them out, with evidence that begins afresh."""
    policy = {each.id: each for each in shipped_policies()}[config.abort.default_policy]
    guard = Guard(policy.within(config.patience), enabled=config.abort.enabled)
    aborts = config.abort.enabled and policy.kind is not Kind.NEVER
    return Suspension(guard, throttle, concurrency=config.concurrency, patience=config.patience, aborts=aborts)
