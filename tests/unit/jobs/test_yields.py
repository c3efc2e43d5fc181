"""What counts as a record, and which fields are in it."""

import pytest

from outlast.jobs.records import written
from outlast.jobs.yields import Yield, has_field


def counted(returned, *fields):
    found = Yield.of(fields)
    return found.add(*written(returned)), found


@pytest.mark.parametrize(
    ("returned", "records"),
    [
        (None, 0),
        ("", 0),
        ({}, 0),
        ([], 0),
        ([None, {}, "", []], 0),
        ([{"a": None}], 1),
        ({"a": None}, 1),
        (0, 1),
        (False, 1),
        (" ", 1),
        ("null", 1),
        ([1, None, [2, 3]], 2),
        (["a\u2028b", "c"], 2),
    ],
)
def test_a_record_counts_when_something_is_in_it(returned, records):
    assert counted(returned)[0] == counted(returned, "a")[0] == records
    assert counted(returned)[1].records == records


@pytest.mark.parametrize(
    ("record", "field", "there"),
    [
        ({"price": 1}, "price", True),
        ({"price": 0}, "price", True),
        ({"price": False}, "price", True),
        ({"price": None}, "price", False),
        ({"price": " \n"}, "price", False),
        ({"price": []}, "price", False),
        ({"price": {}}, "price", False),
        ({"price": [0]}, "price", True),
        ({"title": 1}, "price", False),
        ({"offer": {"price": 1}}, "offer.price", True),
        ({"offer": {"price": ""}}, "offer.price", False),
        ({"offer": 3}, "offer.price", False),
        ({"offer.price": 1}, "offer.price", True),
        ({"offer.price": None, "offer": {"price": 1}}, "offer.price", False),
        ("price", "price", False),
        (["price"], "price", False),
    ],
)
def test_a_field_is_in_a_record_when_its_value_is_not_empty(record, field, there):
    assert has_field(record, field) is there


def test_totals_add_up_and_come_back_from_json():
    found = Yield.of(["a"])
    for returned in ({"a": 1}, [{"a": 2}, {"b": 3}], None):
        found.add(*written(returned))
    assert found == Yield(3, 3, 5, {"a": 2})
    assert (found.mean, round(found.deviation, 4)) == (1.0, 0.8165)
    assert Yield.from_json(found.to_json()) == found
    assert found.plus(found) == Yield(6, 6, 10, {"a": 4})
    assert found.only(["a"]) == found
    assert found.only([]).fields == {}
    assert found.only(["b"]) is None
    assert (Yield().mean, Yield().deviation) == (0.0, 0.0)
