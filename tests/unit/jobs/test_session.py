"""Opening and closing a job: state, checkpoints, resources, signals, options."""

import asyncio
import io
import logging
import os
import signal
import sys

import pytest

from outlast.config import CheckpointConfiguration, JobConfiguration
from outlast.errors import TargetError
from outlast.jobs import Outcome, Run, job
from outlast.jobs.bind import wanted_names
from outlast.jobs.resources import available
from outlast.ledger import MemoryLedger
from outlast.runtime import Runtime


@pytest.fixture
def runtime(virtual_clock):
    return Runtime(clock=virtual_clock, roll=lambda: 0.5)


@pytest.fixture
def options(tmp_path, runtime, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {"store": tmp_path / "store", "runtime": runtime}


def checkpoints(tmp_path):
    return sorted(tmp_path.glob("store/jobs/*/checkpoints/**/*.ckpt"))


@job("slow", concurrency=1)
async def slow(number, ctx):
    await asyncio.sleep(10)
    ctx.state["sum"] = ctx.state.get("sum", 0) + number


async def test_a_checkpoint_is_taken_every_interval_and_only_when_something_changed(options, tmp_path):
    created = []
    options["runtime"].bus.subscribe(created.append, ["checkpoint_created"])
    config = JobConfiguration(checkpoint=CheckpointConfiguration(interval=30))
    await slow.run(range(12), config=config, **options)
    assert 4 <= len(created) <= 5
    again = len(created)
    await slow.run((), config=config, **options)
    assert len(created) == again + 1


@pytest.mark.parametrize(("size", "taken"), [(10, 2), (100_000, 6)], ids=["small", "large"])
async def test_a_small_state_is_not_saved_again_while_nothing_happens(options, size, taken):
    created = []
    options["runtime"].bus.subscribe(created.append, ["checkpoint_created"])

    async def wait(_):
        await asyncio.sleep(55)

    config = JobConfiguration(checkpoint={"interval": 10})
    async with Run("waits", config=config, **options) as run:
        run.state["text"] = "x" * size
        await run.process(wait, [1])
    assert len(created) == taken


async def test_a_change_of_the_state_alone_is_saved(options):
    created = []
    options["runtime"].bus.subscribe(created.append, ["checkpoint_created"])

    async def wait(_, ctx):
        for number in range(5):
            ctx.state["text"] = str(number)
            await asyncio.sleep(10)

    await job("changes")(wait).run([1], config=JobConfiguration(checkpoint={"interval": 10}), **options)
    assert len(created) >= 5


async def test_a_job_keeps_as_many_checkpoints_as_it_is_told(options, tmp_path):
    config = JobConfiguration(checkpoint=CheckpointConfiguration(interval=10, retention_count=2))
    await slow.run(range(12), config=config, **options)
    assert len(checkpoints(tmp_path)) == 2


async def test_without_checkpoints_the_items_are_kept_and_the_state_is_not(options, tmp_path):
    config = JobConfiguration(checkpoint=CheckpointConfiguration(enabled=False))
    await slow.run(range(3), config=config, **options)
    assert checkpoints(tmp_path) == []
    async with slow.open(config=config, **options) as run:
        assert run.state == {}
        assert (await run.progress()).counts.done == 3


async def test_checkpoints_go_where_they_are_told(options, tmp_path):
    config = JobConfiguration(checkpoint=CheckpointConfiguration(storage_path=str(tmp_path / "elsewhere")))
    await slow.run(range(3), config=config, **options)
    assert checkpoints(tmp_path) == []
    assert list((tmp_path / "elsewhere").glob("**/*.ckpt"))
    async with slow.open(config=config, fresh=True, **options) as run:
        assert run.state == {}


async def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(options, tmp_path):
    damaged = []
    options["runtime"].bus.subscribe(damaged.append, ["checkpoint_corrupted"])
    await slow.run(range(3), **options)
    await slow.run(range(5), **options)
    newest = checkpoints(tmp_path)[-1]
    blob = bytearray(newest.read_bytes())
    blob[-5] ^= 1
    newest.write_bytes(blob)
    async with slow.open(**options) as run:
        assert run.state == {"sum": 0 + 1 + 2}
    assert len(damaged) == 1


async def test_a_state_that_cannot_be_saved_is_announced_while_the_items_go_on(options):
    told = []
    options["runtime"].bus.subscribe(told.append, ["checkpoint_failed"])

    @job("odd state", concurrency=1, expect={"results": False})
    async def handle(number, ctx):
        await asyncio.sleep(20)
        ctx.state["x"] = {1} if number < 4 else 1

    summary = await handle.run(range(5), **options)
    assert summary.outcome is Outcome.COMPLETED
    assert "$.state.x: set" in told[0].data["reason"]


async def test_a_job_may_live_in_memory(options, tmp_path):
    ledger = MemoryLedger()

    @job("in memory")
    async def handle(number):
        return number

    async with handle.open(ledger=ledger, **options) as run:
        assert (await run.process(handle.handler, range(5))).done == 5
    assert (await ledger.counts()).done == 5
    assert not list(tmp_path.glob("store/jobs/*/ledger.db"))


async def test_a_configuration_and_a_file_say_the_same(options, tmp_path):
    (tmp_path / "job.toml").write_text('concurrency = 3\nmax_failed = "50%"\n')
    from_file = Run("x", config=tmp_path / "job.toml", **options)._config
    given = Run("x", config=JobConfiguration(concurrency=3, max_failed="50%"), **options)._config
    assert (
        (from_file.concurrency, from_file.max_failed) == (given.concurrency, given.max_failed) == (3, given.max_failed)
    )
    assert Run("x", config=JobConfiguration(concurrency=3), concurrency=5, **options)._config.concurrency == 5


async def test_retries_can_be_switched_off(options):
    tried = []

    class Shaky(Exception):
        retryable = True

    @job("once")
    async def handle(number):
        tried.append(number)
        raise Shaky

    summary = await handle.run([1], config=JobConfiguration(retry={"enabled": False}), **options)
    assert (summary.failed, tried) == (1, [1])


async def test_without_classification_every_failure_is_tried_again(options):
    tried = []

    @job("unclassified")
    async def handle(number):
        tried.append(number)
        raise ValueError

    config = JobConfiguration(retry={"failure_classification_enabled": False})
    await handle.run([1], config=config, **options)
    assert len(tried) == 5


async def test_a_policy_s_attempt_timeout_bounds_the_job_s(options):
    @job("policy", timeout=None)
    async def handle(number, ctx):
        if ctx.attempt == 1:
            await asyncio.sleep(3_600)

    clock = options["runtime"].clock
    start = clock.monotonic()
    await handle.run([1], config=JobConfiguration(retry={"default_policy": "http"}), **options)
    assert 30 <= clock.monotonic() - start < 60


def test_http_is_provided_by_the_package():
    assert "http" in available({})


async def test_a_resource_whose_package_is_missing_names_the_command(options):
    class Missing:
        name = "elasticsearch"
        dist = None

    from importlib.metadata import EntryPoint

    from outlast.jobs.resources import enter

    point = EntryPoint("search", "no_such_package.client:Client", "outlast.resources")
    with pytest.raises(TargetError, match=r"'search' needs no_such_package: pip install 'outlast\[search\]'"):
        await enter(["search"], {"search": point}, None)


async def test_a_plain_context_manager_is_a_resource_too(options):
    closed = []

    class Plain:
        def __enter__(self):
            return "entered"

        def __exit__(self, *_):
            closed.append(True)

    @job("plain")
    async def handle(number, tool, http):
        assert tool == "entered"
        return type(http).__name__

    async with handle.open(resources={"tool": Plain, "http": lambda: "mine"}, **options) as run:
        values = [done.value async for done in run.map(handle.handler, [1])]
    assert values == ["str"]
    assert closed == [True]


def test_parameters_with_defaults_and_stars_ask_for_nothing():
    def handler(item, limit=3, *rest, ctx, **more):
        return item

    assert wanted_names(handler, ["http"]) == ["ctx"]


SIGNALLED = """
import asyncio, sys, outlast

@outlast.job("signalled", concurrency=2, drain=5)
async def handle(number):
    print(number, flush=True)
    await asyncio.sleep(float(sys.argv[1]))
    return number

summary = asyncio.run(handle.run(range(20), output="out.jsonl"))
print(summary.outcome.value, summary.done, flush=True)
sys.exit(summary.exit_code)
"""


async def signalled(tmp_path, seconds, signals):
    (tmp_path / "script.py").write_text(SIGNALLED)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "script.py", str(seconds), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    await process.stdout.readline()
    for number in signals:
        await asyncio.sleep(0.2)
        os.kill(process.pid, number)  # not `send_signal`: that may reap the child
    last = [line.decode() async for line in process.stdout][-1]
    return await process.wait(), last.split()


@pytest.mark.real_time
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_lets_work_in_hand_end_and_says_so_in_the_exit_code(tmp_path, number, code):
    ended, (outcome, done) = await signalled(tmp_path, 0.5, [number])
    assert (ended, outcome) == (code, "stopped")
    assert int(done) >= 2
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == int(done)


@pytest.mark.real_time
async def test_a_second_signal_stops_at_once_and_loses_nothing(tmp_path):
    ended, (outcome, done) = await signalled(tmp_path, 60, [signal.SIGINT, signal.SIGINT])
    assert (ended, outcome, done) == (130, "stopped", "0")
    assert (await signalled(tmp_path, 0.01, []))[1] == ["completed", "20"]


@pytest.mark.real_time
async def test_signals_are_given_back_after_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)

    @job("signals")
    async def handle(number):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        return number

    summary = await handle.run([1, 2, 3], concurrency=1)
    assert (summary.outcome, summary.exit_code, summary.done) == (Outcome.STOPPED, 143, 1)
    assert signal.getsignal(signal.SIGTERM) is before


@job("down for a minute")
async def down_for_a_minute(url):
    if asyncio.get_running_loop().time() < 60:
        raise ConnectionRefusedError("down")


URLS = [f"http://a.example/{number}" for number in range(20)]


async def test_a_run_from_code_says_that_a_host_is_down(options, caplog):
    await down_for_a_minute.run(URLS, **options)
    assert "host parked: host 'a.example'" in caplog.text
    assert "host recovered: host 'a.example', down_for" in caplog.text
    assert len(caplog.records) == 2


async def test_whoever_listens_is_not_told_twice(options, caplog):
    events = []
    options["runtime"].bus.subscribe(events.append, ["host_parked"])
    await down_for_a_minute.run(URLS, **options)
    assert len(events) == 1
    assert caplog.records == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


async def said_at_its_start(options, monkeypatch, stream, *, logged=False):
    if not logged:
        # As if no program had set anything up, nor pytest.
        logger = logging.getLogger("outlast")
        monkeypatch.setattr(logger, "propagate", False)
        monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr("sys.stderr", stream)
    async with Run("my docs", **options) as run:
        return run.run_id, stream.getvalue()


async def test_who_begins_a_job_from_code_is_told_where_to_look(options, monkeypatch, tmp_path):
    run, said = await said_at_its_start(options, monkeypatch, Terminal())
    look = f"outlast status 'my docs' --watch --store {tmp_path / 'store'}"
    assert said == f"run {run} of job 'my docs'; watch it: {look}\n"


async def test_it_goes_where_the_program_has_told_logging_to_put_it(options, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "outlast.job")
    _, said = await said_at_its_start(options, monkeypatch, Terminal(), logged=True)
    assert (said, [record.levelname for record in caplog.records]) == ("", ["INFO"])
    assert "watch it: outlast status 'my docs' --watch" in caplog.text


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
async def test_nothing_is_said_to_a_program_that_asked_for_quiet(options, monkeypatch, caplog, level):
    caplog.set_level(level, "outlast")
    assert (await said_at_its_start(options, monkeypatch, Terminal()))[1] == ""


async def test_nothing_is_said_where_nobody_reads_it(options, monkeypatch):
    assert (await said_at_its_start(options, monkeypatch, io.StringIO()))[1] == ""


async def test_nothing_is_said_of_a_job_that_the_command_line_does_not_find(options, monkeypatch):
    assert (await said_at_its_start({**options, "ledger": MemoryLedger()}, monkeypatch, Terminal()))[1] == ""


async def test_a_logging_section_is_obeyed_without_the_command_line_too(options, tmp_path):
    config = JobConfiguration(logging={"destination": str(tmp_path / "job.log"), "event_severity_min": "warning"})
    await down_for_a_minute.run(URLS, config=config, **options)
    log = (tmp_path / "job.log").read_text()
    assert "host_parked" in log
    assert "run_started" not in log


async def test_an_item_whose_lease_was_lost_meanwhile_is_recorded_once(options):
    ledger = MemoryLedger()
    tried = []

    @job("lost lease", concurrency=2)
    async def handle(number):
        tried.append(number)
        if len(tried) == 1:
            await ledger.release()
        await asyncio.sleep(1)
        return number

    async with handle.open(ledger=ledger, **options) as run:
        summary = await run.process(handle.handler, [1])
    assert (summary.done, len(tried)) == (1, 2)
    assert len(await ledger.results(0, 10)) == 1


@pytest.mark.real_time
def test_a_job_may_run_in_another_thread(tmp_path, monkeypatch):
    import threading

    monkeypatch.chdir(tmp_path)
    summaries = []

    @job("threaded")
    async def handle(number):
        return number

    thread = threading.Thread(target=lambda: summaries.append(asyncio.run(handle.run([1, 2]))))
    thread.start()
    thread.join(30)
    assert summaries[0].done == 2


async def test_a_callable_without_a_signature_is_refused(options):
    with pytest.raises(TargetError, match="it has no signature"):
        async with Run("no signature", **options) as run:
            await run.process(dict, [1])


async def test_a_source_that_enqueues_without_end_is_stopped_with_its_run(options):
    async def endless():
        number = 0
        while True:
            yield number
            number += 1
            await asyncio.sleep(1)

    async def double(number):
        return 2 * number

    async with Run("endless", **options) as run:
        async for done in run.map(double, endless()):
            if done.value >= 20:
                break
    async with Run("endless", **options) as run:
        assert (await run.progress()).counts.done >= 11


def test_a_retry_policy_that_is_not_there_is_a_mistake_of_the_configuration(tmp_path):
    from outlast.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match=r"retry\.default_policy: .*'nope'"):
        Run("policy", config=JobConfiguration(retry={"default_policy": "nope"}), store=tmp_path)


async def test_a_run_that_ends_with_an_error_leaves_a_note_of_it(options):
    def source():
        yield 1
        raise OSError("the list broke off")

    ledger = MemoryLedger()
    with pytest.raises(OSError, match="broke off"):
        async with Run("broken", ledger=ledger, **options) as run:
            await run.process(lambda item: item, source())
    ended = await ledger.get("ended")
    assert (ended["outcome"], ended["error"]) == ("error", "OSError: the list broke off")


async def test_a_job_that_was_only_opened_was_not_killed(options):
    ledger = MemoryLedger()
    async with Run("looked at", ledger=ledger, **options):
        assert await ledger.get("ended") is None
    ended = await ledger.get("ended")
    assert (ended["outcome"], ended["run"]) == ("closed", (await ledger.get("run"))["id"])
