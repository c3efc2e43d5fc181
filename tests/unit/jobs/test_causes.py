"""Why the items of a run fail: counted as it happens, and bounded."""

from datetime import UTC, datetime

from outlast.failure.groups import OTHER
from outlast.jobs import Run
from outlast.jobs.causes import HOSTS_MAX, KINDS_MAX, Causes
from outlast.ledger import MemoryLedger
from outlast.runtime import Runtime


def failure(signature, at="2026-11-23T00:00:00+00:00"):
    return {"signature": signature, "class": "unknown", "at": at}


def test_kinds_are_counted_by_what_became_of_their_items():
    causes = Causes()
    for _ in range(3):
        causes.note(failure("often again"), "a.test", failed=False)
    causes.note(failure("once for good", at="2026-11-23T00:00:09+00:00"), "b.test", failed=True)
    causes.note(failure("often again"), "b.test", failed=False)
    first, second = causes.most(10)
    assert (first.signature, first.failed, first.retried) == ("once for good", 1, 0)
    assert (first.hosts, first.hosts_seen, first.last) == (("b.test",), 1, "2026-11-23T00:00:09+00:00")
    assert (second.failed, second.retried, second.hosts, second.hosts_seen) == (0, 4, ("a.test", "b.test"), 2)
    assert causes.most(1) == (first,)


def test_however_many_kinds_and_hosts_there_are_memory_is_bounded():
    causes = Causes()
    for number in range(KINDS_MAX + 50):
        causes.note(failure(f"kind {number}"), "a.test", failed=True)
    for number in range(HOSTS_MAX + 50):
        causes.note(failure("kind 0"), f"{number}.test", failed=True)
    told = causes.most(KINDS_MAX + 100)
    assert len(told) == KINDS_MAX + 1
    assert {each.failed for each in told if each.signature == OTHER} == {50}
    assert told[0].hosts_seen == HOSTS_MAX + 1
    assert told[0].hosts[0] == OTHER


async def test_a_run_tells_why_its_items_fail_while_it_goes_on(virtual_clock, tmp_path):
    slow, seen = [], []

    async def scrape(item):
        if item.endswith("/1"):
            raise ValueError(f"no price on {item}")
        if item.endswith("/2") and not slow:
            slow.append(item)
            raise TimeoutError("no answer")
        if item.endswith("/9"):
            await virtual_clock.sleep(10.0)
            seen.extend((await run.progress()).causes)

    runtime = Runtime(clock=virtual_clock)
    async with Run("docs", ledger=MemoryLedger(), store=tmp_path, runtime=runtime, concurrency=16) as run:
        await run.process(scrape, [f"https://a.test/{n}" for n in range(10)])
    assert [(each.failed, each.retried, each.hosts) for each in seen] == [(1, 0, ("a.test",)), (0, 1, ("a.test",))]
    assert all(datetime.fromisoformat(each.last).tzinfo == UTC for each in seen)
