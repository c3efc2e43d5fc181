"""Which view is shown, in which colours, and what is logged beside it."""

import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from outlast.cli.hosts import Down, HostWatch
from outlast.cli.screen.notices import NOTICED, told
from outlast.cli.screen.live import LiveScreen
from outlast.cli.options import Settings
from outlast.cli.printing import is_live, left_drawing, say, wants_color
from outlast.cli.screen.pace import Eta, Pace
from outlast.cli.screen.screens import JsonScreen, MuteScreen, PlainScreen, SilentScreen, chosen_progress, screen
from outlast.cli.screen.view import View, seen
from outlast.cli.work import logging_for, noticed
from outlast.config import LoggingConfiguration
from outlast.events import EventType, ResilienceEvent
from outlast.jobs import Progress
from outlast.jobs.gate import Waiting
from outlast.jobs.host import Reason
from outlast.ledger.port import Counts

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def view(elapsed=0.0, **changes):
    values = {
        "counts": Counts(done=1, pending=1),
        "in_flight": 1,
        "rate": 1.0,
        "eta": Eta(1, 2),
    } | changes
    return View(now=NOW, elapsed=elapsed, **values)


class FakeTerminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("settings", "live", "chosen"),
    [
        (Settings(), True, "live"),
        (Settings(), False, "plain"),
        (Settings(json=True), True, "off"),
        (Settings(quiet=True), True, "off"),
        (Settings(json=True, progress="plain"), True, "plain"),
        (Settings(progress="live"), False, "live"),
        (Settings(progress="auto"), False, "plain"),
        (Settings(progress="json"), True, "json"),
        (Settings(progress="json", quiet=True), False, "json"),
        (Settings(progress="off"), True, "off"),
    ],
)
def test_progress_is_live_on_a_terminal_and_plain_elsewhere(settings, live, chosen):
    assert chosen_progress(settings, live=live) == chosen


@pytest.mark.parametrize(
    ("choice", "environ", "terminal", "wanted"),
    [
        ("auto", {}, True, True),
        ("auto", {}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {"NO_COLOR": "1"}, True, False),
        ("auto", {"NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour_follows_the_option_then_the_environment_then_the_terminal(choice, environ, terminal, wanted):
    assert wants_color(choice, environ, terminal=terminal) is wanted


def test_forced_colour_does_not_make_a_pipe_live():
    assert not is_live(io.StringIO(), {"TERM": "xterm", "FORCE_COLOR": "1"})
    assert not is_live(FakeTerminal(), {"TERM": "dumb"})
    assert is_live(FakeTerminal(), {"TERM": "xterm"})


def test_where_a_process_died_while_it_drew_a_row_is_begun_and_the_cursor_shown():
    terminal, pipe = FakeTerminal(), io.StringIO()
    left_drawing(terminal, {"TERM": "xterm"})
    left_drawing(pipe, {"TERM": "xterm"})
    assert (terminal.getvalue(), pipe.getvalue()) == ("\x1b[?25h\n", "")


def test_the_plain_view_is_one_line_each_half_minute(capsys):
    screen = PlainScreen()
    for elapsed in range(0, 91):
        screen.show(view(float(elapsed)))
    assert len(capsys.readouterr().err.splitlines()) == 3


def objects(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_program_is_told_at_the_beginning_each_half_minute_and_when_the_run_stands_otherwise(capsys):
    screen = JsonScreen("docs")
    screen.say("words")
    for elapsed in range(0, 70):
        standing = {"stopping": elapsed >= 65, "job_paused": 50 <= elapsed < 55}
        screen.show(view(float(elapsed), **standing, suspended="it fails" if 40 <= elapsed < 45 else ""))
    told = objects(capsys)
    assert [(each["elapsed"], each["suspended"], each["job_paused"], each["stopping"]) for each in told] == [
        (0, False, False, False),
        (30, False, False, False),
        (40, True, False, False),
        (45, False, False, False),
        (50, False, True, False),
        (55, False, False, False),
        (65, False, False, True),
    ]
    assert {(each["message_type"], each["schema_version"], each["job_id"]) for each in told} == {("status", 1, "docs")}


def test_a_program_is_told_of_an_event_as_it_is_and_in_words_where_there_are_any(capsys):
    screen = JsonScreen("docs")
    screen.tell(event(EventType.HOST_RECOVERED, host="a\x1b", down_for=61.0))
    screen.tell(event(EventType.RUN_STARTED, run_id="RUN", done=0, pending=0, resumed=False))
    first, second = objects(capsys)
    assert (first["message_type"], first["event_type"], first["severity"]) == ("event", "host_recovered", "info")
    assert first["data"] == {"host": "a\x1b", "down_for": 61.0}
    assert first["text"] == r"a\x1b answers again after 1 min 1 s"
    assert second["text"] is None


def test_a_program_is_told_of_all_that_is_amiss_but_not_of_every_item():
    told = set(noticed(as_json=True))
    assert {EventType.RUN_STARTED, EventType.FAILURE_PATTERN_DETECTED, *NOTICED} <= told
    assert not {EventType.RETRY_ATTEMPTED, EventType.RETRY_EXHAUSTED, EventType.PERMANENT_FAILURE} & told
    assert set(noticed(as_json=False)) == set(NOTICED)
    assert EventType.CHECKPOINT_FAILED in NOTICED


@pytest.mark.parametrize(
    ("settings", "environ", "terminal", "kind"),
    [
        (Settings(), {"TERM": "xterm"}, True, LiveScreen),
        (Settings(), {"TERM": "xterm", "NO_COLOR": "1"}, True, LiveScreen),
        (Settings(color="never"), {"TERM": "xterm"}, True, LiveScreen),
        (Settings(), {"TERM": "xterm", "FORCE_COLOR": "1"}, False, PlainScreen),
        (Settings(color="always"), {"TERM": "xterm"}, False, PlainScreen),
        (Settings(), {"TERM": "dumb", "FORCE_COLOR": "1"}, True, PlainScreen),
        (Settings(progress="live"), {"TERM": "dumb"}, True, PlainScreen),
        (Settings(), {}, True, PlainScreen),
        (Settings(progress="json"), {"TERM": "xterm"}, True, JsonScreen),
        (Settings(json=True), {"TERM": "xterm"}, True, MuteScreen),
        (Settings(quiet=True), {"TERM": "xterm"}, True, SilentScreen),
    ],
)
def test_colour_and_liveness_are_two_questions(monkeypatch, settings, environ, terminal, kind):
    for name in ("TERM", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stderr", FakeTerminal() if terminal else io.StringIO())
    with screen(settings, "docs") as shown:
        assert type(shown) is kind


@pytest.mark.parametrize(
    ("settings", "environ", "colored"),
    [
        (Settings(), {}, True),
        (Settings(), {"NO_COLOR": "1"}, False),
        (Settings(color="always"), {"NO_COLOR": "1"}, True),
        (Settings(color="never"), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_a_live_view_has_the_colours_that_were_asked_for_and_no_others(monkeypatch, settings, environ, colored):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": "80", "LINES": "24", **environ}.items():
        monkeypatch.setenv(name, value)
    terminal = FakeTerminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with screen(settings, "docs") as shown:
        shown.show(view(counts=Counts(done=5, failed=5, pending=90)))
    assert "10/100" in terminal.getvalue()
    assert bool(re.search(r"\x1b\[[0-9;]*m", terminal.getvalue())) is colored


def test_the_silent_view_shows_nothing_and_still_says_what_it_is_told(capsys):
    screen = SilentScreen()
    screen.show(view(100.0))
    screen.say("stopping")
    assert capsys.readouterr().err == "stopping\n"


def test_a_closed_standard_error_does_not_stop_the_work(monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stderr", closed)
    say("into the void")


def event(kind, **data):
    return ResilienceEvent.of(kind, "docs", data, NOW)


def test_hosts_are_down_from_their_parking_to_their_answer():
    watch = HostWatch()
    watch(
        event(
            EventType.HOST_PARKED, host="a", failures=5, error="TimeoutError: no result within 1 s", next_probe_in=1.0
        )
    )
    watch(
        event(
            EventType.HOST_PARKED, host="b", failures=5, error="TimeoutError: no result within 1 s", next_probe_in=1.0
        )
    )
    watch(event(EventType.HOST_RECOVERED, host="a", down_for=3.0))
    assert [(each.host, each.since) for each in watch.down()] == [("b", NOW)]


@pytest.mark.parametrize(
    ("told_event", "line"),
    [
        (
            event(
                EventType.HOST_PARKED,
                host="a\x1b",
                failures=5,
                error="TimeoutError: no result within 1 s",
                next_probe_in=1.0,
            ),
            r"WARN a\x1b seems down: 5 failures in a row, the last with TimeoutError",
        ),
        (
            event(
                EventType.HOST_PARKED,
                host="",
                failures=5,
                error="TimeoutError: no result within 1 s",
                next_probe_in=1.0,
            ),
            "WARN (items without a host) seems down",
        ),
        (event(EventType.HOST_RECOVERED, host="a", down_for=61.0), "INFO a answers again after 1 min 1 s"),
        (
            event(EventType.CHECKPOINT_CORRUPTED, checkpoint_id="cp", reason="cut"),
            "ERROR checkpoint cp is damaged and left out: cut",
        ),
        (
            event(
                EventType.LEDGER_DAMAGED,
                damaged=7,
                lost=1,
                findings=[{"key": f"k{n}\x1b", "row": n} for n in range(6)] + [{"key": None, "row": 9}],
            ),
            r"ERROR 7 rows of the ledger damaged, and mended: k0\x1b, k1\x1b, k2\x1b, k3\x1b, k4\x1b and 2 more; 1 item cannot",
        ),
        (
            event(EventType.LEDGER_DAMAGED, damaged=1, lost=0, findings=[{"key": None, "row": 9}]),
            "ERROR 1 row of the ledger damaged, and mended",
        ),
        (
            event(
                EventType.LEDGER_BEHIND,
                reason="older",
                expected_position=30,
                found_position=20,
                checkpoint_id="cp",
                kept_as=None,
            ),
            "ERROR RESULTS ARE MISSING from the ledger: 30 were recorded, 20 are there; an older copy of it was put back",
        ),
        (
            event(
                EventType.LEDGER_BEHIND,
                reason="output",
                expected_position=None,
                found_position=20,
                checkpoint_id=None,
                kept_as="/x/out\x1b.jsonl",
            ),
            r"ERROR RESULTS ARE MISSING from the ledger: the output file holds lines that it does not know; that file is kept as /x/out\x1b.jsonl",
        ),
        (
            event(EventType.KEYS_ROTATED, key_id="12ab", ledger=True, checkpoints=3),
            "INFO the key 12ab is in charge now: ledger and checkpoints were re-wrapped",
        ),
        (
            event(EventType.ITEM_QUARANTINED, key="k\x1b", kills=3),
            r"ERROR k\x1b is given up: the process was killed 3 times in a row while it was in hand, at last alone",
        ),
        (event(EventType.REMEDY_APPLIED, remedy="refresh_session", host="a", error=None), "INFO refresh session for a"),
        (
            event(EventType.REMEDY_APPLIED, remedy="rotate_proxy", host="", error="OSError: \x1b"),
            r"INFO rotate proxy for (items without a host) failed: OSError: \x1b",
        ),
        (event(EventType.ORDERS_CHANGED, paused=["a\x1b", ""]), r"INFO paused now: a\x1b, (no host)"),
        (event(EventType.ORDERS_CHANGED, paused=[]), "INFO no host is paused any more"),
        (
            event(
                EventType.ORDERS_CHANGED,
                changed=["job", "hosts", "rates"],
                job_paused=True,
                paused=["a"],
                rates={"b\x1b": "2/s"},
            ),
            r"INFO the whole job is paused: nothing is begun until outlast unpause docs --store x; paused now: a; rates ordered now: b\x1b 2/s",
        ),
        (
            event(EventType.ORDERS_CHANGED, changed=["job", "rates"], job_paused=False, paused=["a"], rates={}),
            "INFO the job is not paused any more; no rate is ordered any more",
        ),
        (
            event(EventType.COMMAND_OBEYED, command="stop", given={}, obeyed=True, answer="stopping: 2 in flight"),
            "INFO `outlast stop`: stopping: 2 in flight",
        ),
        (
            event(EventType.COMMAND_OBEYED, command="abort", given={"reason": "x\x1b"}, obeyed=True, answer="aborting"),
            r"INFO `outlast abort` (x\x1b): aborting",
        ),
        (
            event(EventType.COMMAND_OBEYED, command="checkpoint", given={}, obeyed=False, answer="the disk is full"),
            "INFO `outlast checkpoint now`: the disk is full",
        ),
        (
            event(EventType.BROWSER_CRASHED, incident_id="i", reason="its driver died", generation=1),
            "ERROR the browser is gone (its driver died): a new one is started, what was open is fetched again",
        ),
        (
            event(EventType.BROWSER_CRASHED, incident_id="i", reason="it ended", generation=1, replaced=False),
            "ERROR the browser is gone (it ended): the job is stopping, what was open is left for the next run",
        ),
        (
            event(EventType.BROWSER_RESTARTED, reason="memory_limit", duration=1.25, missing=[]),
            "WARN a new browser after 1.2 s (memory_limit)",
        ),
        (
            event(EventType.BROWSER_RESTARTED, reason="x\x1b", duration=1.25, missing=["2 cookies", "page a"]),
            r"WARN a new browser after 1.2 s (x\x1b); not restored: 2 cookies, page a",
        ),
        (event(EventType.RUN_ENDED), "INFO run_ended"),
        (
            event(EventType.CHECKPOINT_FAILED, reason="disk full\x1b"),
            r"ERROR a checkpoint could not be written, and the items go on: disk full\x1b",
        ),
    ],
)
def test_an_event_is_told_in_words(told_event, line):
    assert told(told_event, " --store x").startswith(f"2026-11-23T00:00:00Z {line}")


def chosen(config, verbosity=0):
    made = logging_for(config, verbosity)
    return made.level, made.event_severity_min


def test_a_terminal_gets_warnings_unless_more_was_asked_for():
    assert chosen(LoggingConfiguration()) == ("WARNING", "critical")
    assert chosen(LoggingConfiguration(level="ERROR")) == ("ERROR", "critical")
    assert chosen(LoggingConfiguration(event_severity_min="warning")) == ("WARNING", "warning")
    assert chosen(LoggingConfiguration(), 1) == ("INFO", "info")
    assert chosen(LoggingConfiguration(level="ERROR"), 5) == ("DEBUG", "info")


def test_who_reads_objects_gets_the_log_as_objects_unless_a_form_was_asked_for():
    assert logging_for(LoggingConfiguration(), 0, as_json=True).format == "json"
    assert logging_for(LoggingConfiguration(), 2, as_json=True).format == "json"
    assert logging_for(LoggingConfiguration(), 0).format == LoggingConfiguration().format == "text"
    assert logging_for(LoggingConfiguration(format="text"), 2, as_json=True).format == "text"
    assert logging_for(LoggingConfiguration(destination="x.log"), 0, as_json=True).format == "text"


@pytest.mark.parametrize(
    ("config", "verbosity", "level"),
    [
        ({}, 0, "ERROR"),
        ({"level": "WARNING"}, 0, "ERROR"),
        ({"level": "CRITICAL"}, 0, "CRITICAL"),
        ({"level": "WARNING"}, 1, "INFO"),
        ({"level": "WARNING", "destination": "x.log"}, 0, "WARNING"),
    ],
)
def test_who_asked_for_quiet_gets_errors_alone_on_the_terminal(config, verbosity, level):
    assert logging_for(LoggingConfiguration(**config), verbosity, quiet=True).level == level


def test_a_log_file_gets_what_the_configuration_says():
    assert chosen(LoggingConfiguration(destination="x.log")) == ("INFO", "info")


def test_what_is_seen_of_a_run_tells_apart_why_its_hosts_wait():
    waiting = [
        Waiting("a", Reason.PAUSED, None),
        Waiting("b", Reason.ASKED_TO_WAIT, 3.0),
        Waiting("c", Reason.PARKED, 1.0),
        Waiting("d", Reason.RATE, 0.5),
        Waiting("e", Reason.BUSY, None),
    ]
    progress = Progress(
        counts=Counts(pending=9, done=1),
        done=1,
        failed=0,
        retries=0,
        in_flight=2,
        parked=("c",),
        waiting=tuple(waiting),
    )
    told = seen(progress, Pace(), NOW, 3.0, stopping=False, down=[Down("c", NOW), Down("gone", NOW)])
    assert [(each.host, each.reason.value, each.seconds) for each in told.hosts] == [
        ("c", "parked", 1.0),
        ("a", "paused", None),
        ("b", "asked_to_wait", 3.0),
        ("d", "rate", 0.5),
    ]
    assert [each.since for each in told.hosts] == [NOW, None, None, None]
    assert told.hosts_waiting == 4
    assert (told.elapsed, told.in_flight, told.counts.done, told.stopping) == (3.0, 2, 1, False)


def test_a_suspended_run_has_no_pace_and_no_end():
    pace = Pace()
    for at in range(40):
        counts = Counts(pending=900 - 10 * at, done=10 * at)
        progress = Progress(counts=counts, done=0, failed=0, retries=0, in_flight=1, parked=(), waiting=())
        told = seen(progress, pace, NOW, float(at), stopping=False)
    assert told.rate == 10.0
    assert told.eta is not None
    told = seen(replace(progress, suspended="it fails; probing"), pace, NOW, 40.0, stopping=False)
    assert (told.rate, told.eta) == (0.0, None)
    told = seen(replace(progress, paused=True, stopping=True), pace, NOW, 41.0, stopping=False)
    assert (told.rate, told.eta, told.job_paused, told.stopping) == (0.0, None, True, True)


def test_time_spent_waiting_for_a_paused_host_is_left_out_of_the_pace():
    pace = Pace()
    for parked, waiting in (((), ()), ((), (Waiting("a", Reason.PAUSED, None),))):
        for at in range(20):
            progress = Progress(
                counts=Counts(pending=9, done=1),
                done=1,
                failed=0,
                retries=0,
                in_flight=2,
                parked=parked,
                waiting=waiting,
            )
            seen(progress, pace, NOW, float(at), stopping=False)
        assert pace.waiting is bool(waiting)
        pace = Pace()
