"""What a type checker infers of the public names; mypy reads this file, pytest runs it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from typing_extensions import assert_type

import outlast


@outlast.job("typed", concurrency=2, timeout="30s", resources={"client": dict})
async def handle(url: str, ctx: outlast.Context, client: dict[str, str]) -> dict[str, str]:
    ctx.enqueue(url + "/next")
    assert_type(ctx.attempt, int)
    assert_type(ctx.state, dict[str, Any])
    return {"url": url}


def test_a_job_keeps_the_types_of_its_function() -> None:
    assert_type(handle.name, str)
    wrapped: Callable[[str, outlast.Context, dict[str, str]], Coroutine[Any, Any, dict[str, str]]] = handle
    assert wrapped.__name__ == "handle"


async def test_a_run_gives_summaries_and_values(tmp_path: object) -> None:
    async def use(run: outlast.Run) -> None:
        async for done in run.map(len, ["a"]):
            assert_type(done.key, str)
        assert_type(run.summary(), outlast.Summary)
        assert_type(run.summary().outcome, outlast.Outcome)
        assert_type(run.summary().exit_code, int)
        assert_type(await run.progress(), outlast.Progress)

    assert asyncio.iscoroutinefunction(use)


async def test_a_retried_function_keeps_its_types() -> None:
    manager = outlast.RetryManager(outlast.RetryConfiguration())

    @manager.retrying("none")
    async def fetch(url: str, *, page: int = 1) -> dict[str, int]:
        return {url: page}

    @manager.retrying("none", host=lambda url: url)
    def plain(url: str) -> int:
        return len(url)

    assert_type(await fetch("a", page=2), dict[str, int])
    assert_type(await plain("abc"), int)
    wrapped: Callable[[str], Coroutine[Any, Any, int]] = plain
    assert await wrapped("ab") == 2
    assert_type(manager.for_host("shop.example").status(), dict[str, Any])


def test_errors_are_what_they_say() -> None:
    error = outlast.JobLockedError(context={"pid": 1})
    assert_type(error.error_code, str)
    assert_type(error.context, dict[str, Any])
    assert isinstance(outlast.RetryPolicyNotFoundError(), LookupError)
    assert isinstance(outlast.ConfigurationError(), ValueError)
