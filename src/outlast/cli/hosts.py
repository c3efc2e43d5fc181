"""Which hosts are down, and since when: kept from the events, told in words."""

from dataclasses import dataclass
from datetime import datetime

from outlast.cli.phrases import duration, moment, safe
from outlast.events import EventType, ResilienceEvent

__all__ = ["Down", "HostWatch", "told"]

ERROR_WIDTH_MAX = 100


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


def told(event: ResilienceEvent) -> str:
    """A line for an event that somebody who watches a run should see."""
    data = event.data
    stamp = moment(event.timestamp)
    match event.event_type:
        case EventType.HOST_PARKED:
            host = safe(data["host"]) or "(items without a host)"
            kind, colon, message = str(data["error"]).partition(": ")
            error = safe(kind.rpartition(".")[2] + colon + message, ERROR_WIDTH_MAX)
            tries = f"{data['failures']} items in a row failed, last with {error}"
            return f"{stamp} WARN {host} seems down: {tries}; its items wait, one at a time tries it"
        case EventType.HOST_RECOVERED:
            host = safe(data["host"]) or "(items without a host)"
            return f"{stamp} INFO {host} answers again after {duration(data['down_for'])}"
        case EventType.CHECKPOINT_CORRUPTED:
            return f"{stamp} WARN checkpoint {safe(str(data['checkpoint_id']))} is damaged and left out: {safe(str(data['reason']))}"
        case kind:
            return f"{stamp} {event.severity.upper()} {kind}"
