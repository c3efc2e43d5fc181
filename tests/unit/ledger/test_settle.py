"""What one item was, by all that was seen of it: proved, or not taken."""

import pytest

from outlast.ledger.health import Remedy
from outlast.ledger.rows import LOST, ItemRow, identity_of, state_of
from outlast.ledger.schema import DONE, FAILED, PENDING
from outlast.ledger.settle import Candidate, Seen, settle
from outlast.ledger.sightings import NUMBER_MAX, count_in, fact_in, item_in, name_in, ordered, result_in, token_in
from outlast.ledger.pages import Cell


def row(item=5, key=b"a", payload=b"1", status=PENDING, attempts=0, due=None, error=None, **changes):
    stand = (status, attempts, due, error)
    state = None if stand == (0, 0, None, None) else state_of(item, *stand)
    return ItemRow(item, key, payload, *stand, identity_of(key, payload), state)._replace(**changes)


def settled(*candidates, name=b"a", finished=False, bare=False, opens=None, places=None, reach=100):
    rows = tuple(each if isinstance(each, Candidate) else Candidate(each, newest=True) for each in candidates)
    places = {b"a": 5} if places is None else places
    return settle(Seen(5, rows, name, finished), bare=bare, opens=lambda _: opens, place_of=places.get, reach=reach)


def older(row):
    return Candidate(row, newest=False)


def test_a_whole_row_stays_as_it_is():
    for one in (row(), row(status=FAILED, attempts=3, error=b"{}"), row(payload=None)):
        assert settled(one)[:2] == (one, None)


def test_an_item_with_an_intact_result_is_done():
    found = settled(row(status=DONE, attempts=2), finished=True)
    assert (found.row.status, found.problem) == (DONE, None)
    found = settled(row(status=FAILED, attempts=2, error=b"{}"), finished=True)
    assert (found.row.status, found.remedy) == (DONE, Remedy.DONE)


def test_a_done_item_without_its_result_is_done_again():
    found = settled(row(status=DONE, attempts=2))
    assert (found.row.status, found.row.attempts, found.remedy) == (PENDING, 0, Remedy.PENDING)


def test_of_an_older_copy_only_what_the_item_is_counts():
    found = settled(older(row(status=FAILED, attempts=3, error=b"{}")))
    assert found.row == row()
    assert found.problem == "only a copy of it was found that may be older"


def test_the_newest_copy_wins():
    assert settled(row(status=FAILED, attempts=1), older(row())).row.status == FAILED


def test_an_id_far_beyond_all_others_is_given_up_where_nothing_binds_it():
    assert settled(row(), reach=4) == (row(), "its place cannot be told", Remedy.PENDING, False)
    assert not settled(row(identity=7), reach=4).placed
    assert settled(row(status=FAILED, attempts=1), reach=4).placed
    assert settled(row(status=DONE, attempts=1), finished=True, reach=4).placed


def test_two_newest_copies_that_differ_make_it_pending():
    found = settled(row(status=FAILED, attempts=1), row())
    assert (found.row, found.problem) == (row(), "there are two rows of it")


def test_a_damaged_key_is_read_from_the_index():
    found = settled(row(key=b"a")._replace(key=b"z"))
    assert (found.row.key, found.row.payload, found.remedy) == (b"a", b"1", Remedy.RESTORED)


def test_a_damaged_payload_is_lost_and_the_item_given_up():
    found = settled(row()._replace(payload=b"2"))
    assert (found.row.key, found.row.payload, found.row.status) == (b"a", LOST, FAILED)


def test_a_damaged_payload_of_a_done_item_leaves_it_done():
    assert settled(row(status=DONE, attempts=1)._replace(payload=b"2"), finished=True).row.status == DONE


def test_a_payload_that_was_lost_before_is_found_in_an_older_copy():
    lost = row(payload=LOST, status=FAILED, error=b"{}")
    found = settled(lost, older(row()))
    assert (found.row, found.problem) == (row(), "its payload was found in another copy")


def test_what_nothing_proves_is_not_taken():
    assert settled(row()._replace(key=b"z"), name=None) is None
    assert settled(name=None) is None


def test_where_row_and_index_have_different_keys_and_nothing_tells_which_neither_is_taken():
    assert settled(row()._replace(key=b"z", payload=b"2")) is None
    assert settled(row()._replace(identity=1), name=b"z") is None


def test_a_seal_that_opens_proves_a_row_whose_checksum_is_damaged():
    found = settled(row()._replace(identity=1), name=None, opens=True)
    assert (found.row, found.remedy) == (row(), Remedy.RESTORED)
    assert settled(row()._replace(identity=1), name=None, opens=False) is None


def test_a_key_alone_is_an_item_that_cannot_be_done_again():
    found = settled()
    assert (found.row.key, found.row.payload, found.row.status) == (b"a", LOST, FAILED)
    assert (found.problem, found.remedy) == ("only its key was found", Remedy.FAILED)


def test_a_key_alone_is_done_again_where_items_are_their_keys():
    for one in (settled(bare=True), settled(row(payload=None)._replace(identity=1), bare=True)):
        assert one.row == row(payload=None)
        assert one.remedy is Remedy.PENDING


def test_a_key_alone_with_an_intact_result_is_done():
    assert settled(finished=True).row.status == DONE


@pytest.mark.parametrize(
    "case", [{"name": None, "finished": True}, {"name": None, "places": {b"a": 9}}, {"name": b"b", "finished": True}]
)
def test_a_new_row_in_a_place_that_may_be_anothers_is_moved(case):
    """Its id stands outside of its checksum, so the result that is there may be somebody else's."""
    found = settled(row(), **case)
    assert (found.placed, found.row, found.remedy) == (False, row(), Remedy.PENDING)


def test_a_row_that_a_checksum_binds_to_its_place_stays():
    assert settled(row(status=FAILED, attempts=1), name=None, places={b"a": 9}).placed


def test_cells_are_told_apart_by_their_shape():
    item = Cell(5, (None, "a", "1", 0, 0, 7, None, 1, None))
    assert item_in(item) == ItemRow(5, b"a", b"1", 0, 0, 7.0, None, 1, None)
    assert result_in(Cell(3, (None, 5, 1, "1\n", 9))) == (3, 5, 1, b"1\n", 9)
    assert fact_in(Cell(None, ("job", "{}", 1)))[:2] == (b"job", "{}")
    assert name_in(Cell(None, ("a", 5))) == (b"a", 5)
    assert token_in(Cell(1, (7,))) == 7
    assert token_in(Cell(5, (None, "me", 1.5, 8))) == 8
    assert count_in(Cell(2, (None, 10))) == (2, 10)


@pytest.mark.parametrize("read", [item_in, result_in, fact_in, name_in, token_in, count_in])
def test_a_cell_of_another_shape_is_none(read):
    for values in [
        (),
        (None,),
        ("x", "y", "z", 1, "sql"),
        (b"\xff", 5),
        (None, 1.5),
        (None, "a", None, "0", 0, None, None, 1, 1),
    ]:
        assert read(Cell(1, values)) is None


def test_numbers_beyond_reason_are_not_believed():
    assert token_in(Cell(1, (NUMBER_MAX,))) is None
    assert name_in(Cell(None, ("a", NUMBER_MAX))) is None
    assert name_in(Cell(None, ("a", 0))) is None
    assert count_in(Cell(2, (None, -1))) is None


@pytest.mark.parametrize(
    ("found", "meant"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4]),
        ([1, 2, 99, 4], [1, 2, 3, 4]),
        ([5, 6, 1, 8], [5, 6, 7, 8]),
        ([1, 2, 5, 6], [1, 2, 5, 6]),
        ([9, 2, 3], [9, 2, 3]),
        ([], []),
    ],
)
def test_a_rowid_that_is_not_between_its_neighbours_is_the_next_one(found, meant):
    assert [cell.rowid for cell in ordered([Cell(rowid, ()) for rowid in found])] == meant
