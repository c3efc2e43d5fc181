"""Whoever watches a run from outside its job: metrics and traces, told of every attempt and of where the run stands.

They are found by the entry point group `outlast.observers`: a name, and a callable that takes an `About` and returns an `Observer`,
or None where there is nothing to do. `prometheus` is asked for by the section `[metrics]`, `opentelemetry` when the program has it
loaded; whoever has neither pays for neither.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from outlast.errors import ConfigurationError
from outlast.jobs.athand import Task
from outlast.jobs.limit import AttemptLimit
from outlast.ledger.port import Record
from outlast.runtime import Runtime

if TYPE_CHECKING:
    import asyncio

    from outlast.config import JobConfiguration

__all__ = ["About", "Observed", "Observer", "Trying", "Watched", "observers"]

GROUP = "outlast.observers"
PROMETHEUS = "prometheus"
OPENTELEMETRY = "opentelemetry"

_log = logging.getLogger("outlast.job")


class Trying(Protocol):
    """What the workers of a run need: one try at one item."""

    def limit(self) -> AttemptLimit: ...

    async def __call__(self, task: Task, limit: AttemptLimit, /) -> Record: ...

    def cancelled(self, task: Task, error: "asyncio.CancelledError", /) -> Record: ...


class Observer(Protocol):
    """Told how every attempt goes, and where the run stands. None of it may wait, but for `sampled` and `close`."""

    def began(self, task: Task, attempt: int, /) -> Any:
        """An attempt begins, in the context that it will run in; what is returned is given to `ended`."""
        ...

    def ended(self, begun: Any, task: Task, record: Record | None, error: BaseException | None, /) -> None:
        """It has ended: with what is recorded of the item, or, where nothing is, with what was raised."""
        ...

    async def sampled(self, sample: Mapping[str, Any], /) -> None: ...

    async def close(self) -> None:
        """The run has ended."""
        ...


@dataclass(slots=True, kw_only=True)
class About:
    """The run that is to be watched. `former` is the trace of the run before; `trace` is for the observer to set.

    At its `close` an observer finds here how the run ended; `outcome` is `error`, and `error` says which, where one has ended it.
    """

    job_id: str
    run_id: str
    config: "JobConfiguration"
    runtime: Runtime
    former: Mapping[str, str] | None = None
    trace: Mapping[str, str] | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    outcome: str = "error"
    exit_code: int | None = None
    error: str = ""


class Watched:
    """The observers of a run. One that raises is told of once, and then told no more than the end of what it saw begin.

    It must not become a failure of the job.
    """

    def __init__(self, told: list[Observer]) -> None:
        self._all = tuple(told)
        self._told = list(told)

    def __bool__(self) -> bool:
        return bool(self._told)

    def began(self, task: Task) -> list[tuple[Observer, Any]]:
        begun = []
        for observer in list(self._told):
            try:
                begun.append((observer, observer.began(task, task.lease.attempts + 1)))
            except Exception as error:  # noqa: BLE001 - see the class
                self._dismiss(observer, error)
        return begun

    def ended(
        self, begun: list[tuple[Observer, Any]], task: Task, record: Record | None, error: BaseException | None
    ) -> None:
        # The last one first: what one has put around another is taken away in its order.
        for observer, what in reversed(begun):
            try:
                observer.ended(what, task, record, error)
            except Exception as problem:  # noqa: BLE001 - see the class
                self._dismiss(observer, problem)

    async def sampled(self, sample: Mapping[str, Any]) -> None:
        for observer in list(self._told):
            try:
                await observer.sampled(sample)
            except Exception as error:  # noqa: BLE001 - see the class
                self._dismiss(observer, error)

    async def close(self) -> None:
        for observer in self._all:
            try:
                await observer.close()
            except Exception as error:  # noqa: BLE001 - see the class
                _log.warning("%s failed at the end: %s", type(observer).__name__, error)

    def recorded(self, task: Task, record: Record) -> None:
        """What is recorded of an attempt that ended on its own before."""
        self.ended([(observer, None) for observer in self._told], task, record, None)

    def _dismiss(self, observer: Observer, error: Exception) -> None:
        if observer in self._told:
            self._told.remove(observer)
            _log.warning("%s failed and watches no longer: %s", type(observer).__name__, error, exc_info=error)


class Observed:
    """Attempts that observers are told of."""

    def __init__(self, attempts: Trying, watched: Watched) -> None:
        self._attempts = attempts
        self._watched = watched
        self.limit = attempts.limit

    async def __call__(self, task: Task, limit: AttemptLimit, /) -> Record:
        watched = self._watched
        begun = watched.began(task)
        try:
            record = await self._attempts(task, limit)
        except BaseException as error:
            watched.ended(begun, task, None, error)
            raise
        watched.ended(begun, task, record, None)
        return record

    def cancelled(self, task: Task, error: "asyncio.CancelledError", /) -> Record:
        record = self._attempts.cancelled(task, error)
        self._watched.recorded(task, record)
        return record


def observers(about: About) -> list[Observer]:
    """Whoever is to watch this run. Raises `ConfigurationError` when what the configuration asks for is not installed."""
    names = [OPENTELEMETRY] if _traces_are_taken() else []
    if about.config.metrics.wanted:
        names.append(PROMETHEUS)
    # All of them are there before one begins: what has begun would have to be ended.
    factories = [_load(name) for name in names]
    begun = []
    for name, factory in zip(names, factories, strict=True):
        try:
            observer = factory(about)
        except Exception as error:  # noqa: BLE001 - somebody else's provider: see `Watched`
            _log.warning("%s failed to begin, and does not watch this run: %r", name, error, exc_info=error)
            continue
        if observer is not None:
            begun.append(observer)
    return begun


def _traces_are_taken() -> bool:
    """Whether somebody may have set up OpenTelemetry: nobody can have done so without loading it, or naming it in the environment."""
    return "opentelemetry.trace" in sys.modules or "OTEL_PYTHON_TRACER_PROVIDER" in os.environ


def _load(name: str) -> Callable[[About], Observer | None]:
    [point] = entry_points(group=GROUP, name=name)
    try:
        factory: Callable[[About], Observer | None] = point.load()
    except ImportError as error:
        if name == OPENTELEMETRY:
            return lambda _: None
        raise ConfigurationError(
            f"[metrics] needs {error.name}: pip install 'outlast[{name}]'", context={"missing": error.name}
        ) from error
    return factory
