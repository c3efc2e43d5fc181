"""Failures counted by kind and host, within bounds."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from outlast.failure import Failure, FailureClass, Groups, TracebackQuota, classify, describe
from outlast.failure.groups import OTHER

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def failure(signature="E odd", traceback="", status=None, failure_class=FailureClass.UNKNOWN):
    return Failure(
        type="E", message="odd", status=status, failure_class=failure_class, signature=signature, traceback=traceback
    )


def minutes(number):
    return NOON + timedelta(minutes=number)


def test_failures_are_counted_by_signature_and_host_with_when_first_and_last():
    groups = Groups()
    groups.add(failure("a", status=503, failure_class=FailureClass.SERVER_ERROR), "x", "k1", minutes(3), attempts=2)
    groups.add(failure("a"), "y", "k2", minutes(1))
    groups.add(failure("a"), "x", "k3", minutes(2))
    groups.add(failure("b"), "x", "k4", None)
    told = groups.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["total"] == 4
    a, b = told["groups"]
    assert {key: a[key] for key in ("signature", "class", "status", "count", "attempts", "keys")} == {
        "signature": "a", "class": "server_error", "status": 503, "count": 3, "attempts": 4, "keys": ["k1", "k2", "k3"],
    }  # fmt: skip
    assert (a["first_seen"], a["last_seen"]) == ("2026-01-01T12:01:00+00:00", "2026-01-01T12:03:00+00:00")
    assert list(a["hosts"]) == ["x", "y"]
    assert a["hosts"]["x"] == {
        "count": 2,
        "attempts": 3,
        "first_seen": "2026-01-01T12:02:00+00:00",
        "last_seen": "2026-01-01T12:03:00+00:00",
    }
    assert (b["first_seen"], b["last_seen"]) == (None, None)


def test_the_sample_has_a_traceback_where_any_failure_of_the_group_had_one():
    groups = Groups()
    for traceback in ("", "first", "second"):
        group = groups.add(failure(traceback=traceback), "", "k", NOON)
    assert group.sample.traceback == "first"


def test_the_largest_group_comes_first_and_of_equals_the_one_met_first():
    groups = Groups()
    for signature in "abcbb":
        groups.add(failure(signature), "", "k", NOON)
    assert [group.signature for group in groups] == ["b", "a", "c"]


def test_beyond_the_bounds_there_is_only_other():
    groups = Groups(max_groups=3, samples_max=2, hosts_max=2)
    for number in range(10):
        groups.add(failure(f"s{number}"), f"h{number}", f"k{number}", NOON)
        groups.add(failure("s0"), f"h{number}", f"k{number}", NOON)
    assert {group.signature: group.seen.count for group in groups} == {"s0": 11, "s1": 1, "s2": 1, OTHER: 7}
    assert {host: seen.count for host, seen in groups.get("s0").hosts.items()} == {"h0": 2, "h1": 1, OTHER: 8}
    assert groups.get("s0").keys == ["k0", "k1"]
    assert (groups.total, len(groups)) == (20, 4)


def test_what_calls_itself_other_takes_no_place():
    groups = Groups(max_groups=1)
    for signature in (OTHER, "a", "b"):
        groups.add(failure(signature), "", "k", NOON)
    assert {group.signature: group.seen.count for group in groups} == {OTHER: 2, "a": 1}


@pytest.mark.parametrize("cut", range(13))
def test_two_halves_merged_are_the_whole(cut):
    whole, left, right = (Groups(max_groups=4, samples_max=3, hosts_max=3) for _ in range(3))
    for number in range(12):
        row = (failure("abc"[number % 3], f"t{number}"), f"h{number % 2}", f"k{number}", minutes(number * 7 % 12))
        whole.add(*row)
        (left if number < cut else right).add(*row)
    left.merge(right)
    assert left.to_dict() == whole.to_dict()


def test_merging_keeps_the_bounds():
    one, two = Groups(max_groups=2, hosts_max=1), Groups()
    for number in range(5):
        two.add(failure(f"s{number}"), f"h{number}", "k", NOON)
    one.merge(two)
    assert {group.signature: group.seen.count for group in one} == {"s0": 1, "s1": 1, OTHER: 3}


def test_a_stored_failure_comes_back():
    made = failure("E odd", "trace", 503, FailureClass.SERVER_ERROR)
    assert Failure.from_dict(made.to_dict()) == made
    old = Failure.from_dict({"type": "E", "class": "gone since", "status": "x"})
    assert (old.signature, old.failure_class, old.status, old.traceback) == ("E", FailureClass.UNKNOWN, None, "")
    assert Failure.from_dict({}).signature == ""


def test_only_the_first_tracebacks_of_a_signature_are_kept():
    wanted = TracebackQuota(samples_max=2, signatures_max=2)
    assert [wanted(signature) for signature in "aababacc"] == [True, True, True, False, True, False, False, False]


def test_a_traceback_that_is_not_kept_is_not_made():
    try:
        raise KeyError("k")
    except KeyError as error:
        kind = classify(error, now=NOON)
        asked = []
        told = [describe(error, kind, with_traceback=each).traceback for each in (True, False, asked.append)]
    assert [bool(each) for each in told] == [True, False, False]
    assert asked == ["builtins.KeyError test_groups.py:test_a_traceback_that_is_not_kept_is_not_made 'k'"]
