"""What has happened to a run of late, beside its items: kept from the events, for whoever shows it."""

from dataclasses import dataclass, replace
from datetime import datetime

from outlast.events import EventType, ResilienceEvent

__all__ = ["Happened", "Happenings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """The last checkpoint and when it was written, or why the last one could not be; how often the browser was lost or renewed.

    `browser` is the reason of the last of these, `browser_at` when that was, and `no_browser`: it has not come back.
    """

    checkpoint_id: str = ""
    checkpoint_at: datetime | None = None
    checkpoint_problem: str = ""
    restarts: int = 0
    crashes: int = 0
    browser: str = ""
    browser_at: datetime | None = None
    no_browser: bool = False


class Happenings:
    """A sink that keeps the last of each."""

    types = (
        EventType.RUN_STARTED,
        EventType.CHECKPOINT_CREATED,
        EventType.CHECKPOINT_FAILED,
        EventType.BROWSER_CRASHED,
        EventType.BROWSER_RESTARTED,
        EventType.BROWSER_UNAVAILABLE,
    )

    def __init__(self) -> None:
        self.told = Happened()

    def __call__(self, event: ResilienceEvent) -> None:
        before, at, data = self.told, event.timestamp, event.data
        match event.event_type:
            case EventType.RUN_STARTED:
                self.told = Happened()
            case EventType.CHECKPOINT_CREATED:
                saved = str(data["checkpoint_id"])
                self.told = replace(before, checkpoint_id=saved, checkpoint_at=at, checkpoint_problem="")
            case EventType.CHECKPOINT_FAILED:
                self.told = replace(before, checkpoint_problem=str(data["reason"]))
            case _:
                restarted = event.event_type == EventType.BROWSER_RESTARTED
                self.told = replace(
                    before,
                    restarts=before.restarts + restarted,
                    crashes=before.crashes + (event.event_type == EventType.BROWSER_CRASHED),
                    browser=str(data["reason"]),
                    browser_at=at,
                    no_browser=not restarted,
                )
