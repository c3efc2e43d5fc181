"""What cannot be undone is asked about, by a terminal only, and not with `--yes`."""

import json
import os
import subprocess
import sys
from contextlib import suppress

import pytest

pytestmark = pytest.mark.real_time


@pytest.fixture
def job(outlast):
    """A job with two checkpoints."""
    for number in range(2):
        assert outlast("run", "scrape.py:tally", f"https://a.test/{number}", "--job", "shop")[0] == 0


def left(outlast):
    return len(json.loads(outlast("checkpoint", "ls", "shop", "--json")[1])["checkpoints"])


def parts(terminal):
    """What is shown until the other end closes."""
    with suppress(OSError):
        while part := os.read(terminal, 4096):
            yield part


def typed(tmp_path, answer, *more):
    """Type the command at a terminal, and then the answer; all that the terminal shows."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "outlast", "checkpoint", "prune", "shop", "--keep", "1", *more]
    process = subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        os.write(ours, answer)
        shown = b"".join(parts(ours))
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return shown.decode()


def test_a_terminal_is_asked_and_no_is_no(outlast, job, tmp_path):
    shown = typed(tmp_path, b"n\n")
    assert "1 checkpoint of job shop would be deleted" in shown
    assert "Delete? [y/N]" in shown
    assert "Nothing was deleted." in shown
    assert left(outlast) == 2


def test_yes_is_yes(outlast, job, tmp_path):
    assert "1 checkpoint of job shop was deleted" in typed(tmp_path, b"y\n")
    assert left(outlast) == 1
    # Where nothing would be deleted, nothing is asked.
    assert "Delete?" not in typed(tmp_path, b"")


@pytest.mark.parametrize("more", ["--yes", "--json", "--dry-run"])
def test_who_has_said_so_is_not_asked(outlast, job, tmp_path, more):
    assert "Delete?" not in typed(tmp_path, b"", more)
    assert left(outlast) == (2 if more == "--dry-run" else 1)


def test_nobody_is_asked_where_there_is_no_terminal(outlast, job):
    assert outlast("checkpoint", "prune", "shop", "--keep", "1")[0] == 0
    assert left(outlast) == 1
