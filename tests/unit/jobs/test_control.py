"""A run that works is told something: standing orders, and commands that it obeys once and answers."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import pytest

from outlast.config import JobConfiguration
from outlast.errors import CheckpointError
from outlast.jobs import Outcome, Run, job, notefile
from outlast.jobs.answers import Answers, answered_in
from outlast.jobs.command import Answer, Command, Word
from outlast.jobs.orders import change_orders, give, read_orders
from outlast.jobs.store import job_directory
from outlast.ledger import MemoryLedger, SqliteLedger
from outlast.runtime import Runtime
from outlast.storage.files import write_durably
from outlast.storage.keys import Keyring

NOTICED = 1.1
"""Longer than a run takes to notice."""


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runtime = Runtime(clock=virtual_clock, roll=lambda: 0.5)
    return {"store": tmp_path / "store", "runtime": runtime, "concurrency": 4}


@pytest.fixture
def clock(options):
    return options["runtime"].clock


@pytest.fixture
def events(options):
    found = []
    options["runtime"].bus.subscribe(found.append)
    return lambda kind: [event.data for event in found if event.event_type == kind]


def urls(host, count):
    return [f"http://{host}/{n}" for n in range(count)]


class Operator:
    """Tells the job `name` something, from outside."""

    def __init__(self, store, name, keys=None):
        self.directory = job_directory(store, name)
        self.keys = keys
        self.given = 0

    def order(self, **what):
        self.directory.path.mkdir(parents=True, exist_ok=True)
        change_orders(self.directory, lambda orders: replace(orders, **what), self.keys)

    def command(self, run, word, **more):
        self.given += 1
        command = Command(id=f"C{self.given}", run=run if isinstance(run, str) else run.run_id, word=word, **more)
        give(self.directory, command, self.keys)
        return command.id

    def answer(self, command):
        return answered_in(self.directory, self.keys).get(command)


@asynccontextmanager
async def at_work(target, items, options):
    """A run that works meanwhile; it must end within the block."""
    async with target.open(**options) as run:
        work = asyncio.create_task(run.process(target.handler, items))
        try:
            yield run
            await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


def counting(clock, name, *, seconds=0.5, **settings):
    """A job whose handler takes so long, and when each item was begun."""
    begun = []

    @job(name, **settings)
    async def fetch(url):
        begun.append((clock.monotonic(), url))
        await clock.sleep(seconds)
        return {"url": url}

    return fetch, begun


# The whole job paused


async def test_a_paused_job_begins_nothing_and_is_not_over_and_goes_on_where_it_was(options, clock, events):
    fetch, begun = counting(clock, "whole")
    told = Operator(options["store"], "whole")
    async with at_work(fetch, urls("a", 40), options) as run:
        await clock.sleep(1.2)
        told.order(job_paused=True)
        await clock.sleep(NOTICED + 0.5)
        before = len(begun)
        await clock.sleep(2_000)
        progress = await run.progress()
        assert (len(begun), progress.in_flight, progress.paused) == (before, 0, True)
        assert progress.counts.done == before < 40
        told.order(job_paused=False)
    assert run.summary().outcome is Outcome.COMPLETED
    assert sorted(url for _, url in begun) == sorted(urls("a", 40))
    assert [data["job_paused"] for data in events("orders_changed")] == [True, False]
    assert [data["changed"] for data in events("orders_changed")] == [["job"], ["job"]]


async def test_a_run_that_is_started_from_code_says_how_a_paused_job_goes_on(options, clock, caplog):
    fetch, _ = counting(clock, "it's mine")
    told = Operator(options["store"], "it's mine")
    told.order(job_paused=True)
    async with at_work(fetch, urls("a", 5), options):
        await clock.sleep(5)
        told.order(job_paused=False)
    store = options["store"]
    assert f"""it goes on with: outlast unpause 'it'"'"'s mine' --store {store}""" in caplog.text
    assert caplog.text.count("it goes on with") == 1


async def test_a_job_that_is_paused_stays_so_in_its_next_run_from_the_start(options, clock, events):
    fetch, begun = counting(clock, "stays")
    told = Operator(options["store"], "stays")
    told.order(job_paused=True)
    async with at_work(fetch, urls("a", 5), options):
        await clock.sleep(5)
        assert begun == []
        assert events("orders_changed")[0]["job_paused"]
        told.order(job_paused=False)
    assert len(begun) == 5


async def test_a_paused_job_whose_items_are_all_done_is_over(options, clock):
    fetch, _ = counting(clock, "over", seconds=3)
    told = Operator(options["store"], "over")
    async with at_work(fetch, urls("a", 4), options) as run:
        await clock.sleep(1)
        told.order(job_paused=True)
    assert run.summary().outcome is Outcome.COMPLETED


async def test_a_paused_job_with_nothing_left_but_paused_hosts_waits_for_whoever_paused_it(options, clock):
    fetch, begun = counting(clock, "both")
    told = Operator(options["store"], "both")
    told.order(job_paused=True, paused=frozenset({"a"}))
    async with at_work(fetch, urls("a", 5), options) as run:
        await clock.sleep(1_000)
        with pytest.raises(RuntimeError, match="has not ended yet"):
            run.summary()
        told.order(job_paused=False)
    assert (begun, run.summary().paused) == ([], ("a",))


async def test_the_silence_of_a_paused_job_is_nobodys_and_its_patience_is_not_spent(options, clock, events):
    answers, begun = False, []

    @job("silent", patience=600, expect={"items_increase_every": 60})
    async def fetch(url):
        begun.append(clock.monotonic())
        if not answers:
            raise ConnectionRefusedError("down")
        return {"url": url}

    told = Operator(options["store"], "silent")
    async with at_work(fetch, urls("a", 30) + urls("b", 30), options) as run:
        await clock.sleep(120)
        assert (await run.progress()).parked
        told.order(job_paused=True)
        await clock.sleep(NOTICED)
        asked = len(begun)
        for _ in range(4):
            await clock.sleep(200)
            await run.progress()
        assert len(begun) == asked  # nobody probes either
        told.order(job_paused=False)
        await clock.sleep(300)
        assert len(begun) > asked  # 420 s of silence, and not aborted
        answers = True
    assert (run.summary().outcome, run.summary().done) == (Outcome.COMPLETED, 60)
    assert events("expectation_failed") == []


async def test_what_was_waited_before_and_after_a_pause_is_added_up(options, clock):
    @job("patient", patience=600)
    async def fetch(url):
        raise ConnectionRefusedError("down")

    told = Operator(options["store"], "patient")
    start = clock.monotonic()
    async with at_work(fetch, urls("a", 30) + urls("b", 30), options) as run:
        await clock.sleep(300)
        told.order(job_paused=True)
        await clock.sleep(800)
        told.order(job_paused=False)
    assert run.summary().outcome is Outcome.ABORTED
    assert 1_390 <= clock.monotonic() - start <= 1_500


async def test_a_suspended_job_that_is_paused_probes_nobody_and_is_not_given_up(options, clock):
    blocked, begun = True, []

    @job("suspended", patience=600)
    async def fetch(url):
        begun.append(clock.monotonic())
        await clock.sleep(0.1)
        if blocked:
            raise PermissionError("access denied: 403 Forbidden, you are blocked")
        return {"item": url}

    told = Operator(options["store"], "suspended")
    async with at_work(fetch, [f"item {n}" for n in range(300)], options) as run:
        for _ in range(100):
            await clock.sleep(0.5)
            if (await run.progress()).suspended:
                break
        assert (await run.progress()).suspended
        told.order(job_paused=True)
        await clock.sleep(NOTICED + 1)
        asked = len(begun)
        await clock.sleep(800)
        assert len(begun) == asked
        progress = await run.progress()
        assert (bool(progress.suspended), progress.trouble.next_probe_in) == (True, None)
        told.order(job_paused=False)
        await clock.sleep(30)
        assert len(begun) > asked
        blocked = False
    assert run.summary().outcome in {Outcome.COMPLETED, Outcome.COMPLETED_WITH_FAILURES}


async def test_the_time_limit_of_a_paused_job_goes_on(options, clock):
    fetch, begun = counting(clock, "timed", max_time=60)
    told = Operator(options["store"], "timed")
    told.order(job_paused=True)
    start = clock.monotonic()
    summary = await fetch.run(urls("a", 5), **options)
    assert (summary.outcome, begun, clock.monotonic() - start) == (Outcome.TIMED_OUT, [], 60)


async def test_a_source_that_has_nothing_new_does_not_keep_a_job_from_being_paused_or_stopped(options, clock):
    fetch, begun = counting(clock, "idle")

    async def source():
        yield "http://a/0"
        await clock.sleep(50)
        yield "http://a/1"
        await clock.sleep(10**6)

    told = Operator(options["store"], "idle")
    async with at_work(fetch, source(), options) as run:
        await clock.sleep(10)
        told.order(job_paused=True)
        await clock.sleep(100)
        assert len(begun) == 1
        told.order(job_paused=False)
        await clock.sleep(5)
        assert len(begun) == 2
        told.command(run, Word.STOP)
    assert clock.monotonic() < 1_000


async def test_each_process_of_one_run_obeys_the_same_orders(options, clock):
    fetch, begun = counting(clock, "twice")
    told = Operator(options["store"], "twice")
    told.order(paused=frozenset({"a"}))
    async with fetch.open(**options) as run:
        for number in range(2):
            await run.process(fetch.handler, [f"http://a/{number}", f"http://b/{number}"])
    assert [url for _, url in begun] == ["http://b/0", "http://b/1"]


async def test_map_waits_for_a_paused_job(options, clock):
    told = Operator(options["store"], "mapped")
    told.order(job_paused=True)

    async def unpause():
        await clock.sleep(100)
        told.order(job_paused=False)

    async def double(number):
        return {"double": 2 * number}

    async with Run("mapped", **options) as run, asyncio.TaskGroup() as beside:
        beside.create_task(unpause())
        found = [done.value["double"] async for done in run.map(double, range(4))]
    assert sorted(found) == [0, 2, 4, 6]
    assert clock.monotonic() >= 100


async def test_map_ends_when_its_run_is_stopped(options, clock):
    told = Operator(options["store"], "mapped")

    async def double(number):
        await clock.sleep(1)
        return {"double": 2 * number}

    found = []
    async with Run("mapped", **options) as run:
        async for done in run.map(double, range(40)):
            found.append(done.value["double"])
            if len(found) == 4:
                told.command(run, Word.STOP)
    summary = run.summary()
    assert (summary.outcome, summary.exit_code) == (Outcome.STOPPED, 130)
    assert len(found) == summary.done < 40


# Rates


async def test_an_ordered_rate_wins_over_that_of_the_job_and_gives_way_to_it_again(options, clock, events):
    fetch, begun = counting(clock, "rated", seconds=0, rate={"a": "1/s"})
    told = Operator(options["store"], "rated")
    async with at_work(fetch, urls("a", 60), options) as run:
        await clock.sleep(10)
        told.order(rates={"a": "6/min"})
        await clock.sleep(NOTICED)
        slow_from = clock.monotonic()
        await clock.sleep(60)
        told.order(rates={})
        await clock.sleep(NOTICED)
        fast_from = clock.monotonic()
    assert run.summary().done == 60
    at = [moment for moment, _ in begun]
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(at))
    assert 5 <= sum(slow_from <= moment <= slow_from + 60 for moment in at) <= 7
    first = min(moment for moment in at if moment > fast_from)
    assert first - fast_from <= 10
    assert len([moment for moment in at if first <= moment <= first + 20]) >= 20
    assert [(data["changed"], data["rates"]) for data in events("orders_changed")] == [
        (["rates"], {"a": "6/min"}),
        (["rates"], {}),
    ]


async def test_an_ordered_rate_counts_from_the_last_time_a_host_was_asked(options, clock):
    fetch, begun = counting(clock, "spaced", seconds=0.4)
    told = Operator(options["store"], "spaced")
    async with at_work(fetch, urls("a", 100), {**options, "concurrency": 1}):
        await clock.sleep(5)
        told.order(rates={"*": "1/min"})
        await clock.sleep(NOTICED)
        last = begun[-1][0]
        await clock.sleep(200)
        told.order(rates={"*": "none"})
    after = [moment for moment, _ in begun if moment > last]
    assert 59.9 <= after[0] - last <= 61
    assert len(begun) == 100


async def test_no_rate_is_an_order_too(options, clock):
    fetch, begun = counting(clock, "freed", seconds=0, rate={"*": "1/min"})
    Operator(options["store"], "freed").order(rates={"a": "none"})
    summary = await fetch.run(urls("a", 30) + urls("b", 2), **options)
    at = [moment for moment, url in begun if "/a/" in url]
    assert summary.done == 32
    assert at[-1] - at[0] < 1
    assert begun[-1][0] - begun[0][0] >= 60


# Commands


async def test_a_stop_lets_what_is_in_flight_end_and_says_so_and_the_same_command_goes_on(options, clock, events):
    fetch, begun = counting(clock, "stop", seconds=3)
    told = Operator(options["store"], "stop")
    async with at_work(fetch, urls("a", 20), options) as run:
        await clock.sleep(1)
        command = told.command(run, Word.STOP)
        await clock.sleep(NOTICED)
        assert told.answer(command).to_json() == {
            "id": command,
            "obeyed": True,
            "says": "stopping: 4 in flight",
            "facts": {"in_flight": 4, "within": 20.0},
        }
        assert (await run.progress()).stopping
    summary = run.summary()
    assert (summary.outcome, summary.exit_code, summary.done, summary.deferred) == (Outcome.STOPPED, 130, 4, 16)
    assert summary.reason == "stopped by `outlast stop`"
    assert events("command_obeyed") == [
        {"command_id": command, "command": "stop", "given": {}, "obeyed": True, "answer": "stopping: 4 in flight"}
    ]
    summary = await fetch.run(urls("a", 20), **options)
    assert (summary.outcome, len(begun)) == (Outcome.COMPLETED, 20)


@pytest.mark.parametrize(("after", "seconds"), [(0.0, 0), (30.0, 30), (None, 20)])
async def test_what_takes_longer_than_a_stop_waits_is_cut_off_and_left_for_the_next_run(options, clock, after, seconds):
    fetch, begun = counting(clock, "cut", seconds=1_000, timeout=None)
    told = Operator(options["store"], "cut")
    async with at_work(fetch, urls("a", 20), options) as run:
        await clock.sleep(5)
        told.command(run, Word.STOP, after=after)
        start = clock.monotonic()
    assert seconds <= clock.monotonic() - start <= seconds + NOTICED
    assert (run.summary().done, run.summary().deferred, run.summary().failed) == (0, 20, 0)
    assert run.summary().exit_code == 130


async def test_a_run_does_not_end_before_it_has_answered(options, clock, monkeypatch):
    fetch, _ = counting(clock, "slow disk", seconds=1_000, timeout=None)
    told = Operator(options["store"], "slow disk")
    async with at_work(fetch, urls("a", 4), options) as run:
        await clock.sleep(5)
        command = told.command(run, Word.STOP, after=0.0)

        def slowly(path, blob):
            time.sleep(0.5)
            write_durably(path, blob)

        monkeypatch.setattr(notefile, "write_durably", slowly)
    assert told.answer(command).says == "stopping now: what is in flight is cut off"


async def test_a_second_stop_does_not_cut_off_and_one_that_is_now_does(options, clock):
    fetch, _ = counting(clock, "again", seconds=1_000, timeout=None, drain=600)
    told = Operator(options["store"], "again")
    async with at_work(fetch, urls("a", 4), options) as run:
        await clock.sleep(5)
        told.command(run, Word.STOP)
        await clock.sleep(NOTICED)
        second = told.command(run, Word.STOP)
        await clock.sleep(100)
        assert told.answer(second).says == "the run is stopping already: 4 in flight"
        # Whoever waits for the end has to know how long that may take.
        assert 590 <= told.answer(second).facts["within"] <= 600
        now = told.command(run, Word.STOP, after=0.0)
        start = clock.monotonic()
    assert clock.monotonic() - start <= NOTICED
    assert told.answer(now).says == "stopping now: what is in flight is cut off"


async def test_a_stop_that_waits_longer_takes_nothing_from_one_that_was_given_before(options, clock):
    fetch, _ = counting(clock, "sooner", seconds=1_000, timeout=None)
    told = Operator(options["store"], "sooner")
    async with at_work(fetch, urls("a", 4), options) as run:
        await clock.sleep(5)
        told.command(run, Word.STOP, after=10.0)
        longer = told.command(run, Word.STOP, after=500.0)
        start = clock.monotonic()
    assert clock.monotonic() - start <= 10 + NOTICED
    assert told.answer(longer).facts["within"] <= 10


async def test_an_abort_is_one_with_its_reason_and_its_actions(options, clock, events, tmp_path):
    fetch, _ = counting(clock, "abort", seconds=3)
    told = Operator(options["store"], "abort")
    async with at_work(fetch, urls("a", 20), options) as run:
        await clock.sleep(1)
        command = told.command(run, Word.ABORT, reason="the prices are wrong")
    summary = run.summary()
    assert (summary.outcome, summary.exit_code, summary.done, summary.deferred) == (Outcome.ABORTED, 3, 4, 16)
    assert summary.reason == "the prices are wrong"
    assert told.answer(command).says == "aborting: 4 in flight"
    assert events("command_obeyed")[0]["given"] == {"reason": "the prices are wrong"}
    assert [data["reason"] for data in events("abort_triggered")] == ["the prices are wrong"]
    [executed] = events("abort_executed")
    assert executed["reason"] == "the prices are wrong"
    assert "save_state" in {each["action"] for each in executed["actions"]}
    ledger = await SqliteLedger.open(told.directory.ledger, read_only=True)
    note, ended = await ledger.get("aborted"), await ledger.get("ended")
    await ledger.close()
    assert (note["reason"], note["ordered"], note["silence"], note["run"]) == (
        "the prices are wrong",
        True,
        False,
        run.run_id,
    )
    assert ended["reason"] == "the prices are wrong"
    assert (await fetch.run(urls("a", 20), **options)).outcome is Outcome.COMPLETED


async def test_an_abort_works_where_no_evidence_would_end_a_job(options, clock):
    fetch, _ = counting(clock, "never", abort={"default_policy": "never", "enabled": False})
    told = Operator(options["store"], "never")
    async with at_work(fetch, urls("a", 200), options) as run:
        await clock.sleep(1)
        told.command(run, Word.ABORT, reason="enough")
    assert run.summary().exit_code == 3


async def test_a_run_that_is_stopping_is_not_aborted_any_more(options, clock, events):
    fetch, _ = counting(clock, "late", seconds=10)
    told = Operator(options["store"], "late")
    async with at_work(fetch, urls("a", 20), options) as run:
        await clock.sleep(1)
        told.command(run, Word.STOP)
        await clock.sleep(NOTICED)
        late = told.command(run, Word.ABORT, reason="too late")
    assert (told.answer(late).obeyed, told.answer(late).says) == (False, "the run is stopping already")
    assert run.summary().outcome is Outcome.STOPPED
    assert events("abort_executed") == []


async def test_a_run_that_was_told_to_end_does_nothing_more_of_what_it_is_given(options, clock, events):
    fetch, begun = counting(clock, "ends")
    told = Operator(options["store"], "ends")
    async with at_work(fetch, urls("a", 200), options) as run:
        await clock.sleep(1)
        told.command(run, Word.ABORT, reason="enough")
        await clock.sleep(5)
        before = len(begun)
        summary = await run.process(fetch.handler, urls("b", 5))
        assert (summary.outcome, summary.exit_code, len(begun)) == (Outcome.ABORTED, 3, before)
    assert len(events("abort_executed")) == 1


async def test_a_checkpoint_is_taken_when_it_is_wanted(options, clock, events):
    @job("saves")
    async def fetch(url, ctx):
        ctx.state["last"] = url
        await clock.sleep(1)
        return {"url": url}

    told = Operator(options["store"], "saves")
    config = JobConfiguration(checkpoint={"interval": 10**6})
    async with at_work(fetch, urls("a", 40), {**options, "config": config}) as run:
        await clock.sleep(2)
        command = told.command(run, Word.CHECKPOINT)
        await clock.sleep(NOTICED)
        [created] = events("checkpoint_created")
        answer = told.answer(command)
        assert answer.obeyed
        assert answer.facts == {"checkpoint_id": created["checkpoint_id"], "is_new": True}
        assert answer.says == f"checkpoint {created['checkpoint_id']} taken"
    assert run.summary().outcome is Outcome.COMPLETED


async def test_where_nothing_has_changed_the_last_checkpoint_is_the_answer(options, clock, events):
    fetch, _ = counting(clock, "same")
    told = Operator(options["store"], "same")
    told.order(job_paused=True)
    async with at_work(fetch, urls("a", 4), options) as run:
        await clock.sleep(2)
        first, second = told.command(run, Word.CHECKPOINT), told.command(run, Word.CHECKPOINT)
        await clock.sleep(NOTICED)
        first, second = told.answer(first), told.answer(second)
        assert [first.facts["is_new"], second.facts["is_new"]] == [True, False]
        assert second.says == f"nothing has changed since checkpoint {first.facts['checkpoint_id']}"
        told.command(run, Word.STOP)


async def test_why_there_is_no_checkpoint_is_an_answer(options, clock, events, monkeypatch):
    fetch, _ = counting(clock, "off")
    told = Operator(options["store"], "off")
    config = JobConfiguration(checkpoint={"enabled": False})
    async with at_work(fetch, urls("a", 40), {**options, "config": config}) as run:
        await clock.sleep(1)
        command = told.command(run, Word.CHECKPOINT)
    assert told.answer(command).obeyed is False
    assert "switched off" in told.answer(command).says

    fetch, _ = counting(clock, "full")
    told = Operator(options["store"], "full")
    async with at_work(fetch, urls("a", 40), options) as run:
        await clock.sleep(1)

        async def full(*_):
            raise CheckpointError("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(run._session.resilience.checkpoints, "create_checkpoint", full)
            command = told.command(run, Word.CHECKPOINT)
            await clock.sleep(NOTICED)
    assert (told.answer(command).obeyed, told.answer(command).says) == (False, "the disk is full")
    assert events("checkpoint_failed") == [{"reason": "the disk is full"}]
    assert run.summary().outcome is Outcome.COMPLETED


async def test_a_stop_does_not_wait_for_a_checkpoint_that_hangs(options, clock, monkeypatch):
    fetch, _ = counting(clock, "hangs")
    told = Operator(options["store"], "hangs")
    async with at_work(fetch, urls("a", 400), options) as run:
        await clock.sleep(1)

        async def hang(*_):
            await clock.sleep(10**6)

        with monkeypatch.context() as broken:
            broken.setattr(run._session.resilience.checkpoints, "create_checkpoint", hang)
            told.command(run, Word.CHECKPOINT)
            told.command(run, Word.STOP)
            await clock.sleep(5)
    assert run.summary().outcome is Outcome.STOPPED
    assert clock.monotonic() < 100


async def test_commands_for_another_run_are_not_obeyed_nor_answered(options, clock, events):
    """What a killed run was told dies with it: the next one has another id."""
    fetch, begun = counting(clock, "next")
    told = Operator(options["store"], "next")
    told.directory.path.mkdir(parents=True)
    stale = told.command("01KILLED", Word.STOP, after=0.0)
    told.command("01KILLED", Word.ABORT, reason="meant for the run before")
    summary = await fetch.run(urls("a", 10), **options)
    assert (summary.outcome, len(begun)) == (Outcome.COMPLETED, 10)
    assert told.answer(stale) is None
    assert events("command_obeyed") == []


async def test_a_command_is_obeyed_once_however_often_the_file_changes(options, clock, events):
    fetch, _ = counting(clock, "once")
    told = Operator(options["store"], "once")
    async with at_work(fetch, urls("a", 200), options) as run:
        await clock.sleep(1)
        command = told.command(run, Word.CHECKPOINT)
        for host in "xyz":
            await clock.sleep(NOTICED)
            told.order(paused=frozenset({host}))
        await clock.sleep(NOTICED)
        assert [each.id for each in read_orders(told.directory, None).commands] == [command]
    assert [data["command_id"] for data in events("command_obeyed")] == [command]


async def test_damaged_orders_stop_no_run_and_what_was_told_before_stays_in_force(options, clock, caplog):
    fetch, begun = counting(clock, "damaged")
    told = Operator(options["store"], "damaged")
    told.order(job_paused=True)
    async with at_work(fetch, urls("a", 4), options) as run:
        await clock.sleep(2)
        told.directory.orders.write_bytes(b"{")
        await clock.sleep(10)
        assert (begun, (await run.progress()).paused) == ([], True)
        told.directory.orders.unlink()
    assert "the orders before stay in force" in caplog.text
    assert len(begun) == 4


async def test_an_answer_that_cannot_be_written_does_not_keep_a_run_from_stopping(options, clock, caplog):
    fetch, _ = counting(clock, "mute")
    told = Operator(options["store"], "mute")
    async with at_work(fetch, urls("a", 200), options) as run:
        await clock.sleep(1)
        told.directory.answers.mkdir()
        told.command(run, Word.STOP)
    assert run.summary().exit_code == 130
    assert "cannot be written" in caplog.text


async def test_an_encrypted_job_is_told_and_answers_in_secret(options, clock):
    keys = Keyring.of([bytes(32)])
    fetch, _ = counting(clock, "sealed")
    sealed = {
        **options,
        "config": JobConfiguration(checkpoint={"encryption_enabled": True}),
        "keys": lambda: [bytes(32)],
    }
    told = Operator(options["store"], "sealed", keys)
    async with at_work(fetch, urls("a", 200), sealed) as run:
        await clock.sleep(1)
        command = told.command(run, Word.ABORT, reason="the prices are wrong")
    assert run.summary().reason == "the prices are wrong"
    assert told.answer(command).obeyed
    assert answered_in(told.directory, None) == {}
    for file in (told.directory.orders, told.directory.answers):
        assert b"prices" not in file.read_bytes()
        assert b"aborting" not in file.read_bytes()


async def test_a_run_with_a_ledger_of_its_own_has_nobody_to_obey(options, clock):
    fetch, begun = counting(clock, "memory")
    Operator(options["store"], "memory").order(job_paused=True)
    summary = await fetch.run(urls("a", 3), ledger=MemoryLedger(), **options)
    assert (summary.done, len(begun)) == (3, 3)


async def test_what_one_run_answered_gives_way_to_the_answers_of_the_next(options, clock):
    told = Operator(options["store"], "after")
    told.directory.path.mkdir(parents=True)
    await Answers(told.directory, "before", None).give(Answer(id="C0", obeyed=True, says="long ago"))
    fetch, _ = counting(clock, "after")
    async with at_work(fetch, urls("a", 200), options) as run:
        await clock.sleep(1)
        command = told.command(run, Word.STOP)
    assert set(answered_in(told.directory, None)) == {command}
