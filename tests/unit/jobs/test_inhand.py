"""What the workers have in hand outlives the process."""

import os
import signal
import subprocess
import sys

import pytest

from outlast.errors import JobError
from outlast.jobs.inhand import InHand, no_hands, read_in_hand

RUN = "01KCJ00000000000000000000A"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "IN_HAND"


def test_what_is_in_a_slot_is_read_by_others(path):
    hands = InHand(path, RUN, 4)
    hands.slots[0], hands.slots[3] = 7, 2**40
    assert read_in_hand(path, RUN) == [7, 2**40]
    hands.slots[0] = 0
    assert read_in_hand(path, RUN) == [2**40]
    hands.close()
    assert read_in_hand(path, RUN) == []


def test_a_kill_leaves_it_as_it_was(path):
    script = (
        "import os, sys; from pathlib import Path; from outlast.jobs.inhand import InHand\n"
        f"hands = InHand(Path(sys.argv[1]), {RUN!r}, 3); hands.slots[1] = 42; os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, path]).returncode == -signal.SIGKILL
    assert read_in_hand(path, RUN) == [42]


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"OUTLAST HANDS 1\n",
        b"OUTLAST HANDS 2\n" + RUN.encode().ljust(48, b"\0") + bytes(8),
        b"OUTLAST HANDS 1\n" + RUN.encode().ljust(48, b"\0"),
        b"OUTLAST HANDS 1\n" + RUN.encode().ljust(48, b"\0") + bytes(7),
        b"OUTLAST HANDS 1\n" + RUN.encode().ljust(48, b"\0") + b"\xff" * 8,
        b"OUTLAST HANDS 1\n" + b"another".ljust(48, b"\0") + bytes(8),
        bytes(16 + 48 + 8),
    ],
)
def test_a_torn_file_or_one_of_another_run_says_nothing(path, blob):
    path.write_bytes(blob)
    assert read_in_hand(path, RUN) is None


def test_no_file_says_nothing(path):
    assert read_in_hand(path, RUN) is None


def test_a_file_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(JobError, match="cannot be written"):
        InHand(tmp_path, RUN, 4)


def test_a_link_in_its_place_is_not_written_through(path, tmp_path):
    (tmp_path / "other").write_bytes(b"precious")
    os.symlink(tmp_path / "other", path)
    with pytest.raises(JobError):
        InHand(path, RUN, 1)
    assert (tmp_path / "other").read_bytes() == b"precious"


def test_slots_that_are_kept_nowhere_take_items_too():
    hands = no_hands(2)
    hands[1] = 2**40
