"""What a run started from code tells by itself: what the configuration asks for, else only what somebody should know."""

import logging
import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from outlast.events import EventBus, EventType, ResilienceEvent, Severity
from outlast.jobs.opening import hint_of
from outlast.logs import configure
from outlast.logs.text import Mask, escaped, masking
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


def tell(config: "JobConfiguration", bus: EventBus, *, is_found: bool) -> Callable[[], None]:
    """Log the run's events until the returned function is called; leave that to whoever listens to `bus` already.

    With a `logging` section in the configuration that is what it says; without one a few events are warnings on the logger
    `outlast.job`, which Python prints on stderr unless the program set up logging otherwise. `is_found`: the command line finds
    the job, so whoever begins it is told what to type.
    """
    if any(bus.wants(kind) for kind in _WORTH_A_WARNING):
        return _nothing
    hint, stack = hint_of(config), ExitStack()
    if is_found:
        stack.callback(bus.subscribe(partial(_tell_where_to_look, hint), (EventType.RUN_STARTED,)))
    if "logging" in config.model_fields_set:
        stack.callback(configure(config.logging, bus))
    else:
        mask = masking(secret_names(*config.logging.redact))
        stack.callback(bus.subscribe(partial(_warn, hint, mask), _WORTH_A_WARNING))
    return stack.close


def _tell_where_to_look(hint: str, event: ResilienceEvent) -> None:
    """On the log at level INFO; where nobody has set one up and nobody asked for quiet, on the terminal, if there is one."""
    told = event.data["run_id"], event.job_id, f"outlast status {shlex.quote(event.job_id)} --watch{hint}"
    if _log.hasHandlers():
        _log.info("run %s of job %r; watch it: %s", *told)
    elif _log.isEnabledFor(logging.WARNING) and logging.getLogger("outlast").level <= logging.INFO:
        # A terminal that has gone, or a standard error that was closed, is no reason to stop.
        with suppress(OSError, ValueError, AttributeError):
            if sys.stderr.isatty():
                sys.stderr.write(escaped("run {} of job {!r}; watch it: {}".format(*told)) + "\n")


def _warn(hint: str, mask: Mask, event: ResilienceEvent) -> None:
    what = ", ".join(f"{name} {value!r}" for name, value in mask(event.data).items())
    level = logging.CRITICAL if event.severity == Severity.CRITICAL else logging.WARNING
    if event.data.get("job_paused"):
        what += f"; it goes on with: outlast unpause {shlex.quote(event.job_id)}{hint}"
    _log.log(level, "job %r: %s: %s", event.job_id, event.event_type.replace("_", " "), what)


def _nothing() -> None:
    return None
