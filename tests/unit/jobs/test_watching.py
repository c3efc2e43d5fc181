"""A run that watches the machine: fewer pages where memory is short, an end in order where nothing helps."""

import asyncio
from types import SimpleNamespace

import pytest

from outlast.config import JobConfiguration
from outlast.errors import ConfigurationError
from outlast.events import EventBus
from outlast.jobs.admission import Admission
from outlast.jobs.outcome import Ending
from outlast.jobs.strain import MEMORY_SECONDS
from outlast.jobs.throttle import Throttle
from outlast.jobs.watching import NOTE, Watching, watching_of
from outlast.ledger import MemoryLedger
from outlast.resource import ResourceMonitor
from outlast.runtime import Runtime

GIB = 1_024.0


class Machine:
    """What is measured: 100 MB for each page on top of a browser of 200 and a process of 100, on a machine of 8 GiB."""

    def __init__(self):
        self.pages = 4
        self.page_mb = 100.0
        self.others = 500.0
        self.disk = 100_000.0
        self.is_blind = False

    def __call__(self, _):
        if self.is_blind:
            raise OSError("no /proc")
        browsers = 200.0 + self.pages * self.page_mb
        used = 100.0 + browsers + self.others
        return {
            "memory_usage": 100.0 + browsers,
            "browser_memory": browsers,
            "memory_used_mb": used,
            "memory_limit_mb": 8 * GIB,
            "memory_available": 8 * GIB - used,
            "memory_percent": 100 * used / (8 * GIB),
            "disk_free": self.disk,
        }


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def watch(machine, virtual_clock):
    """Starts a watch with these settings; `stopped` gets its endings."""
    made = []

    def watched(**settings):
        config = JobConfiguration(resource={"monitoring_interval": 1, **settings})
        runtime = Runtime(clock=virtual_clock, bus=EventBus())
        session = SimpleNamespace(
            resilience=SimpleNamespace(config=config),
            runtime=runtime,
            ledger=MemoryLedger(),
            run_id="RUN",
            job_id="watched",
            reason=None,
        )
        monitor = ResourceMonitor(config.resource, clock=virtual_clock, events=runtime.bus, gauges={"all": machine})
        throttle, stopped = Throttle(), []
        watching = Watching(monitor, session, throttle, admission=Admission(8), pages=lambda: machine.pages)
        watching.stops(stopped.append)
        made.append(watching)
        return SimpleNamespace(watching=watching, session=session, throttle=throttle, stopped=stopped)

    return watched


async def passes(seconds, clock, *services):
    tasks = [asyncio.create_task(service()) for service in services]
    await clock.sleep(seconds)
    for task in tasks:
        assert not task.done(), task.result()
        task.cancel()
    await asyncio.wait(tasks)


async def test_with_memory_to_spare_nothing_is_bound(watch, virtual_clock):
    it = watch()
    await passes(60, virtual_clock, it.watching.follow)
    assert it.throttle.limit is None
    assert (it.stopped, it.session.reason) == ([], None)
    assert it.watching.told()["pages_max"] is None
    assert it.watching.told()["memory_mb"] == 700.0
    assert it.watching.told()["memory_limit_mb"] == 8 * GIB
    assert watch(memory_limit_mb=900).watching.told()["memory_limit_mb"] == 900, "what was asked for comes first"


async def test_where_memory_is_short_fewer_pages_are_open_and_more_again_when_it_is_not(watch, machine, virtual_clock):
    it = watch(memory_limit_mb=1_000)
    limits = []

    async def changes():
        while True:
            await virtual_clock.sleep(1)
            # The pages follow the bound, as the dispatch would have it.
            machine.pages = min(8, it.throttle.limit or 8)
            limits.append(it.throttle.limit)

    machine.pages = 8
    following = asyncio.create_task(it.watching.follow())
    changing = asyncio.create_task(changes())
    await virtual_clock.sleep(30)
    assert it.throttle.limit is not None
    assert it.throttle.limit < 8
    assert it.watching.told()["pages_max"] == it.throttle.limit
    machine.page_mb = 20.0
    await virtual_clock.sleep(400)
    assert it.throttle.limit is None
    for task in (following, changing):
        task.cancel()
    await asyncio.wait([following, changing])
    assert it.stopped == []


async def test_before_the_first_page_there_are_as_many_as_a_page_may_cost(watch, machine):
    machine.pages, machine.others = 0, 7_000.0
    it = watch()
    assert await it.watching.look()
    # Of 8 GiB, 819 are kept in reserve and 7,300 used: not one has room, and one is let through.
    assert it.throttle.limit == 1
    machine.is_blind = True
    assert not await it.watching.look()
    assert it.throttle.limit == 1


async def test_memory_that_nothing_frees_ends_the_run_and_says_which_limit_and_how_much(watch, machine, virtual_clock):
    it = watch(memory_limit_mb=500, auto_cleanup_enabled=False, browser_restart_enabled=False)
    await passes(MEMORY_SECONDS - 5, virtual_clock, it.watching.follow)
    assert it.stopped == []
    await passes(MEMORY_SECONDS + 5, virtual_clock, it.watching.follow)
    assert set(it.stopped) == {Ending.RESOURCE_LIMIT}
    assert len(it.stopped) == 1
    assert it.session.reason.startswith(
        "The job holds 700 MB: that is more than 500 MB (memory_limit), and has been above 550 MB"
    )


async def test_a_disk_that_is_almost_full_ends_the_run(watch, machine, virtual_clock):
    machine.disk = 12.0
    it = watch(auto_cleanup_enabled=False)
    await passes(60, virtual_clock, it.watching.follow)
    assert it.stopped == [Ending.RESOURCE_LIMIT]
    assert it.session.reason.startswith("Only 12 MB are free on the disk of the job")


async def test_a_reason_that_is_there_already_is_not_replaced(watch, machine, virtual_clock):
    machine.disk = 12.0
    it = watch(auto_cleanup_enabled=False)
    it.session.reason = "there is no browser"
    await passes(60, virtual_clock, it.watching.follow)
    assert (it.stopped, it.session.reason) == ([], "there is no browser")


async def test_what_cannot_be_measured_changes_nothing_and_ends_nothing(watch, machine, virtual_clock):
    machine.is_blind = True
    it = watch(memory_limit_mb=10)
    await passes(600, virtual_clock, it.watching.follow)
    assert (it.stopped, it.throttle.limit) == ([], None)


async def test_the_bound_is_lifted_when_the_watch_ends(watch, machine, virtual_clock):
    it = watch(memory_limit_mb=700)
    machine.pages = 8
    following = asyncio.create_task(it.watching.follow())
    await virtual_clock.sleep(20)
    assert it.throttle.limit is not None
    following.cancel()
    await asyncio.wait([following])
    assert it.throttle.limit is None


async def test_the_ledger_is_told_for_whoever_asks_meanwhile(watch, virtual_clock):
    it = watch()
    await passes(40, virtual_clock, it.watching.follow)
    note = await it.session.ledger.get(NOTE)
    assert note["run"] == "RUN"
    assert (note["memory_mb"], note["browser_mb"], note["pages"]) == (700.0, 600.0, 4)


def bounds_of(clock, **settings):
    config = JobConfiguration(resource=settings)
    session = SimpleNamespace(
        resilience=SimpleNamespace(config=config), runtime=Runtime(clock=clock), directory=None, job_id="x"
    )
    return {bound.name for bound in watching_of(config, session, Throttle(), None).bounds}


def test_how_old_a_browser_gets_is_said_by_its_own_section_or_by_a_threshold_of_ones_own(virtual_clock):
    assert bounds_of(virtual_clock) == {"memory_percent", "cpu_percent", "disk_space"}
    assert bounds_of(virtual_clock, default_threshold="development") == {"memory_percent", "cpu_percent", "disk_space"}
    own = {"name": "production", "browser_lifetime": 600}
    assert bounds_of(virtual_clock, threshold=[own]) == {"browser_lifetime"}


def test_a_threshold_that_there_is_not_is_a_mistake_in_the_configuration(virtual_clock):
    config = JobConfiguration(resource={"default_threshold": "prodution"})
    session = SimpleNamespace(
        resilience=SimpleNamespace(config=config), runtime=Runtime(clock=virtual_clock), directory=None, job_id="x"
    )
    with pytest.raises(ConfigurationError, match="resource.default_threshold.*production"):
        watching_of(config, session, Throttle(), None)
