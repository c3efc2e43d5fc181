"""What is kept of many events: every count, and the events themselves as far as there is room."""

from datetime import UTC, datetime

from outlast.events import EventType, ResilienceEvent
from outlast.logs.account import (
    FREQUENT_A_SAMPLE,
    FREQUENT_AT_ONCE,
    OTHERS_AT_ONCE,
    SAMPLE_SECONDS,
    Account,
    next_sample_in,
)


def event(kind=EventType.RETRY_ATTEMPTED, **data):
    return ResilienceEvent.of(kind, "shop", data, datetime(2026, 1, 31, tzinfo=UTC))


def test_every_event_is_counted_and_the_first_thousand_are_written():
    account = Account()
    admitted = [account.admits(event()) for _ in range(FREQUENT_AT_ONCE + 50)]
    assert admitted == [True] * FREQUENT_AT_ONCE + [False] * 50
    taken = account.take()
    assert taken["events"] == {"retry_attempted": FREQUENT_AT_ONCE + 50}
    assert taken["left_out"] == 50


def test_with_each_sample_there_is_room_for_some_more():
    account = Account()
    for _ in range(FREQUENT_AT_ONCE):
        account.admits(event())
    account.take()
    assert [account.admits(event()) for _ in range(FREQUENT_A_SAMPLE + 1)] == [True] * FREQUENT_A_SAMPLE + [False]


def test_one_type_takes_no_room_from_another():
    account = Account()
    for _ in range(FREQUENT_AT_ONCE + 1):
        account.admits(event())
    assert account.admits(event(EventType.RUN_ENDED))
    assert not account.admits(event())


def test_what_is_seldom_has_more_room_and_is_bounded_too():
    account = Account()
    admitted = sum(account.admits(event(EventType.HOST_PARKED)) for _ in range(OTHERS_AT_ONCE + 10))
    assert admitted == OTHERS_AT_ONCE


def test_classes_and_delays_are_counted():
    account = Account()
    for delay in (0.5, 1.0, 1.1, 250, 301, None):
        account.admits(event(delay=delay, failure_class="network"))
    account.admits(event(EventType.PERMANENT_FAILURE, failure_class="not_found"))
    taken = account.take()
    assert taken["delays"] == {"1": 3, "4": 1, "300": 1, "inf": 1}
    assert taken["classes"] == {"network": 6, "not_found": 1}
    assert account.take() == {"events": {}, "left_out": 0, "classes": {}, "delays": {}}


def samples_of(seconds):
    at = count = 0
    while at < seconds:
        at += next_sample_in(at)
        count += 1
    return count


def test_the_samples_of_a_long_run_grow_with_its_logarithm():
    assert next_sample_in(0) == SAMPLE_SECONDS
    assert samples_of(3_600) == 720
    assert samples_of(7_200) < 1_300
    assert samples_of(30 * 86_400) < 6_000
