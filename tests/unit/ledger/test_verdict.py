"""What becomes of a damaged item, decided from what can still be told of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.ledger.health import Remedy
from outlast.ledger.rows import LOST, ItemRow, identity_of, state_of
from outlast.ledger.schema import DEFERRED, DONE, FAILED, PENDING
from outlast.ledger.verdict import judge

NEW = ItemRow(1, b"key", b"1", PENDING, 0, None, None, identity_of("key", "1"), None)
SPOILED = {"identity": 1}


def standing(row, status, attempts=2, not_before=None, error=None):
    stand = (status, attempts, not_before, error)
    return ItemRow(*row[:3], *stand, row.identity, state_of(row.item, *stand))


@pytest.mark.parametrize(
    ("row", "proved"),
    [
        (NEW, False),
        (standing(NEW, DONE), True),
        (standing(NEW, FAILED, error=b"{}"), False),
        (standing(NEW, DEFERRED, not_before=5.0), False),
        (standing(NEW._replace(payload=LOST, identity=identity_of("key", LOST)), FAILED), False),
        (standing(NEW._replace(payload=LOST, identity=identity_of("key", LOST)), DONE), True),
    ],
)
def test_a_sound_item_is_left_as_it_is(row, proved):
    assert judge(row, None, proved=proved) is None
    assert judge(row, row.key, proved=proved, opens=True) is None


@pytest.mark.parametrize(
    ("row", "proved", "remedy"),
    [
        (NEW._replace(attempts=3), False, Remedy.PENDING),
        (NEW._replace(status=DONE), False, Remedy.PENDING),
        (NEW._replace(status=DONE), True, Remedy.DONE),
        (NEW, True, Remedy.DONE),
        (standing(NEW, DONE), False, Remedy.PENDING),
        (standing(NEW, FAILED), True, Remedy.DONE),
        (NEW._replace(**SPOILED), False, Remedy.FAILED),
        (NEW._replace(**SPOILED), True, Remedy.DONE),
        (standing(NEW, DONE)._replace(**SPOILED), True, Remedy.DONE),
        (standing(NEW, DONE)._replace(**SPOILED), False, Remedy.FAILED),
        (standing(NEW, FAILED)._replace(**SPOILED), False, Remedy.FAILED),
        (NEW._replace(payload=LOST, identity=identity_of("key", LOST)), False, Remedy.FAILED),
    ],
)
def test_what_cannot_be_told_is_decided_safely(row, proved, remedy):
    assert judge(row, row.key, proved=proved).remedy is remedy


def test_the_second_copy_of_a_key_mends_the_first():
    verdict = judge(NEW._replace(key=b"kez"), b"key", proved=False)
    assert (verdict.remedy, verdict.row) == (Remedy.RESTORED, NEW)


def test_a_seal_that_opens_proves_what_the_checksum_does_not():
    verdict = judge(NEW._replace(**SPOILED), None, proved=False, opens=True)
    assert (verdict.remedy, verdict.row) == (Remedy.RESTORED, NEW)


def test_a_seal_that_does_not_open_is_a_payload_lost():
    verdict = judge(NEW, None, proved=False, opens=False)
    assert (verdict.remedy, verdict.row.payload) == (Remedy.FAILED, LOST)


def test_a_failure_keeps_its_error_when_its_payload_is_lost():
    verdict = judge(standing(NEW, FAILED, error=b"{}")._replace(payload=b"2"), None, proved=False)
    assert (verdict.row.error, verdict.row.attempts, verdict.row.payload) == (b"{}", 2, LOST)


def test_a_key_that_is_no_text_gets_one():
    verdict = judge(NEW._replace(key=b"\xffey"), None, proved=False)
    assert verdict.row.key.decode()
    assert verdict.row.is_itself


ANYTHING = st.none() | st.integers(-5, 5) | st.binary(max_size=3) | st.text(max_size=3) | st.floats()
ROWS = st.builds(
    ItemRow,
    st.integers(1, 9),
    st.binary(max_size=3),
    st.none() | st.binary(max_size=3),
    ANYTHING,
    ANYTHING,
    ANYTHING,
    st.none() | st.binary(max_size=3),
    ANYTHING,
    ANYTHING,
)


@given(ROWS, st.none() | st.just(b"key"), st.booleans(), st.none() | st.booleans())
def test_after_one_verdict_there_is_nothing_left_to_judge(row, spare_key, proved, opens):
    verdict = judge(row, spare_key, proved=proved, opens=opens)
    if verdict is None:
        return
    mended = verdict.row
    stand = (mended.status, mended.attempts, mended.not_before, mended.error)
    fresh = stand == (0, 0, None, None)
    mended = mended._replace(state=None if fresh else state_of(mended.item, *stand))
    assert judge(mended, mended.key, proved=proved, opens=None if mended.lost else opens) is None
    assert mended.status != DONE or proved
