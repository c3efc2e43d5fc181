"""Which view is shown, in which colours, and what is logged beside it."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from outlast.cli.hosts import HostWatch
from outlast.cli.notices import told
from outlast.cli.live import picture
from outlast.cli.options import Settings
from outlast.cli.printing import is_live, say, wants_color
from outlast.cli.progress import JOB_PAUSED, Eta, Pace, View
from outlast.cli.screens import PlainScreen, SilentScreen, chosen_progress
from outlast.cli.work import logging_for, seen
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
        "parked": (),
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


def test_the_plain_view_is_one_line_each_half_minute(capsys):
    screen = PlainScreen()
    for elapsed in range(0, 91):
        screen.show(view(float(elapsed)))
    assert len(capsys.readouterr().err.splitlines()) == 3


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


def drawn(each, title="docs", width=100):
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(picture(title, each))
    return out.getvalue()


def test_the_live_view_holds_the_numbers_and_no_markup_of_strangers():
    text = drawn(view(65.0, parked=("[red]\x1b[2J",), counts=Counts(done=40, failed=2, deferred=3, pending=55)))
    for part in ("docs", "42/100 42.0%", "1.0/s", "eta 0:00:01-0:00:02", "0:01:05", "ok 40", "retrying 3", "failed 2"):
        assert part in text
    assert r"waiting for [red]\x1b[2J" in text
    others = drawn(view(65.0, paused=("b.de",), asked_to_wait=("c.fr", "d.it")), width=160)
    assert "paused b.de  asked to wait by c.fr,d.it" in others
    assert "Ctrl-C" in text


def test_the_name_of_a_job_is_no_markup():
    assert "[red]docs[/red]" in drawn(view(), title="[red]docs[/red]")


def test_the_live_view_says_that_it_is_stopping():
    assert "stopping: 1 in flight ... (again: stop now)" in drawn(view(stopping=True))
    assert JOB_PAUSED in drawn(view(job_paused=True, suspended="it fails"))
    assert JOB_PAUSED not in drawn(view(suspended="it fails"))


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
            r"WARN a\x1b seems down: 5 items in a row",
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
            "WARN `outlast stop`: stopping: 2 in flight",
        ),
        (
            event(EventType.COMMAND_OBEYED, command="abort", given={"reason": "x\x1b"}, obeyed=True, answer="aborting"),
            r"WARN `outlast abort` (x\x1b): aborting",
        ),
        (
            event(EventType.COMMAND_OBEYED, command="checkpoint", given={}, obeyed=False, answer="the disk is full"),
            "WARN `outlast checkpoint now`: the disk is full",
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
    told = seen(progress, Pace(), NOW, 3.0, stopping=False)
    assert (told.parked, told.paused, told.asked_to_wait) == (("c",), ("a",), ("b",))
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
