"""Who is suspected of killing the process, and who is condemned."""

from hypothesis import given
from hypothesis import strategies as st

from outlast.jobs.poison import Suspicion


def killed(*runs):
    suspicion = Suspicion()
    for number, (in_hand, alone) in enumerate(runs):
        suspicion = suspicion.killed(f"run {number}", in_hand, alone)
    return suspicion


def test_an_item_in_hand_at_two_kills_in_a_row_is_a_suspect():
    assert killed(([1, 2, 3], None)).suspects() == frozenset()
    assert killed(([1, 2, 3], None), ([2, 3, 4], None)).suspects() == {2, 3}


def test_one_that_was_not_in_hand_between_is_not():
    assert killed(([1], None), ([2], None), ([1], None)).suspects() == frozenset()


def test_one_that_the_process_died_with_alone_so_often_is_condemned():
    suspicion = killed(([1, 2], None), ([1, 2], None), ([2], 2), ([2], 2))
    assert (suspicion.condemned(3), suspicion.condemned(2), suspicion.suspects()) == (frozenset(), {2}, {2})
    assert suspicion.killed("next", [2], 2).condemned(3) == {2}


def test_a_kill_before_its_next_try_is_no_point_in_its_favour():
    suspicion = killed(([2], None), ([2], None), ([2], 2), ([], None), ([7], None), ([2], 2))
    assert suspicion.condemned(2) == {2}


def test_one_that_was_not_alone_is_not_condemned():
    assert killed(([1, 2], None), ([1, 2], None), ([1, 2], 2)).condemned(1) == frozenset()
    assert killed(([1], None), ([1], None), ([1], 2)).condemned(1) == frozenset()


def test_a_run_is_counted_once():
    once = Suspicion().killed("run", [1], None)
    assert once.killed("run", [1], None) == once


def test_a_run_that_was_not_killed_ends_the_row_but_for_those_that_were_alone():
    suspicion = killed(([1, 2], None), ([1, 2], None), ([2], 2)).cleared()
    assert (suspicion.suspects(), suspicion.condemned(1)) == ({2}, {2})
    assert killed(([1, 2], None), ([1, 2], None)).cleared().suspects() == frozenset()


def test_who_has_been_tried_is_out_of_suspicion():
    assert killed(([1, 2], None), ([1, 2], None)).without(1).suspects() == {2}
    assert killed(([2], None), ([2], 2)).without(2) == Suspicion(run="run 1")


@given(st.lists(st.tuples(st.sets(st.integers(1, 9)).map(sorted), st.none() | st.integers(1, 9)), max_size=9))
def test_it_comes_back_from_json(runs):
    suspicion = killed(*runs)
    assert Suspicion.from_json(suspicion.to_json()) == suspicion
    assert Suspicion.from_json(None) == Suspicion()
