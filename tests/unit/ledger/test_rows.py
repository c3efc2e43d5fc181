"""A checksum is of the row and of nothing else; two different rows never look alike to it."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from outlast.ledger.rows import (
    LOST,
    ItemRow,
    ResultRow,
    fact_checksum,
    identity_of,
    is_proved,
    result_checksum,
    state_of,
)

TEXT = st.text(max_size=20)
STANDS = st.tuples(
    st.integers(0, 5), st.integers(0, 99), st.none() | st.floats(allow_nan=False), st.none() | TEXT
)  # fmt: skip


@given(TEXT, st.none() | TEXT)
def test_text_and_its_bytes_are_the_same(key, payload):
    stored = None if payload is None else payload.encode()
    assert identity_of(key, payload) == identity_of(key.encode(), stored)
    assert fact_checksum(key, payload or "") == fact_checksum(key.encode(), stored or b"")
    assert result_checksum(1, 1, key) == result_checksum(1, 1, key.encode())
    assert state_of(1, 3, 1, None, key) == state_of(1, 3, 1, None, key.encode())


@given(st.tuples(TEXT, st.none() | TEXT), st.tuples(TEXT, st.none() | TEXT))
def test_different_items_have_different_identities(one, other):
    assume(one != other)
    assert identity_of(*one) != identity_of(*other)


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_the_border_between_two_columns_counts(one, other):
    assert identity_of(one + other, "") != identity_of(one, other)
    assert fact_checksum(one + other, "") != fact_checksum(one, other)


@given(st.integers(1, 99), STANDS, st.integers(1, 99), STANDS)
def test_different_stands_have_different_states(item, stand, other_item, other):
    assume((item, stand) != (other_item, other))
    assert state_of(item, *stand) != state_of(other_item, *other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, 2, 1, None, None), (1, 2, "1", None, None)),
        ((1, 2, 1, None, None), (1, 2, 1.0, None, None)),
        ((1, 2, 1, 5.0, None), (1, 2, 1, "5.0", None)),
        ((1, 2, 1, None, "None"), (1, 2, 1, None, None)),
        ((1, 2, 1, None, ""), (1, 2, 1, None, None)),
        ((12, 3, 1, None, None), (1, 23, 1, None, None)),
    ],
)
def test_a_column_of_another_type_does_not_fit(one, other):
    assert state_of(*one) != state_of(*other)


def test_a_time_is_the_same_as_a_whole_number():
    assert state_of(1, 4, 1, 50, "{}") == state_of(1, 4, 1, 50.0, "{}")


def test_without_a_state_only_a_new_item_is_proved():
    assert is_proved(7, (0, 0, None, None), None)
    for stand in [(2, 0, None, None), (0, 1, None, None), (0, 0, 1.0, None), (0, 0, None, b"")]:
        assert not is_proved(7, stand, None)
        assert is_proved(7, stand, state_of(7, *stand))
        assert not is_proved(8, stand, state_of(7, *stand))


@given(st.binary(min_size=1, max_size=40), st.integers(0, 7))
def test_each_flipped_bit_is_noticed(lines, bit):
    spoiled = bytes([lines[0] ^ (1 << bit)]) + lines[1:]
    assert result_checksum(1, 1, lines) != result_checksum(1, 1, spoiled)
    assert identity_of(lines, None) != identity_of(spoiled, None)


def test_a_row_knows_what_it_proves():
    row = ItemRow(3, b"k", b"1", 2, 1, None, None, identity_of("k", "1"), state_of(3, 2, 1, None, None))
    assert row.is_itself
    assert row.stands
    assert not row._replace(item=4).stands
    assert not row._replace(payload=b"2").is_itself
    assert row._replace(payload=LOST).lost
    result = ResultRow(1, 3, 1, b"1\n", result_checksum(3, 1, "1\n"))
    assert result.proved
    assert not result._replace(item=4).proved
    assert not result._replace(checksum=None).proved
