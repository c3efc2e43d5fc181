"""Which failures are meant, and how a group is called."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.cli.failures.choice import ID_DIGITS, Choice, Chooser, GroupNotFoundError, group_ids, group_name
from outlast.cli.failures.choosing import moment_in
from outlast.cli.failures.failed import Failed, failed_of
from outlast.errors import ValidationError
from outlast.failure.describe import Failure
from outlast.failure.model import FailureClass
from outlast.ledger.port import StoredFailure

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def failed(signature="E a", *, host="a.de", failure_class="blocked", at=NOW):
    failure = Failure.from_dict({"type": "E", "signature": signature, "class": failure_class})
    return Failed(item=1, key="k", host=host, attempts=1, failure=failure, at=at, lost=False)


def picks(choice, *failures):
    chooser = Chooser(choice)
    return [chooser.picks(each) for each in failures]


def test_without_a_choice_everything_is_meant():
    assert Choice().everything
    assert picks(Choice(), failed(), failed(at=None)) == [True, True]


def test_of_one_kind_any_may_fit_and_all_kinds_must():
    choice = Choice(hosts=("A.de", "*.fr"), classes=("blocked", "timeout"))
    assert picks(
        choice,
        failed(),
        failed(host="shop.fr", failure_class="timeout"),
        failed(host="fr"),
        failed(failure_class="unknown"),
    ) == [True, True, False, False]


def test_items_without_a_host_can_be_meant():
    assert picks(Choice(hosts=("",)), failed(host=""), failed()) == [True, False]


def test_what_has_no_time_is_left_out_and_counted_where_a_time_is_asked_for():
    chooser = Chooser(Choice(since=NOW, classes=("blocked",)))
    times = (NOW, NOW - timedelta(seconds=1), None)
    assert [chooser.picks(failed(at=at)) for at in times] == [True, False, False]
    assert not chooser.picks(failed(at=None, failure_class="unknown"))
    assert chooser.untimed == 1


@pytest.mark.parametrize("typed", [str, str.lower, lambda name: name[2:], lambda name: f" {name[:6]} "])
def test_a_group_is_known_by_its_name_or_the_beginning_of_it(typed):
    chooser = Chooser(Choice(groups=(typed(group_name("E a")),)))
    assert [chooser.picks(failed(each)) for each in ("E a", "E b", "E a")] == [True, False, True]
    chooser.check("docs")


def test_a_group_that_is_not_there_is_an_error_that_names_those_there_are():
    chooser = Chooser(Choice(groups=("F-ffffff",)))
    assert not any(chooser.picks(failed(each)) for each in ("E a", "E b"))
    with pytest.raises(GroupNotFoundError, match=rf"no group .* 'docs' \(there are: .*{group_name('E a')}"):
        chooser.check("docs")
    with pytest.raises(GroupNotFoundError, match="there are none"):
        Chooser(Choice(groups=("F-ffffff",))).check("docs")


def test_a_beginning_that_two_groups_share_is_an_error_that_names_both():
    one, two = alike(4)
    chooser = Chooser(Choice(groups=(group_name(one, 4),)))
    for each in (one, two):
        chooser.picks(failed(each))
    with pytest.raises(GroupNotFoundError, match=f"more than one group .*{group_name(one)}.*|{group_name(two)}"):
        chooser.check("docs")


@pytest.mark.parametrize("typed", ["", "F-", "F-abc", "F-xyzw", "blocked", "F3a9c2f0g", "3a9c/"])
def test_what_is_no_name_of_a_group_is_refused(typed):
    with pytest.raises(ValidationError, match="is no group: they are called like"):
        Chooser(Choice(groups=(typed,)))


def test_two_groups_that_would_be_called_the_same_get_longer_names():
    one, two = alike(ID_DIGITS)
    names = group_ids([one, two, "E"])
    assert len(set(names.values())) == 3
    assert all(names[each].startswith(group_name(each)) for each in names)


@given(st.lists(st.text(min_size=1), unique=True, max_size=50))
def test_every_group_has_a_name_of_its_own_that_a_choice_takes(signatures):
    names = group_ids(signatures)
    assert len(set(names.values())) == len(signatures)
    for signature, name in names.items():
        assert picks(Choice(groups=(name,)), failed(signature)) == [True]


def test_the_name_does_not_change():
    assert group_name("httpx.HTTPStatusError 403 Forbidden") == "F-d897cb"


def test_a_choice_can_be_typed_again():
    choice = Choice(groups=("F-3a9c2f",), hosts=("*.de", "b;c"), classes=("blocked",), since=NOW)
    assert choice.words() == (
        " --group F-3a9c2f --host '*.de' --host 'b;c' --class blocked --since 2026-11-23T12:00:00+00:00"
    )
    assert Choice().words() == ""


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("1h 30m", NOW - timedelta(minutes=90)),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T10:00+02:00", datetime(2026, 11, 23, 8, tzinfo=UTC)),
    ],
)
def test_since_is_a_span_or_a_moment(text, moment):
    assert moment_in(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "9999999999999d", "900000d"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValidationError, match="--since"):
        moment_in(text, NOW)


@pytest.mark.parametrize(
    ("key", "payload", "host"),
    [
        ("https://B.de/1", None, "b.de"),
        ("7", '{"url":"https://c.fr/x"}', "c.fr"),
        ("https://b.de/1", '{"id":7}', ""),
        ("plain", None, ""),
    ],
)
def test_the_host_of_a_failure_is_that_of_its_item(key, payload, host):
    assert failed_of(StoredFailure(1, key, 2, "{}", payload)).host == host


def test_a_failure_of_any_version_can_be_read():
    assert failed_of(StoredFailure(1, "a", 2, "")).failure.failure_class is FailureClass.UNKNOWN
    old = failed_of(StoredFailure(1, "a", 2, '{"type":"E","class":"of a later version"}'))
    assert (old.failure.signature, old.failure.failure_class, old.at) == ("E", FailureClass.UNKNOWN, None)
    for at, moment in (("2026-11-23T12:00:00+00:00", NOW), ("2026-11-23T12:00:00", NOW), ("noon", None), (12, None)):
        assert failed_of(StoredFailure(1, "a", 2, json.dumps({"type": "E", "at": at}))).at == moment


def alike(digits):
    """Two signatures whose names begin alike."""
    seen = {}
    number = 0
    while True:
        signature = f"E {number}"
        name = group_name(signature, digits)
        if name in seen:
            return seen[name], signature
        seen[name] = signature
        number += 1
