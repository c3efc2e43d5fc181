"""A job from its first item to its summary, on virtual time, with a real ledger on a real disk."""

import asyncio
import json
from collections import Counter
from dataclasses import replace

import pytest

import outlast
from outlast.errors import JobLockedError, TargetError, ValidationError
from outlast.jobs import Outcome, Run, job
from outlast.runtime import Runtime


@pytest.fixture
def runtime(virtual_clock):
    return Runtime(clock=virtual_clock, roll=lambda: 0.5)


@pytest.fixture
def options(tmp_path, runtime, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {"store": tmp_path / "store", "runtime": runtime, "concurrency": 4}


class Shaky(Exception):
    """The item's own fault, and worth another try."""

    retryable = True


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_every_item_is_done_and_every_record_is_a_line(options, tmp_path):
    @job("squares")
    async def square(number):
        return {"n": number, "square": number * number}

    summary = await square.run(range(100), output=tmp_path / "out.jsonl", **options)
    assert (summary.outcome, summary.total, summary.done, summary.failed) == (Outcome.COMPLETED, 100, 100, 0)
    assert (summary.job_id, summary.exit_code, summary.deferred, summary.retries) == ("squares", 0, 0, 0)
    assert sorted(line["n"] for line in lines(tmp_path / "out.jsonl")) == list(range(100))


async def test_the_same_command_again_does_only_what_is_not_done(options, tmp_path):
    tried = Counter()

    @job("again")
    async def handle(number):
        tried[number] += 1
        return number

    await handle.run(range(5), output=tmp_path / "out.jsonl", **options)
    second = await handle.run(range(8), output=tmp_path / "out.jsonl", **options)
    assert (second.total, second.done) == (8, 8)
    assert tried == Counter(range(8))
    assert sorted(lines(tmp_path / "out.jsonl")) == list(range(8))


async def test_who_else_runs_the_job_is_told_with_the_time_as_it_is_written_everywhere(options):
    @job("held")
    async def handle(number):
        return number

    async with handle.open(**options):
        with pytest.raises(JobLockedError, match=r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\)"):
            await handle.run([1], **options)


async def test_a_finished_job_run_again_says_so(options):
    @job("finished")
    async def handle(number):
        return number

    await handle.run([1], **options)
    summary = await handle.run([1], **options)
    assert (summary.outcome, summary.done, summary.exit_code) == (Outcome.COMPLETED, 1, 0)


async def test_what_a_handler_enqueues_is_done_once(options):
    seen = Counter()

    @job("links")
    async def crawl(page, ctx):
        seen[page] += 1
        ctx.enqueue(*(f"{page}{letter}" for letter in "ab" if len(page) < 4), "start")

    summary = await crawl.run(["start"[:1]], **options)
    assert summary.total == summary.done == len(seen)
    assert set(seen.values()) == {1}
    assert "sabb" in seen
    assert "start" in seen


async def test_the_context_says_what_is_being_done(options):
    told = []

    @job("context")
    async def handle(item, ctx):
        told.append((ctx.item, ctx.key, ctx.attempt, ctx.job_id, ctx.run_id))
        ctx.log.info("looked at %s", item)
        if ctx.attempt == 1:
            raise ConnectionResetError

    summary = await handle.run([{"id": 1}], **options)
    assert told == [({"id": 1}, '{"id":1}', n, "context", summary.run_id) for n in (1, 2)]
    assert summary.retries == 1


@pytest.mark.parametrize(
    ("returned", "written"),
    [
        (None, []),
        ({"a": 1}, [{"a": 1}]),
        ([], []),
        ([1, [2]], [1, [2]]),
        ("text", ["text"]),
        (0, [0]),
        (False, [False]),
    ],
)
async def test_each_record_is_one_line_exactly_as_returned(options, tmp_path, returned, written):
    @job("records")
    async def handle(_):
        return returned

    await handle.run(["x"], output=tmp_path / "out.jsonl", **options)
    assert lines(tmp_path / "out.jsonl") == written


async def test_an_async_generator_s_records_are_committed_together(options, tmp_path):
    @job("generator")
    async def handle(item, ctx):
        for number in range(3):
            yield {"item": item, "n": number}
            if ctx.attempt == 1 and number == 1:
                raise ConnectionResetError

    await handle.run(["x"], output=tmp_path / "out.jsonl", **options)
    assert lines(tmp_path / "out.jsonl") == [{"item": "x", "n": n} for n in range(3)]


async def test_a_plain_function_runs_in_a_thread(options):
    def double(number):
        return 2 * number

    async with Run("plain", **options) as run:
        doubled = {done.key: done.value async for done in run.map(double, range(10))}
    assert doubled == {str(n): 2 * n for n in range(10)}


async def test_map_yields_each_value_as_returned_and_only_what_was_not_done(options):
    async def work(item):
        return [item] if item == "list" else item

    async with Run("map", **options) as run:
        first = {done.key: done.value async for done in run.map(work, ["list", "one"])}
        assert run.summary().done == 2
    async with Run("map", **options) as run:
        second = {done.key: done.value async for done in run.map(work, ["list", "one", "two"])}
    assert first == {"list": ["list"], "one": "one"}
    assert second == {"two": "two"}


async def test_leaving_a_map_early_loses_nothing(options):
    done = Counter()

    async def work(item):
        done[item] += 1
        await asyncio.sleep(1)
        return item

    async with Run("early", **options) as run:
        async for _ in run.map(work, range(50)):
            break
    async with Run("early", **options) as run:
        rest = [each.value async for each in run.map(work, range(50))]
    assert set(done.values()) == {1}
    assert len(rest) < 50
    assert run.summary().done == 50


async def test_a_failing_item_is_given_up_and_never_stops_the_job(options):
    tried = Counter()

    @job("failing")
    async def handle(number):
        tried[number] += 1
        if number == 3:
            raise Shaky("gone again")
        if number == 5:
            raise ValueError("never right")
        return number

    summary = await handle.run(range(10), **options)
    assert (summary.outcome, summary.done, summary.failed) == (Outcome.COMPLETED_WITH_FAILURES, 8, 2)
    assert summary.exit_code == 1
    assert tried[3] == 5
    assert tried[5] == 1
    assert tried[0] == 1


async def test_failures_within_the_allowance_are_a_success(options):
    @job("allowed")
    async def handle(number):
        return 1 // number

    summary = await handle.run(range(100), max_failed="1%", **options)
    assert (summary.failed, summary.exit_code) == (1, 0)


async def test_a_result_that_is_not_json_fails_its_item_and_names_the_path(options):
    @job("unjsonable")
    async def handle(number):
        return {"deep": [{"set": {number}}]} if number else {"fine": True}

    async with handle.open(**options) as run:
        await run.process(handle.handler, range(2))
        [failure] = await run.failures()
    assert "$.deep[0].set: set" in failure["message"]
    assert run.summary().failed == 1
    assert run.summary().done == 1


async def test_an_item_that_is_not_json_is_named_and_nothing_is_lost(options):
    @job("bad item")
    async def handle(item):
        return item

    with pytest.raises(ValidationError, match=r"item 2 of the source: \$\.x: set is not JSON"):
        await handle.run([{"x": 1}, {"x": 2}, {"x": {3}}], **options)
    summary = await handle.run([{"x": 1}, {"x": 2}, {"x": 3}], **options)
    assert summary.done == 3


async def test_no_items_at_all_is_not_a_success(options):
    @job("nothing")
    async def handle(item):
        return item

    summary = await handle.run([], **options)
    assert (summary.outcome, summary.exit_code) == (Outcome.EMPTY, 1)


async def test_a_hanging_item_is_cut_off_and_tried_again(options):
    @job("hanging", timeout=5)
    async def handle(item, ctx):
        if ctx.attempt == 1:
            await asyncio.sleep(3600)
        return item

    summary = await handle.run(["x"], **options)
    assert (summary.done, summary.retries) == (1, 1)


async def test_items_come_from_async_iterables_too(options):
    async def source():
        for number in range(20):
            await asyncio.sleep(10)
            yield number

    @job("async source")
    async def handle(number):
        return number

    assert (await handle.run(source(), **options)).done == 20


async def test_an_error_of_the_source_ends_the_run_and_keeps_what_was_done(options):
    def source():
        yield from range(600)
        raise OSError("the list broke off")

    @job("broken source")
    async def handle(number):
        return number

    with pytest.raises(OSError, match="the list broke off"):
        await handle.run(source(), **options)
    assert (await handle.run(range(600), **options)).done == 600


class ExitNow(BaseException):
    """Neither an `Exception` nor one of Python's own."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ExitNow])
async def test_what_is_not_an_exception_ends_the_run_and_is_not_counted(options, error):
    tried = Counter()

    @job("leaving")
    async def handle(number, ctx):
        tried[number] += 1
        if number == 7 and tried[7] == 1:
            raise error
        assert ctx.attempt == 1
        return number

    with pytest.raises(error):
        await handle.run(range(20), **options)
    summary = await handle.run(range(20), **options)
    assert (summary.done, summary.failed) == (20, 0)
    assert tried[7] == 2


async def test_a_cancelled_run_passes_the_cancellation_on_and_keeps_what_was_done(options):
    @job("cancelled")
    async def handle(number):
        await asyncio.sleep(10)
        return number

    task = asyncio.create_task(handle.run(range(12), **options))
    await asyncio.sleep(15)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with handle.open(**options) as run:
        counts = (await run.progress()).counts
        assert (counts.done, counts.pending, counts.leased) == (4, 8, 0)


async def test_a_handler_that_cancels_itself_fails_like_any_other(options):
    @job("self-cancelling")
    async def handle(number):
        if number == 1:
            raise asyncio.CancelledError
        return number

    summary = await handle.run(range(3), **options)
    assert (summary.done, summary.failed) == (2, 1)


async def test_a_stopped_run_drains_and_goes_on_later(options):
    done = Counter()

    @job("stopped", drain=30)
    async def handle(number):
        await asyncio.sleep(10)
        done[number] += 1
        return number

    async with handle.open(**options) as run:
        work = asyncio.create_task(run.process(handle.handler, range(12)))
        await asyncio.sleep(15)
        run.stop()
        summary = await work
    assert (summary.outcome, summary.done, summary.deferred) == (Outcome.STOPPED, 8, 4)
    assert (await handle.run(range(12), **options)).done == 12
    assert set(done.values()) == {1}


async def slowly(count):
    for number in range(count):
        await asyncio.sleep(1)
        yield number


@pytest.mark.parametrize(("until", "done"), [(0.5, 0), (10.5, 10)])
async def test_a_run_that_is_stopped_before_its_source_was_read_is_no_success(options, until, done):
    async with Run("unread", **options) as run:
        work = asyncio.create_task(run.process(returns, slowly(20)))
        await asyncio.sleep(until)
        run.stop()
        summary = await work
        assert (summary.outcome, summary.exit_code) == (Outcome.STOPPED, 3)
        assert (summary.done, summary.deferred, summary.reason) == (done, 0, "its source was not read to its end")
        assert (await run._session.ledger.get("ended"))["reason"] == summary.reason
    async with Run("unread", **options) as run:
        assert (await run.process(returns, slowly(20))).outcome is Outcome.COMPLETED


async def returns(number):
    return number


async def test_the_second_stop_and_the_drain_s_end_do_not_wait(options):
    @job("stubborn", drain=30, timeout=None)
    async def handle(number):
        await asyncio.sleep(86_400)

    clock = options["runtime"].clock
    for stops, seconds in ((1, 30), (2, 0)):
        async with handle.open(**options) as run:
            work = asyncio.create_task(run.process(handle.handler, range(4)))
            await asyncio.sleep(5)
            began = clock.monotonic()
            for _ in range(stops):
                run.stop()
            summary = await work
        assert clock.monotonic() - began == pytest.approx(seconds, abs=1)
        assert (summary.outcome, summary.deferred) == (Outcome.STOPPED, 4)


async def test_the_state_comes_back_as_of_the_last_checkpoint(options):
    @job("state")
    async def handle(number, ctx):
        ctx.state["sum"] = ctx.state.get("sum", 0) + number

    await handle.run(range(5), **options)
    async with handle.open(**options) as run:
        assert run.state == {"sum": 10}


async def test_a_state_that_is_not_json_is_said_after_the_items_are_done(options):
    @job("bad state")
    async def handle(number, ctx):
        ctx.state["seen"] = {number}
        return number

    with pytest.raises(ValidationError, match=r"\$\.state\.seen"):
        await handle.run([1], **options)
    async with handle.open(**options) as run:
        assert (await run.progress()).counts.done == 1


async def test_a_fresh_run_starts_over_and_keeps_the_old(options, tmp_path):
    tried = Counter()

    @job("fresh")
    async def handle(number, ctx):
        tried[number] += 1
        ctx.state["n"] = tried[number]
        return number

    output = tmp_path / "out.jsonl"
    await handle.run(range(3), output=output, **options)
    async with handle.open(output=output, fresh=True, **options) as run:
        assert run.state == {}
        await run.process(handle.handler, range(2))
    assert tried == Counter({0: 2, 1: 2, 2: 1})
    assert sorted(lines(output)) == [0, 1]
    [old] = (tmp_path / "store" / "jobs").glob("*/old/*/ledger.db")
    assert old.stat().st_size > 0
    [kept] = tmp_path.glob("out.*.jsonl")
    assert sorted(lines(kept)) == [0, 1, 2]


async def test_a_resource_is_made_once_and_closed_at_the_end(options):
    made = []

    class Client:
        async def __aenter__(self):
            made.append("open")
            return self

        async def __aexit__(self, *_):
            made.append("closed")

    @job("resources", resources={"client": Client, "setting": lambda: 7})
    async def handle(number, client, setting):
        assert isinstance(client, Client)
        return setting

    await handle.run(range(5), **options)
    assert made == ["open", "closed"]


async def test_a_parameter_nobody_provides_is_said_before_anything_runs(options):
    @job("unknown")
    async def handle(number, clinet):
        return number

    with pytest.raises(TargetError, match="asks for 'clinet', which nobody provides.*did you mean 'client'"):
        await handle.run([1], resources={"client": object}, **options)


async def test_a_handler_that_takes_nothing_is_refused(options):
    @job("no item")
    async def handle():
        return 1

    with pytest.raises(TargetError, match="its first parameter is the item"):
        await handle.run([1], **options)


async def test_calling_a_job_calls_its_function():
    @job("callable")
    async def handle(number, factor=2):
        return number * factor

    assert await handle(4, factor=3) == 12
    assert handle.__name__ == "handle"


@pytest.mark.parametrize("name", ["a/b\\c", "../../etc/passwd", "täglich ☃", "x" * 512, ".", " "])
async def test_any_name_is_safe(options, tmp_path, name):
    async def handle(number):
        return number

    async with Run(name, **options) as run:
        assert (await run.process(handle, [1])).job_id == name
    [directory] = (tmp_path / "store" / "jobs").iterdir()
    assert directory.is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"store"}


@pytest.mark.parametrize("name", ["", "x" * 513])
async def test_a_name_that_is_empty_or_endless_is_refused(options, name):
    with pytest.raises(ValidationError, match="a job's name has 1 to 512 characters"):
        async with Run(name, **options):
            pass


async def test_an_unknown_option_value_is_said_at_once(options):
    with pytest.raises(outlast.ConfigurationError, match="concurrency"):
        Run("x", **{**options, "concurrency": 0})


async def test_a_decorator_s_settings_give_way_to_the_environment_and_arguments(options, monkeypatch):
    @job("layers", concurrency=3)
    async def handle(number):
        return number

    del options["concurrency"]
    assert handle.open(**options)._config.concurrency == 3
    monkeypatch.setenv("OUTLAST_CONCURRENCY", "5")
    assert handle.open(**options)._config.concurrency == 5
    assert handle.open(concurrency=7, **options)._config.concurrency == 7


async def test_an_attempt_s_delay_survives_the_process(options):
    tried = []

    @job("delayed", drain=0)
    async def handle(number, ctx):
        tried.append(options["runtime"].clock.monotonic())
        if ctx.attempt < 4:
            raise Shaky

    async with handle.open(**options) as run:
        work = asyncio.create_task(run.process(handle.handler, [1]))
        while len(tried) < 3:
            await asyncio.sleep(0.1)
        run.stop()
        await work
    await handle.run([1], **options)
    assert len(tried) == 4
    assert tried[3] - tried[2] >= 2


async def test_events_tell_the_story_of_a_run(options):
    events = []
    options["runtime"].bus.subscribe(events.append)

    @job("story")
    async def handle(number, ctx):
        if number == 1 and ctx.attempt == 1:
            raise ConnectionResetError
        if number == 2:
            raise ValueError

    await handle.run(range(3), **options)
    kinds = [event.event_type for event in events]
    assert kinds[0] == "run_started"
    assert kinds[-2:] == ["run_ended", "checkpoint_created"]
    assert Counter(kinds)["retry_attempted"] == 1
    assert Counter(kinds)["retry_succeeded"] == 1
    assert Counter(kinds)["permanent_failure"] == 1
    assert {event.job_id for event in events} == {"story"}


async def test_a_run_s_summary_is_not_made_up(options):
    async with Run("early", **options) as run:
        with pytest.raises(RuntimeError, match="has not ended"):
            run.summary()
    with pytest.raises(RuntimeError, match="open the run first"):
        await Run("never opened", **options).progress()


async def test_a_summary_is_a_frozen_value(options):
    @job("frozen")
    async def handle(number):
        return number

    summary = await handle.run([1], **options)
    with pytest.raises(AttributeError):
        summary.done = 5
    assert replace(summary, done=5).done == 5
