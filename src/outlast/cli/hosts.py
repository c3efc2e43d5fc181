"""Which hosts are down, and since when: kept from the events."""

from dataclasses import dataclass
from datetime import datetime

from outlast.events import EventType, ResilienceEvent

__all__ = ["Down", "HostWatch"]


@dataclass(frozen=True, slots=True)
class Down:
    """A host that is waited for."""

    host: str
    since: datetime


class HostWatch:
    """A sink that remembers the hosts that are parked now; there are never more than a gate keeps."""

    types = (EventType.HOST_PARKED, EventType.HOST_RECOVERED)

    def __init__(self) -> None:
        self._since: dict[str, datetime] = {}

    def __call__(self, event: ResilienceEvent) -> None:
        host = event.data["host"]
        if event.event_type == EventType.HOST_PARKED:
            self._since[host] = event.timestamp
        else:
            self._since.pop(host, None)

    def down(self) -> tuple[Down, ...]:
        return tuple(Down(host, since) for host, since in self._since.items())
