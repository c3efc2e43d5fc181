"""What is wanted of a browser cannot be built wrong, and each field of it changes what happens."""

import dataclasses

import pytest

from outlast import BrowserPolicy, ConfigurationError
from outlast.browser import Deadlines
from outlast.browser.budget import Budget
from outlast.browser.recycling import Latency, Limits


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("restarts_max", -1),
        ("restart_window", 0),
        ("launch_attempts", 0),
        ("context_pages", 0),
        ("context_age", "1h"),
        ("browser_pages", 1.5),
        ("browser_age", float("nan")),
        ("browser_memory", -5),
        ("driver_age", 0),
        ("driver_memory", True),
        ("jitter", 1),
        ("health_interval", 0),
        ("idle_before_probe", -1),
        ("slow_factor", 1),
        ("snapshot_interval", 0),
        ("popups_max", -1),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(field, value):
    with pytest.raises(ConfigurationError, match=field):
        BrowserPolicy(**{field: value})


def test_every_complaint_comes_at_once():
    with pytest.raises(ConfigurationError) as caught:
        BrowserPolicy(jitter=2, popups_max=-1)
    assert len(caught.value.context["complaints"]) == 2


@pytest.mark.parametrize("field", [each.name for each in dataclasses.fields(Deadlines)])
def test_a_deadline_is_a_time(field):
    with pytest.raises(ConfigurationError, match=rf"deadlines\.{field}"):
        Deadlines(**{field: 0})


def test_restarts_are_counted_within_a_window():
    budget = Budget(2, 600)
    assert [budget.spend(now) for now in (0, 100, 200)] == [True, True, False]
    assert budget.left(599) == 0
    assert budget.next_at(200) == 400
    assert budget.left(600) == 1
    assert budget.spend(600)
    assert not budget.spend(650)
    assert (budget.left(700), budget.next_at(700)) == (1, 0)


def test_where_none_is_allowed_none_is_ever():
    budget = Budget(0, 600)
    assert not budget.spend(0)
    assert budget.next_at(0) == float("inf")


@pytest.mark.parametrize(
    ("used", "reason"),
    [
        ({"pages": 9, "age": 59, "memory": 99}, None),
        ({"pages": 10}, "pages"),
        ({"age": 60.0}, "age"),
        ({"memory": 100.0}, "memory"),
        ({"memory": None}, None),
    ],
)
def test_a_limit_is_a_reason_once_it_is_reached(used, reason):
    assert Limits(10, 60, 100).reached(**used) == reason
    assert Limits().reached(**used) is None


def test_limits_are_spread_either_way():
    limits = Limits(100, 1_000, None)
    assert limits.spread(0.1, 0.0) == Limits(90, 900, None)
    assert limits.spread(0.1, 0.5) == limits
    assert limits.spread(0.0, 0.9) == limits


def test_slow_is_against_how_it_was_at_first_and_never_what_is_quick_anyway():
    latency = Latency(5)
    for _ in range(5):
        latency.add(0.1)
    for _ in range(20):
        latency.add(0.4)
    assert not latency.is_slow
    for _ in range(20):
        latency.add(0.9)
    assert latency.is_slow
    quick = Latency(5)
    for seconds in [0.001] * 5 + [0.1] * 20:
        quick.add(seconds)
    assert not quick.is_slow
