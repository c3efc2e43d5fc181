"""The contract's resource monitor."""
# ruff: noqa: UP006, UP035 - the published signatures, as they are written there

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, Self

from typing_extensions import override

from outlast.contracts import IBrowserLifecycleIntegration, IResourceMonitor
from outlast.errors import (
    ConfigurationError,
    ResourceMonitoringError,
    ResourceThresholdExceededError,
    ValidationError,
)
from outlast.events import EventBus
from outlast.resource.bounded import Bounded
from outlast.resource.callback import BreachCallback
from outlast.resource.cleaning import Cleaning
from outlast.resource.gauges import sampler_of
from outlast.resource.hysteresis import Level, level_of, value_of
from outlast.resource.ladder import Ladder, Switches
from outlast.resource.measuring import Measuring
from outlast.resource.policy import ResourceThreshold, further_bounds
from outlast.resource.ports import BrowserTree, Cleaner
from outlast.resource.readings import METRICS, Readings
from outlast.resource.restarting import Restarting
from outlast.resource.sample import Gauge, Probe
from outlast.resource.sampler import Sampler
from outlast.resource.session import Session
from outlast.resource.standing import Breach
from outlast.resource.thresholds import DEFAULT, Thresholds
from outlast.resource.watching import Watching
from outlast.runtime import Clock, Runtime

if TYPE_CHECKING:
    from outlast.config import ResourceConfiguration

__all__ = ["DEFAULT", "ResourceMonitor"]


class ResourceMonitor(IResourceMonitor):
    """Measures the machine and this job on it, watches thresholds, and gives resources back when they are broken.

    `storage_path` is where `disk_free` is measured; `probes` are functions of one's own by the name of their metric; `browsers`
    tells which processes are browsers, `cleaners` give resources back, `restarter` restarts the browser, `without` names bounds that
    the shipped thresholds leave out. Nothing is measured and no thread is there before it is asked for; leaving `async with` ends
    every session.
    """

    def __init__(  # noqa: PLR0913 - each collaborator may be given, none must be
        self,
        config: "ResourceConfiguration",
        *,
        events: EventBus | None = None,
        clock: Clock | None = None,
        storage_path: str | Path = ".",
        probes: Mapping[str, Probe] | None = None,
        browsers: BrowserTree | None = None,
        cleaners: Sequence[Cleaner] = (),
        restarter: IBrowserLifecycleIntegration | None = None,
        gauges: Mapping[str, Gauge] | None = None,
        without: Collection[str] = (),
        job_id: str = "",
    ) -> None:
        given = Runtime()
        self._runtime = Runtime(
            clock=given.clock if clock is None else clock, bus=given.bus if events is None else events
        )
        self._enabled = config.enabled
        self._job_id = job_id
        self._thresholds = Thresholds(
            default=config.default_threshold,
            further=further_bounds(config.memory_limit_mb, config.cpu_limit_percent),
            without=without,
        )
        self._measuring = Measuring(
            lambda: sampler_of(Path(storage_path)) if gauges is None else Sampler(gauges),
            self._runtime,
            interval=config.monitoring_interval,
            job_id=job_id,
        )
        self._measuring.browsers = browsers
        for name, probe in (probes or {}).items():
            self.extra_probe(name, probe)
        self._keep_configured([each.model_dump(exclude_none=True) for each in config.threshold])
        self._ladder = Ladder(
            self._measuring,
            Cleaning(cleaners, self._measuring),
            None if restarter is None else Restarting(restarter, self._runtime, job_id),
            Switches(cleanup=config.auto_cleanup_enabled, restart=config.browser_restart_enabled),
            self._runtime,
            job_id=job_id,
        )
        self._watching = Watching(self._measuring, self._runtime.clock, config.monitoring_interval, self._ladder)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._watching.end_all()

    @override
    async def start_monitoring(self, threshold_id: str, callback: BreachCallback) -> str:
        """The id of a new session: from now on `callback` is called when a bound of the threshold is broken.

        It gets one dict: every metric, `threshold_id`, `session_id`, `breached` (names), `is_critical`, and `<name>_breached` for each
        name. A plain callback runs on the event loop; an async one has 30 s. Its errors are told as events.
        Raises `ResourceThresholdNotFoundError`, `ValidationError` for a callback that cannot be called, and `ResourceMonitoringError`
        with `enabled=False`.
        """
        if not self._enabled:
            raise ResourceMonitoringError("resource monitoring is switched off (resource.enabled = false)")
        threshold = self._thresholds.get(threshold_id)
        if not callable(callback):
            raise ValidationError(f"the callback must be callable, and {type(callback).__name__!r} is not")
        session = Session(self._runtime.new_id(), threshold, callback, self._runtime, self._job_id)
        self._watching.begin(session)
        return session.id

    @override
    async def stop_monitoring(self, session_id: str) -> bool:
        """End a session; False when it has ended already or never was. No callback is called after this has returned.

        A callback under way is waited for, at most 30 s, then cancelled.
        """
        return await self._watching.end(session_id)

    @override
    async def get_current_metrics(self) -> Dict[str, Any]:
        """Every metric, measured now, JSON-able; what is not known (yet) is None.

        Raises `ResourceMonitoringError` when nothing can be read at all.
        """
        return dict(await self._measuring.take())

    @override
    async def check_thresholds(self, threshold_id: str) -> Dict[str, bool]:
        """For each name of the threshold, whether a fresh sample is beyond its limit; no hysteresis, no effect.

        Raises `ResourceThresholdNotFoundError`.
        """
        threshold = self._thresholds.get(threshold_id)
        return _compared(threshold, await self._measuring.take())

    @override
    async def create_resource_threshold(self, threshold_config: Dict[str, Any]) -> str:
        """The id of the threshold: the one given, else its name. It replaces an older one; sessions keep theirs.

        Raises `ValidationError` naming every complaint.
        """
        threshold = ResourceThreshold.from_dict(threshold_config, probes=self._measuring.probes)
        self._thresholds.keep(threshold)
        return threshold.id

    def threshold(self, threshold_id: str) -> ResourceThreshold:
        """The threshold as it is in force. Raises `ResourceThresholdNotFoundError`."""
        return self._thresholds.get(threshold_id)

    def extra_probe(self, name: str, probe: Probe) -> None:
        """Measure something of one's own under `name` with every sample; `probe` is called in a thread of its own and has 2 s.

        Raises `ValidationError` when there is a metric of that name.
        """
        if name in METRICS:
            raise ValidationError(f"{name!r} is a metric already: a probe needs a name of its own")
        self._measuring.probes[name] = Bounded(probe)

    def breaches(self) -> list[Breach]:
        """The bounds that are broken now, in all sessions."""
        return self._watching.breaches()

    async def cleanup(self, level: int = 2) -> dict[str, Any]:
        """Give back what can be given back, up to this level of the cleaners, whatever the thresholds say.

        The answer has the `steps` that were taken and `freed_mb`. Raises `ResourceCleanupError` when one has failed; the others
        have been taken nevertheless.
        """
        return await self._ladder.cleanup(level)

    async def require(self, threshold_id: str) -> None:
        """Raises `ResourceThresholdExceededError` when a fresh sample is beyond a limit of the threshold."""
        threshold = self._thresholds.get(threshold_id)
        readings = await self._measuring.take()
        broken = [name for name, is_beyond in _compared(threshold, readings).items() if is_beyond]
        if broken:
            raise ResourceThresholdExceededError(
                f"beyond the threshold {threshold.id!r}: {_words(threshold, broken, readings)}",
                context={"threshold_id": threshold.id, "breached": broken, "metrics": dict(readings)},
            )

    def _keep_configured(self, thresholds: Sequence[dict[str, Any]]) -> None:
        told: list[str] = []
        for number, settings in enumerate(thresholds):
            try:
                self._thresholds.keep(ResourceThreshold.from_dict(settings, probes=self._measuring.probes))
            except ValidationError as error:
                told += [f"resource.threshold[{number}].{each}" for each in error.context["complaints"]]
        if told:
            raise ConfigurationError("; ".join(told), context={"complaints": told})


def _compared(threshold: ResourceThreshold, readings: Readings) -> dict[str, bool]:
    beyond = {Level.BEYOND, Level.CRITICAL}
    return {rule.name: threshold.is_active and level_of(rule, readings) in beyond for rule in threshold.rules}


def _words(threshold: ResourceThreshold, names: Sequence[str], readings: Readings) -> str:
    rules = [rule for rule in threshold.rules if rule.name in names]
    return ", ".join(f"{rule.name} is {value_of(rule, readings):.4g} (limit {rule.limit:g})" for rule in rules)
