"""What somebody outside the process of a job sees of it: its ledger and its event log say all there is."""

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from outlast.cli.failures.choice import group_name
from outlast.cli.failures.grouping import Grouped
from outlast.cli.screen.looks import Looks
from outlast.cli.screen.watching import CHANGED_SECONDS, UNCHANGED_SECONDS, LookLines
from outlast.config import JobConfiguration
from outlast.events import EventType
from outlast.jobs import Run
from outlast.jobs.abortion import SUSPENDED
from outlast.jobs.orders import Orders, write_orders
from outlast.jobs.store import job_directory
from outlast.ledger import SqliteLedger
from outlast.runtime import Runtime

NOW = datetime(2026, 11, 23, tzinfo=UTC)
URLS = [f"https://a.test/{n}" for n in range(6)]


@pytest.fixture
def runtime(virtual_clock):
    return Runtime(clock=virtual_clock)


@pytest.fixture
def job(runtime, virtual_clock, tmp_path):
    """Runs a job of six items of which two fail, with these settings; `happens` is called in its middle."""

    async def ran(happens=lambda: None, items=URLS, **settings):
        async def scrape(url):
            await virtual_clock.sleep(2.0)
            if url.endswith("/2"):
                happens()
            if url.endswith(("/3", "/4")):
                raise ValueError(f"no price on {url}")

        config = JobConfiguration(store=str(tmp_path), concurrency=1, **settings)
        async with Run("docs", config=config, runtime=runtime) as run:
            await run.process(scrape, items)
            return run.run_id

    return ran


async def looked(runtime, tmp_path):
    with await Looks.at(job_directory(tmp_path, "docs"), runtime) as looks:
        return await looks.look()


async def test_a_job_is_seen_from_outside_as_it_stands(job, runtime, tmp_path):
    def happens():
        down = {"failures": 5, "error": "OSError: no", "next_probe_in": 1.0}
        runtime.emit(EventType.HOST_PARKED, "docs", host="b.de", **down)
        runtime.emit(EventType.HOST_PARKED, "docs", host="c.fr", **down)
        runtime.emit(EventType.HOST_RECOVERED, "docs", host="c.fr", down_for=3.0)
        runtime.emit(EventType.BROWSER_CRASHED, "docs", incident_id="i", reason="its driver died", generation=1)

    await job(happens)
    look = await looked(runtime, tmp_path)
    view = look.view
    assert (view.counts.done, view.counts.failed, view.counts.total, view.finished) == (4, 2, 6, 6)
    assert [(each.host, each.reason.value, each.since is not None) for each in view.hosts] == [("b.de", "parked", True)]
    assert (view.happened.crashes, view.happened.checkpoint_id != "") == (1, True)
    [cause] = view.causes
    assert (cause.failed, cause.hosts, cause.failure_class) == (2, ("a.test",), "programming")
    assert "no price on" in cause.signature
    assert group_name(cause.signature).startswith("F-")
    assert view.elapsed >= 12
    assert view.memory_mb > 1
    assert view.memory_trend
    assert look.record.running is None


async def test_what_an_earlier_run_met_is_not_told_of_a_later_one(job, runtime, tmp_path, virtual_clock):
    def happens():
        runtime.emit(EventType.BROWSER_CRASHED, "docs", incident_id="i", reason="its driver died", generation=1)

    await job(happens)
    await virtual_clock.sleep(1_000.0)
    await job()
    view = (await looked(runtime, tmp_path)).view
    assert view.happened.crashes == 0
    assert view.elapsed < 100


async def test_without_an_event_log_the_ledger_says_what_it_knows(job, runtime, tmp_path):
    await job(logging={"event_log_files": 0})
    view = (await looked(runtime, tmp_path)).view
    assert (view.counts.done, view.hosts, view.memory_mb) == (4, (), None)
    assert view.elapsed >= 12


async def test_the_end_of_a_job_is_that_of_the_host_that_is_kept_to_its_rate(runtime, tmp_path, virtual_clock):
    async def scrape(url):
        await virtual_clock.sleep(0.5)
        return url

    items = [f"https://{'slow' if n % 3 else 'fast'}.test/{n}" for n in range(300)]
    config = JobConfiguration(store=str(tmp_path), concurrency=4, rate={"slow.test": "11/min"})
    async with Run("docs", config=config, runtime=runtime) as run:
        work = asyncio.create_task(run.process(scrape, items))
        await virtual_clock.sleep(42.0)
        run.stop()
        await work
    eta = (await looked(runtime, tmp_path)).view.eta
    assert eta.early == pytest.approx(60 / 11 * (200 - 8), rel=0.1)


async def test_why_a_job_is_suspended_is_seen_while_that_run_goes_on(job, runtime, tmp_path, virtual_clock):
    run_id = await job()
    now = virtual_clock.now()

    def later(seconds):
        return (now + timedelta(seconds=seconds)).isoformat()

    note = {
        "run": run_id,
        "since": later(-60),
        "reason": "it fails",
        "silence": False,
        "next_probe": later(4),
        "gives_up": later(120),
        "probes": 7,
        "good_probes": 2,
    }
    directory = job_directory(tmp_path, "docs")

    async def noted(**changes):
        ledger = await SqliteLedger.open(directory.ledger)
        await ledger.put(SUSPENDED, {**note, **changes})
        await ledger.close()
        return (await looked(runtime, tmp_path)).view

    view = await noted()
    assert view.suspended == view.trouble.reason == "it fails"
    assert (view.trouble.probes, view.trouble.good_probes) == (7, 2)
    assert view.trouble.seconds == pytest.approx(60, abs=2)
    assert view.trouble.next_probe_in == pytest.approx(4, abs=2)
    assert view.trouble.gives_up_in == pytest.approx(120, abs=2)
    silent = await noted(silence=True, reason="no host answers", gives_up=None, since=None)
    assert (silent.suspended, silent.trouble.reason) == ("", "no host answers")
    assert (silent.trouble.next_probe_in, silent.trouble.gives_up_in, silent.trouble.seconds) == (None, None, None)
    assert (await noted(run="another")).trouble is None
    write_orders(directory, Orders(job_paused=True), None)
    paused = await noted()
    assert (paused.job_paused, paused.trouble.reason) == (True, "it fails")
    assert (paused.trouble.next_probe_in, paused.trouble.gives_up_in) == (None, None)  # neither comes nearer


async def test_the_causes_are_read_again_only_when_there_are_more_and_not_too_often(
    job, runtime, tmp_path, virtual_clock, monkeypatch
):
    await job()
    read = []

    async def counted(*_):
        read.append(1)
        await virtual_clock.sleep(1.0)
        return Grouped()

    monkeypatch.setattr("outlast.cli.screen.looks.failure_groups", counted)
    with await Looks.at(job_directory(tmp_path, "docs"), runtime) as looks:
        for _ in range(5):
            await looks.look()
        assert len(read) == 1
        await job(items=["https://b.test/3"])
        await looks.look()
        assert len(read) == 1, "what takes a second is read every twenty seconds"
        await virtual_clock.sleep(20.0)
        await looks.look()
        assert len(read) == 2


@pytest.fixture
async def view(job, runtime, tmp_path):
    await job()
    return (await looked(runtime, tmp_path)).view


def shown(capsys, lines, view, elapsed):
    assert lines(replace(view, now=NOW + timedelta(seconds=elapsed)))
    return len(capsys.readouterr().out.splitlines())


async def test_a_line_follows_a_change_after_a_moment_and_nothing_after_half_a_minute(view, capsys):
    lines = LookLines("docs", as_json=False)
    assert shown(capsys, lines, view, 10.0) == 1
    assert shown(capsys, lines, view, 10.0 + CHANGED_SECONDS) == 0
    assert shown(capsys, lines, view, 10.0 + UNCHANGED_SECONDS) == 1
    changed = replace(view, in_flight=9)
    assert shown(capsys, lines, changed, 10.5 + UNCHANGED_SECONDS) == 0
    assert shown(capsys, lines, changed, 10.0 + UNCHANGED_SECONDS + CHANGED_SECONDS) == 1
    assert shown(capsys, lines, changed, 1.0) == 1, "a clock that was put back"


async def test_nobody_is_shown_anything_who_has_left(view, monkeypatch):
    class Gone:
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Gone())
    assert not LookLines("docs", as_json=True)(view)
    sys.stdout.close()  # what it was pointed to in place of the broken one
