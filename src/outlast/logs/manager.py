"""The contract's logging integration."""
# ruff: noqa: UP006, UP035 - the published signatures, as they are written there

import logging
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, Self

from typing_extensions import override

from outlast.contracts import ILoggingIntegration
from outlast.events import EventBus, ResilienceEvent, Severity
from outlast.logs.ids import ids_of_work
from outlast.logs.levels import LEVELS, severity_in
from outlast.logs.output import formatter_of
from outlast.logs.setup import configure
from outlast.logs.text import masking
from outlast.runtime import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from outlast.config import LoggingConfiguration

__all__ = ["LoggingIntegration"]

_IDS = ("job_id", "run_id", "correlation_id", "item_key")


class LoggingIntegration(ILoggingIntegration):
    """Logs through the standard library, on loggers below `outlast`: `outlast.event`, `outlast.failure`, `outlast.recovery`.

    The message is a constant, what differs are fields of the record (`extra`), with secrets masked. Where the lines go is for the
    program to say; or `async with` opens the output that `config` names, and logs the events of `events` too, until it is left.
    """

    def __init__(
        self, config: "LoggingConfiguration", *, events: EventBus | None = None, clock: Clock | None = None
    ) -> None:
        self._config = config
        self._bus = events or EventBus()
        self._clock = clock or SystemClock()
        self._mask = masking(config.redact)
        self._floor = Severity(config.event_severity_min).rank
        self._level = logging.getLevelNamesMapping()[config.level]
        self._detach: Callable[[], None] | None = None

    async def __aenter__(self) -> Self:
        self._detach = configure(self._config, self._bus, clock=self._clock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._detach is not None:
            self._detach()
            self._detach = None

    def formatter(self) -> logging.Formatter:
        """What makes a line of a record as configured, for a handler of one's own; `IdFilter` gives it the ids."""
        return formatter_of(self._config)

    @override
    async def log_resilience_event(self, event: ResilienceEvent) -> None:
        told = {"component": event.component, "data": event.data}
        ids = {"job_id": event.job_id, "correlation_id": event.correlation_id}
        self._log("outlast.event", event.event_type, Severity(event.severity), told, ids)

    @override
    async def log_failure_event(self, failure_event: Dict[str, Any]) -> None:
        severity = severity_in(failure_event.get("severity"), Severity.WARNING)
        self._log("outlast.failure", "failure", severity, {"data": failure_event}, failure_event)

    @override
    async def log_recovery_event(self, recovery_event: Dict[str, Any]) -> None:
        severity = severity_in(recovery_event.get("severity"), Severity.INFO)
        self._log("outlast.recovery", "recovery", severity, {"data": recovery_event}, recovery_event)

    def _log(self, logger: str, message: str, severity: Severity, told: Dict[str, Any], ids_in: Dict[str, Any]) -> None:
        level = LEVELS[severity]
        if severity.rank < self._floor or level < self._level:
            return
        ids = ids_of_work()
        ids.update({name: str(self._mask(ids_in[name])) for name in _IDS if ids_in.get(name)})
        if isinstance(ids_in.get("attempt"), int):
            ids["attempt"] = ids_in["attempt"]
        if not self._config.correlation_enabled:
            del ids["correlation_id"]
        extra = {**ids, "severity": severity.value, **{name: self._mask(value) for name, value in told.items()}}
        logging.getLogger(logger).log(level, message, exc_info=_raised(ids_in), extra=extra)


def _raised(told: Dict[str, Any]) -> BaseException | None:
    error = told.get("error") or told.get("exception")
    return error if isinstance(error, BaseException) and error.__traceback__ is not None else None
