"""Damage in a ledger is found while the job runs, said, and made good in the same run."""

import asyncio

import apsw
import pytest

from outlast.errors import LedgerCorruptionError
from outlast.jobs import Outcome, Run
from outlast.jobs.scrub import FINDINGS_TOLD_MAX, SLICE
from outlast.ledger import ItemStatus, MemoryLedger
from outlast.ledger.health import Examined, Finding, Remedy
from outlast.runtime import Runtime


async def test_a_damaged_result_and_the_item_it_makes_pending_are_told_of_once(options, told):
    async def handle(item):
        return item

    for expected in (0, 1, 0):
        async with Run("job", **options) as run:
            summary = await run.process(handle, map(str, range(10)))
        assert (summary.done, summary.damaged, len(told)) == (10, expected, expected or len(told))
        [path] = options["store"].glob("jobs/*/ledger.db")
        if not told:
            db = apsw.Connection(str(path))
            db.execute("UPDATE results SET lines = 'x' WHERE position = 3")
            db.close()
    assert [(row["table"], row["key"], row["remedy"]) for row in told[0]["findings"]] == [("results", "2", "removed")]


class Rotting(MemoryLedger):
    """A ledger whose rows are found damaged when they are examined: `rot` says which, and what becomes of them."""

    def __init__(self):
        super().__init__()
        self.rot = {}
        self.sighted = []
        self.slices = []
        self.rows = 0

    async def examine(self, after, limit, /):
        self.slices.append((asyncio.get_running_loop().time(), after, limit))
        end = after + limit
        found = [self.mended(item, self.rot.pop(item)) for item in sorted(self.rot) if after < item <= end]
        return Examined(end if end < self.rows else None, tuple(found))

    async def damage(self):
        found, self.sighted = self.sighted, []
        return found

    def mended(self, item, remedy):
        row = self._rows[item - 1]
        self._move(row, {Remedy.PENDING: ItemStatus.PENDING, Remedy.FAILED: ItemStatus.FAILED}.get(remedy, row.status))
        if remedy is Remedy.FAILED:
            row.error = '{"type": "Lost", "message": "its payload is lost"}'
        return Finding("items", item, row.key, "its checksum does not fit", remedy)


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {"store": tmp_path / "store", "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5)}


@pytest.fixture
def told(options):
    events = []
    options["runtime"].bus.subscribe(lambda event: events.append(dict(event.data)), ["ledger_damaged"])
    return events


@pytest.fixture
async def ledger(options):
    """A finished job of ten items."""
    ledger = Rotting()
    async with Run("job", ledger=ledger, **options) as run:
        await run.process(lambda item: item, map(str, range(10)))
    ledger.slices.clear()
    return ledger


async def run_again(ledger, options, items=(), seconds=0.0, **more):
    tried = []

    async def handle(item):
        await asyncio.sleep(seconds)
        tried.append(item)
        return item

    async with Run("job", ledger=ledger, **options, **more) as run:
        return await run.process(handle, items), tried


async def test_a_finished_job_is_examined_before_it_is_called_completed(ledger, options, told):
    ledger.rows = 100_000
    ledger.rot = {3: Remedy.PENDING, 7: Remedy.DONE}
    summary, tried = await run_again(ledger, options)
    assert (summary.outcome, summary.done, summary.damaged, summary.exit_code) == (Outcome.COMPLETED, 10, 2, 0)
    assert tried == ["2"]
    assert [(each["damaged"], each["lost"]) for each in told] == [(2, 0)]
    assert told[0]["findings"] == [
        {"table": "items", "row": 3, "key": "2", "problem": "its checksum does not fit", "remedy": "pending"},
        {"table": "items", "row": 7, "key": "6", "problem": "its checksum does not fit", "remedy": "done"},
    ]
    assert sum(limit for _, _, limit in ledger.slices) >= ledger.rows


async def test_a_sound_job_says_nothing(ledger, options, told):
    summary, tried = await run_again(ledger, options)
    assert (summary.damaged, tried, told) == (0, [], [])
    assert await ledger.get("damage") is None


async def test_an_item_found_damaged_is_done_while_others_are(ledger, options, told):
    ledger.rows = 10 * SLICE
    ledger.rot = {3: Remedy.PENDING}
    begun = {}

    async def handle(item):
        begun[item] = asyncio.get_running_loop().time()
        await asyncio.sleep(30)

    start = asyncio.get_running_loop().time()
    async with Run("job", ledger=ledger, concurrency=3, **options) as run:
        assert (await run.process(handle, ["new", "newer"])).done == 12
    assert begun["new"] == begun["newer"] == start
    assert start < begun["2"] < start + 1
    assert len(told) == 1


async def test_items_do_not_wait_for_the_look_at_the_rest(ledger, options):
    ledger.rows = 10**9
    begun = []

    async def handle(item):
        begun.append(asyncio.get_running_loop().time())
        run.stop()

    start = asyncio.get_running_loop().time()
    async with Run("job", ledger=ledger, **options) as run:
        await run.process(handle, ["new"])
    assert begun == [start]


async def test_slices_are_small_and_far_apart_while_there_is_work(ledger, options):
    ledger.rows = 10**9
    async with Run("job", ledger=ledger, **options) as run:
        asyncio.get_running_loop().call_later(10, run.stop)
        await run.process(asyncio.sleep, [30])
    assert {limit for _, _, limit in ledger.slices} == {SLICE}
    times = [time for time, _, _ in ledger.slices]
    assert all(later - earlier >= 0.049 for earlier, later in zip(times, times[1:], strict=False))
    assert len(times) > 100


async def test_a_run_that_is_stopped_does_not_look_at_the_rest(ledger, options):
    ledger.rows = 10**9
    async with Run("job", ledger=ledger, **options) as run:
        run.stop()
        summary = await run.process(lambda item: item, ["new"])
    assert summary.outcome is not Outcome.EMPTY
    assert len(ledger.slices) <= 2


async def test_a_payload_that_is_lost_fails_its_item_whatever_may_fail(ledger, options, told):
    ledger.rot = {3: Remedy.FAILED}
    summary, _ = await run_again(ledger, options, max_failed=5)
    assert (summary.failed, summary.damaged, summary.exit_code) == (1, 1, 1)
    assert told[0]["lost"] == 1
    again, _ = await run_again(ledger, options, max_failed=5)
    assert (again.failed, again.damaged, again.exit_code) == (1, 0, 0)


async def test_what_leasing_came_upon_is_said_too(ledger, options, told):
    ledger.sighted = [Finding("items", 4, "3", "its state does not fit", Remedy.PENDING)]
    summary, _ = await run_again(ledger, options)
    assert summary.damaged == 1
    assert told[0]["findings"][0]["key"] == "3"


async def test_what_others_come_upon_late_is_said_while_the_run_goes_on(ledger, options, told):
    async def handle(item):
        await asyncio.sleep(10)
        ledger.sighted = [Finding("items", 4, "3", "its state does not fit", Remedy.PENDING)]
        await asyncio.sleep(10)
        assert len(told) == 1

    async with Run("job", ledger=ledger, **options) as run:
        assert (await run.process(handle, ["new"])).failed == 0


async def test_the_note_for_later_adds_up(ledger, options):
    for number in (1, 2):
        ledger.rot = {number: Remedy.PENDING, 5: Remedy.FAILED}
        ledger._move(ledger._rows[4], ItemStatus.DONE)
        await run_again(ledger, options)
    noted = await ledger.get("damage")
    assert (noted["damaged"], noted["lost"]) == (4, 2)
    assert [each["row"] for each in noted["findings"]] == [2, 5]
    assert noted["at"].endswith("+00:00")


async def test_of_much_damage_the_first_rows_are_named_and_all_are_counted(ledger, options, told):
    row = Finding("items", 1, "0", "its state does not fit", Remedy.RESTORED)
    ledger.sighted = [row] * (5 * FINDINGS_TOLD_MAX)
    summary, _ = await run_again(ledger, options)
    assert summary.damaged == told[0]["damaged"] == 5 * FINDINGS_TOLD_MAX
    assert len(told[0]["findings"]) == FINDINGS_TOLD_MAX


async def test_a_ledger_that_cannot_be_read_ends_the_run(ledger, options):
    async def broken(*_):
        raise LedgerCorruptionError("a page is torn")

    ledger.examine = broken
    with pytest.raises(LedgerCorruptionError, match="torn"):
        await run_again(ledger, options)


async def test_damage_is_a_line_in_the_log_of_a_run_from_code(ledger, options, caplog):
    ledger.rot = {3: Remedy.PENDING}
    await run_again(ledger, options)
    assert "job 'job': ledger damaged: damaged 1, lost 0" in caplog.text


async def test_a_new_job_has_nothing_to_be_examined(options):
    ledger = Rotting()
    summary, _ = await run_again(ledger, options, ["a", "b"])
    assert (summary.done, ledger.slices) == (2, [])


async def test_what_cannot_be_read_is_looked_for_again_though_all_was_examined(ledger, options, told):
    async with Run("job", ledger=ledger, **options) as run:
        await run.process(lambda item: item, [])
        ledger.rot = {3: Remedy.PENDING}
        assert await run._session.mend()
        assert not await run._session.mend()
    assert len(told) == 1
