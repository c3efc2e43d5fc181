"""Why a job is suspended or was aborted, as it is told."""

from datetime import UTC, datetime

import pytest

from outlast.cli.words.abort import aborted_lines, aborted_steps, suspended_line, why
from outlast.cli.screen.notices import told
from outlast.cli.screen.progress import suspended_text
from outlast.events import EventType, ResilienceEvent

NOTE = {
    "since": "2026-11-23T00:18:04+00:00",
    "reason": "26 of the last 30 operations failed (builtins.ValueError scrape.py:parse no price); no recovery in 185 s",
    "silence": False,
    "next_probe": "2026-11-23T00:18:09+00:00",
    "gives_up": "2026-11-23T00:21:09+00:00",
    "hosts": ["a.test", "b.test"],
    "hosts_seen": 5,
    "cause": "builtins.ValueError scrape.py:parse no price",
    "failure_class": "programming",
    "analysis": {
        "total_failures": 26,
        "cause": "26 of 26 failures (100%) are programming",
        "healthy_hosts": ["w.test"],
    },
}


def test_an_aborted_job_says_since_when_where_what_and_what_was_well():
    assert (
        why(NOTE) == "26 of the last 30 operations failed (ValueError scrape.py:parse no price); no recovery in 185 s"
    )
    assert aborted_lines(NOTE) == [
        "  in trouble since 2026-11-23T00:18:04Z at 2 of 5 hosts: a.test, b.test",
        "  26 of 26 failures (100%) are programming",
        "  well until the end: w.test",
    ]


def test_without_an_analysis_the_most_frequent_failure_is_told():
    # What somebody has decided says nothing of trouble; what had failed by then is said all the same.
    assert aborted_lines({**NOTE, "ordered": True})[0] == "  26 of 26 failures (100%) are programming"
    assert aborted_lines({**NOTE, "analysis": None, "hosts": [""]}) == [
        "  in trouble since 2026-11-23T00:18:04Z",
        "  most failed with ValueError scrape.py:parse no price",
    ]


def test_a_suspended_job_says_when_the_next_probe_is_and_when_it_gives_up():
    line = suspended_line({**NOTE, "reason": "it fails"})
    assert line == (
        "suspended since 2026-11-23T00:18:04Z: it fails; probing, next at 2026-11-23T00:18:09Z; "
        "gives up at 2026-11-23T00:21:09Z"
    )
    assert "waiting for what is in flight" in suspended_line({**NOTE, "next_probe": None})
    assert "each of them is probed" in suspended_line({**NOTE, "silence": True})


@pytest.mark.parametrize(
    ("changes", "down", "commands"),
    [
        ({}, [], ["outlast resume shop --pause-host a.test"]),
        ({"hosts_seen": 2}, [], []),
        ({"hosts_seen": 2, "taken_back": 0}, [], []),
        ({"hosts_seen": 2, "taken_back": 32}, [], ["outlast resume shop --abort-policy never"]),
        ({"hosts_seen": 2, "taken_back": 1, "ordered": True}, [], []),
        ({"hosts": [""], "hosts_seen": 1}, [], []),
        ({"hosts": [""], "hosts_seen": 1, "failure_class": "blocked"}, [], []),
        (
            {"hosts": ["a.test"], "hosts_seen": 1, "failure_class": "blocked"},
            [],
            ["outlast resume shop --rate a.test=10/min"],
        ),
        ({"hosts_seen": 2, "failure_class": "throttled"}, [], ["outlast resume shop --rate '*=10/min'"]),
        ({"hosts_seen": 2, "failure_class": "network"}, [], []),
        (
            {"failure_class": "blocked"},
            [],
            ["outlast resume shop --pause-host a.test", "outlast resume shop --rate a.test=10/min"],
        ),
        (
            {"failure_class": "network"},
            ["down.test"],
            ["outlast resume shop --pause-host down.test", "outlast resume shop --rate down.test=10/min"],
        ),
    ],
)
def test_what_may_help_is_offered_where_it_may(changes, down, commands):
    assert [command for _, command in aborted_steps("shop", {**NOTE, **changes}, "", down)] == commands


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (None, []),
        (0, []),
        (1, ["  1 item given up meanwhile waits again"]),
        (32, ["  32 items given up meanwhile wait again"]),
    ],
)
def test_what_was_given_up_meanwhile_is_said_to_wait_again(count, said):
    assert [line for line in aborted_lines({**NOTE, "taken_back": count}) if "meanwhile" in line] == said


def test_causes_are_told_without_what_says_nothing_to_people():
    cause = "aiohttp.client_exceptions.ClientResponseError 403 shop.py:get <n>, message=<text>, url=<text>"
    note = {**NOTE, "reason": f"it fails ({cause})", "cause": cause, "analysis": None}
    assert why(note) == "it fails (ClientResponseError 403 shop.py:get)"
    assert aborted_lines(note)[1] == "  most failed with ClientResponseError 403 shop.py:get"
    assert suspended_text(note["reason"]) == "suspended: it fails (ClientResponseError 403 shop.py:get)"


def test_nothing_that_failed_can_write_to_the_terminal():
    hostile = {**NOTE, "reason": "\x1b[31m\n", "cause": "\x1b]0;x", "hosts": ["\x1b"], "analysis": {}}
    text = "".join([why(hostile), *aborted_lines(hostile), suspended_line(hostile), suspended_text("\x1b[31m")])
    assert "\x1b" not in text
    assert "\n" not in text


def test_an_abort_and_what_was_done_about_it_are_told():
    def event(kind, **data):
        return told(ResilienceEvent.of(kind, "shop", data, datetime(2026, 11, 23, tzinfo=UTC)))

    triggered = event(EventType.ABORT_TRIGGERED, reason="it fails (builtins.ValueError)")
    assert triggered == "2026-11-23T00:00:00Z ERROR aborted: it fails (ValueError)"
    actions = [
        {"action": "save_state", "ok": True, "problem": None},
        {"action": "notify", "ok": False, "problem": "nobody to tell"},
    ]
    executed = event(EventType.ABORT_EXECUTED, reason="it fails", actions=actions, succeeded=False)
    assert executed == "2026-11-23T00:00:00Z ERROR about the abort: done: save state; not done: notify (nobody to tell)"
    executed = event(EventType.ABORT_EXECUTED, reason="it fails", actions=actions[:1], succeeded=True)
    assert executed == "2026-11-23T00:00:00Z INFO about the abort: done: save state"
