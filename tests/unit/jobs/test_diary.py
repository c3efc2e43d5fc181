"""The diary of a run: what is in its event log, and who is told what."""

import asyncio
import json
import logging
from contextlib import suppress

import pytest

from outlast.config import JobConfiguration
from outlast.correlation import at_work
from outlast.errors import ConfigurationError
from outlast.jobs import Context, Outcome, Run, job, observing
from outlast.jobs.diary import Diary
from outlast.jobs.observing import Observed, Watched
from outlast.jobs.store import job_directory
from outlast.ledger import ItemStatus, MemoryLedger
from outlast.logs import read_events
from outlast.logs.eventfile import event_files
from outlast.runtime import Runtime


@pytest.fixture
def runtime(virtual_clock):
    return Runtime(clock=virtual_clock, roll=lambda: 0.5)


@pytest.fixture
def options(tmp_path, runtime, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {"store": tmp_path / "store", "runtime": runtime, "concurrency": 4}


@pytest.fixture
def entries(tmp_path):
    return lambda name="shop": list(read_events(job_directory(tmp_path / "store", name).path))


class Shaky(Exception):
    """The item's own fault, and worth another try."""

    retryable = True


def kinds(entries):
    return [each.event_type for each in entries if each.event_type != "sample"]


def samples(entries):
    return [each.data for each in entries if each.event_type == "sample"]


async def test_what_happens_in_a_run_is_in_its_event_log(options, entries):
    @job("shop")
    async def handle(number):
        if number == 3:
            raise Shaky("no price token=hunter2")
        return number

    summary = await handle.run(range(5), **options)
    found = entries()
    assert kinds(found) == [
        "run_started",
        *["retry_attempted"] * 4,
        "retry_exhausted",
        "expectation_failed",
        "run_ended",
        "checkpoint_created",
    ]
    assert {each.run_id for each in found} == {summary.run_id}
    assert len({each.correlation_id for each in found}) == 1
    failed = [each for each in found if each.event_type.startswith("retry")]
    assert [(each.item_key, each.attempt) for each in failed] == [("3", number) for number in range(1, 6)]
    assert "hunter2" not in str(found)
    started = next(each for each in found if each.event_type == "run_started")
    assert (started.item_key, started.attempt) == (None, None)


async def test_a_run_is_on_file_before_its_first_item_begins(options, entries):
    found = []

    @job("shop")
    async def handle(number):
        found.append(kinds(entries()))
        return number

    await handle.run([1], **options)
    assert found == [["run_started"]]


async def test_samples_say_where_the_run_stood(options, entries):
    @job("shop", concurrency=1)
    async def handle(number, ctx: Context):
        await asyncio.sleep(4)
        if number == 1 and ctx.attempt == 1:
            raise Shaky
        return number

    await handle.run(range(5), **{**options, "concurrency": 1})
    told = samples(entries())
    assert [each["elapsed"] for each in told[:4]] == pytest.approx([0, 5, 10, 15], abs=0.5)
    assert told[0]["pending"] + told[0]["leased"] <= 5
    last = told[-1]
    assert (last["run_done"], last["done"], last["pending"], last["retries"], last["failed"]) == (5, 5, 0, 1, 0)
    assert [sum(each[name] for name in ("done", "pending", "leased", "deferred")) for each in told[1:]] == [5] * (
        len(told) - 1
    )
    assert sum(each["events"].get("retry_attempted", 0) for each in told) == 1
    assert sum(each["classes"].get("unknown", 0) for each in told) <= 1
    assert sum(sum(each["delays"].values()) for each in told) == 1


async def test_a_run_that_needs_no_time_leaves_its_counts_too(options, entries):
    @job("shop")
    async def handle(number):
        return number

    await handle.run(range(3), **options)
    told = samples(entries())
    assert told[-1]["run_done"] == 3
    assert told[-1]["events"]["run_ended"] == 1


async def test_metrics_of_the_machine_are_in_the_samples(options, entries):
    async with Run("shop", **options) as run:
        run._session.diary.metrics = lambda: {"memory_usage": 300.0, "browser_memory": 200.0, "memory_limit_mb": None}
        await run.process(_double, [1])
    told = samples(entries())
    assert (told[0]["memory_bytes"], told[0]["browser_memory_bytes"]) == (300 << 20, 200 << 20)
    assert "memory_limit_bytes" not in told[0]


async def _double(number):
    return number * 2


async def test_a_hundred_thousand_retries_over_two_hours_stay_within_the_bound(tmp_path, runtime, options):
    """Two hours of virtual time, fifty events a second: the whole log is a few MB, and the samples count all of them."""
    async with Run("shop", **options) as run:
        diary = run._session.diary
        follow = asyncio.ensure_future(diary.follow(run._gate, run._tally))
        for _ in range(7_200 // 4):
            for _ in range(56):
                told = {
                    "policy_id": "p",
                    "attempt": 1,
                    "max_attempts": 5,
                    "failure_class": "network",
                    "error": "x" * 300,
                    "delay": 2.0,
                }
                runtime.emit(observing_kind("retry_attempted"), "shop", **told)
            await asyncio.sleep(4)
        follow.cancel()
        with suppress(asyncio.CancelledError):
            await follow
    directory = job_directory(tmp_path / "store", "shop").path
    assert sum(path.stat().st_size for path in event_files(directory)) < 12_000_000
    found = list(read_events(directory))
    told = samples(found)
    assert sum(each["events"].get("retry_attempted", 0) for each in told) == 7_200 // 4 * 56
    assert 1_000 < kinds(found).count("retry_attempted") < 20_000
    assert 700 < len(told) < 1_500


def observing_kind(name):
    from outlast.events import EventType

    return EventType(name)


async def test_the_limits_are_those_of_the_configuration(options, tmp_path, runtime):
    config = JobConfiguration(
        logging={"event_log_files": 2, "event_log_bytes": "65536", "destination": str(tmp_path / "x.log")}
    )
    async with Run("shop", config=config, **options):
        for number in range(1_000):
            runtime.emit(observing_kind("checkpoint_failed"), "shop", reason=f"{number} " + "x" * 500)
    files = event_files(job_directory(tmp_path / "store", "shop").path)
    assert len(files) == 2
    assert all(path.stat().st_size <= 65_536 for path in files)


async def test_without_files_there_is_no_event_log(options, tmp_path):
    config = JobConfiguration(logging={"event_log_files": 0, "destination": str(tmp_path / "x.log")})
    async with Run("shop", config=config, **options) as run:
        await run.process(_double, [1])
    assert not event_files(job_directory(tmp_path / "store", "shop").path)


async def test_words_to_redact_hold_for_the_event_log_too(options, tmp_path, entries, runtime):
    config = JobConfiguration(logging={"redact": ["pin"], "destination": str(tmp_path / "x.log")})
    async with Run("shop", config=config, **options):
        runtime.emit(observing_kind("checkpoint_failed"), "shop", reason="pin=1234 token=seen")
    assert [each.data["reason"] for each in entries() if each.event_type == "checkpoint_failed"] == [
        "pin=*** token=seen"
    ]


async def test_events_of_another_job_on_the_same_bus_are_left_out(options, entries, runtime):
    async with Run("shop", **options):
        runtime.emit(observing_kind("checkpoint_failed"), "other", reason="x")
    assert "checkpoint_failed" not in kinds(entries())


async def test_a_judgement_is_written_when_its_decision_is_another_than_the_one_before(options, entries, runtime):
    said = ["continue", "continue", "suspend", "suspend", "continue", "continue"]
    heard = []
    runtime.bus.subscribe(heard.append, ["abort_evaluated"])
    async with Run("shop", **options):
        for decision in said:
            told = {"policy_id": "default", "reason": "x", "failure_rate": 0.0, "operations": 1}
            runtime.emit(observing_kind("abort_evaluated"), "shop", **told, decision=decision)
    written = [each.data["decision"] for each in entries() if each.event_type == "abort_evaluated"]
    assert (written, len(heard)) == (["continue", "suspend", "continue"], 6)
    assert samples(entries())[-1]["events"]["abort_evaluated"] == 6


async def test_lines_of_a_handler_and_its_thread_carry_the_ids(options, tmp_path):
    log = logging.getLogger("outlast.mine")

    def plain(item):
        log.warning("in a thread")
        return item

    async def handle(item):
        log.warning("on the loop")
        return item

    config = JobConfiguration(logging={"format": "json", "destination": str(tmp_path / "x.log"), "event_log_files": 0})
    for name, handler in (("plain", plain), ("coroutine", handle)):
        async with Run(name, config=config, **options) as run:
            await run.process(handler, ["a", "b"])
            assert at_work.get()[:3] == (name, run.run_id, "")
            log.warning("beside")
    rows = [json.loads(line) for line in (tmp_path / "x.log").read_text().splitlines()]
    mine = [row for row in rows if row["logger"] == "outlast.mine"]
    assert [(row["job_id"], row.get("item_key"), row.get("attempt")) for row in mine if row["job_id"] == "plain"].count(
        ("plain", "a", 1)
    ) == 1
    assert {row.get("item_key") for row in mine} == {"a", "b", None}
    assert all("item_key" not in row for row in mine if row["message"] == "beside")
    assert at_work.get() is None


async def test_a_ledger_of_ones_own_has_no_event_log(options, tmp_path):
    async with Run("shop", ledger=MemoryLedger(), **options) as run:
        await run.process(_double, [1])
    assert not list(tmp_path.rglob("events*"))


async def test_metrics_that_are_not_installed_are_an_error_before_anything_is_done(options, monkeypatch):
    class Point:
        def load(self):
            raise ImportError("no", name="prometheus_client")

    monkeypatch.setattr(observing, "entry_points", lambda **_: [Point()])
    config = JobConfiguration(metrics={"port": 9464})
    with pytest.raises(
        ConfigurationError, match=r"\[metrics\] needs prometheus_client: pip install 'outlast\[prometheus\]'"
    ):
        async with Run("shop", config=config, **options):
            raise AssertionError("it was opened")


class Told:
    """An observer that remembers, and breaks where it is told to."""

    def __init__(self, breaks=""):
        self.calls = []
        self.breaks = breaks

    def _call(self, name, *args):
        self.calls.append((name, *args))
        if name == self.breaks:
            raise RuntimeError("broken")
        return len(self.calls)

    def began(self, task, attempt):
        return self._call("began", task.lease.key, attempt)

    def ended(self, begun, task, record, error):
        self._call("ended", begun, record and record.status, error and type(error).__name__)

    async def sampled(self, sample):
        self._call("sampled")

    async def close(self):
        self._call("close")


@pytest.fixture
def told_to(monkeypatch):
    def watch(*told):
        monkeypatch.setattr("outlast.jobs.diary.observers", lambda about: list(told))

    return watch


async def test_observers_are_told_of_every_attempt_and_of_the_end(options, told_to):
    told = Told()
    told_to(told)

    @job("shop", concurrency=1)
    async def handle(number, ctx: Context):
        if number == 2:
            raise asyncio.CancelledError
        if number == 1 and ctx.attempt == 1:
            raise Shaky
        return number

    await handle.run(range(3), **{**options, "concurrency": 1})
    calls = [each for each in told.calls if each[0] != "sampled"]
    assert calls[:2] == [("began", "0", 1), ("ended", 2, ItemStatus.DONE, None)] or calls[0] == ("began", "0", 1)
    ended = [each[2:] for each in calls if each[0] == "ended"]
    assert ended.count((ItemStatus.DONE, None)) == 2
    assert (ItemStatus.DEFERRED, None) in ended
    assert (None, "CancelledError") in ended
    assert calls[-1] == ("close",)
    assert ("sampled",) in told.calls


@pytest.mark.parametrize("breaks", ["began", "ended", "sampled", "close"])
async def test_an_observer_that_breaks_breaks_nothing_else(options, told_to, breaks, caplog):
    broken, sound = Told(breaks), Told()
    told_to(broken, sound)

    @job("shop")
    async def handle(number):
        await asyncio.sleep(3)
        return number

    summary = await handle.run(range(9), **options)
    assert (summary.outcome, summary.done) == (Outcome.COMPLETED, 9)
    # What four workers had begun when it broke is told to its end.
    assert [each[0] for each in broken.calls].count(breaks) == (4 if breaks == "ended" else 1)
    assert ("close",) in broken.calls
    assert [each[0] for each in sound.calls].count("ended") == 9
    assert len([each for each in caplog.records if "Told failed" in each.getMessage()]) == 1


async def test_without_observers_attempts_are_what_they_are(runtime):
    diary = Diary("shop", "r", MemoryLedger(), runtime)
    attempts = object()
    assert diary.observed(attempts) is attempts
    assert not Watched([])
    assert Observed
