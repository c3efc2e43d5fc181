"""A run beside its screen: what it is told, how often, and that a slow screen gets less."""

import asyncio
import io
import logging
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from outlast.cli.screen.happened import Happenings
from outlast.cli.hosts import HostWatch
from outlast.cli.screen.live import REDRAW_SECONDS, LiveScreen, live_screen
from outlast.cli.screen.view import View
from outlast.cli.screen.watcher import Stops, Watcher
from outlast.events import EventType
from outlast.jobs import Progress
from outlast.jobs.progress import Trouble
from outlast.ledger.port import Counts
from outlast.runtime import Runtime

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class LoopClock:
    """The loop's own time, which the tests let pass."""

    def now(self):
        return NOW + timedelta(seconds=self.monotonic())

    def monotonic(self):
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)


class SlowClock(LoopClock):
    """Whatever is shown takes so long."""

    def __init__(self, screen, seconds):
        self.screen, self.seconds = screen, seconds

    def monotonic(self):
        return super().monotonic() + self.seconds * len(self.screen.views)


class KeptScreen:
    every = REDRAW_SECONDS

    def __init__(self):
        self.views, self.lines = [], []

    def show(self, view):
        self.views.append(view)

    def say(self, line):
        self.lines.append(line)


class FakeRun:
    """A run that has got as far as it is told."""

    def __init__(self, **changes):
        values = {"counts": Counts(pending=90, done=10), "done": 10, "failed": 0, "retries": 0, "in_flight": 2}
        self.standing = Progress(**values, parked=(), **changes)

    async def progress(self):
        return self.standing


async def watched(run, seconds, *, clock=None, screen=None, stops=None, happenings=None, quiet=False):
    screen = screen or KeptScreen()
    runtime = Runtime(clock=clock or LoopClock())
    watcher = Watcher(
        screen,
        runtime,
        stops or Stops(),
        hosts=HostWatch(),
        happenings=happenings or Happenings(),
        concurrency=16,
        quiet=quiet,
    )
    async with watcher.beside(run, runtime.clock.monotonic()):
        await asyncio.sleep(seconds)
    return screen


async def test_a_screen_is_shown_the_run_four_times_a_second():
    screen = await watched(FakeRun(memory_mb=512.0), 10.0)
    assert 39 <= len(screen.views) <= 41
    last = screen.views[-1]
    assert (last.counts.done, last.in_flight, last.concurrency, last.memory_mb) == (10, 2, 16, 512.0)
    assert set(last.memory_trend) == {512.0}


async def test_a_screen_that_takes_long_is_shown_less():
    screen = KeptScreen()
    await watched(FakeRun(), 10.0, clock=SlowClock(screen, 0.005), screen=screen)
    assert 19 <= len(screen.views) <= 21, "five milliseconds are one per cent of half a second"
    screen = KeptScreen()
    await watched(FakeRun(), 10.0, clock=SlowClock(screen, 5.0), screen=screen)
    assert 9 <= len(screen.views) <= 11, "and yet once a second"


async def test_what_has_happened_is_in_the_view():
    happenings = Happenings()
    runtime = Runtime(clock=LoopClock())
    runtime.bus.subscribe(happenings, happenings.types)
    runtime.emit(EventType.CHECKPOINT_FAILED, "docs", reason="disk full")
    screen = await watched(FakeRun(), 0.1, happenings=happenings)
    assert screen.views[-1].happened.checkpoint_problem == "disk full"


async def test_a_signal_is_told_at_once():
    stops, screen = Stops(), KeptScreen()

    async def signals():
        await asyncio.sleep(1.1)
        stops.ask()
        await asyncio.sleep(0.01)
        assert screen.lines == ["stopping: 2 in flight ... (again: stop now)"]
        assert screen.views[-1].stopping

    task = asyncio.create_task(signals())
    await watched(FakeRun(), 2.0, screen=screen, stops=stops)
    await task


async def test_a_suspension_is_told_when_it_begins_and_when_it_ends():
    run, screen = FakeRun(), KeptScreen()
    trouble = Trouble(reason="it fails", seconds=1.0, probes=3, good_probes=0, next_probe_in=2.0, gives_up_in=60.0)

    async def goes():
        await asyncio.sleep(1.1)
        run.standing = replace(run.standing, suspended="it fails; probing, next in 2 s", trouble=trouble)
        await asyncio.sleep(1.0)
        assert screen.views[-1].trouble == trouble
        run.standing = replace(run.standing, suspended="", trouble=None)

    task = asyncio.create_task(goes())
    await watched(run, 3.0, screen=screen)
    await task
    assert [line.partition(" ")[2] for line in screen.lines] == [
        "WARN suspended: it fails; probing, next in 2 s",
        "INFO the job goes on, with half the concurrency at first",
    ]


async def test_that_nothing_has_recovered_is_said_and_what_becomes_of_the_last_items():
    run, screen = FakeRun(), KeptScreen()

    async def goes():
        await asyncio.sleep(1.1)
        run.standing = replace(run.standing, suspended="it fails; probing, next in 2 s")
        await asyncio.sleep(1.0)
        run.standing = replace(run.standing, suspended="", let_go=7)

    task = asyncio.create_task(goes())
    await watched(run, 4.0, screen=screen)
    await task
    assert [line.partition(" ")[2] for line in screen.lines] == [
        "WARN suspended: it fails; probing, next in 2 s",
        "WARN nothing has recovered: the last 7 items are let go, done now or given up",
    ]


class KeptLive:
    """In place of rich's: counts what is drawn."""

    def __init__(self):
        self.drawn = 0

    def update(self, drawn, *, refresh):
        assert refresh
        self.drawn += 1


def drawn_of(views):
    live = KeptLive()
    screen = LiveScreen(live, "docs")
    for view in views:
        screen.show(view)
    return live.drawn


def views(seconds, every, *, changing):
    for step in range(round(seconds / every)):
        done = step if changing else 1
        counts = Counts(pending=1000, done=done)
        elapsed = step * every
        yield View(
            now=NOW + timedelta(seconds=elapsed), elapsed=elapsed, counts=counts, in_flight=1, rate=elapsed, eta=None
        )


def test_a_view_is_drawn_four_times_a_second_at_most():
    assert drawn_of(views(10, 0.05, changing=True)) == 40
    assert drawn_of(views(10, 0.25, changing=True)) == 40


def test_what_only_time_has_changed_is_drawn_once_a_second():
    assert drawn_of(views(10, 0.05, changing=False)) == 10


def test_a_clock_that_was_put_back_stops_no_view():
    [first] = views(0.05, 0.05, changing=False)
    assert drawn_of([replace(first, now=NOW + timedelta(hours=1)), first]) == 2


@pytest.mark.parametrize("kind", [BrokenPipeError, OSError, ValueError])
def test_a_terminal_that_goes_away_ends_nothing_but_the_drawing(kind):
    """rich itself would end the process where a pipe is broken, and so the run."""
    stream, [view] = Vanishing(kind), views(0.05, 0.05, changing=False)
    with live_screen("docs", color=True, stream=stream) as screen:
        screen.show(view)
        assert not screen.is_gone
        stream.there = False
        screen.say("nobody reads it")
        screen.show(replace(view, now=NOW + timedelta(hours=1)))
        assert screen.is_gone
    assert "docs" in stream.getvalue()
    assert "nobody" not in stream.getvalue()


def test_what_a_narrower_terminal_has_wrapped_is_wiped_out(monkeypatch):
    monkeypatch.setattr("sys.stderr", FakeTerminal())
    monkeypatch.setenv("COLUMNS", "100")
    [view] = views(0.05, 0.05, changing=False)
    with live_screen("docs", color=False) as screen:
        screen.show(view)
        first = sys.stderr.getvalue().splitlines()[-5:]
        for width in (100, 40):
            screen._live.console.width = width
            before = len(sys.stderr.getvalue())
            screen.say("a line")
            wiped = sys.stderr.getvalue()[before:].partition("a line")[0].count("\x1b[1A")
            rows = [len(re.sub(r"\x1b\[\??\w+", "", row)) for row in first]
            assert wiped == sum(max(1, -(-each // width)) for each in rows) - 1


class FakeTerminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("name", ["stderr", "stdout"])
def test_a_log_that_held_the_terminal_before_the_view_was_there_goes_above_it(monkeypatch, name):
    terminal, [view] = FakeTerminal(), views(0.05, 0.05, changing=False)
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr("sys.stdout", terminal if name == "stderr" else FakeTerminal())
    log = logging.StreamHandler(getattr(sys, name))
    with live_screen("docs", color=True) as screen:
        screen.show(view)
        log.emit(logging.makeLogRecord({"msg": "page 7"}))
        drawn = terminal.getvalue()
    log.emit(logging.makeLogRecord({"msg": "page 8"}))
    assert "\x1b[2Kpage 7\n" in drawn, "its line was erased first"
    assert drawn.rpartition("page 7")[2].count("docs") == 1, "and the view drawn again below it"
    assert log.stream.getvalue().endswith("page 8\n")


class Vanishing(io.StringIO):
    there = True

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def write(self, text):
        if not self.there:
            raise self.kind("gone")
        return super().write(text)
