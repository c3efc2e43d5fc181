"""Remedies: applied once for all who need them, not for ever in vain, and never in the way of a cancellation."""

import asyncio
import gc

import pytest

from outlast.config import RetryConfiguration
from outlast.errors import MaxRetriesExceededError, PermanentFailureError, RetryConfigurationError
from outlast.failure import FailureRule
from outlast.retry import RetryManager

RUN = "exponential_backoff"


class ExpiredError(Exception):
    status = 401


class Session:
    """A session that must be refreshed; `good` says whether refreshing helps."""

    def __init__(self, *, good=True, valid=False):
        self.good = good
        self.valid = valid
        self.refreshed = []

    async def refresh(self, host):
        self.refreshed.append(host)
        await asyncio.sleep(1)
        self.valid = self.good

    async def fetch(self):
        was_valid = self.valid
        await asyncio.sleep(0.1)
        if not was_valid:
            raise ExpiredError
        return "page"


@pytest.fixture
def mending(virtual_clock, bus):
    def built(**remedies):
        config = RetryConfiguration(jitter_enabled=False)
        return RetryManager(config, events=bus, clock=virtual_clock, remedies=remedies)

    return built


async def gives_up(caller, operation, policy_id=RUN, *, raising=PermanentFailureError):
    with pytest.raises(raising) as caught:
        await caller.execute_with_retry(operation, policy_id)
    return caught.value


@pytest.mark.parametrize("policy_id", [RUN, "http"])
@pytest.mark.parametrize("host", ["shop.example", ""])
async def test_a_failure_that_has_a_remedy_is_tried_again_once_it_is_applied(mending, policy_id, host, heard):
    session = Session()
    manager = mending(refresh_session=session.refresh)
    caller = manager.for_host(host) if host else manager
    assert await caller.execute_with_retry(session.fetch, policy_id) == "page"
    assert session.refreshed == [host]
    assert [event.event_type for event in heard] == ["remedy_applied", "retry_attempted", "retry_succeeded"]
    assert heard[0].data == {"remedy": "refresh_session", "host": host, "error": None}


async def test_without_a_function_it_is_permanent(mending):
    error = await gives_up(mending(rotate_proxy=lambda _host: None), Session().fetch)
    assert error.context["attempts"] == 1


async def test_a_plain_function_will_do(mending, script):
    hosts = []
    manager = mending(rotate_proxy=hosts.append)
    blocked = type("Blocked", (Exception,), {"status": 403})
    assert await manager.for_host("shop.example").execute_with_retry(script(blocked, "page"), RUN) == "page"
    assert hosts == ["shop.example"]


async def test_fifty_calls_that_need_it_have_it_applied_once(mending):
    session = Session()
    guard = mending(refresh_session=session.refresh).for_host("shop.example")

    async def fetch(number):
        await asyncio.sleep(number * 0.05)  # some fail while it is applied, some after, all with the old session
        return await session.fetch()

    calls = (guard.execute_with_retry(fetch, RUN, number) for number in range(20))
    assert set(await asyncio.gather(*calls)) == {"page"}
    assert len(session.refreshed) == 1


async def test_each_host_has_its_own(mending):
    session = Session()
    manager = mending(refresh_session=session.refresh)
    sessions = {"one.example": Session(), "two.example": Session()}
    calls = (manager.for_host(host).execute_with_retry(each.fetch, "none") for host, each in sessions.items())
    assert all(isinstance(each, Exception) for each in await asyncio.gather(*calls, return_exceptions=True))
    calls = (manager.for_host(host).execute_with_retry(session.fetch, RUN) for host in sessions)
    assert set(await asyncio.gather(*calls)) == {"page"}
    assert sorted(session.refreshed) == ["one.example", "two.example"]


async def test_it_is_not_applied_for_the_last_attempt(mending):
    session = Session()
    manager = mending(refresh_session=session.refresh)
    await manager.create_retry_policy({"name": "two", "max_attempts": 2})
    await gives_up(manager, session.fetch, "none")
    assert session.refreshed == []
    assert await manager.execute_with_retry(session.fetch, "two") == "page"


async def test_the_bound_that_a_rule_sets_holds_for_a_mended_failure_too(virtual_clock, bus):
    session = Session(good=False)
    rule = FailureRule(failure_class="auth_expired", status=[401], transient=True, max_attempts=2)
    manager = RetryManager(
        RetryConfiguration(),
        events=bus,
        clock=virtual_clock,
        rules=[rule],
        remedies={"refresh_session": session.refresh},
    )
    error = await gives_up(manager, session.fetch, raising=MaxRetriesExceededError)
    assert error.context["attempts"] == 2
    assert len(session.refreshed) == 1


async def test_after_three_times_in_vain_the_failure_counts_as_it_is(mending):
    session = Session(good=False)
    guard = mending(refresh_session=session.refresh).for_host("shop.example")
    error = await gives_up(guard, session.fetch, "aggressive")
    assert isinstance(error.__cause__, ExpiredError)
    rows = error.context["history"]
    assert [row["remedy"] for row in rows] == [
        *["refresh_session"] * 3,
        "refresh_session was applied 3 times in vain",
    ]
    assert "(refresh_session); the next after" in error.__notes__[0]
    await gives_up(guard, session.fetch, "aggressive")
    assert len(session.refreshed) == 3


async def test_a_success_between_makes_it_worth_trying_again(mending, script):
    session = Session(good=False)
    guard = mending(refresh_session=session.refresh).for_host("shop.example")
    await gives_up(guard, session.fetch, "aggressive")
    await guard.execute_with_retry(script("page"), RUN)
    session.good = True
    assert await guard.execute_with_retry(session.fetch, RUN) == "page"
    assert len(session.refreshed) == 4


async def test_a_remedy_that_fails_leaves_the_failure_as_it_is_for_all_who_wait(mending, heard):
    calls = []

    async def refresh(host):
        calls.append(host)
        await asyncio.sleep(1)
        raise ConnectionError("login is down")

    session = Session()
    guard = mending(refresh_session=refresh).for_host("shop.example")
    errors = await asyncio.gather(*(gives_up(guard, session.fetch) for _ in range(10)))
    assert len(calls) == 1
    assert {each.context["history"][0]["remedy"] for each in errors} == {
        "refresh_session failed: builtins.ConnectionError: login is down"
    }
    assert {type(each.__cause__) for each in errors} == {ExpiredError}
    assert heard[0].data["error"] == "builtins.ConnectionError: login is down"


async def test_a_transient_failure_goes_on_being_tried_when_its_remedy_fails(mending, script):
    class TargetClosedError(Exception):
        pass

    TargetClosedError.__module__ = "playwright._impl._errors"
    manager = mending(restart_browser=lambda _host: 1 / 0)
    assert await manager.execute_with_retry(script(TargetClosedError, "page"), RUN) == "page"


async def test_a_remedy_that_needs_a_remedy_does_not_wait_for_itself(mending, script):
    manager = mending(refresh_session=lambda host: refresh(host))

    async def refresh(host):
        await manager.execute_with_retry(script(ExpiredError), RUN)

    async with asyncio.timeout(60):
        error = await gives_up(manager, script(ExpiredError))
    assert "refresh_session failed: outlast.errors.PermanentFailureError" in error.context["history"][0]["remedy"]


async def test_when_the_one_who_applies_it_is_cancelled_the_next_does(mending):
    session = Session()
    guard = mending(refresh_session=session.refresh).for_host("shop.example")
    calls = [asyncio.create_task(guard.execute_with_retry(session.fetch, RUN)) for _ in range(3)]
    await asyncio.sleep(0.5)
    calls[0].cancel()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(ended[0], asyncio.CancelledError)
    assert ended[1:] == ["page", "page"]
    assert len(session.refreshed) == 2


@pytest.mark.parametrize(
    ("remedies", "said"),
    [
        (
            {"refresh_sesion": print},
            "refresh_sesion: is not a remedy that can be given, did you mean 'refresh_session'",
        ),
        ({"skip": print}, "skip: is not a remedy that can be given"),
        ({"rotate_proxy": 7}, "rotate_proxy: must be a function, not 7"),
    ],
)
def test_what_is_no_remedy_is_refused(mending, remedies, said):
    with pytest.raises(RetryConfigurationError, match=said):
        mending(**remedies)


async def test_a_mended_call_leaves_nothing_for_the_garbage_collector(mending):
    session = Session(good=False)
    guard = mending(refresh_session=session.refresh).for_host("shop.example")
    gc.collect()
    gc.disable()
    try:
        try:
            await guard.execute_with_retry(session.fetch, "aggressive")
        except PermanentFailureError as error:
            assert error.context["attempts"] == 4
        await asyncio.sleep(0)
        assert gc.collect() == 0
    finally:
        gc.enable()
