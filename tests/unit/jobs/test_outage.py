"""An outage is not a failure of the items: a host that is down is waited for, and nothing is lost by it."""

from collections import Counter

import pytest

from outlast.jobs import Outcome, Run, job
from outlast.ledger import ItemStatus, MemoryLedger, NewItem, Record
from outlast.runtime import Runtime

CONCURRENCY = 8


class Site:
    """A host that answers in 50 ms, and does not while it is down."""

    def __init__(self, clock, down=()):
        self._clock = clock
        self._down = down
        self.into_outage = Counter()
        self.first_answer_after = None
        self.asked = 0

    def is_down(self):
        now = self._clock.monotonic()
        return any(begin <= now < end for begin, end in self._down)

    async def get(self):
        self.asked += 1
        if self.is_down():
            self.into_outage[int(self._clock.monotonic())] += 1
            await self._clock.sleep(0.05)
            raise ConnectionRefusedError("down")
        await self._clock.sleep(0.05)
        if self._down and self._clock.monotonic() > self._down[-1][1]:
            self.first_answer_after = self.first_answer_after or self._clock.monotonic()


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {
        "store": tmp_path / "store",
        "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5),
        "concurrency": CONCURRENCY,
    }


@pytest.mark.parametrize(("begins", "seconds"), [(0.7, 20.0), (0.0, 20.0), (1.0, 90.0), (1.85, 20.0)])
async def test_every_item_is_done_after_an_outage(options, begins, seconds):
    clock = options["runtime"].clock
    start = clock.monotonic()
    site = Site(clock, down=[(start + begins, start + begins + seconds)])

    @job("outage")
    async def fetch(number):
        await site.get()
        return number

    summary = await fetch.run(range(300), **options)
    assert (summary.done, summary.failed, summary.exit_code) == (300, 0, 0)
    assert max(site.into_outage.values()) <= CONCURRENCY + 1
    assert site.first_answer_after - (start + begins + seconds) <= 5.0
    assert clock.monotonic() - start < begins + seconds + 20


async def test_a_page_that_is_broken_for_good_is_given_up_although_it_fails_like_an_outage(options):
    clock = options["runtime"].clock
    site = Site(clock)

    @job("broken page")
    async def fetch(number):
        await site.get()
        if number in {10, 299}:
            raise ConnectionResetError("always")
        return number

    start = clock.monotonic()
    summary = await fetch.run(range(300), **options)
    assert (summary.done, summary.failed, summary.outcome) == (298, 2, Outcome.COMPLETED_WITH_FAILURES)
    assert 20 < clock.monotonic() - start < 90


async def test_a_host_that_stays_down_ends_the_run_after_its_patience_and_the_next_run_goes_on(options):
    clock = options["runtime"].clock
    start = clock.monotonic()
    site = Site(clock, down=[(start + 1, start + 10_000)])

    @job("dead", patience="5m")
    async def fetch(number):
        await site.get()
        return number

    summary = await fetch.run(range(300), **options)
    assert (summary.outcome, summary.exit_code, summary.failed) == (Outcome.ABORTED, 3, 0)
    assert summary.done + summary.deferred == 300
    assert 300 <= clock.monotonic() - start <= 310
    assert sum(site.into_outage.values()) <= CONCURRENCY * 2 + 300 / 5 + 5
    await clock.sleep(10_000)
    again = await fetch.run(range(300), **options)
    assert (again.outcome, again.done) == (Outcome.COMPLETED, 300)


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        ({"patience": "20m"}, 1_200),
        ({"patience": 300, "abort": {"default_policy": "conservative"}}, 300),
        ({"abort": {"default_policy": "conservative"}}, 3_600),
        ({}, 900),
    ],
)
async def test_the_patience_of_a_job_is_that_for_an_outage_and_without_one_the_policy_s(options, settings, seconds):
    clock = options["runtime"].clock
    start = clock.monotonic()

    @job("patient", **settings)
    async def fetch(url):
        raise ConnectionRefusedError("down")

    summary = await fetch.run([f"http://h{n % 3}/{n}" for n in range(60)], **options)
    assert summary.outcome is Outcome.ABORTED
    assert seconds <= clock.monotonic() - start <= seconds + 35


async def test_a_dead_host_does_not_hold_up_the_others(options):
    clock = options["runtime"].clock
    start = clock.monotonic()
    dead = Site(clock, down=[(start, start + 60)])
    healthy = Site(clock)

    @job("two hosts")
    async def fetch(url):
        await (dead if "dead" in url else healthy).get()
        if "healthy/999" in url:
            last.append(clock.monotonic())
        return url

    last = []
    urls = [f"http://dead/{n}" for n in range(1_000)] + [f"http://healthy/{n}" for n in range(1_000)]
    summary = await fetch.run(urls, **options)
    assert summary.done == 2_000
    assert last[0] - start < 45
    assert sum(dead.into_outage.values()) <= CONCURRENCY * 2 + 60 / 5 + 10


async def test_an_item_s_own_failures_do_not_park_its_host(options):
    site = Site(options["runtime"].clock)
    events = []
    options["runtime"].bus.subscribe(events.append, ["host_parked"])

    @job("own failures")
    async def fetch(number):
        await site.get()
        raise ValueError("no price on the page")

    summary = await fetch.run(range(19), **options)  # of more it would be said that going on is pointless
    assert (summary.failed, site.asked) == (19, 19)
    assert events == []


async def test_parking_and_recovery_are_announced(options):
    clock = options["runtime"].clock
    start = clock.monotonic()
    site = Site(clock, down=[(start + 0.1, start + 20)])
    events = []
    options["runtime"].bus.subscribe(events.append, ["host_parked", "host_recovered"])

    @job("announced")
    async def fetch(url):
        await site.get()

    await fetch.run([f"http://a.example/{n}" for n in range(50)], **options)
    assert [event.event_type for event in events] == ["host_parked", "host_recovered"]
    assert {event.data["host"] for event in events} == {"a.example"}
    assert events[1].data["down_for"] == pytest.approx(20, abs=6)


async def test_hours_of_retry_after_hold_no_worker(options):
    class Throttled(Exception):
        retry_after = 10_000.0
        status = 429

    clock = options["runtime"].clock
    start = clock.monotonic()
    others = []

    @job("throttled")
    async def fetch(number, ctx):
        if number == 0 and ctx.attempt == 1:
            raise Throttled
        others.append(clock.monotonic() - start)

    summary = await fetch.run(range(20), **options)
    assert summary.done == 20
    assert max(sorted(others)[:-1]) < 1
    assert others[-1] >= 10_000


class ProxyDown(Exception):
    """Looks like what aiohttp raises for a proxy that refuses connections."""


ProxyDown.__module__, ProxyDown.__qualname__ = "aiohttp.client_exceptions", "ClientProxyConnectionError"


async def test_a_proxy_that_is_down_is_waited_for_like_a_host(options):
    clock = options["runtime"].clock
    start = clock.monotonic()

    @job("proxy")
    async def fetch(number):
        await clock.sleep(0.05)
        if clock.monotonic() - start < 30:
            raise ProxyDown("cannot connect to proxy")
        return number

    summary = await fetch.run(range(100), **options)
    assert (summary.done, summary.failed) == (100, 0)


async def test_a_fault_of_this_machine_is_tried_again_and_says_nothing_about_the_host(options):
    tried = Counter()
    events = []
    options["runtime"].bus.subscribe(events.append, ["host_parked"])

    @job("machine")
    async def fetch(number):
        tried[number] += 1
        if tried[number] < 3:
            raise OSError(24, "Too many open files")
        return number

    summary = await fetch.run(range(20), **options)
    assert (summary.done, set(tried.values()), events) == (20, {3}, [])


async def test_what_an_earlier_process_put_off_is_waited_for_before_anybody_is_called_silent(options):
    clock, ledger = options["runtime"].clock, MemoryLedger()
    urls = [f"http://{'dead' if n % 2 else 'well'}.test/{n}" for n in range(40)]
    await ledger.add([NewItem(url) for url in urls])
    for lease in await ledger.lease("dead process", 40, 0.0, clock.now().timestamp() + 60):
        if "well" in lease.key:
            await ledger.record(Record(lease, ItemStatus.DEFERRED, 0, not_before=clock.now().timestamp() + 15))

    async def handle(url):
        if "dead" in url:
            raise ConnectionRefusedError("down")
        return url

    async with Run("put off", ledger=ledger, patience=5, runtime=options["runtime"], concurrency=CONCURRENCY) as run:
        summary = await run.process(handle, urls)
    assert (summary.outcome, summary.done, summary.deferred) == (Outcome.ABORTED, 20, 20)


async def test_a_few_broken_pages_at_the_end_do_not_abort_every_run_to_come(options):
    clock = options["runtime"].clock
    site = Site(clock)
    start = clock.monotonic()

    @job("broken end", expect={"results": False})
    async def fetch(number):
        await site.get()
        if number >= 280:
            raise ConnectionResetError("always")

    summary = await fetch.run(range(300), **options)
    assert (summary.done, summary.failed, summary.outcome) == (280, 20, Outcome.COMPLETED_WITH_FAILURES)
    assert 900 <= clock.monotonic() - start <= 1_000
