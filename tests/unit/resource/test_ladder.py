"""What is done about a bound that stays broken, step by step."""

import asyncio

import pytest

from outlast.contracts import IBrowserLifecycleIntegration
from outlast.errors import ResourceCleanupError
from outlast.events import EventType, ResilienceEvent
from outlast.resource.policy import Action, Rule
from outlast.resource.steps import Futility, Step, freed_share, may_help, room_seconds, steps_for
from outlast.testing.virtual_time import VirtualClock

LIMIT = 1_000


class Household:
    """A gauge, a cleaner, a browser tree and a restarter in one: what each step frees is said beforehand."""

    name = "pages"

    def __init__(self, memory, *, frees=None):
        self.memory = memory
        self.frees = frees or {}
        self.done = []
        self.up = True
        self.contexts = []
        self.exact = 0

    def __call__(self, ask):
        self.exact += ask.exactly
        return {"memory_usage": self.memory, "disk_free": 9_000.0}

    async def clean(self, level, /):
        await self.does(level)

    async def does(self, step):
        self.done.append(step)
        gain = self.frees.get(step, 0)
        if isinstance(gain, BaseException):
            raise gain
        if gain is None:
            await asyncio.Event().wait()
        self.memory -= gain

    @property
    def uptime(self):
        return 60.0 if self.up else None

    def roots(self):
        return [(4_242, 1.0)] if self.up else []


class Restarter(IBrowserLifecycleIntegration):
    def __init__(self, household, *, answer=True, bus=None):
        self.household = household
        self.answer = answer
        self.bus = bus

    async def on_browser_restart_required(self, reason, context):
        self.household.contexts.append((reason, context))
        await self.household.does("restart")
        if self.bus is not None:
            data = {"reason": reason, "duration": 0.5}
            now = VirtualClock().now()
            self.bus.emit(ResilienceEvent.of(EventType.BROWSER_RESTARTED, "theirs", data, now))
        return self.answer

    async def get_browser_state(self, session_id):
        return {}

    async def restore_browser_state(self, session_id, state):
        return True


@pytest.fixture
def house(build):
    """A monitor with a limit of 1,000 MB over a household."""

    def built(household, *, restarter=None, answer=True, **settings):
        with_ = {
            "gauges": {"house": household},
            "cleaners": [household],
            "browsers": household,
            "restarter": restarter or Restarter(household, answer=answer),
        }
        return build(with_=with_, monitoring_interval=1, memory_limit_mb=LIMIT, **settings)

    return built


def steps(heard):
    return [event.data["step"] for event in heard if event.event_type == "cleanup_initiated"]


def kinds(heard):
    return [event.event_type for event in heard]


async def watched(monitor, seconds):
    async with monitor:
        await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(seconds)


async def test_the_mildest_step_that_is_enough_is_the_last(house, heard):
    home = Household(1_050, frees={1: 500})
    await watched(house(home), 30)
    assert home.done == [1]
    assert kinds(heard) == ["threshold_breached", "cleanup_initiated", "threshold_recovered"]
    told = heard[1].data
    assert (told["threshold_id"], told["step"], told["freed_mb"]) == ("production", "collect", 500)


async def test_each_step_follows_when_the_one_before_was_not_enough(house, heard):
    home = Household(1_050, frees={1: 20, 2: 40, "restart": 600})
    await watched(house(home), 30)
    assert home.done == [1, 2, "restart"]
    assert kinds(heard) == [
        "threshold_breached",
        "cleanup_initiated",
        "cleanup_initiated",
        "browser_restarted",
        "threshold_recovered",
    ]
    assert [event.data["freed_mb"] for event in heard if event.event_type == "cleanup_initiated"] == [20, 40]


async def test_above_the_way_back_is_not_enough(house):
    # 950 is below the limit and above 900, where the bound is whole again.
    home = Household(1_050, frees={1: 100, 2: 60})
    await watched(house(home), 30)
    assert home.done == [1, 2]


async def test_every_step_is_measured_exactly_before_and_after(house):
    home = Household(1_050, frees={1: 20, 2: 40, "restart": 600})
    await watched(house(home), 30)
    assert home.exact == 4


async def test_the_restart_is_told_why(house):
    home = Household(1_050, frees={"restart": 600})
    await watched(house(home), 30)
    ((reason, context),) = home.contexts
    assert reason == "memory_limit"
    assert (context["threshold_id"], context["rule"], context["critical"]) == ("production", "memory_limit", False)
    assert context["metrics"]["memory_usage"] == 1_050


async def test_a_critical_breach_is_acted_on_after_one_sample_and_says_so(house):
    home = Household(1_200, frees={"restart": 900})
    await watched(house(home), 0.5)
    assert home.done == [1, "restart"]
    assert home.contexts[0][1]["critical"] is True


async def test_what_becomes_critical_under_way_is_hurried_too(house):
    class Growing(Household):
        async def does(self, step):
            await super().does(step)
            if step == 1:
                self.memory = 1_150
                await asyncio.sleep(2)

    home = Growing(1_050, frees={"restart": 900})
    await watched(house(home), 30)
    assert home.done == [1, "restart"]
    assert home.contexts[0][1]["critical"] is True


async def test_what_grows_too_fast_to_be_cleaned_up_is_restarted_at_once_with_little_waiting(house):
    class Leaking(Household):
        def __call__(self, ask):
            if not self.done:
                self.memory = 600 + 100 * ask.now
            return super().__call__(ask)

    home = Leaking(600, frees={"restart": 900})
    await watched(house(home), 6.5)
    assert home.done == ["restart"]
    # 1,100 MB is critical, and from there it is a second to 1,200 MB.
    assert home.contexts[0][1]["drain"] == pytest.approx(1.0)
    assert home.contexts[0][1]["metrics"]["memory_usage"] < 1_200


@pytest.mark.parametrize(
    ("value", "rate", "seconds"),
    [
        (1_100, 50, 2.0),
        (1_000, 50, 4.0),
        (1_300, 50, 0.0),
        (1_100, 0, None),
        (1_100, -5, None),
        (1_100, None, None),
        (None, 50, None),
    ],
)
def test_how_long_there_is_room_at_this_rate(value, rate, seconds):
    rule = Rule(name="r", metric="m", limit=1_000, critical=1_100)
    assert room_seconds(rule, value, rate) == seconds
    assert room_seconds(Rule(name="r", metric="m", limit=1_000), value, rate) is None


def test_what_falls_has_room_too():
    rule = Rule(name="r", metric="m", limit=500, op="<=", critical=250)
    assert room_seconds(rule, 200, -50) == 4.0
    assert room_seconds(rule, 200, 50) is None


async def test_a_critical_breach_without_a_restart_that_could_be_has_every_other_step(house):
    home = Household(1_200)
    await watched(house(home, browser_restart_enabled=False), 30)
    assert home.done == [1, 2]


async def test_a_restart_that_did_not_take_place_is_no_event(house, heard):
    home = Household(1_050)
    await watched(house(home, answer=False), 30)
    assert "restart" in home.done
    assert "browser_restarted" not in kinds(heard)


async def test_a_restart_that_its_owner_has_told_of_is_not_told_twice(house, bus, heard):
    home = Household(1_050, frees={"restart": 600})
    await watched(house(home, restarter=Restarter(home, bus=bus)), 30)
    assert [event.job_id for event in heard if event.event_type == "browser_restarted"] == ["theirs"]


async def test_a_restart_that_fails_is_told_and_watching_goes_on(house, heard):
    home = Household(1_050, frees={"restart": OSError("no browser")})
    await watched(house(home), 30)
    (trouble,) = [event.data for event in heard if event.event_type == "cleanup_failed"]
    assert trouble == {"threshold_id": "production", "step": "restart_browser", "error": "OSError: no browser"}
    assert "browser_restarted" not in kinds(heard)


async def test_a_restart_that_never_ends_is_given_up(house, heard):
    home = Household(1_050, frees={"restart": None})
    await watched(house(home), 200)
    (trouble,) = [event.data for event in heard if event.event_type == "cleanup_failed"]
    assert trouble["error"].startswith("TimeoutError")


async def test_a_cleaner_that_fails_does_not_keep_the_next_step_from_its_turn(house, heard):
    home = Household(1_050, frees={1: ValueError("x"), 2: 500})
    await watched(house(home), 30)
    assert home.done == [1, 2]
    (trouble,) = [event.data for event in heard if event.event_type == "cleanup_failed"]
    assert trouble["error"] == "pages: ValueError: x"


async def test_a_cleaner_that_never_ends_is_cut_off(house, heard):
    home = Household(1_050, frees={1: None, 2: 500})
    await watched(house(home), 30)
    assert home.done == [1, 2]
    (trouble,) = [event.data for event in heard if event.event_type == "cleanup_failed"]
    assert trouble["error"] == "pages: not done within 5 s"


async def test_a_step_that_freed_nothing_twice_is_left_out_for_ten_minutes(house):
    home = Household(1_050)
    monitor = house(home)
    async with monitor:
        await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(600)
        assert home.done == [1, 2, "restart"] * 2
        await asyncio.sleep(200)
        assert home.done == [1, 2, "restart"] * 3


async def test_as_long_as_it_lasts_the_ladder_is_climbed_again_a_minute_later(house):
    home = Household(1_050, frees={"restart": 60})
    monitor = house(home)
    async with monitor:
        await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(30)
        assert home.done == [1, 2, "restart"]
        home.memory = 1_050
        await asyncio.sleep(70)
        assert home.done == [1, 2, "restart"] * 2


async def test_becoming_critical_at_a_bound_ends_the_rest_and_after_a_jump_cleaning_up_has_to_wait(house):
    home = Household(1_050, frees={"restart": 60})
    monitor = house(home)
    async with monitor:
        await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(20)
        home.memory = 1_150
        await asyncio.sleep(10)
        assert home.done == [1, 2, "restart", "restart", 1]


@pytest.mark.parametrize(
    ("settings", "done"),
    [
        ({"auto_cleanup_enabled": False}, ["restart"]),
        ({"browser_restart_enabled": False}, [1, 2]),
        ({"auto_cleanup_enabled": False, "browser_restart_enabled": False}, []),
    ],
)
async def test_what_is_switched_off_is_not_done(house, settings, done):
    home = Household(1_050)
    await watched(house(home, **settings), 30)
    assert home.done == done


async def test_without_a_browser_none_is_restarted(house):
    home = Household(1_050)
    home.up = False
    await watched(house(home), 30)
    assert home.done == [1, 2]


async def test_an_estimate_that_the_exact_measurement_does_not_confirm_does_nothing(house, heard):
    class Wrong(Household):
        def __call__(self, ask):
            return {"memory_usage": 800 if ask.exactly else 1_050}

    home = Wrong(0)
    await watched(house(home), 30)
    assert home.done == []
    assert steps(heard) == []


async def test_a_browser_that_is_too_old_is_restarted_and_nothing_else(house, build, heard):
    class Old(Household):
        age = 7_300.0

        @property
        def uptime(self):
            return self.age

        async def does(self, step):
            self.age = 1.0
            await super().does(step)

    home = Old(10)
    await watched(house(home), 30)
    assert home.done == ["restart"]
    assert kinds(heard) == ["threshold_breached", "browser_restarted", "threshold_recovered"]
    assert heard[1].data["reason"] == "browser_lifetime"


async def test_who_has_become_blind_does_nothing_more(house, heard):
    class Blind(Household):
        def __call__(self, ask):
            if self.done:
                raise OSError("blind")
            return super().__call__(ask)

    home = Blind(1_050)
    await watched(house(home), 30)
    assert home.done == [1]
    assert [event.data["gauge"] for event in heard if event.event_type == "resource_sampling_failed"] == ["house"]


async def test_stopping_the_last_session_ends_a_climb(house):
    home = Household(1_050, frees={"restart": None})
    monitor = house(home)
    async with monitor:
        session = await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(20)
        assert home.done == [1, 2, "restart"]
        began = asyncio.get_running_loop().time()
        await monitor.stop_monitoring(session)
        assert asyncio.get_running_loop().time() == began
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_session_may_be_stopped_from_within_a_step(house):
    home = Household(1_050)
    monitor = house(home)
    ended = []

    async def stop_all(step):
        home.done.append(step)
        ended.append(await monitor.stop_monitoring(session))

    home.does = stop_all
    async with monitor:
        session = await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(30)
    assert ended[0] is True


async def test_cleaning_up_on_demand_says_what_it_freed(house, heard):
    home = Household(500, frees={1: 100, 2: 50})
    async with house(home) as monitor:
        assert await monitor.cleanup() == {"steps": ["collect", "recycle"], "freed_mb": 150}
        assert await monitor.cleanup(1) == {"steps": ["collect"], "freed_mb": 100}
    assert [event.data["threshold_id"] for event in heard] == ["", "", ""]


async def test_cleaning_up_on_demand_that_failed_is_an_error_after_every_step_had_its_turn(house):
    home = Household(500, frees={1: ValueError("x"), 2: 50})
    async with house(home) as monitor:
        with pytest.raises(ResourceCleanupError, match="pages: ValueError: x") as caught:
            await monitor.cleanup()
    assert home.done == [1, 2]
    assert caught.value.context["problems"] == ["pages: ValueError: x"]


async def test_without_cleaners_the_own_memory_is_collected(build, machine, heard):
    async with build() as monitor:
        assert (await monitor.cleanup())["steps"] == ["collect"]


@pytest.mark.parametrize(
    ("metric", "held", "used", "helps"),
    [
        ("memory_percent", 49, 1_000, False),
        ("memory_percent", 50, 1_000, True),
        ("memory_percent", None, 1_000, True),
        ("memory_percent", 49, None, True),
        ("memory_usage", 49, 1_000, True),
    ],
)
def test_where_others_have_the_memory_no_new_browser_gives_it_back(metric, held, used, helps):
    rule = Rule(name="r", metric=metric, limit=1)
    readings = {"browser_memory": held, "memory_used_mb": used}
    assert may_help(rule, Step.RESTART, readings) is helps
    assert may_help(rule, Step.COLLECT, readings)


async def test_a_browser_is_not_restarted_for_what_others_use(house):
    class Crowded(Household):
        def __call__(self, ask):
            return {"memory_percent": 85.0, "memory_used_mb": 20_000.0, "browser_memory": 300.0, "memory_usage": 400.0}

    home = Crowded(0)
    await watched(house(home), 120)
    assert home.done == [1, 2] * 2


def test_which_steps_may_help():
    def of(**settings):
        return steps_for(Rule(name="r", limit=1, **settings), cleanup=True, restart=True)

    assert of(metric="memory_usage", action=Action.RESTART) == tuple(Step)
    assert of(metric="disk_free", action=Action.CLEAN) == (Step.COLLECT, Step.RECYCLE)
    assert of(metric="browser_uptime", action=Action.RESTART) == (Step.RESTART,)
    assert of(metric="cpu_usage", action=Action.TELL) == ()


@pytest.mark.parametrize(
    ("op", "before", "after", "share"),
    [
        (">=", 100, 80, 0.2),
        (">=", 100, 120, -0.2),
        ("<=", 100, 120, 0.2),
        (">=", None, 80, None),
        (">=", 100, None, None),
        (">=", 0, 80, None),
    ],
)
def test_what_a_step_has_freed(op, before, after, share):
    assert freed_share(Rule(name="r", metric="m", limit=1, op=op), before, after) == share


def test_a_step_that_helped_in_between_is_not_futile():
    rule, futility = Rule(name="r", metric="m", limit=1), Futility()
    for share in (0.04, 0.05, 0.04, None):
        futility.note(rule, Step.COLLECT, share, 0.0)
    assert not futility.skips(rule, Step.COLLECT, 1.0)
    futility.note(rule, Step.COLLECT, 0.0, 10.0)
    assert futility.skips(rule, Step.COLLECT, 609.9)
    assert not futility.skips(rule, Step.COLLECT, 610.0)
    assert not futility.skips(rule, Step.RECYCLE, 11.0)
