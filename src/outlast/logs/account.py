"""What is kept of many events: how many there were of each type, always; the events themselves, as far as there is room.

A job of a hundred thousand items may see as many retries. Each is counted in the next sample, and the first thousand of a type
are written in full, then ten between two samples.
"""

from collections import Counter
from typing import Any

from outlast.events import EventType, ResilienceEvent

__all__ = ["DELAYS", "Account", "delay_bucket", "next_sample_in"]

SAMPLE_SECONDS = 5.0
SAMPLES_OF_A_RUN = 720
"""A sample follows the one before after this share of the run, at the earliest: their number grows with its logarithm."""

# One of these may come with every item.
FREQUENT = frozenset(
    {
        EventType.RETRY_ATTEMPTED,
        EventType.RETRY_SUCCEEDED,
        EventType.RETRY_EXHAUSTED,
        EventType.PERMANENT_FAILURE,
        EventType.FAILURE_HANDLED,
    }
)
FREQUENT_AT_ONCE = 1_000
FREQUENT_A_SAMPLE = 10
OTHERS_AT_ONCE = 5_000
OTHERS_A_SAMPLE = 200

DELAYS = (1.0, 4.0, 16.0, 60.0, 300.0)
"""The bounds between which the delays of retries are counted; those beyond the last are counted under `inf`."""


def next_sample_in(elapsed: float) -> float:
    """Seconds until the next sample of a run that has lasted so long."""
    return max(SAMPLE_SECONDS, elapsed / SAMPLES_OF_A_RUN)


class Account:
    """Counts the events between two samples, and says which of them are written in full."""

    def __init__(self) -> None:
        self._room = {kind.value: _at_once(kind) for kind in EventType}
        self._types: Counter[str] = Counter()
        self._classes: Counter[str] = Counter()
        self._delays: Counter[str] = Counter()
        self._left_out = 0

    def admits(self, event: ResilienceEvent) -> bool:
        """Count an event; whether there is room to write it."""
        kind, data = event.event_type, event.data
        self._types[kind] += 1
        if kind == EventType.RETRY_ATTEMPTED:
            self._delays[delay_bucket(data.get("delay"))] += 1
        if "failure_class" in data and kind in FREQUENT:
            self._classes[str(data["failure_class"])] += 1
        room = self._room.get(kind, 0)
        if room:
            self._room[kind] = room - 1
            return True
        self._left_out += 1
        return False

    def take(self) -> dict[str, Any]:
        """The counts since the last sample: of events by type, of failed attempts by class, of delays by their upper bound."""
        taken = {
            "events": dict(self._types),
            "left_out": self._left_out,
            "classes": dict(self._classes),
            "delays": dict(self._delays),
        }
        self._types.clear()
        self._classes.clear()
        self._delays.clear()
        self._left_out = 0
        for kind in EventType:
            more = FREQUENT_A_SAMPLE if kind in FREQUENT else OTHERS_A_SAMPLE
            self._room[kind.value] = min(_at_once(kind), self._room[kind.value] + more)
        return taken


def _at_once(kind: EventType) -> int:
    return FREQUENT_AT_ONCE if kind in FREQUENT else OTHERS_AT_ONCE


def delay_bucket(delay: object) -> str:
    """The upper bound among `DELAYS` under which a delay is counted."""
    seconds = delay if isinstance(delay, int | float) else 0.0
    return next((f"{bound:g}" for bound in DELAYS if seconds <= bound), "inf")
