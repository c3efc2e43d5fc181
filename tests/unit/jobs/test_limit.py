"""The time limit of an attempt behaves as `asyncio.timeout` does."""

import asyncio

import pytest

from outlast.jobs.limit import AttemptLimit


@pytest.fixture
async def limit():
    limit = AttemptLimit(10)
    yield limit
    limit.close()
    limit.close()


async def test_what_takes_too_long_is_cut_off_at_its_time(limit):
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(TimeoutError, match="no result within 10 s"), limit:
        await asyncio.sleep(60)
    assert loop.time() - start == 10
    assert asyncio.current_task().cancelling() == 0


async def test_each_attempt_has_the_whole_time(limit):
    for _ in range(5):
        with limit:
            await asyncio.sleep(9)
    with pytest.raises(TimeoutError), limit:
        await asyncio.sleep(11)
    with limit:
        await asyncio.sleep(9)


async def test_between_attempts_nothing_is_cut_off(limit):
    with limit:
        await asyncio.sleep(9)
    await asyncio.sleep(100)
    with limit:
        await asyncio.sleep(9)


async def test_other_errors_pass_and_so_does_cancellation(limit):
    with pytest.raises(KeyError), limit:
        raise KeyError

    async def attempt():
        with limit:
            await asyncio.sleep(60)

    task = asyncio.create_task(attempt())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_that_comes_with_the_timeout_is_not_swallowed(limit):
    async def attempt():
        with limit:
            try:
                await asyncio.sleep(60)
            finally:
                task.cancel()

    task = asyncio.create_task(attempt())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_result_that_comes_in_spite_of_it_counts(limit):
    with limit:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            result = "saved"
    assert result == "saved"
    assert asyncio.current_task().cancelling() == 0


async def test_without_a_limit_there_is_none():
    limit = AttemptLimit(None)
    with limit:
        await asyncio.sleep(1_000_000)
    limit.close()
