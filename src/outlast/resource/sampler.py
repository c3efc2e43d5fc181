"""One look at everything, in the sampling thread: a gauge that fails leaves its metrics unknown and the others alone."""

import time
from collections.abc import Mapping
from types import MappingProxyType

from outlast.resource.readings import METRICS, Value
from outlast.resource.sample import Ask, Gauge, Probe, Sample

__all__ = ["Sampler"]


class Sampler:
    """Asks its gauges and the user's probes. It belongs to one thread."""

    def __init__(self, gauges: Mapping[str, Gauge]) -> None:
        self._gauges = dict(gauges)
        self._errors = 0

    def sample(self, ask: Ask, probes: Mapping[str, Probe] = MappingProxyType({})) -> Sample:
        """Every metric of the reference; what could not be read is None."""
        began = time.thread_time()
        failed = dict(ask.failed)
        read: dict[str, Value] = {}
        for name, gauge in self._gauges.items():
            try:
                read |= gauge(ask)
            except Exception as error:  # noqa: BLE001 - whatever a file of the system holds, monitoring goes on
                failed[name] = f"{type(error).__name__}: {error}"
        is_blind = not read
        for name, probe in tuple(probes.items()):
            read[name], problem = _asked(probe)
            if problem:
                failed[name] = problem
        self._errors += len(failed)
        told: dict[str, Value] = dict.fromkeys(METRICS) | read
        told |= {"timestamp": ask.timestamp, "monotonic": ask.now}
        told |= {"browser_uptime": ask.uptime, "event_loop_lag": ask.lag, "sampling_errors": self._errors}
        told["sample_cost_ms"] = 1_000 * (time.thread_time() - began)
        return Sample(told, failed, is_blind)


def _asked(probe: Probe) -> tuple[float | None, str]:
    try:
        value = probe()
        return None if value is None else float(value), ""
    except Exception as error:  # noqa: BLE001 - a user's code, reported and survived
        return None, f"{type(error).__name__}: {error}"
