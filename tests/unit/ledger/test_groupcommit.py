"""One commit at a time, of everything that is waiting."""

import asyncio
import threading

import pytest

from outlast.errors import LedgerUnavailableError
from outlast.ledger.groupcommit import GroupCommit


class Commits:
    """Doubles numbers; remembers the batches; fails when told to."""

    def __init__(self):
        self.batches = []
        self.closed = 0

    def apply(self, batch):
        self.batches.append(list(batch))
        if "all" in batch:
            raise LedgerUnavailableError("no disk")
        return [ValueError(request) if request == "one" else request * 2 for request in batch]

    def last(self):
        self.closed += 1


@pytest.fixture
async def commits():
    return Commits()


@pytest.fixture
async def group(commits):
    group = GroupCommit(commits.apply, "test")
    yield group
    await group.close(commits.last)


async def test_everyone_gets_the_outcome_of_their_own_request(group):
    assert await asyncio.gather(*map(group.submit, range(10))) == [n * 2 for n in range(10)]


async def test_what_is_asked_in_one_turn_is_one_commit(group, commits):
    await asyncio.gather(*map(group.submit, range(64)))
    assert commits.batches == [list(range(64))]


async def test_what_is_asked_during_a_commit_waits_for_the_next(group, commits):
    async def worker(number):
        for _ in range(3):
            await group.submit(number)

    await asyncio.gather(*map(worker, range(8)))
    assert commits.batches == [list(range(8))] * 3


async def test_a_request_that_fails_fails_alone(group):
    outcomes = await asyncio.gather(*map(group.submit, [1, "one", 2]), return_exceptions=True)
    assert outcomes[0::2] == [2, 4]
    assert isinstance(outcomes[1], ValueError)


async def test_a_commit_that_fails_fails_for_all_and_the_next_may_succeed(group):
    outcomes = await asyncio.gather(*map(group.submit, [1, "all", 2]), return_exceptions=True)
    assert all(isinstance(outcome, LedgerUnavailableError) for outcome in outcomes)
    assert await group.submit(3) == 6


async def test_cancelling_the_wait_does_not_take_the_request_back(group, commits):
    waiting = asyncio.ensure_future(group.submit(1))
    other = group.submit(2)
    waiting.cancel()
    assert await other == 4
    assert commits.batches == [[1, 2]]


async def test_closing_finishes_what_is_waiting_and_happens_once(commits):
    group = GroupCommit(commits.apply, "test")
    waiting = [group.submit(n) for n in range(3)]
    await group.close(commits.last)
    await group.close(commits.last)
    assert [await each for each in waiting] == [0, 2, 4]
    assert commits.closed == 1
    with pytest.raises(LedgerUnavailableError, match="closed"):
        group.submit(4)


async def test_closing_that_is_cancelled_finishes_all_the_same(commits):
    go_on = threading.Event()
    group = GroupCommit(lambda batch: go_on.wait(10) and commits.apply(batch), "test")
    first = group.submit(1)
    await asyncio.sleep(0)
    second = group.submit(2)
    closing = asyncio.ensure_future(group.close(commits.last))
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    go_on.set()
    assert await asyncio.gather(first, second) == [2, 4]
    await group.close(commits.last)
    assert (commits.batches, commits.closed) == ([[1], [2]], 1)


async def test_a_second_call_to_close_waits_for_the_first(commits):
    go_on = threading.Event()
    group = GroupCommit(commits.apply, "test")
    first = asyncio.ensure_future(group.close(lambda: go_on.wait(10) and commits.last()))
    second = asyncio.ensure_future(group.close(commits.last))
    await asyncio.sleep(0)
    assert not second.done()
    go_on.set()
    await asyncio.gather(first, second)
    assert commits.closed == 1


@pytest.mark.real_time
def test_a_loop_that_ends_while_closing_leaves_no_connection_open(commits):
    async def cut_short():
        group = GroupCommit(commits.apply, "test")
        waiting = group.submit(1)
        closing = asyncio.ensure_future(group.close(commits.last))
        await asyncio.sleep(0)
        return waiting, closing

    asyncio.run(cut_short())
    for thread in threading.enumerate():
        if thread.name.startswith("test"):
            thread.join(10)
    assert commits.closed == 1
