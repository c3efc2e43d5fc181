"""Logging switched on: one output on the `outlast` logger, which the events of a bus go to as well."""

import logging
from collections.abc import Callable

from outlast.config.model import LoggingConfiguration
from outlast.events import EVENTS, EventBus, ResilienceEvent, Severity
from outlast.logs.levels import LEVELS
from outlast.logs.output import Output, output_of
from outlast.runtime import Clock

__all__ = ["configure", "log_event"]


def configure(config: LoggingConfiguration, bus: EventBus, *, clock: Clock | None = None) -> Callable[[], None]:
    """Write the log of the package, and the events of `bus`, as `config` says, until the returned function is called.

    The root logger is left alone. There is one output at a time: a second call ends the first.
    Raises `ConfigurationError` when the destination cannot be opened.
    """
    output = output_of(config, clock)
    logger = logging.getLogger("outlast")
    for earlier in [each for each in logger.handlers if isinstance(each, Output)]:
        earlier.end()
    level, propagate = logger.level, logger.propagate
    logger.setLevel(config.level)
    logger.addHandler(output)
    # Whoever set up the root logger would print every line a second time.
    logger.propagate = False
    floor = Severity(config.event_severity_min).rank
    unsubscribe = bus.subscribe(log_event, [kind for kind, spec in EVENTS.items() if spec.severity.rank >= floor])

    def detach() -> None:
        if output not in logger.handlers:
            return
        unsubscribe()
        logger.removeHandler(output)
        logger.setLevel(level)
        logger.propagate = propagate
        output.close()

    output.end = detach
    return detach


def log_event(event: ResilienceEvent) -> None:
    """One event as a record of the logger `outlast.event`: its type is the message, the rest are fields."""
    level = LEVELS[Severity(event.severity)]
    logging.getLogger("outlast.event").log(level, "%s", event.event_type, extra=_extra(event))


def _extra(event: ResilienceEvent) -> dict[str, object]:
    return {
        "job_id": event.job_id,
        "component": event.component,
        "severity": event.severity,
        "data": event.data,
        "correlation_id": event.correlation_id,
    }
