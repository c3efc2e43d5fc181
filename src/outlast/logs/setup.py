"""Logging switched on: one output on the `outlast` logger, which the events of a bus go to as well."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from typing_extensions import override

from outlast.config.model import LoggingConfiguration
from outlast.errors import ConfigurationError
from outlast.events import EVENTS, EventBus, ResilienceEvent, Severity
from outlast.logs.format import JsonFormatter, TextFormatter
from outlast.logs.text import masking

__all__ = ["configure"]

_LEVELS = {
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
    Severity.CRITICAL: logging.CRITICAL,
}


def configure(config: LoggingConfiguration, bus: EventBus) -> Callable[[], None]:
    """Write the log of the package, and the events of `bus`, as `config` says, until the returned function is called.

    The root logger is left alone. There is one output at a time: a second call ends the first.
    Raises `ConfigurationError` when the destination cannot be opened.
    """
    output = _output(config)
    logger = logging.getLogger("outlast")
    for earlier in [each for each in logger.handlers if isinstance(each, _Output)]:
        earlier.end()
    level, propagate = logger.level, logger.propagate
    logger.setLevel(config.level)
    logger.addHandler(output)
    # Whoever set up the root logger would print every line a second time.
    logger.propagate = False
    floor = Severity(config.event_severity_min).rank
    unsubscribe = bus.subscribe(_log_event, [kind for kind, spec in EVENTS.items() if spec.severity.rank >= floor])

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


class _Output(logging.StreamHandler[TextIO]):
    """A stream, closed at the end if it is ours."""

    end: Callable[[], None]

    def __init__(self, stream: TextIO, *, ours: bool) -> None:
        super().__init__(stream)
        self._ours = ours

    @override
    def close(self) -> None:
        if self._ours:
            self.stream.close()
        super().close()


def _output(config: LoggingConfiguration) -> _Output:
    standard = {"stderr": sys.stderr, "stdout": sys.stdout}.get(config.destination)
    output = _Output(standard or _opened(Path(config.destination)), ours=standard is None)
    formatter = JsonFormatter if config.format == "json" else TextFormatter
    output.setFormatter(formatter(masking(config.redact), correlated=config.correlation_enabled))
    return output


def _opened(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", encoding="utf-8")
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
        complaint = {"path": "logging.destination", "problem": problem, "nearest": None}
        raise ConfigurationError(
            f"logging.destination: {path} {problem}", context={"complaints": [complaint]}
        ) from error


def _log_event(event: ResilienceEvent) -> None:
    level = _LEVELS[Severity(event.severity)]
    logging.getLogger("outlast.event").log(level, "%s", event.event_type, extra=_extra(event))


def _extra(event: ResilienceEvent) -> dict[str, object]:
    return {
        "job_id": event.job_id,
        "component": event.component,
        "severity": event.severity,
        "data": event.data,
        "correlation_id": event.correlation_id,
    }
