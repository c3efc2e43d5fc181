"""Corners where a run hung, died or told the wrong story before."""

import asyncio
from collections import Counter

import pytest

from outlast.errors import OutputError, ValidationError
from outlast.jobs import Outcome, Run, job
from outlast.jobs.output import Output
from outlast.ledger import MemoryLedger
from outlast.runtime import Runtime


@pytest.fixture
def runtime(virtual_clock):
    return Runtime(clock=virtual_clock, roll=lambda: 0.5)


@pytest.fixture
def options(tmp_path, runtime, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {"store": tmp_path / "store", "runtime": runtime}


async def sleeper(item):
    await asyncio.sleep(1)
    return item


async def test_one_worker_with_slow_items_does_not_wait_at_the_end(options):
    clock = options["runtime"].clock
    start = clock.monotonic()
    async with Run("slow", concurrency=1, **options) as run:
        await run.process(sleeper, ["a", "b"])
    assert clock.monotonic() - start < 5


async def test_one_worker_probes_a_host_that_is_down_until_it_is_up(options):
    clock = options["runtime"].clock
    start = clock.monotonic()

    async def fetch(url):
        await asyncio.sleep(0.05)
        if clock.monotonic() - start < 30:
            raise ConnectionRefusedError

    async with Run("one worker", concurrency=1, **options) as run:
        summary = await run.process(fetch, [f"http://a/{n}" for n in range(100)])
    assert (summary.done, summary.failed) == (100, 0)
    assert clock.monotonic() - start < 60


async def test_a_child_is_begun_when_a_worker_is_free_not_when_all_are(options):
    begun = {}

    async def handle(item, ctx):
        begun[item] = asyncio.get_running_loop().time()
        await asyncio.sleep(50 if item == "long" else 1)
        if item == "seed":
            ctx.enqueue("child")

    async with Run("child", concurrency=2, **options) as run:
        await run.process(handle, ["long", "seed"])
    assert begun["child"] - begun["seed"] < 5


async def test_line_separators_in_a_record_are_no_line_breaks(options):
    values = ["a\u2028b\u2029c\x85d", "x\ny"]

    async def handle(item):
        return values

    async with Run("separators", **options) as run:
        assert [done.value async for done in run.map(handle, [1])] == [values]


async def test_text_that_is_not_unicode_is_refused_by_name_and_kills_nothing(options):
    async def handle(item, ctx):
        if item == "parent":
            ctx.enqueue("http://x/\udce9")

    async with Run("surrogates", **options) as run:
        summary = await run.process(handle, ["parent", "other"])
        [failure] = await run.failures()
    assert (summary.done, summary.failed) == (1, 1)
    assert "lone surrogate" in failure["message"]
    for items, key in (
        (["fine", "http://x/\udce9"], None),
        (["fine", "bad"], lambda item: item.replace("bad", "\udce9")),
    ):
        with pytest.raises(ValidationError, match="item 1 of the source: .*lone surrogate"):
            async with Run("surrogates", **options) as run:
                await run.process(handle, items, key=key)


class Markup(str):
    """What xpath results are."""


async def test_text_of_a_subclass_is_the_same_item_as_the_text(options):
    tried = Counter()

    async def handle(item, ctx):
        tried[str(item)] += 1
        ctx.enqueue(Markup("http://a/"), "http://a/")

    async with Run("markup", **options) as run:
        await run.process(handle, ["http://b/"])
    assert tried == Counter({"http://b/": 1, "http://a/": 1})


async def test_a_handler_that_swallows_a_cancellation_does_not_keep_the_run_alive(options):
    async def handle(item):
        try:
            await asyncio.sleep(10)
        except BaseException:
            return "saved"

    async def run_it():
        async with Run("swallows", concurrency=2, **options) as run:
            await run.process(handle, range(20))

    task = asyncio.create_task(run_it())
    await asyncio.sleep(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.get_running_loop().time() < 20


async def test_handlers_that_cancel_their_own_task_fail_and_the_run_goes_on(options):
    async def handle(number):
        if number < 5:
            asyncio.current_task().cancel()
            await asyncio.sleep(1)
        elif number == 7:
            await asyncio.sleep(100)
        return number

    async with Run("self-cancelling", concurrency=2, timeout=10, **options) as run:
        summary = await run.process(handle, range(10))
    assert (summary.done, summary.failed) == (4, 6)


async def test_a_second_process_of_a_run_goes_on_after_a_first_that_was_cancelled(options):
    async with Run("twice", concurrency=2, **options) as run:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await run.process(sleeper, range(20))
        summary = await run.process(sleeper, [])
    assert summary.done == 20


async def test_patience_is_not_lost_while_nobody_is_asked(options):
    clock = options["runtime"].clock

    async def source():
        await asyncio.sleep(3_600)
        for number in range(50):
            yield number

    async def fetch(number):
        if clock.monotonic() < 3_610:
            raise ConnectionRefusedError

    async with Run("late", expect={"results": False}, **options) as run:
        summary = await run.process(fetch, source())
    assert (summary.outcome, summary.done) == (Outcome.COMPLETED, 50)


async def test_a_stop_before_the_work_began_is_kept(options):
    class Slow:
        async def __aenter__(self):
            await asyncio.sleep(5)
            return self

        async def __aexit__(self, *_):
            return None

    async def handle(number, slow):
        await asyncio.sleep(10)

    async with Run("early stop", resources={"slow": Slow}, **options) as run:
        work = asyncio.create_task(run.process(handle, range(100)))
        await asyncio.sleep(1)
        run.stop()
        summary = await work
    assert (summary.outcome, summary.done) == (Outcome.STOPPED, 0)


async def test_more_signals_than_two_do_no_harm(options):
    async def handle(number):
        try:
            await asyncio.sleep(1_000)
        finally:
            await asyncio.sleep(1)

    async with Run("impatient", timeout=None, **options) as run:
        work = asyncio.create_task(run.process(handle, range(3)))
        await asyncio.sleep(1)
        for _ in range(5):
            run.stop()
            await asyncio.sleep(0.1)
        assert (await work).outcome is Outcome.STOPPED


async def test_a_run_out_of_patience_does_not_wait_for_what_hangs(options):
    clock = options["runtime"].clock

    async def handle(number):
        if number == 0:
            await asyncio.sleep(1_000_000)
        raise ConnectionRefusedError

    async with Run("hangs", timeout=None, patience=60, drain=5, concurrency=4, **options) as run:
        summary = await run.process(handle, range(50))
    assert summary.outcome is Outcome.ABORTED
    assert clock.monotonic() < 200


async def test_a_plain_function_that_hangs_does_not_keep_others_from_starting(tmp_path, monkeypatch):
    import threading

    release = threading.Event()
    begun = []

    def handle(number):
        begun.append(number)
        if number < 2:
            release.wait(20)
        return number

    monkeypatch.chdir(tmp_path)
    try:
        async with Run("threads", concurrency=2, timeout=0.3, max_failed=2, store=tmp_path) as run:
            work = asyncio.create_task(run.process(handle, range(10)))
            while (await run.progress()).counts.done < 8:
                await asyncio.sleep(0.05)
            run.stop()
            await work
    finally:
        release.set()
    assert set(begun) == set(range(10))


test_a_plain_function_that_hangs_does_not_keep_others_from_starting = pytest.mark.real_time(
    test_a_plain_function_that_hangs_does_not_keep_others_from_starting
)


async def test_fresh_with_somebody_else_s_output_moves_nothing(options, tmp_path):
    @job("precious")
    async def handle(number):
        return number

    await handle.run(range(5), output=tmp_path / "mine.jsonl", **options)
    (tmp_path / "theirs.jsonl").write_text("x\n")
    with pytest.raises(OutputError, match="is not the file that this job is writing"):
        await handle.run(range(5), fresh=True, output=tmp_path / "theirs.jsonl", **options)
    async with handle.open(**options) as run:
        assert (await run.progress()).counts.done == 5


async def test_fresh_is_the_way_out_of_a_damaged_ledger(options, tmp_path):
    @job("damaged")
    async def handle(number):
        return number

    await handle.run(range(5), **options)
    [ledger] = (tmp_path / "store").glob("jobs/*/ledger.db")
    ledger.write_bytes(b"rot" * 5_000)
    assert (await handle.run(range(3), fresh=True, **options)).done == 3
    [kept] = (tmp_path / "store").glob("jobs/*/old/*/ledger.db")
    assert kept.read_bytes() == b"rot" * 5_000


@pytest.mark.parametrize("rotten", ["all of it", "what it has noted"])
async def test_fresh_is_the_way_out_of_a_damaged_ledger_that_has_an_output(options, tmp_path, rotten):
    output = tmp_path / "out.jsonl"

    @job("damaged", output=output)
    async def handle(number):
        return number

    await handle.run(range(5), **options)
    [ledger] = (tmp_path / "store").glob("jobs/*/ledger.db")
    if rotten == "all of it":
        ledger.write_bytes(b"rot" * 5_000)
    else:
        ledger.write_bytes(ledger.read_bytes().replace(b'"position"', b'"pasition"'))
    await handle.run(range(3), fresh=True, **options)
    assert output.read_text() == "0\n1\n2\n"
    [kept] = tmp_path.glob("out.*.jsonl")
    assert kept.read_text() == "0\n1\n2\n3\n4\n"
    assert (await handle.run(range(4), **options)).done == 4


class FailsOnce:
    """A file whose first write stops in the middle."""

    def __init__(self, file):
        self._file = file
        self._failed = False

    def write(self, blob):
        if self._failed:
            return self._file.write(blob)
        self._failed = True
        self._file.write(blob[:3])
        raise OSError(28, "No space left on device")

    def fileno(self):
        return self._file.fileno()

    def close(self):
        self._file.close()


async def test_a_write_that_fails_once_is_not_written_behind(tmp_path, virtual_clock, watcher):
    from outlast.ledger import ItemStatus, NewItem, Record, Shape

    ledger = MemoryLedger()
    path = tmp_path / "out.jsonl"
    first = await Output.open(path, ledger, virtual_clock, watcher)
    for number in range(5):
        await ledger.add([NewItem(str(number))])
        [lease] = await ledger.lease("me", 1, 0.0, 1.0)
        await ledger.record(
            Record(lease=lease, status=ItemStatus.DONE, attempts=1, shape=Shape.ONE, lines=f"{number}{number}\n")
        )
    first._file._file = FailsOnce(first._file._file)
    with pytest.raises(OutputError):
        await first.follow()
    await first.finish()
    second = await Output.open(path, ledger, virtual_clock, watcher)
    await second.finish()
    assert path.read_text().splitlines() == ["00", "11", "22", "33", "44"]


async def test_the_state_may_change_in_a_thread_while_it_is_saved(tmp_path, virtual_clock):
    class Restless(dict):
        looks = 0

        def items(self):
            Restless.looks += 1
            if Restless.looks in {1, 2, 4}:
                raise RuntimeError("dictionary changed size during iteration")
            return super().items()

    async with Run("restless", store=tmp_path, runtime=Runtime(clock=virtual_clock)) as run:
        run.state["seen"] = Restless(a=1)
    assert Restless.looks >= 5
    async with Run("restless", store=tmp_path, runtime=Runtime(clock=virtual_clock)) as run:
        assert run.state == {"seen": {"a": 1}}
