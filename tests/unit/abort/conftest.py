"""What the tests of aborting share: a clock that is moved by hand, a manager whose events are written down, notifiers that are none."""

import pytest

from outlast.abort import AbortManager, AbortPolicy, Decision, Guard
from outlast.config import AbortConfiguration
from outlast.events import EventBus
from outlast.testing import ManualClock


class Driven:
    """A guard and the time, moved on by what is done to it."""

    def __init__(self, policy=None, **options):
        self.now = 100.0
        self.guard = Guard(policy or AbortPolicy(name="default", ignored_classes=frozenset({"not_found"})), **options)

    def work(self, n, *, host="site", every=0.2):
        for _ in range(n):
            self.now += every
            self.guard.succeeded(self.now, host=host)

    def fail(self, n, *, host="site", every=0.2, **told):
        for _ in range(n):
            self.now += every
            self.guard.failed(self.now, host=host, **told)

    def fail_until_suspected(self, limit=200, **told):
        for n in range(limit):
            self.fail(1, **told)
            if self.decision is not Decision.CONTINUE:
                return n + 1
        raise AssertionError("nothing is suspected")

    def probe_until(self, moment, *, good=False, takes=0.1, **told):
        """Answer every probe that is due until then; when they were sent."""
        self.guard.drained(self.now)
        sent = []
        while self.now < moment and self.decision is not Decision.ABORT:
            if self.decision is Decision.PROBE:
                sent.append(self.now)
                self.now += takes
                self.guard.probed(self.now, good=good, **told)
            else:
                self.now += 0.05
            if self.decision is Decision.CONTINUE:
                break
        return sent

    @property
    def decision(self):
        return self.guard.decision(self.now)

    @property
    def verdict(self):
        return self.guard.look(self.now)


@pytest.fixture
def driven():
    """Makes a `Driven`."""
    return Driven


@pytest.fixture
def clock():
    return ManualClock(1_000.0)


@pytest.fixture
def events():
    return []


@pytest.fixture
def manager(clock, events):
    """Makes a manager; what it emits is in `events`."""

    def make(config=None, **options):
        bus = EventBus()
        bus.subscribe(events.append)
        return AbortManager(config or AbortConfiguration(), events=bus, clock=clock, **options)

    return make
