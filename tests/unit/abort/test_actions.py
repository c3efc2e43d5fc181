"""What is done when a job is aborted."""

import asyncio
import threading
from contextvars import ContextVar

import pytest

from outlast.abort import AbortManager
from outlast.abort.notify import Delivery, Notifier
from outlast.config import AbortConfiguration, NotifyConfiguration
from outlast.errors import ValidationError

ALL = ["save_state", "notify", "cleanup", "shutdown", "log_event"]


class Told:
    """Stands in for a notifier: everybody is told, or nobody can be."""

    def __init__(self, *problems, wanted=True):
        self.notices = []
        self.problems = problems
        self.wanted = wanted

    def __bool__(self):
        return True

    def wants(self, occasion):
        return self.wanted and occasion == "aborted"

    async def notify(self, notice):
        self.notices.append(notice)
        return tuple(Delivery(f"target {n}", ok=p is None, problem=p) for n, p in enumerate(self.problems))


@pytest.fixture
async def acting(manager):
    """Makes a manager whose default policy wants all actions, with functions that write down that they were called."""
    called = []

    def note(name):
        def call(job_id):
            called.append((name, job_id))

        return call

    async def make(config=None, **functions):
        given = {name: note(name) for name in ("save_state", "cleanup", "shutdown")}
        abort = manager(config, **{"notifier": Told(None), **given, **functions})
        await abort.create_abort_policy({"name": "default", "abort_actions": ALL})
        return abort

    make.called = called
    return make


def outcome(abort, job="job"):
    return {each["action"]: each["problem"] for each in abort.actions_done(job)}


async def test_the_policy_that_aborts_the_job_says_what_is_done_whoever_asked_last(acting):
    abort = await acting()
    await abort.create_abort_policy({"name": "hard", "kind": "strict", "abort_actions": ["cleanup"]})
    await abort.create_abort_policy({"name": "soft", "kind": "never", "abort_actions": ["shutdown"]})
    for _ in range(40):
        await abort.record_failure("job", {"error": RuntimeError("x")})
    assert (await abort.evaluate_abort_conditions("job", "hard"))["should_abort"] is True
    assert (await abort.evaluate_abort_conditions("job", "soft"))["should_abort"] is False
    assert await abort.execute_abort_actions("job", "why") is True
    assert acting.called == [("cleanup", "job")]


async def test_the_actions_of_the_policy_are_done_in_its_order(acting, events):
    abort = await acting()
    assert await abort.execute_abort_actions("job", "too much") is True
    assert acting.called == [("save_state", "job"), ("cleanup", "job"), ("shutdown", "job")]
    assert list(outcome(abort)) == ALL
    [executed] = [each for each in events if each.event_type == "abort_executed"]
    assert executed.data["succeeded"] is True
    assert executed.data["reason"] == "too much"
    assert [each["action"] for each in executed.data["actions"]] == ALL
    [analysed] = [each for each in events if each.event_type == "abort_analysed"]
    assert analysed.data["analysis"]["cause"] == "nothing has failed"


async def test_one_that_fails_does_not_stop_the_next_and_it_is_no_success(acting, events):
    def refuse(job_id):
        raise OSError("disk full")

    abort = await acting(save_state=refuse, shutdown=lambda _: False)
    assert await abort.execute_abort_actions("job", "why") is False
    assert outcome(abort) == {
        "save_state": "OSError: disk full",
        "notify": None,
        "cleanup": None,
        "shutdown": "it said that it did not succeed",
        "log_event": None,
    }
    assert [each for each in events if each.event_type == "abort_executed"][0].data["succeeded"] is False


async def test_what_nothing_was_given_for_has_failed_and_says_what_is_missing():
    abort = AbortManager(AbortConfiguration())
    assert await abort.execute_abort_actions("job", "why") is False
    told = outcome(abort)
    assert told["save_state"] == "nothing was given that can save the state: no save_state"
    assert "[notify]" in told["notify"]
    assert told["log_event"] is None


async def test_one_that_takes_too_long_is_cut_off(acting):
    async def hang(job_id):
        await asyncio.sleep(3_600)

    abort = await acting(cleanup=hang)
    assert await abort.execute_abort_actions("job", "why") is False
    assert outcome(abort)["cleanup"] == "not done within 30 s"
    assert outcome(abort)["shutdown"] is None


async def test_a_timeout_of_its_own_is_not_taken_for_ours(acting):
    async def slow(job_id):
        raise TimeoutError("the site")

    abort = await acting(cleanup=slow)
    await abort.execute_abort_actions("job", "why")
    assert outcome(abort)["cleanup"] == "TimeoutError: the site"


@pytest.mark.real_time
async def test_a_plain_function_that_hangs_is_left_behind_and_holds_nobody_up(acting):
    hold, threads = threading.Event(), []

    def hang(job_id):
        threads.append(threading.current_thread())
        hold.wait()

    abort = await acting(cleanup=hang)
    await abort.create_abort_policy({"name": "default", "abort_actions": ALL, "action_timeout": 0.2})
    try:
        assert await abort.execute_abort_actions("job", "why") is False
    finally:
        hold.set()
    assert outcome(abort)["cleanup"] == "not done within 0.2 s"
    assert outcome(abort)["shutdown"] is None
    [thread] = threads
    assert thread.daemon, "it must not keep the program from ending"


async def test_a_plain_function_gets_the_context_of_who_calls_and_may_give_something_to_be_awaited(acting):
    who = ContextVar("who")
    who.set("me")

    async def save():
        return {"by": who.get(), "on": threading.current_thread()}

    class Checkpoints:
        async def create_checkpoint(self, job_id, data):
            self.kept = data

    checkpoints, seen = Checkpoints(), []
    abort = await acting(save_state=lambda _: save(), cleanup=lambda _: seen.append(who.get()), checkpoints=checkpoints)
    assert await abort.execute_abort_actions("job", "why")
    assert checkpoints.kept == {"by": "me", "on": threading.current_thread()}
    assert seen == ["me"]


async def test_a_second_call_gives_what_the_first_gave_and_does_nothing(acting, events):
    abort = await acting()
    assert await abort.execute_abort_actions("job", "why")
    assert await abort.execute_abort_actions("job", "again")
    assert len(acting.called) == 3
    assert len([each for each in events if each.event_type == "abort_executed"]) == 1
    await abort.execute_abort_actions("another", "why")
    assert len(acting.called) == 6


async def test_a_new_run_of_the_job_does_them_again(acting):
    abort = await acting()
    await abort.execute_abort_actions("job", "why")
    abort.forget("job")
    await abort.execute_abort_actions("job", "why")
    assert len(acting.called) == 6


async def test_calls_at_the_same_time_share_one_flight(acting):
    count = 0

    async def slow(job_id):
        nonlocal count
        count += 1
        await asyncio.sleep(1)

    abort = await acting(save_state=slow)
    results = await asyncio.gather(*(abort.execute_abort_actions("job", "why") for _ in range(5)))
    assert results == [True] * 5
    assert count == 1


async def test_where_a_caller_was_cancelled_the_next_goes_on_with_what_is_left(acting, events):
    began, hold = asyncio.Event(), asyncio.Event()

    async def slow(job_id):
        began.set()
        await hold.wait()

    abort = await acting(cleanup=slow)
    first = asyncio.create_task(abort.execute_abort_actions("job", "why"))
    await began.wait()
    second = asyncio.create_task(abort.execute_abort_actions("job", "why"))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    hold.set()
    assert await second is True
    assert [name for name, _ in acting.called] == ["save_state", "shutdown"]
    assert len([each for each in events if each.event_type == "abort_executed"]) == 1


async def test_a_job_has_functions_of_its_own(acting):
    abort = await acting()
    mine = []
    abort.attach("job", save_state=mine.append)
    await abort.execute_abort_actions("job", "why")
    await abort.execute_abort_actions("other", "why")
    assert mine == ["job"]
    assert ("save_state", "other") in acting.called


async def test_a_state_that_is_given_is_kept_as_a_checkpoint(acting):
    class Checkpoints:
        kept = []

        async def create_checkpoint(self, job_id, data):
            self.kept.append((job_id, data))
            return "id"

    abort = await acting(save_state=lambda _: {"page": 7}, checkpoints=Checkpoints())
    assert await abort.execute_abort_actions("job", "why")
    assert Checkpoints.kept == [("job", {"page": 7})]


async def test_those_who_are_told_hear_the_reason_and_the_cause(acting):
    told = Told(None)
    abort = await acting(notifier=told)
    await abort.record_failure("job", {"error_type": "ConnectError", "message": "refused", "host": "site"})
    await abort.execute_abort_actions("job", "26 of the last 30 failed")
    [notice] = told.notices
    assert notice.summary == "job was aborted: 26 of the last 30 failed"
    assert "ConnectError: refused; at site" in notice.details
    assert notice.data["total_failures"] == 1


async def test_whoever_could_not_be_told_is_named(acting):
    abort = await acting(notifier=Told("it answered 500", None))
    assert await abort.execute_abort_actions("job", "why") is False
    assert outcome(abort)["notify"] == "target 0: it answered 500"


async def test_that_nobody_is_configured_to_be_told_is_no_failure_and_that_no_notifier_was_given_is_one(acting):
    abort = await acting(notifier=Notifier(NotifyConfiguration()))
    assert await abort.execute_abort_actions("job", "why") is True
    assert list(outcome(abort)) == ["save_state", "cleanup", "shutdown", "log_event"]
    abort = await acting(notifier=None)
    assert await abort.execute_abort_actions("job", "why") is False
    assert "nobody to tell" in outcome(abort)["notify"]


async def test_nobody_is_told_where_notifications_are_switched_off_or_aborts_are_no_occasion(acting):
    quiet, elsewhere = Told(None), Told(None, wanted=False)
    abort = await acting(AbortConfiguration(abort_notification_enabled=False), notifier=quiet)
    assert await abort.execute_abort_actions("job", "why") is True
    assert "notify" not in outcome(abort)
    abort = await acting(notifier=elsewhere)
    assert await abort.execute_abort_actions("job", "why") is True
    assert quiet.notices == elsewhere.notices == []


async def test_the_policy_is_the_one_the_job_was_judged_by_last(acting):
    abort = await acting()
    await abort.create_abort_policy({"name": "mine", "abort_actions": ["shutdown"]})
    await abort.evaluate_abort_conditions("job", "mine")
    await abort.execute_abort_actions("job", "why")
    assert acting.called == [("shutdown", "job")]


async def test_a_reason_is_a_text(acting):
    abort = await acting()
    with pytest.raises(ValidationError, match="abort_reason"):
        await abort.execute_abort_actions("job", None)


async def test_whoever_is_in_a_hurry_cuts_off_what_is_done_and_leaves_the_rest_a_second_each(acting, virtual_clock):
    async def stays(_):
        await virtual_clock.sleep(1_000)

    abort = await acting(save_state=stays, cleanup=stays)
    abort.hurry_actions("other")
    began = virtual_clock.monotonic()
    acted = asyncio.create_task(abort.execute_abort_actions("job", "reason"))
    await virtual_clock.sleep(2)
    abort.hurry_actions("job")
    assert not await acted
    assert virtual_clock.monotonic() - began == pytest.approx(3, abs=0.1)
    said = "cut off: whoever runs the job was told to end"
    assert outcome(abort) == {**dict.fromkeys(ALL), "save_state": said, "cleanup": said}
    # What was not begun has no time either.
    abort.hurry_actions("other")
    assert not await abort.execute_abort_actions("other", "reason")
    assert virtual_clock.monotonic() - began == pytest.approx(5, abs=0.1)
