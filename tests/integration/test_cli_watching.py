"""Jobs that are watched: on a terminal, by a program, and from another process."""

import json
import os
import pty
import re
import select
import signal
import termios
import time

import pytest

from outlast.testing import wait_until

pytestmark = pytest.mark.real_time

PATIENCE = 60
TERMINAL = {"TERM": "xterm", "COLUMNS": "100", "LINES": "24"}
TARGET = """
import asyncio, logging, sys
from pathlib import Path

if sys.stderr.isatty():
    logging.basicConfig(level=logging.INFO)

async def scrape(item):
    Path("begun").touch()
    await asyncio.sleep(0.02)
    while item.endswith("last") and not Path("go").exists():
        await asyncio.sleep(0.05)
    if item.endswith("last"):
        logging.info("at %s", item)
    if item.endswith("3"):
        raise ValueError(f"no price on \\x1b[31m{item}")
    return {"item": item}
"""


@pytest.fixture
def failing(tmp_path, start):
    """Begins a job of 43 items of which four fail; it gets as far as the fortieth until it is told to go."""
    (tmp_path / "failing.py").write_text(TARGET)
    (tmp_path / "many.txt").write_text(
        "".join(f"https://a.test/{n}\n" for n in [*range(40), "a-last", "b-last", "rest"])
    )

    def begin(*arguments, **options):
        command = ("run", "failing.py:scrape", "many.txt", "--job", "shop", "--concurrency", 2)
        process = start(*command, *arguments, **options)
        wait_until(lambda: (tmp_path / "begun").exists())
        return process

    return begin


class Terminal:
    """A terminal of 100 columns and 24 lines, and what was written to it."""

    def __init__(self):
        self._ours, self.theirs = pty.openpty()
        termios.tcsetwinsize(self.theirs, (24, 100))
        self.seen = ""

    def options(self, **env):
        return {
            "stdout": self.theirs,
            "stderr": self.theirs,
            "stdin": self.theirs,
            "start_new_session": True,
            "env": {**TERMINAL, **env},
        }

    def read(self):
        """What is there now; False when nobody writes any more."""
        if not select.select([self._ours], [], [], 0.1)[0]:
            return True
        try:
            chunk = os.read(self._ours, 65_536)
        except OSError:
            return False
        self.seen += chunk.decode(errors="replace")
        return bool(chunk)

    def until(self, text):
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen and self.read():
            assert time.monotonic() < deadline, self.seen
        assert text in self.seen, self.seen

    def to_the_end(self, process):
        os.close(self.theirs)
        deadline = time.monotonic() + PATIENCE
        while self.read():
            assert time.monotonic() < deadline, self.seen
        os.close(self._ours)
        return process.wait(timeout=PATIENCE)


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_run_on_a_terminal_is_drawn_a_few_times_a_second_and_says_why_items_fail(failing, tmp_path):
    terminal, began = Terminal(), time.monotonic()
    process = failing(**terminal.options())
    terminal.until("by cause")
    terminal.until("40/43")
    process.send_signal(signal.SIGINT)
    terminal.until("stopping: 2 in flight")
    (tmp_path / "go").touch()
    assert terminal.to_the_end(process) == 130
    seen, seconds = terminal.seen, time.monotonic() - began
    assert re.search(r"F-[0-9a-f]{6} .*ValueError", seen)
    assert "\x1b[31mhttps" not in seen, "what a site has written is not obeyed"
    live, _, after = seen.rpartition("stopping: ")
    assert seen.count("\x1b[2KINFO:root:at https://a.test/") == 2, "its own log goes above the view"
    drawn = live.count("in flight ") - live.count("stopping")
    assert 2 <= drawn <= 4 * seconds + 2 + 2
    assert "Stopped by you (SIGINT)" in after
    assert "outlast resume shop" in after
    assert "\x1b[?25h" in seen, "the cursor comes back"


def test_a_program_reads_how_a_run_goes_as_objects_and_gets_the_data_apart(failing, tmp_path):
    (tmp_path / "go").touch()
    process = failing("--progress", "json")
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, b"")
    told = objects(err.decode())
    assert {each["schema_version"] for each in told} == {1}
    assert [each["message_type"] for each in told][:2] == ["event", "status"]
    assert told[0]["event_type"] == "run_started"
    last = told[-1]
    assert (last["message_type"], last["outcome"], last["exit_code"]) == ("summary", "completed_with_failures", 1)
    assert (last["done"], last["failed"], len(last["failures"])) == (39, 4, 1)


def test_an_error_is_an_object_too_where_objects_are_read(start):
    process = start("run", "nowhere.py:scrape", "urls.txt", "--progress", "json")
    _, err = process.communicate(timeout=PATIENCE)
    [told] = objects(err.decode())
    assert (told["message_type"], told["code"], process.returncode) == ("exit_error", 2, 2)


def test_a_job_is_watched_from_another_terminal_until_it_is_killed(failing, start):
    job = failing("--progress", "off")
    terminal = Terminal()
    watching = start("status", "shop", "--watch", **terminal.options())
    terminal.until("Ctrl-C: look away. The job goes on.")
    terminal.until("by cause")
    job.kill()
    assert terminal.to_the_end(watching) == 0
    after = terminal.seen.rpartition("\x1b[?25h")[2]
    assert "did not end by itself (killed" in after
    assert "outlast resume shop" in after


def test_whoever_has_seen_enough_looks_away_and_the_job_goes_on(failing, start):
    job = failing("--progress", "off")
    watching = start("status", "shop", "--watch", "--json")
    first = json.loads(watching.stdout.readline())
    watching.send_signal(signal.SIGINT)
    rest, err = watching.communicate(timeout=PATIENCE)
    assert (watching.returncode, err) == (0, b"")
    assert (first["message_type"], first["job_id"]) == ("status", "shop")
    [*_, last] = objects(rest.decode())
    assert (last["message_type"], last["ended"]) == ("summary", None)
    assert last["running"]["pid"] == job.pid
    assert job.poll() is None


def test_a_pipe_is_watched_in_lines_until_the_run_ends(failing, start, tmp_path):
    job = failing("--progress", "off")
    watching = start("status", "shop", "-w", env={"FORCE_COLOR": "1"})
    first = watching.stdout.readline()
    assert re.match(rb"20\S+Z INFO \d+/\d+ .* ok=\d+ ", first)
    (tmp_path / "go").touch()
    out, err = watching.communicate(timeout=PATIENCE)
    assert job.wait(timeout=PATIENCE) == 1
    lines = out.decode().splitlines()
    assert b"\x1b" not in first + out + err
    assert "job shop: 43 of 43 finished (100.0%)" in lines
    assert any("ended" in line and "completed_with_failures" in line for line in lines)


def test_a_job_that_nobody_runs_is_shown_once(outlast):
    assert outlast("run", "scrape.py:scrape", "urls.txt", "--job", "docs", "-q")[0] == 0
    assert outlast("status", "docs", "--watch") == outlast("status", "docs")
    code, out, _ = outlast("status", "docs", "--watch", "--json")
    assert (code, json.loads(out)["message_type"]) == (0, "summary")
    assert {**json.loads(out), "message_type": None} == {
        **json.loads(outlast("status", "docs", "--json")[1]),
        "message_type": None,
    }
    assert outlast("status", "nobody", "--watch")[0] == 6
