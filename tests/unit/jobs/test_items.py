"""Keys, payloads, hosts, batches."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.errors import ValidationError
from outlast.jobs.items import batches, host_of, item_of, key_function, new_item
from outlast.ledger.port import Lease

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def leased(item):
    return Lease(1, item.key, item.payload, 0, 1)


@given(JSON)
def test_an_item_comes_back_as_it_was_given(value):
    assert item_of(leased(new_item(value))) == value
    assert item_of(leased(new_item(value, key=lambda _: "k"))) == value


def test_a_string_is_its_own_key_and_needs_no_payload():
    item = new_item("http://a/1")
    assert (item.key, item.payload) == ("http://a/1", None)


def test_the_order_of_a_dict_s_keys_does_not_make_another_item():
    assert new_item({"a": 1, "b": 2}).key == new_item({"b": 2, "a": 1}).key


def test_a_key_function_decides_what_is_the_same():
    assert new_item({"id": 7, "n": 1}, key=lambda item: str(item["id"])).key == "7"


@pytest.mark.parametrize("item", [{1, 2}, b"x", float("nan"), {"a": (1,)}, object()])
def test_what_is_not_json_is_refused_by_path(item):
    with pytest.raises(ValidationError, match=r"^\$"):
        new_item(item)


def test_a_key_that_is_not_a_string_is_refused():
    with pytest.raises(ValidationError, match="the key of an item must be a string, not 7"):
        new_item({"id": 7}, key=lambda item: item["id"])


@pytest.mark.parametrize(
    ("item", "host"),
    [
        ("http://example.com/a/b?c=d", "example.com"),
        ("https://user:pw@Example.COM:8443/x", "example.com:8443"),
        ("http://[::1]:80/", "[::1]:80"),
        ({"url": "ftp://files.example/x", "n": 1}, "files.example"),
        ("http://a.example?x=http://b.example/", "a.example"),
        ("plain text", ""),
        ("a/b://c", ""),
        ({"id": 3}, ""),
        ({"url": None}, ""),
        (17, ""),
        ("http://", ""),
    ],
)
def test_the_host_of_an_item(item, host):
    assert host_of(item) == host


async def test_a_source_that_trickles_keeps_nothing_back_for_long():
    async def source():
        for n in range(12):
            await asyncio.sleep(0.03)
            yield n

    assert [batch async for batch in batches(source(), 500)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


async def test_batches_never_load_more_than_asked():
    pulled = []

    def source():
        for number in range(10):
            pulled.append(number)
            yield number

    reader = batches(source(), 3)
    assert await anext(reader) == [0, 1, 2]
    assert pulled == [0, 1, 2]
    assert [batch async for batch in reader] == [[3, 4, 5], [6, 7, 8], [9]]


async def test_async_iterables_are_batched_too():
    async def source():
        for number in range(5):
            yield number

    assert [batch async for batch in batches(source(), 2)] == [[0, 1], [2, 3], [4]]
    assert [batch async for batch in batches([], 2)] == []


async def test_a_slow_source_s_items_do_not_wait_for_a_full_batch():
    async def source():
        for number in range(6):
            if number in {2, 5}:
                await asyncio.sleep(10)
            yield number

    assert [batch async for batch in batches(source(), 4)] == [[0, 1], [2, 3, 4], [5]]


async def test_a_source_that_is_left_early_is_not_left_running():
    closed = []

    async def source():
        try:
            while True:
                yield 1
                await asyncio.sleep(3_600)
        finally:
            closed.append(True)

    reader = batches(source(), 4)
    assert await anext(reader) == [1]
    await reader.aclose()
    await asyncio.sleep(1)
    assert closed == [True]


@pytest.mark.parametrize(("item", "key"), [("text", "text"), ({"id": "a"}, "a"), ({"id": 7}, "7")])
def test_a_field_can_be_the_key(item, key):
    assert new_item(item, key_function("id")).key == key


@pytest.mark.parametrize("item", [{"other": 1}, {"id": True}, {"id": None}, [1]])
def test_an_item_without_that_field_is_refused(item):
    with pytest.raises(ValidationError, match="an item has no key: 'id' is not text or a whole number"):
        new_item(item, key_function("id"))


def test_a_key_function_or_none_is_left_as_it_is():
    assert key_function(None) is None
    assert key_function(str) is str
