"""The decorator: what it wraps is what it was, and is retried."""

import asyncio
import inspect

import pytest

from outlast.errors import MaxRetriesExceededError, RetryConfigurationError, RetryPolicyNotFoundError


async def test_a_function_keeps_its_name_its_arguments_and_its_result(manager):
    @manager.retrying("http")
    async def fetch(url: str, *, page: int = 1) -> str:
        """Fetch it."""
        return f"{url}?{page}"

    assert (fetch.__name__, fetch.__doc__) == ("fetch", "Fetch it.")
    assert list(inspect.signature(fetch).parameters) == ["url", "page"]
    assert inspect.iscoroutinefunction(fetch)
    assert await fetch("a", page=2) == "a?2"


async def test_it_is_tried_again(manager, clock):
    failures = iter([ConnectionError(), ConnectionError()])

    @manager.retrying("exponential_backoff")
    def flaky():
        for failure in failures:
            raise failure
        return "page"

    assert await flaky() == "page"
    assert clock.sleeps == [0.5, 1.0]


async def test_every_call_has_its_own_attempts(manager):
    calls = []

    @manager.retrying("conservative")
    async def fetch(number):
        calls.append(number)
        await asyncio.sleep(0)
        raise ConnectionError

    ended = await asyncio.gather(*(fetch(number) for number in range(50)), return_exceptions=True)
    assert {each.context["attempts"] for each in ended} == {3}
    assert sorted(calls) == sorted([*range(50)] * 3)


async def test_without_a_policy_it_is_the_default(build, script):
    operation = script(ConnectionError)
    with pytest.raises(MaxRetriesExceededError) as caught:
        await build(default_policy="conservative").retrying()(operation)()
    assert caught.value.context["policy_id"] == "conservative"


async def test_the_policy_is_looked_up_when_it_is_called(manager, script):
    fetch = manager.retrying("shop")(script(ConnectionError))
    with pytest.raises(RetryPolicyNotFoundError):
        await fetch()
    for attempts in (2, 4):
        await manager.create_retry_policy({"name": "shop", "max_attempts": attempts})
        with pytest.raises(MaxRetriesExceededError) as caught:
            await fetch()
        assert caught.value.context["attempts"] == attempts


@pytest.mark.parametrize("host", ["shop.example", lambda *_args, **_kwargs: "SHOP.example"])
async def test_a_host_brings_its_circuit(manager, script, host):
    fetch = manager.retrying("none", host=host)(script(ConnectionError))
    for _ in range(10):
        with pytest.raises(MaxRetriesExceededError):
            await fetch(1, x=2)
    assert manager.for_host("shop.example").status()["state"] == "open"
    with pytest.raises(MaxRetriesExceededError, match="circuit_open"):
        await fetch(1, x=2)


async def test_the_host_may_depend_on_the_arguments(manager):
    @manager.retrying("none", host=lambda url, **_: url.split("/")[2])
    async def fetch(url, **_given):
        raise ConnectionError(url)

    for _ in range(3):
        with pytest.raises(MaxRetriesExceededError):
            await fetch("https://one.example/", page=1)
    assert manager.for_host("one.example").status()["failures_in_a_row"] == 3
    assert manager.for_host("two.example").status()["failures_in_a_row"] == 0


@pytest.mark.parametrize("host", [None, "shop.example"])
async def test_no_name_of_an_argument_collides(manager, host):
    @manager.retrying("http", host=host)
    async def fetch(operation, **given):
        return operation, given

    assert await fetch(operation=1, retry_policy_id=2, self=3, args=4) == (
        1,
        {"retry_policy_id": 2, "self": 3, "args": 4},
    )


async def test_a_method_keeps_its_object(manager):
    class Site:
        name = "shop"

        @manager.retrying("http")
        async def fetch(self, page):
            return self.name, page

    assert await Site().fetch(page=7) == ("shop", 7)


async def test_what_cannot_be_called_again_is_refused_at_once(manager, script):
    def pages():
        yield 1

    async def stream():
        yield 1

    given = script(1)()
    for wrong, said in ((pages, "generator"), (stream, "generator"), (given, "coroutine object"), (7, "callable")):
        with pytest.raises(RetryConfigurationError, match=said):
            manager.retrying("http")(wrong)


async def test_a_host_that_is_none_is_refused(manager):
    for wrong in (7, "https://shop.example/"):
        with pytest.raises(RetryConfigurationError, match="host"):
            manager.retrying("http", host=wrong)(lambda: 1)
