"""What is made of a history: windows, trends, bounds, the cause in a sentence."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from outlast.abort.analysis import analysis_of
from outlast.abort.history import BUCKET_GROUPS_MAX, BUCKET_SECONDS, BUCKETS_MAX, GROUPS_MAX, Counts, History
from outlast.failure import Failure, FailureClass

START = datetime(2026, 1, 1, tzinfo=UTC)


def failure(kind="ConnectError", what=FailureClass.NETWORK, message="refused"):
    return Failure(
        type=kind, message=message, status=None, failure_class=what, signature=f"{kind} {message}", traceback=""
    )


def fail(history, now, *, host="site", key="k", **told):
    at = START + timedelta(seconds=now)
    history.failed(now, failure(**told), host=host, key=key, at=at, category="network", severity="error")


def analysis(history, start=None, now=1_000.0):
    return analysis_of(history.since(start, now))


def test_nothing_is_a_history_too():
    told = analysis(History())
    assert (told["total_failures"], told["failure_rate"], told["cause"]) == (0, None, "nothing has failed")
    assert told["trend"]["direction"] == "steady"
    assert told["first_seen"] is told["last_seen"] is None


def test_everything_is_counted_and_is_plain_data():
    history = History()
    history.succeeded(1.0, "well", 90)
    for n in range(10):
        fail(history, 2.0 + n, key=str(n))
    told = analysis(history)
    assert (told["total_failures"], told["successes"], told["total_operations"]) == (10, 90, 100)
    assert told["failure_rate"] == 0.1
    assert told["failures_by_category"] == {"network": 10}
    assert told["failures_by_class"] == {"network": 10}
    assert told["failures_by_host"] == {"site": 10}
    assert told["failures_by_signature"] == {"ConnectError refused": 10}
    assert told["healthy_hosts"] == ["well"]
    assert (told["first_seen"], told["last_seen"]) == ("2026-01-01T00:00:02+00:00", "2026-01-01T00:00:11+00:00")
    assert told["top_groups"][0]["share"] == 1.0
    assert json.loads(json.dumps(told)) == told


def test_a_window_is_answered_to_the_width_of_a_bucket():
    history = History()
    for second in range(100):
        fail(history, float(second))
    assert BUCKET_SECONDS == 5.0
    assert analysis(history, 80.0, 100.0)["total_failures"] == 20
    assert analysis(history, 78.0, 100.0)["total_failures"] == 25
    assert analysis(history, 99.0, 100.0)["seconds"] == 1.0


def test_a_long_history_is_coarser_the_older_it_is_and_loses_nothing():
    history = History()
    for n in range(3_000):
        fail(history, n * BUCKET_SECONDS)
        history.succeeded(n * BUCKET_SECONDS, "site", 2)
    assert [len(level) for level in history._levels][:-1] == [BUCKETS_MAX] * 6
    now = 3_000 * BUCKET_SECONDS
    for start in (None, 0.0):
        told = analysis(history, start, now)
        assert (told["total_failures"], told["successes"]) == (3_000, 6_000)
        assert told["failures_by_host"] == {"site": 3_000}
        assert told["failures_by_signature"] == {"ConnectError refused": 3_000}
        assert told["trend"]["earlier"]["failures"] + told["trend"]["later"]["failures"] == 3_000
    assert analysis(history, now - 160.0, now)["resolution"] == 5.0
    hour = analysis(history, now - 3_600.0, now)
    assert hour["resolution"] == 80.0
    assert 720 <= hour["total_failures"] <= 720 + 80 / BUCKET_SECONDS


def test_what_one_operation_costs_does_not_grow(monkeypatch):
    history, merged = History(), []
    monkeypatch.setattr(Counts, "merge", lambda mine, theirs: merged.append(len(theirs.groups)))
    most = 0
    for n in range(20_000):
        before = len(merged)
        fail(history, n * BUCKET_SECONDS / 4, host=f"host{n % 300}", message=f"message {n % 90}")
        most = max(most, len(merged) - before)
    assert most <= len(history._levels) <= 10
    assert max(merged) <= BUCKET_GROUPS_MAX + 1
    merged.clear()
    assert analysis(history)["total_failures"] == 20_000
    assert not merged, "the whole is not put together from the buckets"


def test_signatures_and_hosts_beyond_the_bound_are_other():
    history = History()
    for n in range(500):
        fail(history, 1.0, host=f"host{n}", message=f"message {n}")
        history.succeeded(1.0, f"other{n}", 1)
    told = analysis(history)
    assert told["total_failures"] == 500
    assert len(told["failures_by_signature"]) == GROUPS_MAX + 1
    assert len(told["failures_by_host"]) == 50
    assert len(told["top_groups"]) == 10
    assert len(told["healthy_hosts"]) == 10
    assert "other" not in told["healthy_hosts"]


@pytest.mark.parametrize(
    ("earlier", "later", "direction"),
    [((5, 95), (40, 60), "rising"), ((40, 60), (5, 95), "falling"), ((20, 80), (22, 78), "steady")],
)
def test_a_trend_is_a_difference_of_shares_that_is_no_chance(earlier, later, direction):
    history = History()
    for now, (failed, succeeded) in ((10.0, earlier), (90.0, later)):
        for _ in range(failed):
            fail(history, now)
        history.succeeded(now, "site", succeeded)
    trend = analysis(history, 0.0, 100.0)["trend"]
    assert (trend["direction"], trend["by"]) == (direction, "share")
    assert trend["earlier"] == {"failures": earlier[0], "failure_rate": earlier[0] / 100}
    assert trend["later"]["failures"] == later[0]


@pytest.mark.parametrize(("earlier", "later", "direction"), [(5, 50, "rising"), (50, 5, "falling"), (20, 25, "steady")])
def test_without_any_success_the_number_decides(earlier, later, direction):
    history = History()
    for now, failed in ((10.0, earlier), (90.0, later)):
        for _ in range(failed):
            fail(history, now)
    trend = analysis(history, 0.0, 100.0)["trend"]
    assert (trend["direction"], trend["by"]) == (direction, "count")


def test_more_of_the_same_is_steady_whatever_the_number():
    history = History()
    for now, n in ((10.0, 10), (90.0, 100)):
        for _ in range(n):
            fail(history, now)
        history.succeeded(now, "site", 9 * n)
    assert analysis(history, 0.0, 100.0)["trend"]["direction"] == "steady"


def test_the_cause_is_the_largest_group_and_says_where_it_is():
    history = History()
    for n in range(9):
        fail(history, 1.0, host="a" if n else "b")
    fail(history, 1.0, host="c", kind="ValueError", what=FailureClass.PROGRAMMING, message="")
    history.succeeded(1.0, "a", 3)
    for host in ("x", "y"):
        history.succeeded(1.0, host, 5)
    assert analysis(history)["cause"] == (
        "9 of 10 failures (90%) are network, ConnectError: refused; at a, which answered well 3 times meanwhile; 2 other hosts are well"
    )


def test_a_host_that_answers_with_a_refusal_each_time_has_not_answered_well():
    history = History()
    fail(history, 1.0, host="a", kind="HTTPStatusError", what=FailureClass.BLOCKED, message="403")
    assert analysis(history)["cause"].endswith("; at a, which never answered well meanwhile")


def test_a_cause_without_hosts_says_so():
    history = History()
    fail(history, 1.0, host="")
    assert analysis(history)["cause"].endswith("; the items name no host")


def test_further_failures_of_an_incident_are_told_apart():
    history = History()
    history.incident(1.0, is_first=True)
    history.incident(1.0, is_first=False)
    assert analysis(history)["incidents"] == {"count": 1, "further_failures": 1}
