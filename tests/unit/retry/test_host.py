"""What is known of one host, and how many hosts are remembered."""

import json

import pytest

from outlast.failure import Classification, FailureClass, Fault
from outlast.failure.model import NATURE
from outlast.retry.breaker import Admit, BreakerState
from outlast.retry.host import Closed, Host, Hosts, Opened, speaks_for_host


def kind(failure_class=FailureClass.NETWORK, **changed):
    transient, fault = NATURE[failure_class]
    return Classification(**{"failure_class": failure_class, "transient": transient, "fault": fault, **changed})


def failed(host, times, now=0.0, **changed):
    return [host.failed(now, kind(**changed), "refused") for _ in range(times)]


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (kind(FailureClass.NETWORK), False),
        (kind(FailureClass.TIMEOUT), False),
        (kind(FailureClass.SERVER_ERROR, status=500), False),
        (kind(FailureClass.PROXY), False),
        (kind(FailureClass.THROTTLED, status=429), False),
        (kind(FailureClass.THROTTLED, status=429, retry_after=0.0), False),
        (kind(FailureClass.THROTTLED, status=429, retry_after=9.0), None),
        (kind(FailureClass.NOT_FOUND, status=404), True),
        (kind(FailureClass.BLOCKED, status=403), True),
        (kind(FailureClass.UNSUPPORTED, status=501), True),
        (kind(FailureClass.SERVER_ERROR, status=503, transient=False), True),
        (kind(FailureClass.CERTIFICATE), None),
        (kind(FailureClass.PROGRAMMING), None),
        (kind(FailureClass.UNKNOWN), None),
        (kind(FailureClass.BROWSER), None),
        (kind(FailureClass.LOCAL_RESOURCE), None),
    ],
)
def test_a_failure_says_that_the_host_is_up_or_down_or_nothing(failure, says):
    assert speaks_for_host(failure) is says


def test_a_fresh_host_turns_nobody_away():
    host = Host("shop.example")
    assert (host.admit(0.0), host.barred, host.marked, host.wait(0.0)) == (Admit.GO, False, False, 0)


def test_ten_failures_open_the_circuit_and_two_probes_close_it():
    host = Host("shop.example")
    assert failed(host, 10) == [None] * 9 + [Opened(10, 1.0)]
    assert host.barred
    assert (host.admit(0.5), host.closed_for(0.5)) == (Admit.WAIT, 0.5)
    assert host.admit(1.0) is Admit.PROBE
    assert host.closed_for(1.0) == 1.0, "not the end of the lease"
    assert host.succeeded(1.2, probe=True) is None
    assert host.admit(1.2) is Admit.PROBE
    assert host.succeeded(1.5, probe=True) == Closed(1.5)
    assert host.barred
    assert host.admit(1.5) is Admit.GO
    assert not host.barred


def test_an_answer_that_is_an_error_closes_the_circuit_too():
    host = Host("shop.example")
    failed(host, 10)
    for expected in (None, Closed(1.0)):
        assert host.admit(1.0) is Admit.PROBE
        assert host.failed(1.0, kind(FailureClass.NOT_FOUND, status=404), "404", probe=True) == expected
    assert host.breaker.state is BreakerState.CLOSED


def test_a_probe_of_which_nothing_was_learned_gives_its_lease_back():
    host = Host("shop.example")
    failed(host, 10)
    assert host.admit(1.0) is Admit.PROBE
    host.failed(1.0, kind(FailureClass.PROGRAMMING), "TypeError", probe=True)
    assert host.admit(1.0) is Admit.PROBE
    host.released(1.0, probe=True)
    assert host.admit(1.0) is Admit.PROBE


def test_what_may_pass_costs_a_token_and_what_may_not_costs_none():
    host = Host("shop.example")
    failed(host, 3, failure_class=FailureClass.UNKNOWN)
    failed(host, 3, failure_class=FailureClass.NOT_FOUND)
    assert host.budget.tokens == 97
    host.succeeded(0.0)
    assert host.budget.tokens == 97.5


def test_it_is_marked_until_a_success_would_change_nothing():
    host = Host("shop.example")
    failed(host, 3)
    for _ in range(6):
        assert host.marked
        host.succeeded(0.0)
    assert not host.marked
    assert (host.breaker.evidence, host.budget.tokens) == (0, 100)


def test_a_host_that_asks_to_be_left_alone_is():
    host = Host("shop.example")
    host.failed(10.0, kind(FailureClass.THROTTLED, status=429, retry_after=30.0), "429")
    assert host.barred
    assert [host.wait(now) for now in (10.0, 39.0, 41.0)] == [30, 1, 0]
    assert host.admit(39.0) is Admit.GO
    assert host.barred
    host.admit(40.0)
    assert not host.barred


def test_a_shorter_wish_does_not_take_back_a_longer_one():
    host = Host("shop.example")
    host.leave_alone(0.0, 30)
    host.leave_alone(1.0, 5)
    assert host.wait(1.0) == 29


@pytest.mark.parametrize("changed", [{"transient": False}, {"fault": Fault.ITEM}])
def test_a_wish_that_is_not_the_hosts_bars_nobody(changed):
    host = Host("shop.example")
    failed(host, 1, retry_after=30.0, **changed)
    assert host.wait(0.0) == 0


def test_a_host_is_plain_data():
    host = Host("shop.example")
    failed(host, 10, now=5.0)
    told = host.to_dict(5.5)
    assert json.loads(json.dumps(told)) == told
    assert told == {
        "host": "shop.example",
        "state": "open",
        "failures_in_a_row": 10,
        "evidence": 8.0,
        "down_for": 0.5,
        "opens_in": 0.5,
        "left_alone_for": 0.0,
        "budget": 90.0,
        "retries_allowed": True,
        "last_error": "refused",
    }
    assert Host("x").to_dict(5.5)["opens_in"] == 0


def test_the_hosts_that_were_not_asked_for_longest_are_forgotten_first():
    made = []
    hosts = Hosts(lambda name: made.append(name) or object(), size=3)
    first = [hosts.of(name) for name in "abc"]
    assert hosts.of("a") is first[0]
    hosts.of("d")
    assert len(hosts) == 3
    assert hosts.known("b") is None
    assert hosts.of("a") is first[0]
    assert hosts.known("c") is first[2]
    assert made == list("abcd")
