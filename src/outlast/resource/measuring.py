"""Measuring from the event loop: the work is done in the sampling thread, and its trouble is told once."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outlast.errors import ResourceMonitoringError
from outlast.events import EventType
from outlast.resource.cpu import Process
from outlast.resource.lag import LagProbe
from outlast.resource.readings import Readings
from outlast.resource.sample import Ask, Probe, Sample
from outlast.resource.sampler import Sampler
from outlast.resource.thread import SamplingThread
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.resource.ports import BrowserTree

__all__ = ["Measuring"]

SAMPLE_DEADLINE = 10.0


class Measuring:
    """Takes samples one at a time. The thread is there while somebody is `using` it."""

    def __init__(self, build: Callable[[], Sampler], runtime: Runtime, *, interval: float, job_id: str) -> None:
        self.browsers: BrowserTree | None = None
        self.probes: dict[str, Probe] = {}
        """Measurements of the user's own, by the name of their metric."""
        self.limit: float | None = None
        """The lowest limit in force for `memory_usage`, in MB."""
        self.lag = LagProbe(window=interval)
        self._build = build
        self._runtime = runtime
        self._job_id = job_id
        self._thread = SamplingThread()
        self._users = 0
        self._sampler: Sampler | None = None
        self._under_way: asyncio.Future[Sample] | None = None
        self._troubled: frozenset[str] = frozenset()

    @property
    def has_browser(self) -> bool:
        """Whether there is a browser, as far as can be known: with nobody to tell, there may be one."""
        return self.browsers is None or bool(self._facts().roots)

    @contextmanager
    def using(self) -> Iterator[None]:
        """While the block lasts, the thread stays."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._thread.shutdown(wait=False)

    async def take(self, *, exactly: bool = False) -> Readings:
        """A sample of now. Raises `ResourceMonitoringError` when nothing can be read, or not within 10 s."""
        with self.using():
            try:
                async with asyncio.timeout(SAMPLE_DEADLINE):
                    sample = await self._sample(exactly=exactly)
            except TimeoutError as error:
                problem = f"no measurement within {SAMPLE_DEADLINE:g} s"
                self._tell({"sampling": problem})
                raise ResourceMonitoringError(problem) from error
        self._tell(dict(sample.failed))
        if sample.is_blind:
            raise ResourceMonitoringError(
                f"nothing can be measured: {'; '.join(sample.failed.values())}", context={"failed": dict(sample.failed)}
            )
        return sample.readings

    async def run(self, act: Callable[[], object]) -> None:
        """Have something done in the sampling thread."""
        with self.using():
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, act))

    async def _sample(self, *, exactly: bool) -> Sample:
        loop = asyncio.get_running_loop()
        # One that hangs is waited for by everybody, so that no others pile up behind it.
        while self._under_way is not None and not self._under_way.done() and self._under_way.get_loop() is loop:
            shared = await asyncio.shield(self._under_way)
            if not exactly:
                return shared
        ask = self._ask(exactly=exactly)
        self._under_way = loop.run_in_executor(self._thread, self._measure, ask)
        return await asyncio.shield(self._under_way)

    def _measure(self, ask: Ask) -> Sample:
        # In the thread: even finding out what there is to measure reads files.
        if self._sampler is None:
            try:
                self._sampler = self._build()
            except Exception as error:  # noqa: BLE001 - a platform like no other; told, and tried again
                return Sample({}, {"platform": f"{type(error).__name__}: {error}"}, is_blind=True)
        return self._sampler.sample(ask, self.probes)

    def _ask(self, *, exactly: bool) -> Ask:
        clock, facts = self._runtime.clock, self._facts()
        return Ask(
            now=clock.monotonic(),
            timestamp=clock.now().isoformat(),
            roots=facts.roots,
            uptime=facts.uptime,
            lag=self.lag.worst(),
            limit=self.limit,
            exactly=exactly,
            failed=facts.failed,
        )

    def _facts(self) -> "_Facts":
        if self.browsers is None:
            return _Facts()
        try:
            roots = tuple((pid, float(start)) for pid, start in self.browsers.roots())
            return _Facts(roots, self.browsers.uptime)
        except Exception as error:  # noqa: BLE001 - whoever owns the browsers; told, and the rest is measured
            return _Facts(failed={"browsers": f"{type(error).__name__}: {error}"})

    def _tell(self, failed: dict[str, str]) -> None:
        # Once for as long as it lasts: what cannot be read now could mostly not be read a second ago either.
        for name in failed.keys() - self._troubled:
            self._runtime.emit(EventType.RESOURCE_SAMPLING_FAILED, self._job_id, gauge=name, error=failed[name])
        self._troubled = frozenset(failed)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the owner of the browsers says of them."""

    roots: tuple[Process, ...] = ()
    uptime: float | None = None
    failed: Mapping[str, str] = field(default_factory=dict)
