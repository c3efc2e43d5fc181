"""A run whose process dies is begun again; who is asked to stop, stops, and leaves nobody behind."""

import os
import re
import signal
from contextlib import suppress

import pytest

from outlast.testing import wait_until

pytestmark = pytest.mark.real_time

WAIT = 60

TARGET = """
import os, pathlib, signal, asyncio

def note(item):
    with open("fetched.txt", "a") as file:
        file.write(f"{os.getpid()} {item}\\n")

async def scrape(item):
    note(item)
    if item.endswith("/7") and not pathlib.Path("died").exists():
        pathlib.Path("died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"item": item}

async def deadly(item):
    note(item)
    os._exit(99)

async def stuck(item):
    note(item)
    await asyncio.sleep(600)
"""


@pytest.fixture
def supervise(start, tmp_path):
    (tmp_path / "scrape.py").write_text(TARGET)
    (tmp_path / "urls.txt").write_text("".join(f"https://a.test/{n}\n" for n in range(20)))
    started = []

    def call(*arguments, **options):
        process = start("run", *arguments, "--supervise", "--progress", "off", start_new_session=True, **options)
        started.append(process)
        return process

    yield call
    # Whoever kills the one beside the run leaves the run alone.
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def ended(process):
    out, err = process.communicate(timeout=WAIT)
    return process.returncode, out.decode(), err.decode()


def fetched(tmp_path):
    path = tmp_path / "fetched.txt"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def test_a_run_that_is_killed_goes_on_and_does_not_start_over_again(supervise, start, tmp_path):
    assert ended(start("run", "scrape.py:scrape", "https://old.test/"))[0] == 0
    process = supervise("scrape.py:scrape", "urls.txt", "-o", "out.jsonl", "--fresh", "--concurrency", 2)
    code, _, err = ended(process)
    assert code == 0, err
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert len(set(lines)) == len(lines) == 20
    assert "of job scrape: starting over, kept in " in err
    assert re.search(r"Z WARN the process of the run was killed by SIGKILL; it begins again in 1.0 s\n", err)
    assert "of job scrape: resuming, " in err
    assert "20 of 20 done" in err
    assert len({pid for pid, _ in fetched(tmp_path)} - {str(process.pid)}) == 3  # no life was the supervisor's own


def test_what_goes_on_with_the_state_of_a_checkpoint_does_so_once(supervise, start, tmp_path):
    (tmp_path / "died").touch()
    (tmp_path / "urls.txt").write_text("https://a.test/1\n")
    assert ended(start("run", "scrape.py:scrape", "urls.txt"))[0] == 0
    [checkpoint] = (tmp_path / ".outlast").rglob("*.ckpt")
    (tmp_path / "died").unlink()
    (tmp_path / "urls.txt").write_text("".join(f"https://a.test/{n}\n" for n in range(20)))
    code, _, err = ended(start("resume", "--from", checkpoint.stem, "--supervise"))
    assert (code, err.count("begins again in"), err.count("Going on with the state of")) == (0, 1, 1)


def test_a_life_that_has_not_begun_has_not_started_over(supervise, start, tmp_path):
    assert ended(start("run", "scrape.py:scrape", "https://old.test/"))[0] == 0
    (tmp_path / "died").touch()
    (tmp_path / "scrape.py").write_text(
        TARGET + "if not os.path.exists('imported'):\n    open('imported', 'w')\n    os._exit(0)\n"
    )
    code, _, err = ended(supervise("scrape.py:scrape", "urls.txt", "--fresh"))
    assert (code, err.count("was ended with exit code 0 by the code that it runs; it begins again")) == (0, 1)
    assert "20 of 20 done" in err


def test_the_hold_after_a_crash_loop_ends_it(supervise, tmp_path):
    limits = {"OUTLAST_CRASH_LOOP_LIMIT": "2", "OUTLAST_POISON_AFTER": "0"}
    code, out, err = ended(supervise("scrape.py:deadly", "urls.txt", "--json", env=limits))
    assert (code, out) == (3, "")
    assert '"CRASH_LOOP_ERROR"' in err
    assert err.count("\n") == 1
    assert len({pid for pid, _ in fetched(tmp_path)}) == 2


def test_what_dies_at_import_is_given_up(supervise, tmp_path):
    (tmp_path / "scrape.py").write_text("import os\nos.abort()\n")
    code, _, err = ended(supervise("scrape.py:scrape", "urls.txt"))
    assert code == 70
    assert err.count("WARN the process of the run was killed by SIGABRT; it begins again") == 2
    assert err.splitlines()[-1].startswith(
        "outlast: error: the process was killed by SIGABRT before the run had begun, 3 times in a row. "
    )
    assert not (tmp_path / ".outlast").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_is_asked_to_stop_asks_the_run(supervise, tmp_path, number, code):
    process = supervise("scrape.py:stuck", "urls.txt", "--concurrency", 2, env={"OUTLAST_DRAIN": "0"})
    wait_until(lambda: len(fetched(tmp_path)) == 2)
    process.send_signal(number)
    process.wait(WAIT)
    returned, _, err = ended(process)
    assert returned == code
    assert "begins again" not in err
    [pid] = {pid for pid, _ in fetched(tmp_path)}
    assert pid != str(process.pid)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_who_is_asked_between_two_lives_stops(supervise, tmp_path):
    process = supervise(
        "scrape.py:deadly", "urls.txt", env={"OUTLAST_CRASH_LOOP_LIMIT": "0", "OUTLAST_POISON_AFTER": "0"}
    )
    lines = iter(process.stderr.readline, b"")
    next(line for line in lines if b"begins again in 4.0 s" in line)
    process.send_signal(signal.SIGTERM)
    returned, _, err = ended(process)
    assert returned == 143
    assert err == "Stopped. What is recorded is kept: the same command goes on.\n"


def test_an_ending_of_the_run_is_the_end(supervise, tmp_path):
    (tmp_path / "scrape.py").write_text("def scrape(item): raise ValueError(item)\n")
    code, _, err = ended(supervise("scrape.py:scrape", "urls.txt", "--abort-policy", "never"))
    assert (code, "begins again" in err) == (1, False)
    assert ended(supervise("scrape.py:scrape", "missing.txt"))[0] == 2


def test_items_that_cannot_be_read_again_are_refused(supervise):
    code, _, err = ended(supervise("scrape.py:scrape", "-"))
    assert (code, "standard input cannot be read again" in err) == (2, True)
