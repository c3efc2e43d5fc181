"""The command as a process: signals, kills, terminals, pipes, and other processes that look on."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from outlast.testing import wait_until

pytestmark = pytest.mark.real_time

MANY = "".join(f"https://a.test/{n}\n" for n in range(5_000))
"""More than any machine gets done before it is told to stop."""


def ended(process, timeout=100):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out.decode(), err.decode()


def told(process, text):
    """What the process says until it has said `text`, or its last word."""
    said = b""
    while text not in said and (part := process.stderr.readline()):
        said += part
    return said.decode()


def fetched(tmp_path):
    path = tmp_path / "fetched.txt"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "Stopped by you (SIGINT)"), (signal.SIGTERM, 143, "Stopped by SIGTERM")],
)
def test_a_signal_lets_what_is_in_flight_end_and_the_same_command_goes_on(start, tmp_path, number, code, word):
    command = ("run", "scrape.py:gated", "urls.txt", "--concurrency", 4, "-o", "out.jsonl")
    process = start(*command)
    wait_until(lambda: len(fetched(tmp_path)) == 28)
    process.send_signal(number)
    said = told(process, b"stopping")
    (tmp_path / "go").touch()
    returned, out, err = ended(process)
    assert (returned, out) == (code, "")
    lines = (said + err).splitlines()
    assert lines[1] == "stopping: 4 in flight ... (again: stop now)"
    assert lines[2].startswith(word)
    assert lines[3].startswith("28 of 60 done, 32 still to do. What is recorded is kept.")
    assert lines[4] == "  go on     outlast resume scrape"
    returned, _, err = ended(start(*command))
    assert returned == 0
    assert "resuming" in err
    assert sorted(fetched(tmp_path)) == sorted(f"https://a.test/{n}" for n in range(60))
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 60


def test_a_second_signal_stops_at_once_and_loses_nothing(start, tmp_path):
    process = start("run", "scrape.py:stuck", "urls.txt", "--concurrency", 3)
    wait_until(lambda: len(fetched(tmp_path)) == 3)
    process.send_signal(signal.SIGINT)
    assert "stopping: 3 in flight" in told(process, b"stopping")
    assert process.poll() is None
    # Each of the three would go on for a minute.
    process.send_signal(signal.SIGINT)
    code, _, err = ended(process, timeout=50)
    assert code == 130
    assert "0 of 60 done, 60 still to do" in err


def test_a_process_that_waits_for_calls_that_cannot_be_cut_off_says_so(start, tmp_path):
    process = start("run", "scrape.py:blocks", "urls.txt", "--concurrency", 2)
    wait_until(lambda: len(fetched(tmp_path)) == 2)
    process.send_signal(signal.SIGINT)
    told(process, b"stopping")
    process.send_signal(signal.SIGINT)
    said = told(process, b"Waiting")
    (tmp_path / "go").touch()
    code, _, err = ended(process)
    assert (code, err) == (130, "")
    assert said.splitlines()[-1] == (
        "Waiting for 2 calls, which cannot be cut off before they end. Their items are left for the next run."
    )


def test_kill_minus_9_and_the_same_command_finish_the_job(start, tmp_path):
    process = start("run", "scrape.py:gated", "urls.txt", "--concurrency", 4, "-o", "out.jsonl")
    wait_until(lambda: len(fetched(tmp_path)) == 28)
    process.kill()
    ended(process)
    (tmp_path / "go").touch()
    code, out, _ = ended(start("status", "scrape"))
    assert code == 0
    assert "did not end by itself (killed, the machine went down, or the disk was full)" in out
    assert "outlast resume scrape" in out
    code, _, err = ended(start("resume"))
    assert code == 0, err
    assert "FINISHED" in err
    items = fetched(tmp_path)
    assert set(items) == {f"https://a.test/{n}" for n in range(60)}
    assert len(items) <= 64
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 60


def test_a_running_job_is_seen_from_outside_and_is_nobody_elses(start, tmp_path):
    process = start("run", "scrape.py:stuck", "urls.txt", "--concurrency", 2)
    wait_until(lambda: len(fetched(tmp_path)) == 2)
    assert f"  running\n  pid {process.pid} on " in ended(start("ls"))[1]
    assert f": pid {process.pid} on " in ended(start("status"))[1]
    for verb in (("run", "scrape.py:stuck"), ("retry", "scrape"), ("ignore", "scrape", "--class", "timeout")):
        code, _, err = ended(start(*verb))
        assert code == 5, verb
        assert re.fullmatch(
            rf"outlast: error: job 'scrape' is being run by another process \(pid {process.pid} on .*\)\n"
            rf"  Wait until it has ended, or stop it \(it finishes what is in flight\): outlast stop scrape\n",
            err,
        )
    assert process.poll() is None


def test_a_running_job_is_verified_backed_up_and_exported_and_goes_on(start, tmp_path):
    (tmp_path / "many.txt").write_text(MANY)
    job = start("run", "scrape.py:scrape", "many.txt", "--concurrency", 2, "-o", "out.jsonl")
    wait_until(lambda: len(fetched(tmp_path)) >= 6)
    looks = [
        start("verify", "scrape", "--json"),
        start("backup", "scrape", "kept.db"),
        start("export", "scrape", "part.csv"),
        start("checkpoint", "ls", "scrape", "--json"),
        start("repair", "scrape"),
        start("repair", "scrape", "--dry-run"),
    ]
    codes = [ended(each, timeout=40) for each in looks]
    assert [code for code, _, _ in codes] == [0, 0, 0, 0, 5, 5], codes
    document = json.loads(codes[0][1])
    assert (document["sound"], document["running"]["pid"]) == (True, job.pid)
    before = len(fetched(tmp_path))
    wait_until(lambda: len(fetched(tmp_path)) > before)
    job.send_signal(signal.SIGINT)
    assert ended(job)[0] == 130
    assert ended(start("verify", "scrape"))[0] == 0
    done = fetched(tmp_path)
    assert len(set(done)) == len(done) == len((tmp_path / "out.jsonl").read_text().splitlines())


def test_after_kill_minus_9_everything_is_sound(start, tmp_path):
    process = start("run", "scrape.py:gated", "urls.txt", "--concurrency", 4, "-o", "out.jsonl")
    wait_until(lambda: len(fetched(tmp_path)) >= 12)
    process.kill()
    ended(process)
    code, out, err = ended(start("verify", "scrape"))
    assert code == 0, out + err
    assert "(running" not in out
    code, _, err = ended(start("repair", "scrape"))
    assert (code, err) == (0, "SOUND: nothing of job scrape is damaged; nothing was changed.\n")


def test_a_log_that_lost_its_end_is_no_ledger_with_a_little_less_in_it(start, tmp_path):
    process = start("run", "scrape.py:gated", "urls.txt", "--concurrency", 4)
    wait_until(lambda: len(fetched(tmp_path)) >= 24)
    process.kill()
    ended(process)
    (tmp_path / "go").touch()
    [log] = tmp_path.glob(".outlast/jobs/*/ledger.db-wal")
    blob = log.read_bytes()
    log.write_bytes(blob[: len(blob) - 40_000])
    for _ in range(2):
        code, out, err = ended(start("verify", "scrape"))
        assert code == 4, out + err
        assert "committed pages of its log are damaged or gone" in out
        assert "outlast repair scrape" in err
    assert ended(start("status", "scrape"))[0] == 4
    code, out, err = ended(start("repair", "scrape"))
    assert code in {0, 1}, out + err
    assert err.startswith("MENDED")
    assert ended(start("verify", "scrape"))[0] == 0
    assert ended(start("resume", "scrape"))[0] == 0
    assert '"done": 60' in ended(start("status", "scrape", "--json"))[1]


def test_an_outage_without_end_is_an_abort_that_names_the_hosts(start, tmp_path):
    code, _, err = ended(start("run", "scrape.py:down", "urls.txt", env={"OUTLAST_PATIENCE": "1s"}))
    assert code == 3
    lines = err.splitlines()
    assert "WARN a.test seems down: 10 failures in a row, the last with" in lines[1]
    assert "ERROR aborted: no host answers (ConnectionRefusedError" in lines[2]
    assert "done: save state" in lines[3]
    assert lines[4].endswith(": no host answered for 1.0 s.")
    assert lines[5].startswith("  a.test  down since ")
    assert lines[6] == "0 of 60 done, 60 still to do. What is recorded is kept."


def test_items_may_come_through_a_pipe(start):
    process = start("run", "scrape.py:scrape", "-", stdin=subprocess.PIPE)
    out, err = process.communicate(b"a\n\nb\nc", timeout=100)
    assert process.returncode == 0, err
    assert b": 3 of 3 done" in err


def test_a_reader_that_leaves_early_is_no_error(start, tmp_path):
    ended(start("run", "scrape.py:scrape", "urls.txt", "--concurrency", 60))
    reading, writing = os.pipe()
    os.close(reading)
    process = start("results", "scrape", stdout=writing)
    os.close(writing)
    process.wait(timeout=100)
    assert (process.returncode, process.stderr.read()) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_full_disk_has_a_code_of_its_own(start):
    ended(start("run", "scrape.py:scrape", "urls.txt", "--concurrency", 60))
    with open("/dev/full", "w") as full:
        process = start("results", "scrape", stdout=full)
        process.wait(timeout=100)
    assert process.returncode == 7
    assert b"No space left on device" in process.stderr.read()


def test_a_job_whose_errors_nobody_reads_goes_on(start, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    process = start("run", "scrape.py:scrape", "urls.txt", "--concurrency", 30, stderr=writing)
    os.close(writing)
    process.wait(timeout=100)
    assert process.returncode == 0
    assert len(fetched(tmp_path)) == 60


def on_terminal(start, *arguments, interrupt_after=None, **options):
    """What a terminal of 100 columns shows, as it was written."""
    ours, theirs = pty.openpty()
    process = start(*arguments, stdout=theirs, stderr=theirs, stdin=theirs, start_new_session=True, **options)
    os.close(theirs)
    seen, deadline = b"", time.monotonic() + 100
    while True:
        assert time.monotonic() < deadline, seen.decode()
        if select.select([ours], [], [], 0.1)[0]:
            try:
                chunk = os.read(ours, 65536)
            except OSError:
                break
            if not chunk:
                break
            seen += chunk
        if interrupt_after is not None and interrupt_after in seen:
            process.send_signal(signal.SIGINT)
            interrupt_after = None
    os.close(ours)
    return process.wait(timeout=100), seen.decode()


TERMINAL = {"TERM": "xterm", "COLUMNS": "100", "LINES": "30"}


def test_a_terminal_gets_a_live_view_that_makes_way_for_the_ending(start, tmp_path):
    (tmp_path / "many.txt").write_text(MANY)
    command = ("run", "scrape.py:scrape", "many.txt", "--concurrency", 2)
    # Something is done by then, of far more than will be before the signal comes.
    code, seen = on_terminal(start, *command, env=TERMINAL, interrupt_after="━".encode())
    assert code == 130
    assert "━" in seen
    assert "Ctrl-C: finish what is in flight, then stop." in seen
    assert "stopping: " in seen
    assert seen.index("in flight 2") < seen.index("Stopped by you (SIGINT)")
    assert "\x1b[?25h" in seen[seen.index("in flight 2") :], "the cursor comes back"
    assert "\x1b[33m" in seen, "and the ending has its colour"


def test_without_colour_the_view_is_live_all_the_same(start):
    code, seen = on_terminal(
        start, "run", "scrape.py:scrape", "urls.txt", "--concurrency", 4, env={**TERMINAL, "NO_COLOR": "1"}
    )
    assert code == 0
    assert "━" in seen
    assert not re.search(r"\x1b\[\d*;?3\dm", seen)


def test_what_the_target_prints_stands_above_the_view(start):
    _, seen = on_terminal(start, "run", "scrape.py:prints", "https://a.test/1", env=TERMINAL)
    assert "hello from https://a.test/1" in seen


def test_a_terminal_that_cannot_be_redrawn_gets_lines(start):
    code, seen = on_terminal(
        start, "run", "scrape.py:scrape", "urls.txt", "--concurrency", 20, env={**TERMINAL, "TERM": "dumb"}
    )
    assert code == 0
    assert "━" not in seen
    assert "\x1b" not in seen


def test_forced_colour_in_a_pipe_is_colour_without_liveness(start):
    code, _, err = ended(
        start("run", "scrape.py:scrape", "urls.txt", "--concurrency", 20, env={"FORCE_COLOR": "1", "TERM": "xterm"})
    )
    assert code == 0
    assert "\x1b[32m" in err
    assert "━" not in err


def test_the_demonstration_takes_the_place_of_the_command(start, tmp_path):
    stand_in = tmp_path / "outlast_site" / "sitecustomize.py"
    stand_in.parent.mkdir()
    stand_in.write_text(
        "import sys\n"
        "if 'outlast.testing.demo' in sys.orig_argv:\n"
        "    print(sys.orig_argv[1:])\n"
        "    sys.stdout.flush()\n"
        "    import os; os._exit(9)\n"
    )
    path = os.pathsep.join(filter(None, (str(stand_in.parent), os.environ.get("PYTHONPATH"))))
    code, out, _ = ended(start("demo", "--keep", "here", env={"PYTHONPATH": path}))
    assert (code, out) == (9, "['-m', 'outlast.testing.demo', '--keep', 'here']\n")
