"""Lines that say the same again and again are counted."""

import json
import logging

import pytest

from outlast.config import LoggingConfiguration
from outlast.events import EventBus, EventType, ResilienceEvent
from outlast.logs import configure
from outlast.logs.repeats import GROUPS_MAX, WINDOW_SECONDS, Repeats
from outlast.runtime import SystemClock


class Hands(SystemClock):
    """A clock that is moved by hand."""

    def __init__(self):
        self.at = 100.0

    def monotonic(self):
        return self.at


@pytest.fixture
def clock():
    return Hands()


@pytest.fixture
def logged(tmp_path, clock):
    path = tmp_path / "x.log"
    bus = EventBus()

    def run(block, **settings):
        chosen = LoggingConfiguration(destination=str(path), format="json", **settings)
        detach = configure(chosen, bus, clock=clock)
        try:
            block(bus)
        finally:
            detach()
        return [json.loads(line) for line in path.read_text().splitlines()]

    return run


def log(*args, level=logging.WARNING):
    logging.getLogger("outlast.test").log(level, *args)


def messages(rows):
    return [row["message"] for row in rows]


def test_more_lines_of_a_kind_than_allowed_are_one_line_at_the_end(logged):
    rows = logged(lambda _: [log("page %d failed", number) for number in range(10)], repeats_per_minute=3)
    assert messages(rows) == [
        *(f"page {number} failed" for number in range(3)),
        "7 more like this in a minute: page 0 failed",
    ]
    assert (rows[-1]["repeated"], rows[-1]["level"], rows[-1]["logger"]) == (7, "WARNING", "outlast.test")


def test_after_a_minute_the_count_is_told_and_begins_anew(logged, clock):
    def block(_):
        for _ in range(5):
            log("again")
        clock.at += WINDOW_SECONDS
        log("other")
        log("again")

    rows = logged(block, repeats_per_minute=2)
    assert messages(rows) == ["again", "again", "3 more like this in a minute: again", "other", "again"]


def test_zero_lets_everything_through(logged):
    assert len(logged(lambda _: [log("again") for _ in range(200)], repeats_per_minute=0)) == 200


def test_the_usual_limit_is_sixty(logged):
    assert len(logged(lambda _: [log("again") for _ in range(200)])) == 61


def test_critical_lines_are_always_written(logged):
    assert len(logged(lambda _: [log("down", level=logging.CRITICAL) for _ in range(9)], repeats_per_minute=1)) == 9


def test_numbers_quotes_and_urls_do_not_make_another_kind_but_levels_and_loggers_do(logged):
    def block(_):
        log("item 17 of 'a' at https://x.test/1 failed")
        log("item 18 of 'b' at https://x.test/2 failed")
        log("item 18 of 'b' at https://x.test/2 failed", level=logging.ERROR)
        logging.getLogger("outlast.other").warning("item 18 of 'b' at https://x.test/2 failed")

    assert len(logged(block, repeats_per_minute=1)) == 4  # the second one is counted


def test_events_of_different_hosts_are_of_different_kinds(logged):
    def block(bus):
        for host in ("a.test", "b.test", "a.test"):
            data = {"host": host, "failures": 1, "error": "x", "next_probe_in": 1.0}
            bus.emit(ResilienceEvent.of(EventType.HOST_PARKED, "shop", data, SystemClock().now()))

    rows = logged(block, repeats_per_minute=1)
    assert [row.get("data", {}).get("host") for row in rows] == ["a.test", "b.test", None]
    assert rows[-1]["message"] == "1 more like this in a minute: host_parked"


def test_a_record_whose_message_cannot_be_made_does_not_break_the_one_who_logs(logged, capsys):
    rows = logged(lambda _: (log("%d", "no number"), log("fine")))
    assert messages(rows) == ["fine"]
    assert "no number" in capsys.readouterr().err


def test_the_kinds_that_are_remembered_are_bounded():
    repeats = Repeats(1)
    told = []
    for number in range(3 * GROUPS_MAX):
        told += repeats.over(0.0)
        repeats.admits(number, str(number), 0.0)
        repeats.admits(number, str(number), 0.0)
    assert len(repeats.rest()) <= GROUPS_MAX
    assert [repeated.left_out for _, repeated in told] == [1] * len(told)
    assert len(told) >= 2 * GROUPS_MAX
