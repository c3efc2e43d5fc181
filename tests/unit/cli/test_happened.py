"""What is kept of the events that a view shows."""

from datetime import UTC, datetime, timedelta

from outlast.cli.screen.happened import Happened, Happenings
from outlast.events import EVENTS, EventType, ResilienceEvent

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def happen(happenings, kind, after=0, **data):
    told = dict.fromkeys(EVENTS[kind].data) | data
    happenings(ResilienceEvent.of(kind, "docs", told, NOW + timedelta(seconds=after)))
    return happenings.told


def test_the_last_checkpoint_is_kept_and_that_one_could_not_be_written_until_another_is():
    happenings = Happenings()
    assert happenings.told == Happened()
    told = happen(happenings, EventType.CHECKPOINT_CREATED, 1, checkpoint_id="cp-1")
    assert (told.checkpoint_id, told.checkpoint_at) == ("cp-1", NOW + timedelta(seconds=1))
    told = happen(happenings, EventType.CHECKPOINT_FAILED, 2, reason="disk full")
    assert (told.checkpoint_id, told.checkpoint_problem) == ("cp-1", "disk full")
    told = happen(happenings, EventType.CHECKPOINT_CREATED, 3, checkpoint_id="cp-2")
    assert (told.checkpoint_id, told.checkpoint_problem) == ("cp-2", "")


def test_losses_and_renewals_of_the_browser_are_counted():
    happenings = Happenings()
    told = happen(happenings, EventType.BROWSER_CRASHED, reason="its driver died")
    assert (told.crashes, told.restarts, told.no_browser, told.browser) == (1, 0, True, "its driver died")
    told = happen(happenings, EventType.BROWSER_RESTARTED, 5, reason="crash")
    assert (told.crashes, told.restarts, told.no_browser) == (1, 1, False)
    assert told.browser_at == NOW + timedelta(seconds=5)
    told = happen(happenings, EventType.BROWSER_UNAVAILABLE, reason="none starts")
    assert (told.crashes, told.restarts, told.no_browser) == (1, 1, True)


def test_what_was_before_a_run_is_not_its():
    happenings = Happenings()
    happen(happenings, EventType.BROWSER_CRASHED, reason="its driver died")
    assert happen(happenings, EventType.RUN_STARTED) == Happened()


def test_every_event_that_is_listened_to_changes_something():
    for kind in Happenings.types:
        happenings = Happenings()
        if kind is EventType.RUN_STARTED:
            happen(happenings, EventType.CHECKPOINT_FAILED, reason="full")
        before = happenings.told
        data = {name: "so" for name in EVENTS[kind].data if name in {"reason", "checkpoint_id"}}
        assert happen(happenings, kind, **data) != before, kind
