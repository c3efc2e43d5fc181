"""Ten scripted disasters, told to the manager as a scraper would tell it: the analysis names the cause and the host of each."""

import random

import pytest

HOSTS = [f"host{n}.example" for n in range(8)]


class Story:
    """A job of eight hosts that works, until it does not."""

    def __init__(self, abort, clock):
        self.abort, self.clock, self.rng = abort, clock, random.Random(7)
        self.count = 0

    async def works(self, n, hosts=HOSTS):
        for _ in range(n):
            self.clock.seconds += 0.2
            await self.abort.record_success("job", host=self.rng.choice(hosts))

    async def fails(self, n, hosts, **event):
        for _ in range(n):
            self.clock.seconds += 0.2
            self.count += 1
            host = self.rng.choice(hosts)
            told = {"url": f"https://{host}/page/{self.count}", **event}
            await self.abort.record_failure("job", told)

    async def noise(self, n):
        """A failure now and then that has nothing to do with it."""
        for _ in range(n):
            await self.works(4)
            await self.fails(1, HOSTS, error_type="ValueError", message=f"odd page {self.count}")


class Blocked(Exception):
    status = 403


async def dead_host(story):
    for _ in range(40):
        await story.works(3)
        await story.fails(1, ["host3.example"], error=ConnectionRefusedError(111, "Connection refused"))


async def dns(story):
    await story.fails(
        30, ["host5.example"], error_type="gaierror", message="Name or service not known", failure_class="network"
    )


async def wall(story):
    await story.fails(60, HOSTS, error=Blocked("403 Forbidden"))


async def selector(story):
    await story.fails(50, ["host1.example"], error=AttributeError("'NoneType' object has no attribute 'text'"))


async def throttling(story):
    for _ in range(30):
        await story.works(1)
        await story.fails(2, ["host2.example"], error_type="HTTPError", message="429 Too Many Requests", status=429)


async def server_errors(story):
    await story.fails(40, ["host6.example"], error_type="HTTPError", message="502 Bad Gateway", status=502)


async def timeouts(story):
    await story.fails(40, HOSTS, error=TimeoutError("no answer in 60 s"))


async def browser(story):
    for n in range(6):
        await story.fails(
            10, HOSTS, error_type="BrowserCrash", message="Target crashed", failure_class="browser", incident_id=f"c{n}"
        )


async def session(story):
    await story.fails(25, ["host4.example"], error_type="HTTPError", message="401 Unauthorized", status=401)


async def proxy(story):
    await story.fails(45, HOSTS, error_type="ProxyError", message="net::ERR_PROXY_CONNECTION_FAILED")


DISASTERS = {
    "a dead host": (dead_host, "network", "ConnectionRefusedError", "host3.example"),
    "a name that is gone": (dns, "network", "gaierror", "host5.example"),
    "a wall": (wall, "blocked", "Blocked", None),
    "a broken selector": (selector, "programming", "AttributeError", "host1.example"),
    "throttling": (throttling, "throttled", "HTTPError", "host2.example"),
    "a broken server": (server_errors, "server_error", "HTTPError", "host6.example"),
    "timeouts everywhere": (timeouts, "timeout", "TimeoutError", None),
    "a browser that crashes": (browser, "browser", "BrowserCrash", None),
    "a session that expired": (session, "auth_expired", "HTTPError", "host4.example"),
    "a dead proxy": (proxy, "proxy", "ProxyError", None),
}


@pytest.mark.parametrize("name", DISASTERS)
async def test_the_analysis_names_the_cause_and_the_host(name, manager, clock):
    happens, kind, error, host = DISASTERS[name]
    abort = manager()
    story = Story(abort, clock)
    await story.works(200)
    await story.noise(4)
    quiet_until = clock.now()
    await happens(story)
    analysis = await abort.get_failure_analysis("job")
    assert f"are {kind}, {error}" in analysis["cause"]
    top = analysis["top_groups"][0]
    assert top["class"] == kind
    assert next(iter(analysis["failures_by_class"])) == kind
    assert top["first_seen"] >= quiet_until.isoformat()
    assert error in top["example"]
    if host is not None:
        assert f"; at {host}, which answered" in analysis["cause"]
        assert next(iter(top["hosts"])) == host
        assert next(iter(analysis["failures_by_host"])) == host
        assert host not in analysis["healthy_hosts"]
        assert "hosts, most at" not in analysis["cause"]
    elif kind != "browser":
        assert "at 8 hosts, most at" in analysis["cause"]
    if kind == "browser":
        assert analysis["incidents"] == {"count": 6, "further_failures": 54}
    # The last seconds know nothing of what was before.
    recent = await abort.get_failure_analysis("job", 3)
    assert next(iter(recent["failures_by_class"])) == kind
    assert recent["total_operations"] < analysis["total_operations"]
