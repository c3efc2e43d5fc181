"""A lifecycle on a fake browser, in virtual time."""

from random import Random
from types import SimpleNamespace

import pytest

from outlast import BrowserLifecycle, BrowserPolicy, EventBus
from outlast.testing import FakeLauncher, VirtualClock


@pytest.fixture
def stage():
    """Builds a lifecycle; `told` are the events, `launcher` says what goes wrong."""

    def built(**options):
        bus, told, crashes = EventBus(), [], []
        bus.subscribe(lambda event: told.append((event.event_type, dict(event.data))))
        launcher = options.pop("launcher", FakeLauncher())
        policy = BrowserPolicy(jitter=0.0, **options.pop("policy", {}))
        lifecycle = BrowserLifecycle(
            launcher,
            policy=policy,
            events=bus,
            clock=VirtualClock(),
            rng=Random(7),
            on_crash=lambda incident, reason: crashes.append((incident, reason)),
            **options,
        )
        return SimpleNamespace(
            bus=bus, lifecycle=lifecycle, launcher=launcher, told=told, crashes=crashes, policy=policy
        )

    return built


@pytest.fixture
def of_kind():
    """The data of the events of one kind."""

    def of_kind(told, kind):
        return [data for each, data in told if each == kind]

    return of_kind
