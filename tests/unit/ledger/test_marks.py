"""Marks take a byte an item, whatever the ids are."""

from hypothesis import given
from hypothesis import strategies as st

from outlast.ledger.marks import Marks

IDS = st.integers(-5, 40) | st.sampled_from([2**40, 2**62, -(2**63)])


@given(st.lists(st.tuples(st.booleans(), IDS)))
def test_what_is_marked_stays_marked_however_far_the_near_ones_reach(steps):
    marks, model = Marks(), set()
    for adds, item in steps:
        if adds:
            marks.add(item)
            model.add(item)
        else:
            marks.reach(item % 50)
        assert {item for item in range(-10, 60) if item in marks} == {item for item in model if -10 <= item < 60}
        assert all(item in marks for item in model)
