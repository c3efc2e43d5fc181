"""What keeps a host's items back, in whole runs: rates, requests to wait, pauses, remedies, rules."""

import asyncio
from collections import Counter

import pytest

from outlast.config import JobConfiguration
from outlast.errors import ConfigurationError, JobError, TargetError
from outlast.failure import FailureRule
from outlast.jobs import Outcome, Run, job
from outlast.jobs.orders import Orders, read_orders, write_orders
from outlast.jobs.store import job_directory
from outlast.retry.remedies import APPLIED_MAX
from outlast.runtime import Runtime
from outlast.storage.keys import Keyring


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {"store": tmp_path / "store", "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5), "concurrency": 8}


@pytest.fixture
def clock(options):
    return options["runtime"].clock


class Answered(Exception):
    """A host said no, with a status."""

    def __init__(self, status, retry_after=None):
        super().__init__(f"status {status}")
        self.status = status
        self.retry_after = retry_after


def urls(host, count):
    return [f"http://{host}/{n}" for n in range(count)]


# Rates


async def test_a_host_with_a_rate_is_asked_evenly_and_others_go_on_beside_it(options, clock):
    asked = {"slow": [], "fast": []}

    @job("rates", rate={"slow": "30/min"})
    async def fetch(url):
        asked["slow" if "slow" in url else "fast"].append(clock.monotonic())
        await clock.sleep(0.01)

    summary = await fetch.run(urls("slow", 60) + urls("fast", 1_000), **options)
    assert summary.done == 1_060
    assert all(later - earlier >= 2.0 for earlier, later in zip(asked["slow"], asked["slow"][1:]))
    assert asked["slow"][-1] - asked["slow"][0] <= 125
    assert asked["fast"][-1] - asked["slow"][0] < 10


async def test_every_host_has_a_rate_of_its_own(options, clock):
    asked = Counter()

    @job("any host", rate={"*": "1/s"})
    async def fetch(url):
        asked[url.split("/")[2], int(clock.monotonic())] += 1

    start = clock.monotonic()
    await fetch.run([url for n in range(4) for url in urls(f"h{n}", 10)], **options)
    assert max(asked.values()) == 1
    assert clock.monotonic() - start < 25


async def test_retries_keep_to_the_rate(options, clock):
    asked = []

    @job("retries", rate={"a": "1/s"})
    async def fetch(url, ctx):
        asked.append(clock.monotonic())
        if ctx.attempt == 1:
            raise RuntimeError("once")

    await fetch.run(urls("a", 5), **options)
    assert len(asked) == 10
    assert all(later - earlier >= 1.0 for earlier, later in zip(asked, asked[1:]))


# Being asked to wait


@pytest.mark.parametrize("status", [429, 503])
async def test_a_host_that_asks_to_be_left_alone_is_by_all_and_nobody_loses_an_attempt(options, clock, status):
    asked, attempts, told_at = [], Counter(), []

    @job("throttled")
    async def fetch(url, ctx):
        now = clock.monotonic()
        asked.append(now)
        attempts[ctx.attempt] += 1
        await clock.sleep(0.01)
        if url.endswith("/0") and len(told_at) < 7:
            told_at.append(clock.monotonic())
            raise Answered(status, retry_after=30.0)

    summary = await fetch.run(urls("a", 40), **options)
    assert (summary.done, summary.failed, summary.retries) == (40, 0, 0)
    assert set(attempts) == {1}
    for at in told_at:
        assert not [time for time in asked if at < time < at + 30.0]


async def test_an_item_that_is_told_to_wait_each_time_is_given_up_in_the_end(options):
    tried = Counter()

    @job("always throttled")
    async def fetch(url):
        tried[url] += 1
        if url.endswith("/3"):
            raise Answered(429, retry_after=1.0)

    summary = await fetch.run(urls("a", 5), **options)
    assert (summary.done, summary.failed) == (4, 1)
    assert tried["http://a/3"] == 50


async def test_what_an_item_without_a_url_is_told_is_for_itself_alone(options, clock):
    start, others = clock.monotonic(), []

    @job("no host")
    async def fetch(number):
        if number == 0 and clock.monotonic() < start + 3_600:
            raise Answered(429, retry_after=3_600.0)
        others.append(clock.monotonic() - start)

    await fetch.run(range(20), **options)
    assert max(sorted(others)[:-1]) < 1
    assert others[-1] >= 3_600


async def test_a_host_that_throttles_gets_fewer_at_once(options, clock):
    in_flight, most = 0, []

    @job("gentle")
    async def fetch(url):
        nonlocal in_flight
        in_flight += 1
        most.append((clock.monotonic(), in_flight))
        await clock.sleep(1.0)
        in_flight -= 1
        if url.endswith("/8"):
            clock_now = clock.monotonic()
            if clock_now < 3:
                raise Answered(429, retry_after=10.0)

    start = clock.monotonic()
    await fetch.run(urls("a", 60), **options)
    soon = [count for at, count in most if start + 11 <= at < start + 13.5]
    assert max(soon) <= 5
    assert max(count for _, count in most) == 8


async def test_what_a_host_has_asked_for_is_kept_by_the_next_run(options, clock):
    asked = []

    @job("promise")
    async def fetch(url):
        asked.append(clock.monotonic())
        if len(asked) == 1:
            raise Answered(429, retry_after=600.0)

    begin = clock.monotonic()
    async with fetch.open(**{**options, "concurrency": 1}) as run:
        work = asyncio.create_task(run.process(fetch.handler, urls("a", 5)))
        await clock.sleep(30)
        run.stop()
        await work
    assert (len(asked), run.summary().deferred) == (1, 5)
    summary = await fetch.run(urls("a", 5), **options)
    assert summary.done == 5
    assert min(asked[1:]) - begin >= 600


async def test_stopped_in_the_middle_nothing_is_in_flight(options, clock):
    @job("stopped", rate={"b": "1/s"}, drain=0)
    async def fetch(url):
        await clock.sleep(10)

    for seconds in (0.0, 0.001, 0.5, 3.0):
        async with fetch.open(**options) as run:
            work = asyncio.create_task(run.process(fetch.handler, urls("a", 50) + urls("b", 50)))
            await clock.sleep(seconds)
            run.stop()
            run.stop()
            await work
            assert run._gate.in_flight == 0
            assert (await run.progress()).in_flight == 0


async def test_a_dead_host_at_the_end_of_a_job_is_given_up_with_few_requests(options, clock):
    asked = Counter()

    @job("dead end", patience=60, expect={"results": False})
    async def fetch(url):
        host = url.split("/")[2]
        asked[host] += 1
        await clock.sleep(0.05)
        if host == "dead":
            raise ConnectionRefusedError("down")

    async with fetch.open(**options) as run:
        summary = await run.process(fetch.handler, urls("dead", 50) + urls("alive", 1_900))
        failures = await run.failures()
    assert (summary.done, summary.failed, summary.outcome) == (1_900, 50, Outcome.COMPLETED_WITH_FAILURES)
    assert summary.untried >= 40
    assert asked["dead"] <= 8 + 1 + 60 / 5 + 2 + 5 + 5
    assert {each["class"] for each in failures} == {"network"}
    assert sum("given up without another try" in each["message"] for each in failures) == summary.untried


# Pauses


def pause(options, name, *hosts):
    write_orders(job_directory(options["store"], name), Orders.pausing(hosts), None)


async def test_a_paused_host_is_not_asked_and_the_run_ends_stopped_saying_so(options):
    asked, told = Counter(), []
    options["runtime"].bus.subscribe(told.append, ["orders_changed"])

    @job("paused", expect={"results": False})
    async def fetch(url):
        asked[url.split("/")[2]] += 1

    pause(options, "paused", "a")
    items = urls("a", 200) + urls("b", 200)
    summary = await fetch.run(items, **options)
    assert (summary.outcome, summary.exit_code, summary.paused) == (Outcome.STOPPED, 3, ("a",))
    assert (summary.done, summary.deferred) == (200, 200)
    assert asked == {"b": 200}
    assert [event.data for event in told] == [{"changed": ["hosts"], "job_paused": False, "paused": ["a"], "rates": {}}]
    pause(options, "paused")
    summary = await fetch.run(items, **options)
    assert (summary.outcome, summary.done, summary.paused) == (Outcome.COMPLETED, 400, ())


async def test_hosts_are_paused_and_unpaused_while_the_run_works(options, clock):
    asked = []

    @job("live")
    async def fetch(url):
        asked.append((clock.monotonic(), url))
        await clock.sleep(0.5)

    async with fetch.open(**options) as run:
        work = asyncio.create_task(run.process(fetch.handler, urls("a", 100) + urls("b", 1_600)))
        await clock.sleep(2)
        pause(options, "live", "a")
        await clock.sleep(2)
        begin = clock.monotonic()
        await clock.sleep(20)
        assert {(each.host, each.reason) for each in (await run.progress()).waiting} == {("a", "paused")}
        end = clock.monotonic()
        pause(options, "live")
        await work
    assert run.summary().done == 1_700
    assert not [url for at, url in asked if begin <= at <= end and "/a/" in url]
    assert min(at for at, url in asked if at > end and "/a/" in url) - end <= 62


async def test_items_that_wait_for_other_reasons_are_waited_for_before_a_run_ends_for_its_pauses(options, clock):
    @job("both")
    async def fetch(url, ctx):
        if ctx.attempt == 1:
            raise Answered(500)

    pause(options, "both", "a")
    summary = await fetch.run(urls("a", 3) + urls("b", 3), **options)
    assert (summary.outcome, summary.done, summary.deferred) == (Outcome.STOPPED, 3, 3)


async def test_the_orders_of_an_encrypted_job_are_sealed_and_obeyed_and_outlive_their_key(options):
    old, new = bytes(32), bytes(range(32))
    sealed = {**options, "config": JobConfiguration(checkpoint={"encryption_enabled": True})}

    @job("sealed")
    async def fetch(url): ...

    directory = job_directory(options["store"], "sealed")
    write_orders(directory, Orders.pausing(["a"]), Keyring.of([old]))
    summary = await fetch.run(urls("a", 3) + urls("b", 3), keys=lambda: [old], **sealed)
    assert (summary.paused, summary.done) == (("a",), 3)
    await fetch.run([], keys=lambda: [new, old], **sealed)
    assert read_orders(directory, Keyring.of([new])).paused == {"a"}


async def test_damaged_orders_stop_a_start_and_not_a_run(options, clock, caplog):
    asked = []

    @job("damaged")
    async def fetch(url):
        asked.append(url)
        await clock.sleep(0.5)

    directory = job_directory(options["store"], "damaged")
    pause(options, "damaged", "a")
    async with fetch.open(**options) as run:
        work = asyncio.create_task(run.process(fetch.handler, urls("a", 5) + urls("b", 50)))
        await clock.sleep(1)
        directory.orders.write_bytes(b"{")
        await work
    assert (run.summary().paused, len(asked)) == (("a",), 50)
    assert "the orders before stay in force" in caplog.text
    with pytest.raises(JobError, match="damaged"):
        await fetch.run([], **options)


# Remedies


def expiring(options, name, *, valid_for=10**9, **more):
    """A handler whose session is good for so many answers, and how often it was refreshed."""
    state = {"left": 0, "refreshed": 0, "answered": 0}
    clock = options["runtime"].clock

    async def refresh():
        await clock.sleep(1)
        state["refreshed"] += 1
        state["left"] = valid_for

    @job(name, remedies={"refresh_session": refresh}, **more)
    async def fetch(url):
        await clock.sleep(0.1)
        if state["left"] <= 0:
            raise Answered(401)
        state["left"] -= 1
        state["answered"] += 1

    return fetch, state


async def test_a_session_is_refreshed_once_for_all_that_failed_and_no_attempt_is_lost(options):
    fetch, state = expiring(options, "session")
    events = []
    options["runtime"].bus.subscribe(events.append, ["remedy_applied", "permanent_failure"])
    summary = await fetch.run(urls("a", 100), **options)
    assert (summary.done, summary.failed, state["refreshed"]) == (100, 0, 1)
    assert [event.data for event in events] == [{"remedy": "refresh_session", "host": "a", "error": None}]


async def test_a_session_that_expires_again_is_refreshed_again(options):
    fetch, state = expiring(options, "expires", valid_for=20)
    summary = await fetch.run(urls("a", 100), **options)
    assert (summary.done, summary.failed) == (100, 0)
    assert 5 <= state["refreshed"] <= 6


async def test_a_remedy_that_does_not_help_is_not_called_for_ever(options):
    fetch, state = expiring(options, "no help", valid_for=0)
    options["config"] = JobConfiguration(abort={"enabled": False})
    summary = await fetch.run(urls("a", 50), **options)
    assert (summary.done, summary.failed, state["refreshed"]) == (0, 50, APPLIED_MAX)


async def test_one_item_that_no_remedy_helps_is_given_up_while_others_go_on(options):
    calls = 0

    def refresh():
        nonlocal calls
        calls += 1

    @job("one", remedies={"refresh_session": refresh})
    async def fetch(url):
        if url.endswith("/7"):
            raise Answered(401)

    summary = await fetch.run(urls("a", 500), **options)
    assert (summary.done, summary.failed) == (499, 1)
    assert calls <= 10


async def test_a_remedy_that_fails_leaves_the_failure_to_count(options):
    events = []
    options["runtime"].bus.subscribe(events.append, ["remedy_applied"])

    async def refresh(host):
        raise ValueError(f"no login for {host}")

    @job("broken remedy", remedies={"refresh_session": refresh}, concurrency=1)
    async def fetch(url):
        raise Answered(401)

    summary = await fetch.run(urls("a", 5), **options)
    assert summary.failed == 5
    assert [event.data["error"] for event in events] == ["builtins.ValueError: no login for a"] * APPLIED_MAX


async def test_a_remedy_is_given_what_it_asks_for_by_name(options):
    given, made = [], []

    class Client:
        def __init__(self):
            made.append(self)

    async def refresh(client, host, retries=3):
        given.append((client, host, retries))

    @job("by name", resources={"client": Client}, remedies={"refresh_session": refresh})
    async def fetch(url, client):
        if not given:
            raise Answered(401)
        assert client is given[0][0]

    summary = await fetch.run(urls("a", 3), **options)
    assert summary.done == 3
    assert given == [(made[0], "a", 3)]
    assert len(made) == 1


async def test_a_remedy_that_asks_for_what_nobody_has_is_said_before_any_item_is_tried(options):
    async def refresh(cliemt): ...

    with pytest.raises(TargetError, match="cliemt"):
        await job("asks", remedies={"refresh_session": refresh})(print).run(["a"], **options)


@pytest.mark.parametrize("name", ["refresh", "skip", "defer"])
def test_what_is_no_remedy_of_ones_own_is_refused(name, options):
    with pytest.raises(ConfigurationError, match="there are refresh_session, rotate_proxy, restart_browser"):
        Run("wrong", remedies={name: print}, **options)


# Rules and results

WALL = "<html><head><title>Just a moment...</title></head><body><script src='/cdn-cgi/challenge-platform/x'></script></body></html>"


async def test_a_block_page_that_came_with_200_is_no_result(options):
    behind = set()

    @job("wall")
    async def fetch(url):
        return WALL if url not in behind else "the page"

    async def rotate():
        behind.update(urls("a", 10))

    summary = await fetch.run(urls("a", 10), **options)
    assert (summary.done, summary.failed) == (0, 10)
    async with fetch.open(**options) as run:
        assert {each["class"] for each in await run.failures()} == {"blocked"}
    summary = await job("rotated", remedies={"rotate_proxy": rotate})(fetch.handler).run(urls("a", 10), **options)
    assert (summary.done, summary.failed) == (10, 0)


async def test_a_rule_says_what_a_good_result_never_says(options):
    tried = Counter()

    @job("sold out", rules=[FailureRule(failure_class="server_error", result="try again later", name="maintenance")])
    async def fetch(url):
        tried[url] += 1
        return {"text": "please try again later" if tried[url] == 1 else "a price"}

    summary = await fetch.run(urls("a", 4), **options)
    assert (summary.done, summary.failed, set(tried.values())) == (4, 0, {2})


async def test_a_rule_that_can_never_hold_is_told(options, caplog):
    @job("misspelt", rules=[FailureRule(failure_class="blocked", when=lambda error: eror.status, name="mine")])  # noqa: F821
    async def fetch(url):
        raise ValueError(url)

    await fetch.run(["https://a.test/1", "https://a.test/2"], **options)
    assert caplog.text.count("rule 'mine' has never held") == 1


async def test_the_rules_of_the_job_file_hold_and_those_in_code_come_first(options, tmp_path):
    (tmp_path / "job.toml").write_text(
        '[[retry.rule]]\nclass = "not_found"\ntypes = ["ValueError"]\n'
        '[[retry.rule]]\nclass = "network"\ntypes = ["KeyError"]\nmax_attempts = 2\n'
    )
    tried = Counter()

    async def handle(item):
        tried[item] += 1
        raise {"v": ValueError, "k": KeyError}[item]

    more = {"rules": [FailureRule(failure_class="network", types=("ValueError",), max_attempts=3)]}
    async with Run("rules", config=tmp_path / "job.toml", **more, **options) as run:
        await run.process(handle, ["v", "k"])
        assert {each["key"]: each["class"] for each in await run.failures()} == {"v": "network", "k": "network"}
    assert tried["v"] >= 3


async def test_a_rule_skips_and_a_rule_defers(options, clock):
    tried = {"skip": [], "defer": []}
    rules = [
        FailureRule(failure_class="unknown", message="skip", remedy="skip"),
        FailureRule(failure_class="unknown", message="defer", remedy="defer", transient=True),
    ]

    @job("verbs", rules=rules)
    async def handle(item):
        tried[item].append(clock.monotonic())
        raise RuntimeError(item)

    await handle.run(["skip", "defer"], **options)
    assert len(tried["skip"]) == 1
    assert len(tried["defer"]) >= 2
    assert all(later - earlier >= 300 for earlier, later in zip(tried["defer"], tried["defer"][1:]))


async def test_a_bad_rule_is_a_configuration_error(options, tmp_path):
    (tmp_path / "job.toml").write_text('[[retry.rule]]\nclass = "network"\nmessage = "("\n')
    with pytest.raises(ConfigurationError, match=r"rule\[0\]"):
        Run("bad", config=tmp_path / "job.toml", **options)


# Faults that are nobody's


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), RuntimeError("Target page has been closed")])
async def test_what_a_browser_or_this_machine_is_to_blame_for_costs_no_attempt_nine_times(options, error):
    tried, attempts = Counter(), Counter()

    @job("excused")
    async def handle(item, ctx):
        tried[item] += 1
        attempts[item, ctx.attempt] += 1
        if item == "worst" or tried[item] < 9:
            raise error

    summary = await handle.run(["worst", "bad"], **options)
    assert (summary.done, summary.failed) == (1, 1)
    assert attempts["bad", 1] == 9
    assert tried["worst"] == 50


async def test_of_failures_of_a_kind_five_tracebacks_are_kept_and_all_times(options):
    @job("alike")
    async def handle(number):
        raise ValueError(f"no price on {number}")

    await handle.run(range(30), abort={"enabled": False}, **options)
    async with handle.open(**options) as run:
        failures = await run.failures()
    assert sum(bool(each["traceback"]) for each in failures) == 5
    assert all(each["at"].endswith("+00:00") for each in failures)
