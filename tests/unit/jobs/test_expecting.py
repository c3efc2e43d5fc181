"""Whole jobs held against what was expected of them, on virtual time, with a real ledger on a real disk."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from outlast.errors import StaleLeaseError
from outlast.jobs import Outcome, Run
from outlast.jobs.census import Census
from outlast.jobs.expecting import at_work
from outlast.jobs.gate import Waiting
from outlast.jobs.host import Reason
from outlast.jobs.orders import Orders, write_orders
from outlast.jobs.store import job_directory
from outlast.jobs.tally import Tally
from outlast.jobs.throttle import PAUSE, Throttle
from outlast.jobs.yields import Yield
from outlast.ledger import ItemStatus, MemoryLedger, Result, Shape, SqliteLedger
from outlast.runtime import Runtime


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {
        "store": tmp_path / "store",
        "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5),
        "concurrency": 4,
    }


@pytest.fixture
def told(options):
    found = []
    options["runtime"].bus.subscribe(lambda event: found.append(event.data), ["expectation_failed"])
    return found


async def record(number):
    return {"n": number, "price": number or None}


async def returned(number):
    return number


async def nothing(number):
    return None


async def facts(options, name):
    async with Run(name, **options) as run:
        return await run._session.ledger.get("unmet")


# A job that gives nothing


@pytest.mark.parametrize("empty", [None, "", [], {}, [None, {}]])
async def test_a_job_whose_items_all_gave_nothing_is_no_success(options, empty):
    async def handle(number):
        return empty

    async with Run("empty", **options) as run:
        summary = await run.process(handle, range(20))
    assert (summary.outcome, summary.exit_code, summary.done, summary.records) == (Outcome.EMPTY, 1, 20, 0)
    async with Run("empty", **options) as run:
        again = await run.process(handle, range(20))
    assert (again.outcome, again.exit_code) == (Outcome.EMPTY, 1)
    assert summary.reason == again.reason == "20 items are done, and gave no record"


@pytest.mark.parametrize(("stop", "outcome"), [(True, Outcome.STOPPED), (False, Outcome.EMPTY)])
async def test_that_no_item_gives_anything_is_announced_once_after_200_and_stops_where_that_is_wanted(
    options, told, stop, outcome
):
    async def handle(number):
        await asyncio.sleep(0.1)

    async with Run("barren", expect={"stop": stop}, **options) as run:
        summary = await run.process(handle, range(1_000))
    assert (summary.outcome, summary.exit_code) == (outcome, 1)
    assert [each["expectation"] for each in told] == ["results"]
    assert told[0]["reason"] == "none of 200 items gave a record, expected some (results = true)"
    assert told[0]["at_end"] is False
    if stop:
        assert 200 <= summary.done <= 204
        assert [each.partition(":")[0] for each in summary.unmet] == ["results"]
        noted = await facts(options, "barren")
        assert [each["name"] for each in noted["unmet"]] == ["results"]
        assert not noted["unmet"][0]["lasting"]


async def test_items_that_lead_to_others_or_follow_one_that_gave_something_are_not_called_fruitless(options, told):
    async def handle(number, ctx):
        if number < 300:
            ctx.enqueue(number + 1_000)
        return number if number in {1_000, 1_001} else None

    async with Run("pages", expect={"stop": True}, **options) as run:
        first = await run.process(handle, range(300))
        second = await run.process(nothing, range(2_000, 2_300))
    async with Run("pages", expect={"stop": True}, **options) as run:
        third = await run.process(nothing, range(3_000, 3_300))
    async with Run("meant", expect={"stop": True, "results": False}, **options) as run:
        fourth = await run.process(nothing, range(300))
    assert [each.outcome for each in (first, second, third, fourth)] == [Outcome.COMPLETED] * 4
    assert told == []


async def test_a_job_without_items_says_that_there_were_none(options):
    async with Run("none", **options) as run:
        summary = await run.process(record, [])
        assert (await run._session.ledger.get("ended"))["reason"] == "there were no items"
    assert (summary.outcome, summary.reason) == (Outcome.EMPTY, "there were no items")


async def test_one_record_among_many_items_is_enough_whichever_run_gave_it(options):
    async def handle(number):
        return {"n": number} if number == 7 else None

    for items in (8, 20):
        async with Run("one", **options) as run:
            summary = await run.process(handle, range(items))
        assert (summary.outcome, summary.exit_code, summary.records) == (Outcome.COMPLETED, 0, 1)


async def test_a_handler_that_returns_nothing_on_purpose_says_so(options):
    async with Run("meant", expect={"results": False}, **options) as run:
        summary = await run.process(nothing, range(20))
    assert (summary.outcome, summary.exit_code, summary.records) == (Outcome.COMPLETED, 0, 0)


async def test_what_gave_nothing_because_it_failed_is_no_empty_job(options):
    async def handle(number):
        raise ValueError

    async with Run("failing", **options) as run:
        summary = await run.process(handle, range(3))
    assert (summary.outcome, summary.exit_code) == (Outcome.COMPLETED_WITH_FAILURES, 1)


async def test_a_map_that_gave_nothing_ends_empty_too(options):
    async with Run("mapped", **options) as run:
        assert [done.value async for done in run.map(nothing, range(5))] == [None] * 5
        assert run.summary().outcome is Outcome.EMPTY
        assert [done.value async for done in run.map(record, range(5, 7))] == [{"n": n, "price": n} for n in (5, 6)]
        assert (run.summary().outcome, run.summary().records) == (Outcome.COMPLETED, 2)


async def test_a_run_that_left_items_to_do_is_not_judged_by_what_it_has_not_given_yet(options):
    async with Run("stopped", expect={"min_items": 100}, **options) as run:

        async def handle(number):
            run.stop()

        summary = await run.process(handle, range(100))
    assert (summary.outcome, summary.exit_code, summary.unmet) == (Outcome.STOPPED, 3, ())


# At the end


async def test_each_expectation_that_is_not_met_is_in_the_summary_announced_and_noted(options, told):
    expect = {"min_items": 30, "fields": {"price": 1.0, "n": 1.0}}
    async with Run("unmet", expect=expect, **options) as run:
        summary = await run.process(record, range(20))
    assert (summary.outcome, summary.exit_code, summary.records) == (Outcome.COMPLETED_WITH_FAILURES, 1, 20)
    assert summary.unmet == (
        "min_items: 20 records, expected at least 30",
        "fields.price: it is in 19 of 20 records (95%), expected in 100%",
    )
    assert [(each["expectation"], each["at_end"]) for each in told] == [("min_items", True), ("fields.price", True)]
    assert {each["run_id"] for each in told} == {summary.run_id}
    # To look into a job changes nothing of what is noted.
    noted = await facts({**options, "expect": expect}, "unmet")
    assert [each["name"] for each in noted["unmet"]] == ["min_items", "fields.price"]
    async with Run("unmet", expect={**expect, "min_items": 25}, **options) as run:
        summary = await run.process(record, range(25))
        noted = await run._session.ledger.get("unmet")
    assert [each.partition(":")[0] for each in summary.unmet] == ["fields.price"]
    assert (noted["run"], [each["name"] for each in noted["unmet"]]) == (summary.run_id, ["fields.price"])
    async with Run("unmet", **options) as run:
        assert (await run.process(record, range(25))).exit_code == 0
        assert await run._session.ledger.get("unmet") is None


async def test_too_many_failures_are_an_expectation_that_is_not_met(options, told):
    async def handle(number):
        if number < 3:
            raise ValueError
        return number

    async with Run("failures", expect={"max_failed": 2}, **options) as run:
        summary = await run.process(handle, range(20))
    assert summary.unmet == ("max_failed: 3 of 20 items failed (15.0%), allowed: 2",)
    assert (summary.exit_code, len(told)) == (1, 1)


async def test_the_number_of_records_is_compared_with_the_last_finished_run_before_a_fresh_start(options):
    expect = {"compared_with_last": "20%"}

    async def run_of(records, **more):
        async with Run("compared", expect=expect, **{**options, **more}) as run:
            return await run.process(record, range(records))

    assert (await run_of(50)).unmet == ()
    assert (await run_of(100)).unmet == ()
    shrunk = await run_of(70, fresh=True)
    assert (shrunk.exit_code, len(shrunk.unmet)) == (1, 1)
    assert shrunk.unmet[0].startswith("compared_with_last: 70 records, 30% fewer than the 100 of ")
    # What is too few is no measure for the next.
    assert (await run_of(79, fresh=True)).exit_code == 1
    assert (await run_of(80, fresh=True)).exit_code == 0
    assert (await run_of(64, fresh=True)).exit_code == 0
    async with Run("compared", fresh=True, **options) as run:
        assert (await run.process(record, range(10))).exit_code == 0
    # The same ledger again is not compared with itself.
    assert (await run_of(10)).unmet[0].startswith("compared_with_last: 10 records, 84% fewer than the 64 of ")
    assert (await run_of(9, fresh=True)).exit_code == 0


async def test_a_run_that_was_stopped_or_had_no_items_is_no_measure(options):
    async def run_of(records, *, stop_at=None, **more):
        async with Run("measure", expect={"compared_with_last": 0.1}, **{**options, **more}) as run:

            async def handle(number):
                if number == stop_at:
                    run.stop()
                return number

            return await run.process(handle, range(records))

    assert (await run_of(100)).exit_code == 0
    assert (await run_of(100, stop_at=5, fresh=True)).outcome is Outcome.STOPPED
    async with Run("measure", fresh=True, **options) as run:
        assert (await run.process(record, [])).outcome is Outcome.EMPTY
    assert (await run_of(50, fresh=True)).exit_code == 1


async def test_totals_that_cannot_be_read_are_told_and_there_is_nothing_to_compare_with(options, caplog):
    async with Run("torn", **options) as run:
        await run.process(record, range(50))
    totals = job_directory(options["store"], "torn").totals
    assert json.loads(totals.read_text())["runs"][0]["records"] == 50
    totals.write_text("{")
    async with Run("torn", expect={"compared_with_last": 0.1}, **{**options, "fresh": True}) as run:
        assert (await run.process(record, range(5))).exit_code == 0
    assert "cannot be read" in caplog.text
    assert json.loads(totals.read_text())["runs"][0]["records"] == 5


async def test_a_ledger_of_ones_own_is_counted_and_has_nothing_to_compare_with(options):
    ledger = MemoryLedger()
    expect = {"compared_with_last": 0.1, "fields": {"price": 1.0}}
    async with Run("own", ledger=ledger, expect=expect, **options) as run:
        summary = await run.process(record, range(4))
    assert summary.unmet == ("fields.price: it is in 3 of 4 records (75%), expected in 100%",)
    assert not list(options["store"].rglob("TOTALS"))


# While the job works


async def test_a_field_that_goes_missing_is_announced_while_the_job_works_and_once(options, told, virtual_clock):
    noted = []

    async def handle(number):
        await virtual_clock.sleep(1)
        if number == 3_999:
            noted.append(await run._session.ledger.get("unmet"))
        return {"price": None if number < 2_000 else 1}

    expect = {"fields": {"price": 0.6}, "check_every": "1m"}
    async with Run("early", expect=expect, **options) as run:
        summary = await run.process(handle, range(4_000))
    assert [(each["expectation"], each["at_end"]) for each in told] == [("fields.price", False)]
    assert told[0]["reason"].endswith("expected in 60%")
    assert [each["name"] for each in noted[0]["unmet"]] == ["fields.price"]
    assert summary.unmet == ("fields.price: it is in 2000 of 4000 records (50%), expected in 60%",)


async def test_what_is_mended_by_the_end_is_met(options, told, virtual_clock):
    async def handle(number):
        await virtual_clock.sleep(1)
        return {"price": None if number < 500 else 1}

    async with Run("mended", expect={"fields": {"price": 0.8}, "check_every": "1m"}, **options) as run:
        summary = await run.process(handle, range(4_000))
        assert await run._session.ledger.get("unmet") is None
    assert (len(told), summary.unmet, summary.exit_code) == (1, (), 0)


async def test_a_job_that_is_not_as_expected_is_stopped_where_that_was_asked_for(options, virtual_clock):
    async def handle(number):
        await virtual_clock.sleep(1)
        return {"price": None}

    expect = {"fields": {"price": 0.6}, "check_every": "1m", "stop": True}
    async with Run("stops", expect=expect, **options) as run:
        summary = await run.process(handle, range(4_000))
    assert (summary.outcome, summary.exit_code) == (Outcome.STOPPED, 1)
    assert 240 <= summary.done <= 248
    assert summary.done + summary.deferred == 4_000
    assert summary.unmet[0].startswith("fields.price: it is in 0 of ")
    async with Run("stops", expect={"fields": {"price": 0.6}}, **options) as run:
        assert (await run.process(handle, range(4_000))).outcome is Outcome.COMPLETED_WITH_FAILURES


async def test_a_yield_that_drops_is_announced_and_stays_missed(options, told):
    async def handle(number):
        return [number] * (2 if number < 1_000 else 0) or None

    async with Run("drop", expect={"yield_drop": "50%"}, **options) as run:
        summary = await run.process(handle, range(1_500))
    assert len(told) == 1
    assert (summary.exit_code, summary.unmet) == (1, (f"yield_drop: {told[0]['reason']}",))
    async with Run("drop", expect={"yield_drop": "50%"}, **options) as run:
        again = await run.process(handle, range(1_500))
    assert (again.exit_code, again.unmet) == (1, summary.unmet)
    async with Run("drop", **options) as run:
        assert (await run.process(handle, range(1_500))).exit_code == 0


async def test_what_fails_or_waits_gives_nothing_and_is_no_drop(options, told):
    async def handle(number):
        if number >= 1_000:
            raise ValueError
        return number

    async with Run(
        "fails", expect={"yield_drop": 0.5, "max_failed": "50%"}, abort={"enabled": False}, **options
    ) as run:
        summary = await run.process(handle, range(1_500))
    assert (summary.failed, summary.unmet, told) == (500, (), [])


async def test_a_drop_is_measured_against_what_earlier_runs_gave(options):
    async def handle(number):
        return number if number < 1_000 else None

    for items in (1_000, 1_200):
        async with Run("later", expect={"yield_drop": 0.5}, **options) as run:
            summary = await run.process(handle, range(items))
    assert [each.partition(":")[0] for each in summary.unmet] == ["yield_drop"]


async def test_a_job_that_works_and_gets_no_new_record_stalls(options, told, virtual_clock):
    async def handle(number):
        await virtual_clock.sleep(10)
        return number if number < 20 or number > 400 else None

    start = virtual_clock.monotonic()
    options["runtime"].bus.subscribe(lambda _: at.append(virtual_clock.monotonic() - start), ["expectation_failed"])
    at = []
    async with Run("stall", expect={"items_increase_every": "10m"}, **options) as run:
        summary = await run.process(handle, range(420))
    assert len(told) == 1
    # The last record of the first ones came after 50 s.
    assert 640 <= at[0] <= 670
    assert summary.exit_code == 1
    assert summary.unmet[0].startswith("items_increase_every: no new record in 6")


async def test_a_job_does_not_stall_while_it_is_kept_from_its_work(options, told, virtual_clock):
    down = 800.0
    start = virtual_clock.monotonic()

    async def handle(url):
        await virtual_clock.sleep(1)
        if 20 < virtual_clock.monotonic() - start < down:
            raise ConnectionRefusedError
        return url

    urls = [f"http://a/{n}" for n in range(200)]
    expect = {"items_increase_every": "2m"}
    async with Run("parked", expect=expect, **options) as run:
        summary = await run.process(handle, urls)
    assert (summary.done, summary.unmet, told) == (200, (), [])
    assert virtual_clock.monotonic() - start > down


async def test_a_job_does_not_stall_while_its_hosts_are_paused_or_its_source_has_nothing(options, told, virtual_clock):
    directory = job_directory(options["store"], "paused")

    async def source():
        yield "http://a/1"
        await virtual_clock.sleep(500)
        write_orders(directory, Orders.pausing(["a"]), None)
        await virtual_clock.sleep(10)
        yield "http://a/2"
        await virtual_clock.sleep(500)
        write_orders(directory, Orders.pausing([]), None)
        await virtual_clock.sleep(100)

    async with Run("paused", expect={"items_increase_every": "2m"}, **options) as run:
        summary = await run.process(record_url, source())
    assert (summary.done, summary.unmet, told) == (2, (), [])


async def record_url(url):
    return url


@pytest.mark.parametrize(
    ("suspended", "in_flight", "parked", "reasons", "works"),
    [
        (False, 1, 0, [], True),
        (True, 1, 0, [], False),
        (True, 0, 0, [Reason.RATE], False),
        (False, 1, 1, [], False),
        (False, 2, 1, [], True),
        (False, 0, 0, [], False),
        (False, 0, 0, [Reason.RATE], True),
        (False, 0, 0, [Reason.PAUSED, Reason.ASKED_TO_WAIT], False),
    ],
)
def test_a_job_is_at_work_while_items_are_tried_that_are_no_probes(
    suspended, in_flight, parked, reasons, works, virtual_clock
):
    gate = SimpleNamespace(parked=parked, waiting=lambda now: [Waiting("a", reason, 1.0) for reason in reasons])
    tally, throttle = Tally(in_flight=in_flight), Throttle()
    assert at_work(gate, SimpleNamespace(suspended=suspended), throttle, tally, virtual_clock) is works
    throttle.bound(PAUSE, 0)
    assert not at_work(gate, SimpleNamespace(suspended=suspended), throttle, tally, virtual_clock)


async def test_a_job_that_is_slowed_down_by_a_rate_works(options, told, virtual_clock):
    expect = {"items_increase_every": "10m"}
    urls = [f"http://a/{n}" for n in range(100)]

    async def handle(url):
        return None if url != urls[0] else url

    async with Run("slow", expect=expect, rate={"a": "2/min"}, **options) as run:
        await run.process(handle, urls)
    assert [each["expectation"] for each in told] == ["items_increase_every"]


async def test_a_run_that_did_not_read_its_source_to_its_end_is_no_measure_and_not_judged_as_if_it_had(
    options, virtual_clock
):
    async def slowly():
        for number in range(100):
            await virtual_clock.sleep(1)
            yield number

    expect = {"compared_with_last": 0.1, "min_items": 100}
    async with Run("unread", max_time="30.5s", expect=expect, **options) as run:
        summary = await run.process(returned, slowly())
    assert (summary.outcome, summary.exit_code, summary.done) == (Outcome.TIMED_OUT, 7, 30)
    assert (summary.deferred, summary.unmet) == (0, ())
    assert not job_directory(options["store"], "unread").totals.exists()


# In time


async def test_a_run_stops_in_order_when_its_time_is_over_and_the_next_one_goes_on(options, virtual_clock):
    async def handle(number):
        await virtual_clock.sleep(1)
        return number

    start = virtual_clock.monotonic()
    async with Run("timed", max_time="10s", **options) as run:
        summary = await run.process(handle, range(100))
        assert (summary.outcome, summary.exit_code) == (Outcome.TIMED_OUT, 7)
        assert 40 <= summary.done <= 44
        assert summary.done + summary.deferred == 100
        assert virtual_clock.monotonic() - start <= 11
    # What was in hand ended, so nothing is done twice.
    async with Run("timed", max_time="1h", **options) as run:
        again = await run.process(handle, range(100))
    assert (again.outcome, again.done, again.repeated) == (Outcome.COMPLETED, 100, 0)


async def test_what_is_in_hand_when_the_time_is_over_has_the_drain_time_and_no_more(options, virtual_clock):
    async def handle(number):
        await virtual_clock.sleep(1_000)

    start = virtual_clock.monotonic()
    async with Run("drained", max_time=10, drain=5, timeout=None, **options) as run:
        summary = await run.process(handle, range(10))
    assert (summary.outcome, summary.done, summary.deferred) == (Outcome.TIMED_OUT, 0, 10)
    assert virtual_clock.monotonic() - start == pytest.approx(15, abs=0.5)


async def test_the_time_is_that_of_the_run_not_of_each_call(options, virtual_clock):
    async def handle(number):
        await virtual_clock.sleep(1)
        return number

    async with Run("calls", max_time=10, **options) as run:
        first = await run.process(handle, range(20))
        second = await run.process(handle, range(100))
        third = await run.process(handle, range(200))
    assert [each.outcome for each in (first, second, third)] == [Outcome.COMPLETED, *[Outcome.TIMED_OUT] * 2]
    assert second.done <= third.done <= 48


async def test_a_stop_that_came_first_is_the_one_that_counts_and_keeps_its_drain_time(options, virtual_clock):
    async with Run("first", max_time=10, **options) as run:

        async def handle(number):
            await virtual_clock.sleep(15 if number else 9)
            if not number:
                run.stop()
            return number

        summary = await run.process(handle, range(100))
    assert (summary.outcome, summary.exit_code, summary.done) == (Outcome.STOPPED, 3, 4)


# Counted exactly


class Kept:
    """A ledger of which the reads of results are counted."""

    def __init__(self, ledger):
        self._ledger = ledger
        self.read = []

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    async def results(self, after, limit):
        found = await self._ledger.results(after, limit)
        self.read.extend(each.position for each in found)
        return found


async def test_results_are_not_read_again_when_all_runs_ended_by_themselves(options):
    ledger = Kept(MemoryLedger())
    for items in (100, 150):
        async with Run("kept", ledger=ledger, expect={"fields": {"price": 0.5}}, **options) as run:
            summary = await run.process(record, range(items))
        assert summary.records == items
    assert ledger.read == []


async def test_what_a_killed_run_recorded_is_read_once_and_counted(options):
    ledger = Kept(MemoryLedger())

    async def killed(number):
        if number == 60:
            raise SystemExit
        return {"price": 1}

    async with Run("killed", ledger=ledger, **options) as run:
        await run.process(record, range(50))
    with pytest.raises(SystemExit):
        async with Run("killed", ledger=ledger, **{**options, "concurrency": 1}) as run:
            await run.process(killed, range(100))
    assert (await ledger.get("yield"))["position"] == 50
    async with Run("killed", ledger=ledger, **options) as run:
        summary = await run.process(record, range(100))
    assert (summary.records, summary.done) == (100, 100)
    assert ledger.read == list(range(51, 61))


async def test_other_fields_are_counted_from_the_first_result(options):
    async with Run("fields", expect={"fields": {"price": 0.5}}, **options) as run:
        await run.process(record, range(50))
    async with Run("fields", expect={"fields": {"n": 1.0, "price": 1.0}}, **options) as run:
        summary = await run.process(record, range(60))
    assert summary.unmet == ("fields.price: it is in 59 of 60 records (98.3%), expected in 100%",)


class NoMender:
    async def mend(self):
        return False


async def census_of(ledger, clock, *fields):
    census = Census(ledger, fields, clock, NoMender())
    await census.begin()
    return census


async def test_a_count_that_does_not_fit_the_ledger_is_made_anew(options, virtual_clock, tmp_path):
    """A record whose acknowledgement was lost, or that was refused: the ledger is right."""
    ledger = await SqliteLedger.open(tmp_path / "ledger.db")
    async with Run("unsure", ledger=ledger, **options) as run:
        await run.process(record, range(10))
        census = await census_of(ledger, virtual_clock, "price")
        assert (await census.total()) == Yield(10, 10, 10, {"price": 9})
        census.here.items += 3
        census.here.records += 3
        assert (await census.total()) == Yield(10, 10, 10, {"price": 9})
    await ledger.close()


async def test_results_that_were_lost_to_damage_are_counted_no_more(options, virtual_clock):
    ledger = MemoryLedger()
    async with Run("lost", ledger=ledger, **options) as run:
        await run.process(record, range(10))
    census = await census_of(ledger, virtual_clock)
    ledger._results = ledger._results[:7]
    await ledger.put("damage", {"damaged": 3, "lost": 0})
    assert (await census.total()).records == 7


async def test_positions_may_have_gaps(virtual_clock):
    class Gapped(MemoryLedger):
        positions = [10, 20, 30]

        async def position(self):
            return self.positions[-1]

        async def results(self, after, limit):
            return [Result(n, str(n), Shape.ONE, '{"a":1}\n') for n in self.positions if n > after][:limit]

    ledger = Gapped()
    census = await census_of(ledger, virtual_clock)
    ledger.positions = [*ledger.positions, 40]
    census.here.add(Shape.ONE, '{"a":1}\n')
    await census.follow()
    assert census.known.records == 4
    assert (await census.total()).records == 4


async def test_a_stale_lease_is_not_counted(options):
    class Suspended(MemoryLedger):
        async def record(self, record, /):
            if record.lease.key == "3":
                record = record._replace(lease=record.lease._replace(token=0))
                self._move(self._rows[record.lease.item - 1], ItemStatus.DONE)
                raise StaleLeaseError
            await super().record(record)

    async with Run("stale", ledger=Suspended(), **options) as run:
        summary = await run.process(record, range(10))
    assert summary.records == 9


async def test_a_million_results_are_counted_without_being_held(virtual_clock):
    class Endless(MemoryLedger):
        """A ledger of many results that are made as they are read."""

        async def position(self):
            return 100_000

        async def results(self, after, limit):
            last = min(after + limit, 100_000)
            return [Result(n, str(n), Shape.ONE, '{"a":1}\n') for n in range(after + 1, last + 1)]

    census = await census_of(Endless(), virtual_clock)
    follow = asyncio.create_task(census.follow())
    await virtual_clock.sleep(1)
    assert 1_000 <= census.known.items <= 20_000
    follow.cancel()
    assert (await census.total()).records == 100_000
