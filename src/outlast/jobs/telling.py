"""What a run started from code tells by itself: what the configuration asks for, else only what somebody should know."""

import logging
import shlex
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from outlast.events import EventBus, EventType, ResilienceEvent, Severity
from outlast.jobs.opening import hint_of
from outlast.logs import configure
from outlast.logs.text import Mask, masking
from outlast.secrecy import secret_names

if TYPE_CHECKING:
    from outlast.config import JobConfiguration

__all__ = ["tell"]

_WORTH_A_WARNING = (
    EventType.HOST_PARKED,
    EventType.HOST_RECOVERED,
    EventType.CHECKPOINT_CORRUPTED,
    EventType.CHECKPOINT_FAILED,
    EventType.LEDGER_BEHIND,
    EventType.LEDGER_DAMAGED,
    EventType.ITEM_QUARANTINED,
    EventType.ORDERS_CHANGED,
    EventType.COMMAND_OBEYED,
    EventType.BROWSER_CRASHED,
    EventType.BROWSER_UNAVAILABLE,
    EventType.ABORT_TRIGGERED,
)

_log = logging.getLogger("outlast.job")


def tell(config: "JobConfiguration", bus: EventBus) -> Callable[[], None]:
    """Log the run's events until the returned function is called; leave that to whoever listens to `bus` already.

    With a `logging` section in the configuration that is what it says; without one a few events are warnings on the logger
    `outlast.job`, which Python prints on stderr unless the program set up logging otherwise.
    """
    if any(bus.wants(kind) for kind in _WORTH_A_WARNING):
        return _nothing
    if "logging" in config.model_fields_set:
        return configure(config.logging, bus)
    mask = masking(secret_names(*config.logging.redact))
    return bus.subscribe(partial(_warn, hint_of(config), mask), _WORTH_A_WARNING)


def _warn(hint: str, mask: Mask, event: ResilienceEvent) -> None:
    what = ", ".join(f"{name} {value!r}" for name, value in mask(event.data).items())
    level = logging.CRITICAL if event.severity == Severity.CRITICAL else logging.WARNING
    if event.data.get("job_paused"):
        what += f"; it goes on with: outlast unpause {shlex.quote(event.job_id)}{hint}"
    _log.log(level, "job %r: %s: %s", event.job_id, event.event_type.replace("_", " "), what)


def _nothing() -> None:
    return None
