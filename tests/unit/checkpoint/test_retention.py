"""Which checkpoints may go."""

import pytest

from outlast.checkpoint.policy import CheckpointPolicy
from outlast.checkpoint.retention import Kept, to_delete
from outlast.errors import ConfigurationError


def shelf(**rows):
    return [Kept(name, int(name[1:]), intact) for name, intact in rows.items()]


@pytest.mark.parametrize(
    ("rows", "keep", "gone"),
    [
        ({}, 2, ()),
        ({"c1": True}, 1, ()),
        ({"c1": True, "c2": True}, 2, ()),
        ({"c1": True, "c2": True, "c3": True, "c4": True}, 2, ("c1", "c2")),
        ({"c3": True, "c1": True, "c2": True}, 1, ("c1", "c2")),
        ({"c2": True, "c10": True}, 1, ("c2",)),
        # Damaged ones neither count nor go.
        ({"c1": True, "c2": True, "c3": False}, 2, ()),
        ({"c1": False, "c2": True, "c3": True, "c4": True}, 2, ("c2",)),
        ({"c1": True, "c2": False, "c3": False}, 1, ()),
        ({"c1": False}, 1, ()),
        # The newest intact one stays, whatever is asked.
        ({"c1": True, "c2": True}, 0, ("c1",)),
        ({"c1": True, "c2": False}, -3, ()),
    ],
)
def test_as_many_intact_ones_stay_as_are_to_be_kept(rows, keep, gone):
    assert to_delete(shelf(**rows), keep) == gone


def test_a_policy_that_keeps_nothing_cannot_be_built():
    with pytest.raises(ConfigurationError, match="at least 1"):
        CheckpointPolicy(keep=0)
