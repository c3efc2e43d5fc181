"""A run's metrics for Prometheus (extra `prometheus`): from its events, its attempts and its samples.

No URL, key or group is ever a label; hosts and reasons are, and only so many of each are told apart.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app, write_to_textfile

from outlast.errors import ValidationError
from outlast.events import ResilienceEvent
from outlast.integrations.serving import Server
from outlast.ledger.port import ItemStatus, Record
from outlast.logs.text import clipped, escaped
from outlast.storage.strictjson import decode

if TYPE_CHECKING:
    from outlast.jobs.athand import Task
    from outlast.jobs.observing import About

__all__ = ["HOSTS_MAX", "Capped", "Metrics", "observer"]

HOSTS_MAX = 50
REASONS_MAX = 20
LABEL_MAX = 100
OTHER = "other"
WRITE_SECONDS = 5.0
"""How long the end of a run waits for the text file, on a disk that does not answer."""

DURATIONS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0, 120.0, 300.0, 900.0)

_WAITING = ("pending", "leased", "deferred")
_SETTLED = ("done", "failed", "ignored")

_log = logging.getLogger("outlast.job")


def observer(about: "About") -> "Metrics":
    """The metrics of one run, served and written as its section `[metrics]` says."""
    settings = about.config.metrics
    metrics = Metrics(about.job_id, clock=about.runtime.clock.monotonic, textfile=settings.textfile)
    metrics.listen(about.runtime.bus.subscribe(metrics.note))
    if settings.port:
        metrics.serve(settings.port)
    return metrics


class Capped:
    """Values of a label: the first `limit` of them as they are, all others as `other`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def __call__(self, value: object) -> str:
        text = clipped(escaped(str(value)), LABEL_MAX)
        if text not in self._known:
            if len(self._known) >= self._limit:
                return OTHER
            self._known.add(text)
        return text


class Metrics:
    """The numbers of one job's run, in a registry of their own.

    `textfile` is replaced with each sample. A port that is taken, or a file that cannot be written, is told and stops nothing.
    """

    def __init__(self, job: str, *, clock: Callable[[], float], textfile: str | None = None) -> None:
        self.registry = CollectorRegistry()
        self._job = clipped(escaped(job), LABEL_MAX)
        self._of = job
        self._clock = clock
        self._textfile = textfile
        self._told = False
        self._server: Server | None = None
        self._writer: threading.Thread | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._host, self._reason, self._policy = Capped(HOSTS_MAX), Capped(REASONS_MAX), Capped(REASONS_MAX)
        self._down: set[str] = set()
        self._define()

    def listen(self, unsubscribe: Callable[[], None]) -> None:
        """What is to be called once nothing more is to be noted."""
        self._unsubscribe = unsubscribe

    def serve(self, port: int) -> None:
        """Serve them at this port of 127.0.0.1 until closed."""
        try:
            self._server = Server(port, make_wsgi_app(self.registry), path="/metrics")
        except (OSError, RuntimeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            _log.warning("metrics are not served at 127.0.0.1:%d, the job goes on: %s", port, why)

    def began(self, task: "Task", attempt: int, /) -> float:  # noqa: ARG002 - the port's
        return self._clock()

    def ended(
        self,
        begun: float | None,
        task: "Task",
        record: Record | None,
        error: BaseException | None,  # noqa: ARG002 - an attempt that was cut off from outside says nothing
        /,
    ) -> None:
        if record is None:
            return
        status = record.status
        if begun is not None and not task.given_up:
            self._durations.labels(self._job).observe(self._clock() - begun)
            what = "ok" if status is ItemStatus.DONE else _class_of(record)
            self._attempts.labels(self._job, self._host(task.host), what).inc()
        if status in {ItemStatus.DONE, ItemStatus.FAILED}:
            self._items.labels(self._job, status.value).inc()
        if status is ItemStatus.DONE:
            self._last_success.labels(self._job).set_to_current_time()

    async def sampled(self, sample: Mapping[str, Any], /) -> None:
        for name in _WAITING:
            self._pending.labels(self._job, name).set(sample[name])
        for name in _SETTLED:
            self._settled.labels(self._job, name).set(sample[name])
        self._in_flight.labels(self._job).set(sample["in_flight"])
        self._remember(sample)
        self._write()

    async def close(self) -> None:
        self._unsubscribe()
        self._running.labels(self._job).set(0)
        if self._textfile is not None:
            await asyncio.to_thread(self._write_last)
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)

    def note(self, event: ResilienceEvent) -> None:
        """Count an event of this job."""
        if event.job_id not in {self._of, ""}:
            return
        self._events.labels(self._job, event.event_type, event.severity).inc()
        self._noted(event.event_type, event.data)

    def _define(self) -> None:
        self._items = self._counter("items", "Items that this run has settled.", "outcome")
        self._attempts = self._counter("attempts", "Attempts at items: ok, or the class of failure.", "host", "class")
        self._durations = self._histogram("item_duration_seconds", "Time of one attempt.", DURATIONS)
        self._delays = self._histogram("retry_delay_seconds", "Delay of a retry.", DELAYS)
        self._pending = self._gauge("items_pending", "Items of the job that still have to be done.", "state")
        self._settled = self._gauge("items_recorded", "Items of the job that need nothing more.", "state")
        self._in_flight = self._gauge("items_in_flight", "Items that are tried now.")
        self._checkpoints = self._counter("checkpoints", "Checkpoints: created, failed, corrupted.", "result")
        self._checkpoint_size = self._gauge("checkpoint_size_bytes", "Size of the last checkpoint.")
        self._checkpoint_took = self._gauge("checkpoint_duration_seconds", "Time that the last checkpoint took.")
        self._last_checkpoint = self._gauge("last_checkpoint_timestamp_seconds", "When the last checkpoint was taken.")
        self._last_success = self._gauge("last_success_timestamp_seconds", "When an item was done last.")
        self._memory = self._gauge("process_tree_resident_memory_bytes", "Memory of the job's processes.", "role")
        self._limit = self._gauge("memory_limit_bytes", "The memory that the job may have.")
        self._restarts = self._counter("browser_restarts", "Restarts of the browser.", "reason")
        self._aborts = self._counter("aborts", "Times that the job was given up.", "policy")
        self._paused = self._gauge("host_paused", "1 while the items of a host wait because it is down.", "host")
        self._events = self._counter("events", "Events by type.", "type", "severity")
        self._running = self._gauge("run_active", "1 while a run lasts, 0 once it has ended.")
        self._began = self._gauge("run_start_timestamp_seconds", "When the run began.")
        build = Gauge("outlast_build_info", "The version that runs.", ("version",), registry=self.registry)
        build.labels(version("outlast")).set(1)
        self._begin()

    def _begin(self) -> None:
        """What can be known of the start of a run. A counter that is seen first at 1 has not risen, for Prometheus."""
        self._running.labels(self._job).set(1)
        self._began.labels(self._job).set_to_current_time()
        for outcome in ("done", "failed"):
            self._items.labels(self._job, outcome)
        for result in ("created", "failed", "corrupted"):
            self._checkpoints.labels(self._job, result)

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"outlast_{name}", told, ("job", *labels), registry=self.registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"outlast_{name}", told, ("job", *labels), registry=self.registry)

    def _histogram(self, name: str, told: str, bounds: tuple[float, ...]) -> Histogram:
        return Histogram(f"outlast_{name}", told, ("job",), buckets=bounds, registry=self.registry)

    def _noted(self, kind: str, data: Mapping[str, Any]) -> None:
        match kind:
            case "checkpoint_created":
                self._checkpoint_created(data)
            case "checkpoint_failed" | "checkpoint_corrupted":
                self._checkpoints.labels(self._job, kind.removeprefix("checkpoint_")).inc()
            case "retry_attempted":
                self._delays.labels(self._job).observe(data.get("delay") or 0.0)
            case "browser_restarted":
                self._restarts.labels(self._job, self._reason(data.get("reason", ""))).inc()
            case "abort_triggered":
                self._aborts.labels(self._job, self._policy(data.get("policy_id", ""))).inc()
            case "host_parked" | "host_recovered":
                self._host_down(data, down=kind == "host_parked")
            case _:
                return

    def _checkpoint_created(self, data: Mapping[str, Any]) -> None:
        self._checkpoints.labels(self._job, "created").inc()
        self._checkpoint_size.labels(self._job).set(data.get("size_bytes") or 0)
        self._checkpoint_took.labels(self._job).set(data.get("duration") or 0.0)
        self._last_checkpoint.labels(self._job).set_to_current_time()

    def _host_down(self, data: Mapping[str, Any], *, down: bool) -> None:
        """Hosts that share a label are down as long as one of them is."""
        host = str(data.get("host", ""))
        (self._down.add if down else self._down.discard)(host)
        label = self._host(host)
        still = down or any(self._host(each) == label for each in self._down)
        self._paused.labels(self._job, label).set(int(still))

    def _remember(self, sample: Mapping[str, Any]) -> None:
        memory, browsers = sample.get("memory_bytes"), sample.get("browser_memory_bytes")
        if memory is not None:
            self._memory.labels(self._job, "own").set(memory - (browsers or 0))
        if browsers is not None:
            self._memory.labels(self._job, "browser").set(browsers)
        if sample.get("memory_limit_bytes") is not None:
            self._limit.labels(self._job).set(sample["memory_limit_bytes"])

    def _write(self) -> None:
        """Have the file written, unless that is still being done. By a daemon: a disk that hangs must not keep the run from its end."""
        if self._textfile is None or (self._writer is not None and self._writer.is_alive()):
            return
        self._writer = threading.Thread(
            target=self._written, args=(self._textfile,), name="outlast-textfile", daemon=True
        )
        self._writer.start()

    def _write_last(self) -> None:
        for again in (True, False):
            if self._writer is not None:
                self._writer.join(WRITE_SECONDS)
            if again:
                self._write()
        if self._writer is not None and self._writer.is_alive():
            self._tell("the disk does not answer")

    def _written(self, textfile: str) -> None:
        try:
            write_to_textfile(textfile, self.registry)
        except OSError as error:
            self._tell(error.strerror)

    def _tell(self, why: str | None) -> None:
        if not self._told:
            self._told = True
            _log.warning("metrics cannot be written to %s, the job goes on: %s", self._textfile, why)


def _class_of(record: Record) -> str:
    with suppress(KeyError, TypeError, ValidationError):
        return str(decode(record.error or "")["class"])
    return "unknown"
