"""Watches the machine beside a run: fewer pages where memory is short, and an end in order where nothing helps.

Measuring, telling of a breach, cleaning up and restarting the browser are the monitor's (`outlast.resource`).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from outlast.errors import ConfigurationError, ResourceMonitoringError, ResourceThresholdNotFoundError
from outlast.jobs.admission import Admission, memory_in
from outlast.jobs.outcome import Ending
from outlast.jobs.session import Session
from outlast.jobs.strain import Strain
from outlast.jobs.throttle import Throttle
from outlast.resource import ResourceMonitor

if TYPE_CHECKING:
    from outlast.config import JobConfiguration
    from outlast.jobs.browsing import Browsing

__all__ = ["NOTE", "NOTE_SECONDS", "Watching", "watching_of"]

NOTE = "resources"
"""What a run notes of its resources in the ledger, for whoever asks while it goes on."""
NOTE_SECONDS = 30.0
BOUND = "memory"
# A job's browser is renewed at the age that `[browser] lifetime` says, which may be none: what a shipped threshold has is not meant.
BY_LIFETIME = "browser_lifetime"


class Watching:
    """A service of a run. `admission` decides on the pages of `pages`, where the run has any."""

    def __init__(
        self,
        monitor: ResourceMonitor,
        session: Session,
        throttle: Throttle,
        *,
        admission: Admission | None = None,
        pages: Callable[[], int] = lambda: 0,
    ) -> None:
        self._monitor = monitor
        self._session = session
        self._config = session.resilience.config.resource
        self._throttle = throttle
        self._admission = admission
        self._pages = pages
        self._clock = session.runtime.clock
        self.bounds = monitor.threshold(self._config.default_threshold).rules
        """What is watched."""
        self._strain = Strain(self.bounds, pages=admission is not None)
        self._noted_at = float("-inf")
        self._stop: Callable[[Ending], None] | None = None
        self.metrics: Mapping[str, Any] = {}
        """The last sample."""

    def stops(self, stop: Callable[[Ending], None]) -> None:
        """What ends the run when nothing helps."""
        self._stop = stop

    async def look(self) -> bool:
        """Take one sample into account, now; whether there was one to be had."""
        try:
            metrics = await self._monitor.get_current_metrics()
        except ResourceMonitoringError:
            return False  # the monitor has told; what is not known changes nothing
        self._take_in(metrics)
        return True

    async def follow(self) -> None:
        """Look every `monitoring_interval` seconds, until cancelled."""
        watch = await self._monitor.start_monitoring(self._config.default_threshold, self._take_in)
        try:
            while True:
                await self._clock.sleep(self._config.monitoring_interval)
                if await self.look():
                    await self._note()
        finally:
            await self._monitor.stop_monitoring(watch)
            self._throttle.bound(BOUND, None)

    def told(self) -> dict[str, Any]:
        """What there is to say of the last sample, for people: MB, percent, and how many pages may be open where that is fewer."""
        metrics, admission = self.metrics, self._admission
        few = admission is not None and admission.limit < admission.ceiling
        return {
            "memory_mb": metrics.get("memory_usage"),
            "memory_percent": metrics.get("memory_percent"),
            "memory_limit_mb": self._config.memory_limit_mb or metrics.get("memory_limit_mb"),
            "browser_mb": metrics.get("browser_memory"),
            "pages": self._pages() if admission is not None else None,
            "pages_max": admission.limit if admission is not None and few else None,
        }

    def _take_in(self, metrics: Mapping[str, Any]) -> None:
        self.metrics = metrics
        now = self._clock.monotonic()
        if self._admission is not None:
            limit = self._admission.look(now, memory_in(metrics, self._pages(), self._config.memory_limit_mb))
            self._throttle.bound(BOUND, limit if limit < self._admission.ceiling else None)
        reason = self._strain.look(now, metrics)
        if reason is not None and self._session.reason is None and self._stop is not None:
            self._session.reason = reason
            self._stop(Ending.RESOURCE_LIMIT)

    async def _note(self) -> None:
        now = self._clock.monotonic()
        if now - self._noted_at < NOTE_SECONDS:
            return
        self._noted_at = now
        note = {"at": self._clock.now().isoformat(), "run": self._session.run_id, **self.told()}
        await self._session.ledger.put(NOTE, note)


def watching_of(
    config: "JobConfiguration", session: Session, throttle: Throttle, browsing: "Browsing | None"
) -> Watching:
    """Who watches beside a run. Raises `ConfigurationError` when there is no threshold of that name."""
    monitor = ResourceMonitor(
        config.resource,
        events=session.runtime.bus,
        clock=session.runtime.clock,
        storage_path=config.store if session.directory is None else session.directory.path,
        browsers=browsing,
        cleaners=() if browsing is None else (browsing,),
        restarter=None if browsing is None else browsing.lifecycle,
        without=[BY_LIFETIME],
        job_id=session.job_id,
    )
    try:
        if browsing is None:
            return Watching(monitor, session, throttle)
        ceiling = min(config.concurrency, config.browser.concurrency or config.concurrency)
        return Watching(monitor, session, throttle, admission=Admission(ceiling), pages=lambda: browsing.pages)
    except ResourceThresholdNotFoundError as error:
        raise ConfigurationError(f"resource.default_threshold: {error.message}", context=error.context) from error
