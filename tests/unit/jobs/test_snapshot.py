"""Whether a state changed is found out exactly for a small one, and not at all for one that would hold up the loop."""

import pytest

from outlast.errors import ValidationError
from outlast.jobs.snapshot import SMALL_MAX, small_text, undisturbed


@pytest.mark.parametrize("state", [{}, {"a": [1, None, {"b": "c"}]}, {"k": "x" * (SMALL_MAX - 10)}])
def test_a_small_state_is_its_text(state):
    assert small_text(state, "$").startswith(b"{")


@pytest.mark.parametrize(
    "state",
    [
        {"k": "x" * SMALL_MAX},
        {"x" * SMALL_MAX: 1},
        {"k": list(range(SMALL_MAX))},
        {str(number): number for number in range(SMALL_MAX)},
        {"k": [["x"] * 100 for _ in range(200)]},
    ],
    ids=["text", "key", "list", "dict", "nested"],
)
def test_a_large_state_has_none(state):
    assert small_text(state, "$") is None


def test_what_is_not_json_is_named_with_its_path():
    with pytest.raises(ValidationError, match=r"\$\.state\.seen: set"):
        small_text({"seen": {1}}, "$.state")


async def test_a_snapshot_that_is_disturbed_is_taken_again_but_not_for_ever():
    tries = []

    async def take():
        tries.append(1)
        if len(tries) < 3:
            raise RuntimeError("dictionary changed size during iteration")
        return "taken"

    assert await undisturbed(take) == "taken"

    async def never():
        tries.append(1)
        raise RuntimeError("dictionary changed size during iteration")

    tries.clear()
    with pytest.raises(RuntimeError):
        await undisturbed(never)
    assert len(tries) == 10
