"""Who gets which item, and when there is nothing left: hosts that wait do not stand in the way of others."""

import asyncio
from collections import Counter

import pytest

from outlast.abort import AbortPolicy, Guard
from outlast.jobs.athand import AtHand, Task
from outlast.jobs.dispatch import Dispatch
from outlast.jobs.gate import Gate, Probe
from outlast.jobs.leftovers import only_of
from outlast.jobs.outcome import Ending
from outlast.jobs.poison import Suspicion
from outlast.jobs.suspension import Suspension as Standing
from outlast.jobs.tally import Tally
from outlast.jobs.throttle import PAUSE, Throttle
from outlast.jobs.trial import Trials, left_behind
from outlast.ledger import ItemStatus, MemoryLedger
from outlast.ledger.port import Lease, NewItem, Record
from outlast.runtime import Runtime


def task(host, number=0, attempts=0):
    return Task(Lease(number, f"http://{host}/{number}", None, attempts, 1), "item", host, probe=False)


# At hand


def test_items_come_in_their_order_and_those_of_hosts_that_wait_are_passed_over():
    gate = Gate()
    gate.pause({"a"})
    at_hand = AtHand(gate)
    at_hand.add([task("a", 1), task("b", 2), task("a", 3), task("b", 4)])
    assert [at_hand.pick(0.0).lease.item for _ in range(2)] == [2, 4]
    assert at_hand.pick(0.0) is None
    assert (len(at_hand), at_hand.all_held, at_hand.held_hosts) == (2, True, {"a"})
    gate.pause(())
    assert at_hand.pick(0.0) is None  # nobody has told it
    at_hand.touch("a")
    assert [at_hand.pick(0.0).lease.item for _ in range(2)] == [1, 3]
    assert len(at_hand) == 0


def test_a_host_that_waits_is_asked_about_again_when_its_time_has_come():
    gate = Gate(rates={"a": 2.0})
    at_hand = AtHand(gate)
    at_hand.add([task("a", 1), task("a", 2)])
    assert at_hand.pick(0.0).lease.item == 1
    assert at_hand.pick(1.0) is None
    assert at_hand.opens_at(1.0) == 2.0
    assert at_hand.pick(2.0).lease.item == 2
    assert at_hand.opens_at(2.0) == float("inf")


def test_what_a_waiting_host_cannot_use_soon_is_surplus_the_first_stays():
    gate = Gate(rates={"rated": 5.0})
    gate.pause({"paused"})
    at_hand = AtHand(gate)
    at_hand.add([*(task("paused", n) for n in range(5)), *(task("rated", n) for n in range(10))])
    assert at_hand.pick(0.0).host == "rated"
    assert at_hand.pick(0.0) is None
    surplus = at_hand.surplus(16, 100)
    assert Counter(each.host for each in surplus) == {"paused": 4, "rated": 6}
    assert [each.lease.item for each in surplus if each.host == "paused"] == [1, 2, 3, 4]
    assert len(at_hand) == 4
    assert len(at_hand.surplus(16, 0)) == 4
    assert (len(at_hand), at_hand.held_hosts) == (0, set())


def test_a_pick_costs_the_hosts_that_wait_not_their_items():
    class Counting(Gate):
        asked = 0

        def admit(self, *given, **named):
            Counting.asked += 1
            return super().admit(*given, **named)

    gate = Counting()
    gate.pause({"a"})
    at_hand = AtHand(gate)
    at_hand.add([task("a", n) for n in range(10_000)])
    for _ in range(1_000):
        assert at_hand.pick(0.0) is None
    assert Counting.asked <= 3


# Dispatch


@pytest.fixture
def clock(virtual_clock):
    return virtual_clock


@pytest.fixture
def ledger():
    return MemoryLedger()


@pytest.fixture
def dispatch_of(clock, ledger):
    def make(gate, *, suspicion=None, after=3, concurrency=4, patience=900.0, standing=None, throttle=None):
        async def last_look(): ...

        throttle = throttle or Throttle()
        policy = AbortPolicy(name="test").waiting(patience)

        runtime = Runtime(clock=clock, roll=lambda: 0.5)
        trials = Trials(ledger, runtime, suspicion or Suspicion(), after=after, job="job", run="RUN", tally=Tally())
        return Dispatch(
            ledger,
            gate,
            trials,
            runtime,
            owner="RUN",
            concurrency=concurrency,
            throttle=throttle,
            suspension=standing or Standing(Guard(policy), throttle, concurrency=concurrency, patience=patience),
            last_look=last_look,
        )

    return make


async def work(dispatch, gate, ledger, clock, *, workers=4, seconds=0.1, tried=None):
    """Workers that do every item well."""

    async def worker():
        while (task := await dispatch.next()) is not None:
            if tried is not None:
                tried.append((clock.monotonic(), task.lease.item, dispatch._out))
            await clock.sleep(seconds)
            gate.answered(task.host, clock.monotonic(), probe=task.probe)
            await ledger.record(Record(task.lease, ItemStatus.DONE, 1))
            dispatch.settled(task)

    async with asyncio.TaskGroup() as group:
        supply = group.create_task(dispatch.supply())
        for _ in range(workers):
            group.create_task(worker())
        await supply


async def add(ledger, *hosts_and_counts):
    for host, count in hosts_and_counts:
        await ledger.add([NewItem(f"http://{host}/{n}") for n in range(count)])


async def test_a_host_that_is_paused_does_not_stand_in_the_way_however_many_items_it_has(dispatch_of, ledger, clock):
    gate = Gate()
    gate.pause({"a"})
    await add(ledger, ("a", 2_000), ("b", 100))
    dispatch = dispatch_of(gate)
    dispatch.notice(["a", "b"])
    dispatch.source_read()
    began = clock.monotonic()
    await work(dispatch, gate, ledger, clock)
    assert dispatch.ending is Ending.PAUSED
    assert (await ledger.counts()).done == 100
    assert clock.monotonic() - began < 60


async def test_a_hundred_hosts_that_wait_do_not_hide_the_one_that_does_not(dispatch_of, ledger, clock):
    gate = Gate()
    hosts = [f"h{n}" for n in range(300)]
    gate.pause(hosts)
    await add(ledger, *((host, 5) for host in hosts), ("b", 50))
    dispatch = dispatch_of(gate)
    dispatch.notice(["h0", "b"])
    dispatch.source_read()
    await work(dispatch, gate, ledger, clock)
    assert (dispatch.ending, (await ledger.counts()).done) == (Ending.PAUSED, 50)


async def test_nobody_is_busy_while_all_wait(dispatch_of, ledger, clock):
    gate = Gate(rates={"a": 50.0})
    calls = Counter()
    lease = ledger.lease

    async def counting_lease(*given):
        calls["lease"] += 1
        return await lease(*given)

    ledger.lease = counting_lease
    await add(ledger, ("a", 10), ("b", 10))
    dispatch = dispatch_of(gate)
    dispatch.notice(["a", "b"])
    dispatch.source_read()
    await work(dispatch, gate, ledger, clock)
    assert (dispatch.ending, (await ledger.counts()).done) == (Ending.NOTHING_LEFT, 20)
    assert calls["lease"] < 200  # in 450 seconds


async def test_a_suspect_is_tried_alone_and_before_the_others(dispatch_of, ledger, clock):
    gate = Gate()
    await add(ledger, ("a", 20))
    tried = []
    dispatch = dispatch_of(gate, suspicion=Suspicion(kills={2: 2, 3: 2, 4: 1}, run="before"))
    dispatch.source_read()
    await work(dispatch, gate, ledger, clock, tried=tried)
    assert [item for _, item, _ in tried[:2]] == [2, 3]
    assert [out for _, _, out in tried[:2]] == [1, 1]
    assert tried[1][0] - tried[0][0] >= 0.1
    assert tried[2][0] - tried[1][0] >= 0.1
    assert (await ledger.counts()).done == 20
    assert await ledger.get("alone") is None
    assert (await ledger.get("suspicion"))["kills"] == {"4": 1}


async def test_it_is_noted_before_it_is_tried(dispatch_of, ledger, clock):
    gate = Gate()
    await add(ledger, ("a", 3))
    dispatch = dispatch_of(gate, suspicion=Suspicion(kills={2: 2}, run="before"))
    supply = asyncio.create_task(dispatch.supply())
    task = await dispatch.next()
    assert task.lease.item == 2
    assert (await ledger.get("alone"))["item"] == 2
    assert (await ledger.get("alone"))["run"] == "RUN"
    waiting = asyncio.create_task(dispatch.next())
    await clock.sleep(10)
    assert not waiting.done()
    gate.answered(task.host, clock.monotonic())
    await ledger.record(Record(task.lease, ItemStatus.DONE, 1))
    dispatch.settled(task)
    other = await waiting
    assert other.lease.item == 1
    assert await ledger.get("alone") is None
    dispatch.end(Ending.STOPPED)
    await supply


async def test_a_suspect_waits_too_while_the_job_is_paused(dispatch_of, ledger, clock):
    await ledger.add([NewItem("a/1"), NewItem("a/2"), NewItem("b/3")])
    gate, throttle, tried = Gate(), Throttle(), []
    throttle.bound(PAUSE, 0)
    dispatch = dispatch_of(gate, suspicion=Suspicion(kills={2: 2}, run="before"), throttle=throttle)
    dispatch.source_read()

    async def unpause():
        await clock.sleep(500)
        assert tried == []
        throttle.bound(PAUSE, None)

    await asyncio.gather(work(dispatch, gate, ledger, clock, tried=tried), unpause())
    assert sorted(item for _, item, _ in tried) == [1, 2, 3]
    assert min(at for at, _, _ in tried) >= 500


async def test_a_suspect_whose_host_waits_is_put_off_and_does_not_hold_up_the_others(dispatch_of, ledger, clock):
    gate = Gate()
    gate.pause({"a"})
    await add(ledger, ("a", 1), ("b", 10))
    dispatch = dispatch_of(gate, suspicion=Suspicion(kills={1: 2}, run="before"))
    dispatch.source_read()
    await work(dispatch, gate, ledger, clock)
    assert (dispatch.ending, (await ledger.counts()).done) == (Ending.PAUSED, 10)


async def test_the_condemned_are_given_up_untried(dispatch_of, ledger, clock):
    gate = Gate()
    await add(ledger, ("a", 5))
    tried = []
    dispatch = dispatch_of(gate, suspicion=Suspicion(kills={3: 5}, alone={3: 3}, run="before"))
    dispatch.source_read()
    await work(dispatch, gate, ledger, clock, tried=tried)
    assert 3 not in [item for _, item, _ in tried]
    counts = await ledger.counts()
    assert (counts.done, counts.failed) == (4, 1)
    [failure] = await ledger.failures(0, 10)
    assert '"class":"poison"' in failure.error
    assert (await ledger.get("suspicion"))["alone"] == {}


@pytest.mark.parametrize("steps", range(12))
async def test_cancelled_at_any_step_a_worker_leaves_nothing_in_flight(dispatch_of, ledger, clock, steps):
    gate = Gate(rates={"b": 0.5})
    await add(ledger, ("a", 6), ("b", 6))
    dispatch = dispatch_of(gate)
    supply = asyncio.create_task(dispatch.supply())

    async def worker():
        while (task := await dispatch.next()) is not None:
            try:
                await asyncio.sleep(0)
                gate.answered(task.host, clock.monotonic(), probe=task.probe)
            except asyncio.CancelledError:
                gate.released(task.host, clock.monotonic(), probe=task.probe)
                raise
            finally:
                dispatch.settled(task)

    workers = [asyncio.create_task(worker()) for _ in range(3)]
    for _ in range(steps):
        await asyncio.sleep(0)
    for each in workers:
        each.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert (gate.in_flight, dispatch._out) == (0, 0)
    dispatch.end(Ending.STOPPED)
    await supply


async def test_a_task_that_was_handed_to_a_worker_that_is_cancelled_is_given_back(dispatch_of, ledger, clock):
    gate = Gate()
    dispatch = dispatch_of(gate)
    supply = asyncio.create_task(dispatch.supply())
    worker = asyncio.create_task(dispatch.next())
    await clock.sleep(1)
    waiter = dispatch._idle[0]
    await add(ledger, ("a", 1))
    dispatch.changed()
    while not waiter.done():
        await asyncio.sleep(0)
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker
    assert (gate.in_flight, dispatch._out) == (0, 0)
    dispatch.end(Ending.STOPPED)
    await supply


# What is left


async def test_only_what_is_not_done_is_looked_at(ledger):
    await add(ledger, ("a", 700), ("b", 1))
    assert not await only_of({"a"}, ledger)
    assert await only_of({"a", "b"}, ledger)
    for lease in await ledger.lease("me", 701, 0.0, 600.0):
        if "//b/" in lease.key:
            await ledger.record(Record(lease, ItemStatus.DONE, 1))
    assert await only_of({"a"}, ledger)


async def test_without_a_file_or_a_run_before_nothing_is_known(ledger, tmp_path):
    assert (await left_behind(ledger, None)).repeated is None
    assert (await left_behind(ledger, tmp_path / "IN_HAND")).repeated is None


async def test_a_run_that_was_not_killed_leaves_nobody_suspected(ledger, tmp_path):
    await ledger.put("run", {"id": "RUN"})
    await ledger.put("ended", {"run": "RUN"})
    await ledger.put("suspicion", Suspicion(kills={1: 2}, run="before").to_json())
    left = await left_behind(ledger, tmp_path / "IN_HAND")
    assert (left.repeated, left.suspicion.kills) == (None, {})


def test_what_a_gate_says_is_one_of_four():
    assert list(Probe) == ["go", "probe", "wait", "give_up"]
