"""Whole jobs in trouble, in virtual time: they wait where waiting helps, stop where nothing does, and lose no more than they must."""

import asyncio
import math
from collections import Counter

import pytest

from outlast.config import JobConfiguration
from outlast.events import EventType
from outlast.jobs import Outcome, Run
from outlast.ledger import MemoryLedger
from outlast.ledger.port import ItemStatus
from outlast.runtime import Runtime

CONCURRENCY = 8
HOSTS = 20
PATIENCE_BLOCKED = 185.0
EVIDENCE = 40
"""More failures than this are not needed to suspect a job that fails altogether, with what is in flight at that moment."""


class Refused(Exception):
    """An answer with a status that says no."""

    def __init__(self, status):
        super().__init__(f"the server said {status}")
        self.status = status


class World:
    """Twenty hosts that answer in 50 ms; `trouble(seconds, host, n)` is what is raised instead of the answer, if anything."""

    def __init__(self, clock, trouble=lambda seconds, host, n: None):
        self._clock = clock
        self._began = clock.monotonic()
        self.trouble = trouble
        self.asked = []

    @property
    def seconds(self):
        return self._clock.monotonic() - self._began

    async def get(self, url):
        host, n = url.removeprefix("http://").split("/")
        began = self.seconds
        await self._clock.sleep(0.05)
        error = self.trouble(began, host, int(n))
        self.asked.append((began, host, error is None))
        if error is not None:
            raise error
        return {"url": url}

    def asked_between(self, begin, end):
        return Counter(int(at) for at, _, _ in self.asked if begin <= at < end)

    def first_good_after(self, moment):
        return min(at for at, _, good in self.asked if good and at >= moment)


def urls(count=100, hosts=HOSTS):
    return [f"http://h{host}/{n}" for n in range(count) for host in range(hosts)]


@pytest.fixture
def world(virtual_clock):
    return World(virtual_clock)


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {
        "ledger": MemoryLedger(),
        "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5),
        "concurrency": CONCURRENCY,
    }


async def run(world, items, options, **settings):
    config = JobConfiguration(checkpoint={"enabled": False}, **settings)
    async with Run("troubled", config=config, **options) as run:
        return await run.process(world.get, items)


def down(*spans):
    """Nobody answers during these seconds."""

    def trouble(seconds, host, n):
        if any(begin <= seconds < end for begin, end in spans):
            return ConnectionRefusedError("down")
        return None

    return trouble


@pytest.mark.parametrize("hosts", [1, 2, 5, HOSTS])
@pytest.mark.parametrize(("begins", "lasts"), [(0.0, 20.0), (1.0, 20.0), (1.0, 90.0)])
async def test_an_outage_of_everything_is_waited_out_and_costs_no_item(world, options, hosts, begins, lasts):
    world.trouble = down((begins, begins + lasts))
    summary = await run(world, urls(2_000 // hosts, hosts), options)
    assert (summary.done, summary.failed, summary.exit_code) == (2_000, 0, 0)
    assert world.first_good_after(begins + lasts) - (begins + lasts) <= 5.0
    into_it = world.asked_between(begins, begins + lasts)
    first = into_it.pop(int(begins))
    assert first <= (CONCURRENCY + 1 if hosts == 1 else EVIDENCE)
    assert max(into_it.values()) <= CONCURRENCY + 1
    assert world.seconds < begins + lasts + 60


async def test_blips_cost_no_item(world, options):
    world.trouble = down((2, 8), (15, 20), (25, 50), (55, 56))
    summary = await run(world, urls(300), options)
    assert (summary.done, summary.failed) == (6_000, 0)


async def test_a_selector_that_is_broken_for_good_stops_the_job_with_few_items_lost(world, options):
    world.trouble = lambda seconds, host, n: ValueError("no price") if seconds >= 2 else None
    events = []
    options["runtime"].bus.subscribe(
        lambda event: events.append(event.event_type), ["abort_triggered", "abort_executed"]
    )
    summary = await run(world, urls(), options)
    assert (summary.outcome, summary.exit_code) == (Outcome.ABORTED, 3)
    assert summary.done > 250
    assert (summary.failed, 0 < summary.taken_back <= EVIDENCE) == (0, True)
    assert events == ["abort_triggered", "abort_executed"]
    assert PATIENCE_BLOCKED <= world.seconds - 2 <= PATIENCE_BLOCKED + 10
    assert len(world.asked) <= summary.done + EVIDENCE + PATIENCE_BLOCKED / 5 + 5


async def test_what_an_aborted_job_left_is_done_by_the_same_command_with_evidence_that_begins_afresh(world, options):
    world.trouble = lambda seconds, host, n: ValueError("no price") if seconds >= 2 else None
    before = await run(world, urls(), options)
    world.trouble = lambda seconds, host, n: None
    began = world.seconds
    after = await run(world, urls(), options)
    assert (before.failed, after.outcome, after.done) == (0, Outcome.COMPLETED, 2_000)
    assert world.seconds - began < 30


async def test_a_selector_that_is_mended_in_time_goes_on_within_seconds_with_half_the_concurrency(world, options):
    world.trouble = lambda seconds, host, n: ValueError("no price") if 2 <= seconds < 62 else None
    retried = []
    options["runtime"].bus.subscribe(retried.append, [EventType.RETRY_ATTEMPTED])
    summary = await run(world, urls(), options)
    assert summary.done == 2_000 - summary.failed
    assert summary.retries == len(retried), "probes are none"
    assert summary.failed <= EVIDENCE
    back = world.first_good_after(62)
    assert back - 62 <= 5.0
    at_work = Counter(round(at, 2) for at, _, _ in world.asked if back + 0.14 <= at < back + 0.22)
    assert max(at_work.values()) <= CONCURRENCY / 2 + 1
    assert world.seconds < 62 + 30


async def test_a_wall_stops_the_job_before_it_has_burnt_the_items(world, options):
    world.trouble = lambda seconds, host, n: Refused(403) if n >= 10 else None
    summary = await run(world, urls(), options)
    assert (summary.outcome, summary.exit_code) == (Outcome.ABORTED, 3)
    assert (summary.done, summary.failed, summary.taken_back <= EVIDENCE) == (200, 0, True)
    assert (await options["ledger"].get("aborted"))["taken_back"] == summary.taken_back > 0
    assert world.seconds < PATIENCE_BLOCKED + 20


async def test_a_wall_costs_no_item_however_often_the_job_is_begun_and_is_met_carefully_the_next_time(world, options):
    is_well, at_once, most = False, 0, []

    async def handle(url):
        nonlocal at_once
        at_once += 1
        most[-1] = max(most[-1], at_once)
        try:
            return await world.get(url)
        finally:
            at_once -= 1

    world.trouble = lambda seconds, host, n: None if is_well else Refused(403)
    config = JobConfiguration(checkpoint={"enabled": False}, patience=40)
    for _ in range(4):
        most.append(0)
        async with Run("troubled", config=config, **options) as run:
            summary = await run.process(handle, urls(20))
        assert (summary.outcome, summary.done, summary.failed) == (Outcome.ABORTED, 0, 0)
    assert most == [CONCURRENCY, 4, 4, 4]
    is_well = True
    most.append(0)
    async with Run("troubled", config=config, **options) as run:
        assert (await run.process(handle, urls(20))).outcome is Outcome.COMPLETED
    assert most[-1] == CONCURRENCY


async def test_throttling_of_most_requests_for_a_minute_is_waited_out(world, options):
    def trouble(seconds, host, n):
        return Refused(429) if 2 <= seconds < 62 and (n * 7 + int(host[1:])) % 10 < 6 else None

    world.trouble = trouble
    summary = await run(world, urls(), options)
    assert (summary.done, summary.failed) == (2_000, 0)


async def test_a_dead_host_of_twenty_stops_nobody_even_in_one_block(world, options):
    world.trouble = lambda seconds, host, n: ConnectionRefusedError("down") if host == "h3" else None
    block = [f"http://h{host}/{n}" for host in range(HOSTS) for n in range(100)]
    triggered = []
    options["runtime"].bus.subscribe(triggered.append, ["abort_triggered"])
    summary = await run(world, block, options)
    # All others are done before anything ends, and its items wait for it.
    assert len(triggered) == 1
    assert (summary.outcome, summary.done, summary.deferred) == (Outcome.ABORTED, 1_900, 100)
    assert sum(1 for _, host, _ in world.asked if host == "h3") < 260  # in 15 minutes


async def test_hosts_whose_pages_are_all_broken_do_not_stop_a_job_in_which_most_are_well(world, options):
    world.trouble = lambda seconds, host, n: ValueError("no price") if host in {"h1", "h2", "h3", "h4"} else None
    summary = await run(world, urls(), options)
    assert (summary.outcome, summary.done, summary.failed) == (Outcome.COMPLETED_WITH_FAILURES, 1_600, 400)


async def test_a_hundred_dead_links_in_a_row_stop_nobody(world, options):
    world.trouble = lambda seconds, host, n: Refused(404) if 10 <= n < 60 else None
    summary = await run(world, urls(), options)
    assert (summary.outcome, summary.done, summary.failed) == (Outcome.COMPLETED_WITH_FAILURES, 1_000, 1_000)


async def test_broken_pages_at_the_very_end_of_a_job_are_failed_and_do_not_abort_it(world, options):
    world.trouble = lambda seconds, host, n: ValueError("no price") if n >= 98 else None
    told = []
    options["runtime"].bus.subscribe(told.append, ["abort_triggered", "abort_executed"])
    summary = await run(world, urls(), options, rate={"*": "2/s"})  # what is let go takes its time
    assert (summary.outcome, summary.done, summary.failed) == (Outcome.COMPLETED_WITH_FAILURES, 1_960, 40)
    assert told == []
    assert await options["ledger"].get("aborted") is None


async def test_a_wall_costs_nothing_while_the_source_has_more_than_is_known(world, options):
    clock = options["runtime"].clock
    world.trouble = lambda seconds, host, n: Refused(403) if n >= 100 else None

    async def slowly():
        for n in range(1_000):
            yield f"http://h0/{n % 100}?{n}" if n < 600 else f"http://h0/{n}"
            if n >= 625:
                await clock.sleep(20)

    async def handle(url):
        return await world.get(url.partition("?")[0])

    config = JobConfiguration(checkpoint={"enabled": False})
    async with Run("slow", config=config, **options) as job:
        summary = await job.process(handle, slowly())
    assert (summary.outcome, summary.done, summary.failed) == (Outcome.ABORTED, 600, 0)
    assert summary.taken_back > 0


async def test_a_wall_at_the_very_end_of_a_job_aborts_it_where_more_is_left_than_a_few_pages(world, options):
    world.trouble = lambda seconds, host, n: Refused(403) if n >= 95 else None
    summary = await run(world, urls(), options)
    assert (summary.outcome, summary.done, summary.failed, summary.deferred) == (Outcome.ABORTED, 1_900, 0, 100)
    assert len(world.asked) < 2_000


async def test_a_run_says_how_many_it_lets_go_when_nothing_has_recovered(world, options):
    world.trouble = lambda seconds, host, n: ValueError("no price") if n >= 98 else None
    found, judged = [], []
    async with Run("troubled", config=JobConfiguration(checkpoint={"enabled": False}), **options) as run:
        options["runtime"].bus.subscribe(judged.append, ["abort_evaluated"])

        async def watch():
            while True:
                found.append((await run.progress()).let_go)
                await options["runtime"].clock.sleep(1)

        watching = asyncio.create_task(watch())
        summary = await run.process(world.get, urls())
        watching.cancel()
        found.append((await run.progress()).let_go)
    [let_go] = set(found) - {None}
    assert 0 < let_go <= summary.failed == 40
    decided = [each.data for each in judged if each.data["decision"] == "continue"]
    assert [each["reason"] for each in decided][-1:] == [
        f"nothing has recovered: the last {let_go} items are let go, done now or given up"
    ]


async def test_a_job_that_is_stopped_while_it_is_suspended_takes_back_what_it_gave_up(world, options):
    world.trouble = lambda seconds, host, n: Refused(403) if seconds >= 2 else None
    summary = await run(world, urls(), options, max_time=30)
    assert (summary.outcome, summary.failed) == (Outcome.TIMED_OUT, 0)
    assert summary.taken_back >= 20


async def test_what_a_run_gave_up_untried_that_was_killed_before_it_noted_so_is_tried_all_the_same(world, options):
    world.trouble = lambda seconds, host, n: ConnectionRefusedError("down") if host == "h3" else None
    items = [*urls(100, 3), *(f"http://h3/{n}" for n in range(25))]
    first = await run(world, items, options)
    ledger = options["ledger"]
    await ledger.put("untried", None)
    await ledger.retry(ItemStatus.FAILED, [(await ledger.failures(0, 1))[0].item])
    await ledger.lease("killed", 1, 1e12, 2e12)  # what it had in hand
    world.trouble = lambda seconds, host, n: None
    second = await run(world, items, options)
    assert second.done >= 300 + first.untried


async def test_a_dead_host_s_items_that_nobody_has_tried_are_tried_by_the_same_command(world, options):
    world.trouble = lambda seconds, host, n: ConnectionRefusedError("down") if host == "h3" else None
    items = [*urls(100, 3), *(f"http://h3/{n}" for n in range(25))]
    first = await run(world, items, options)
    assert (first.outcome, first.done, first.failed) == (Outcome.COMPLETED_WITH_FAILURES, 300, 25)
    assert 10 <= first.untried <= 25
    second = await run(world, items, options)
    assert (second.done, second.failed, second.untried > 0) == (300, 25, True)
    world.trouble = lambda seconds, host, n: None
    tried = [each["key"] for each in await failed(options) if "without another try" not in each["message"]]
    third = await run(world, items, options)
    assert (third.failed, third.untried) == (len(tried), 0)
    assert third.done == 325 - len(tried)


async def failed(options):
    async with Run("troubled", config=JobConfiguration(checkpoint={"enabled": False}), **options) as run:
        return await run.failures()


async def test_a_job_of_one_host_that_is_down_for_good_is_aborted_when_its_patience_is_spent(world, options):
    world.trouble = down((1.0, 1e9))
    summary = await run(world, urls(2_000, 1), options, patience=300)
    assert (summary.outcome, summary.exit_code, summary.failed) == (Outcome.ABORTED, 3, 0)
    assert 300 <= world.seconds <= 310


async def test_a_job_of_many_hosts_that_are_down_for_good_is_aborted_when_its_patience_is_spent(world, options):
    world.trouble = down((1.0, 1e9))
    summary = await run(world, urls(), options, patience=300)
    assert (summary.outcome, summary.exit_code, summary.failed) == (Outcome.ABORTED, 3, 0)
    assert 300 <= world.seconds <= 310


async def test_a_job_that_was_let_go_at_its_end_is_aborted_all_the_same_when_it_grows_and_nobody_answers(
    world, options
):
    """Nothing is suspected any more from then on, and yet there has to be a reason."""

    async def fetch(url, ctx):
        if url == "http://h1/98":  # it takes so long that the others of its host, which is dead, are let go meanwhile
            await options["runtime"].clock.sleep(400)
            ctx.enqueue(*[f"http://h9/{n}" for n in range(400)])
            return {"url": url}
        return await world.get(url)

    world.trouble = lambda seconds, host, n: None if host == "h0" else ConnectionRefusedError("down")
    config = JobConfiguration(checkpoint={"enabled": False}, patience=300, timeout=None)
    async with Run("troubled", config=config, **options) as run:
        summary = await run.process(fetch, [*urls(100, 1), "http://h1/98", *(f"http://h1/{n}" for n in range(6))])
    assert (summary.outcome, summary.exit_code) == (Outcome.ABORTED, 3)
    note = await options["ledger"].get("aborted")
    assert (note["silence"], note["reason"]) == (True, "no host answers")


async def test_a_short_patience_bounds_the_one_for_walls_too(world, options):
    world.trouble = lambda seconds, host, n: Refused(403) if n >= 10 else None
    summary = await run(world, urls(), options, patience=20)
    assert summary.outcome is Outcome.ABORTED
    assert world.seconds < 40


async def test_hosts_that_are_back_are_worked_with_while_the_others_are_down(world, options):
    def trouble(seconds, host, n):
        is_back = seconds >= (60 if host in {"h3", "h5", "h7", "h11", "h13"} else 110)
        return None if seconds < 1 or is_back else ConnectionRefusedError("down")

    world.trouble = trouble
    summary = await run(world, urls(), options)
    assert (summary.done, summary.failed) == (2_000, 0)
    assert sum(good and 60 <= at < 105 for at, _, good in world.asked) > 400


@pytest.mark.parametrize(("each", "hosts"), [(1, 500), (1, 1_500), (3, 500)])
async def test_an_outage_costs_nothing_where_each_host_has_an_item_or_two(world, options, each, hosts):
    world.trouble = down((2, 300))
    summary = await run(world, urls(each, hosts), options)
    assert (summary.done, summary.failed) == (each * hosts, 0)
    assert max(world.asked_between(4, 300).values()) <= CONCURRENCY + 1
    assert world.first_good_after(300) - 300 <= 5.0


async def test_a_broken_selector_stops_the_job_where_each_host_has_one_item(world, options):
    world.trouble = lambda seconds, host, n: ValueError("no price") if seconds >= 2 else None
    summary = await run(world, urls(1, 1_000), options)
    assert (summary.outcome, summary.failed <= 2 * EVIDENCE) == (Outcome.ABORTED, True)


def in_blocks(count=100, hosts=HOSTS):
    return [f"http://h{host}/{n}" for host in range(hosts) for n in range(count)]


@pytest.mark.parametrize("items", [urls(), in_blocks()], ids=["mixed", "in blocks"])
async def test_the_one_host_of_twenty_that_is_back_is_worked_with_and_the_others_are_waited_for(world, options, items):
    def trouble(seconds, host, n):
        is_back = seconds >= (60 if host == "h7" else 300)
        return None if seconds < 1 or is_back else ConnectionRefusedError("down")

    world.trouble = trouble
    summary = await run(world, items, options)
    assert (summary.done, summary.failed) == (2_000, 0)
    others = [at for at, host, good in world.asked if good and at >= 60 and host != "h7"]
    [*_, last] = [at for at, host, good in world.asked if good and host == "h7"]
    # Each host is asked once in 5 s at most, so it takes a while to find the one.
    assert last < 60 + 5 * HOSTS
    assert 300 <= min(others) <= 330
    assert max(world.asked_between(2, 60).values()) <= CONCURRENCY + 1
    assert max(world.asked_between(150, 300).values()) <= CONCURRENCY + 1


async def test_the_only_host_that_is_up_is_found_behind_all_that_are_down(world, options):
    world.trouble = lambda seconds, host, n: None if host == "h17" else ConnectionRefusedError("down")
    summary = await run(world, in_blocks(), options, patience=200)
    assert (summary.outcome, summary.done, summary.failed) == (Outcome.ABORTED, 100, 0)


@pytest.mark.parametrize("error", [Refused(403), ValueError("no price")], ids=["a wall", "a broken selector"])
@pytest.mark.parametrize("first", [0, 5])
async def test_a_host_that_fails_altogether_and_comes_in_one_block_does_not_stop_the_others(
    world, options, first, error
):
    world.trouble = lambda seconds, host, n: error if host == f"h{first}" else None
    summary = await run(world, in_blocks(), options)
    assert (summary.outcome, summary.done, summary.failed) == (Outcome.COMPLETED_WITH_FAILURES, 1_900, 100)
    assert world.seconds < 60


@pytest.mark.parametrize("abort", [{"enabled": False}, {"default_policy": "never"}])
async def test_switched_off_nothing_is_suspected_and_a_host_is_waited_for_as_long_as_it_takes(world, options, abort):
    def trouble(seconds, host, n):
        if 1 <= seconds < 300:
            return ConnectionRefusedError("down")
        return ValueError("no price") if n >= 100 else None

    world.trouble = trouble
    summary = await run(world, urls(300, 1), options, abort=abort, patience=60)
    assert (summary.outcome, summary.done, summary.failed) == (Outcome.COMPLETED_WITH_FAILURES, 100, 200)
    assert world.seconds > 300


async def test_a_policy_without_a_second_stage_aborts_at_once(world, options):
    world.trouble = lambda seconds, host, n: ValueError("no price") if seconds >= 2 else None
    summary = await run(world, urls(), options, abort={"default_policy": "strict"})
    assert (summary.outcome, summary.failed <= EVIDENCE) == (Outcome.ABORTED, True)
    assert world.seconds < 4


@pytest.mark.parametrize(
    ("abort", "said"), [("strict", set()), ("production", set()), ("default", {"probing", "waiting", "no"})]
)
async def test_who_aborts_at_once_is_never_told_to_be_suspended(world, options, abort, said):
    world.trouble = lambda seconds, host, n: ValueError("no price") if seconds >= 2 else None
    config = JobConfiguration(checkpoint={"enabled": False}, abort={"default_policy": abort})
    told = []
    async with Run("troubled", config=config, **options) as run:

        async def watch():
            while True:
                told.append((await run.progress()).suspended)
                await options["runtime"].clock.sleep(0.01)

        watching = asyncio.create_task(watch())
        summary = await run.process(world.get, urls())
        watching.cancel()
    assert summary.outcome is Outcome.ABORTED
    assert {each.rpartition("; ")[2].split()[0].strip(",") for each in told if each} == said
    assert bool(told[-1]) == bool(said)  # nor that it goes on


async def test_a_windowed_policy_aborts_when_its_window_is_full_of_failures(world, options):
    world.trouble = lambda seconds, host, n: ValueError("no price") if seconds >= 2 else None
    summary = await run(world, urls(), options, abort={"default_policy": "production"})
    assert (summary.outcome, 50 <= summary.taken_back <= 50 + CONCURRENCY) == (Outcome.ABORTED, True)
    assert world.seconds < 4


async def hung(world, options, hangs, **settings):
    """Two of a thousand items hang for so long, and fail then, as all others do from the third second to the thirtieth."""
    clock = options["runtime"].clock

    async def handle(url):
        if url in {"http://h3/3", "http://h4/3"}:
            await clock.sleep(hangs)
            raise TimeoutError("no answer")
        return await world.get(url)

    config = JobConfiguration(checkpoint={"enabled": False}, **settings)
    async with Run("troubled", config=config, **options) as run:
        return await run.process(handle, urls(50))


async def test_a_job_with_an_item_that_hangs_for_ever_is_aborted_when_its_patience_is_spent(world, options):
    world.trouble = down((0.2, math.inf))
    summary = await hung(world, options, math.inf, timeout=None, patience=60, drain=10)
    assert (summary.outcome, summary.failed) == (Outcome.ABORTED, 0)
    assert 60 <= world.seconds < 60 + 10 + 10


async def test_a_job_with_items_that_hang_goes_on_within_seconds_when_the_others_are_back(world, options):
    world.trouble = down((0.2, 30.0))
    summary = await hung(world, options, 120.0, timeout=None)
    assert (summary.done, summary.failed) == (998, 2)
    assert world.first_good_after(30.0) <= 35.0
    assert sum(good for at, _, good in world.asked if at < 60) > 500


async def test_a_suspended_run_tells_its_trouble_in_numbers_until_it_is_over(world, options):
    world.trouble = lambda seconds, host, n: ValueError("no price") if 2 <= seconds < 60 else None
    config, told = JobConfiguration(checkpoint={"enabled": False}), []
    async with Run("troubled", config=config, **options) as run:

        async def watch():
            while True:
                told.append((await run.progress()).trouble)
                await options["runtime"].clock.sleep(0.02)

        watching = asyncio.create_task(watch())
        summary = await run.process(world.get, urls())
        watching.cancel()
    assert summary.outcome is Outcome.COMPLETED_WITH_FAILURES
    assert (told[0], told[-1]) == (None, None)
    trouble = [each for each in told if each is not None]
    assert [each.probes for each in trouble] == sorted(each.probes for each in trouble)
    last = trouble[-1]
    assert "operations failed" in last.reason
    assert "probing" not in last.reason
    assert last.probes > 10
    assert 0 < last.good_probes < last.probes
    assert 50 < last.seconds < 70
    assert trouble[0].gives_up_in > last.gives_up_in > 100
    assert all(each.next_probe_in is None or 0 <= each.next_probe_in <= 5 for each in trouble)


async def test_when_no_host_answers_that_is_the_trouble_and_it_has_an_end(world, options):
    world.trouble = lambda seconds, host, n: ConnectionRefusedError("down") if seconds >= 2 else None
    config, told = JobConfiguration(checkpoint={"enabled": False}, patience=120), []
    async with Run("troubled", config=config, **options) as run:

        async def watch():
            while True:
                told.append((await run.progress()).trouble)
                await options["runtime"].clock.sleep(1.0)

        watching = asyncio.create_task(watch())
        await run.process(world.get, urls(300, 3))
        watching.cancel()
    silent = [each for each in told if each is not None and each.reason == "no host answers"]
    assert silent
    assert all(each.next_probe_in is None for each in silent)
    assert silent[-1].gives_up_in < 10
    assert silent[-1].seconds > 100


async def test_what_a_run_noted_that_was_killed_while_it_was_suspended_is_over_with_the_next(world, options):
    await options["ledger"].put("suspended", {"run": "killed", "reason": "no host answers"})
    summary = await run(world, urls(10), options)
    assert summary.outcome is Outcome.COMPLETED
    assert await options["ledger"].get("suspended") is None
