"""Runs in processes of their own, steered from another one: what they do, how they end, what both sides say."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from outlast.cli import reading, steering
from outlast.jobs.store import job_directory
from outlast.storage.keys import KEY_VARIABLE
from outlast.testing import wait_until

pytestmark = pytest.mark.real_time

LIMIT = 120
URLS = [f"https://a.test/{n}" for n in range(1_200)]
"""More than any machine gets done before it is told something."""
SCRIPT = """
import asyncio, outlast

@outlast.job("coded", concurrency=2)
async def scrape(url):
    with open("fetched.txt", "a") as file:
        file.write(url + "\\n")
    await asyncio.sleep(0.05)
    return {"url": url}

summary = asyncio.run(scrape.run([f"https://a.test/{n}" for n in range(2_000)]))
print(summary.outcome, summary.exit_code, summary.reason)
"""


def ended(process):
    out, err = process.communicate(timeout=LIMIT)
    return process.returncode, out.decode(), err.decode()


def fetched(tmp_path):
    path = tmp_path / "fetched.txt"
    return path.read_text().splitlines() if path.exists() else []


def records(tmp_path):
    return sorted(json.loads(line)["item"] for line in (tmp_path / "out.jsonl").read_text().splitlines())


@pytest.fixture
def running(outlast, start, tmp_path):
    """Start a run, and return when it works."""
    (tmp_path / "urls.txt").write_text("".join(f"{url}\n" for url in URLS))

    def begun(*arguments, of="scrape", at_least=1):
        before = len(fetched(tmp_path))
        process = start("run", f"scrape.py:{of}", "urls.txt", "--job", "shop", "-o", "out.jsonl", *arguments)
        wait_until(lambda: len(fetched(tmp_path)) >= before + at_least)
        return process

    return begun


def test_a_run_that_is_stopped_from_elsewhere_loses_and_doubles_nothing(outlast, running, tmp_path):
    process = running("--concurrency", 2, at_least=5)
    code, out, err = outlast("stop", "shop")
    assert (code, out) == (0, "")
    told, answered, how, *steps = err.splitlines()
    assert re.fullmatch(
        rf"job shop: its run \(pid {process.pid} on .*\) is told to stop; waiting for its answer \.\.\.", told
    )
    assert re.fullmatch(r"stopping: [0-2] in flight, for at most 20\.0 s \.\.\.", answered)
    assert re.fullmatch(r"stopped; \d+ of 1200 done, \d+ items still to do\. What is recorded is kept\.", how)
    assert "  go on     outlast resume shop" in steps
    returned, _, said = ended(process)
    assert returned == 130
    assert re.search(r"INFO `outlast stop`: stopping: [0-2] in flight\nStopped by `outlast stop` after ", said)
    assert "SIGINT" not in said
    code, out, _ = outlast("status", "shop")
    assert ": stopped (exit code 130): stopped by `outlast stop`" in out
    assert outlast("resume", "shop", "--concurrency", "100")[0] == 0
    assert records(tmp_path) == sorted(URLS)
    assert sorted(fetched(tmp_path)) == sorted(URLS)


def test_a_run_is_slowed_down_paused_saved_and_aborted(outlast, running, tmp_path):
    process = running("--concurrency", 1)
    assert outlast("rate", "shop", "A.test=1/h")[0] == 0
    # By the time of the answer it has looked at what was ordered before.
    assert outlast("checkpoint", "now", "shop", "-q")[0] == 0
    before = len(fetched(tmp_path))
    code, out, err = outlast("rate", "shop")
    assert (code, out, err) == (0, "a.test  1/h  by the order\n", "")
    assert outlast("pause", "shop")[0] == 0
    assert outlast("rate", "shop", "--clear")[0] == 0
    code, made, _ = outlast("checkpoint", "now", "shop", "-q")
    assert code == 0
    assert made.strip() in outlast("checkpoint", "ls", "shop")[1]
    # It is paused, and has a rate no more.
    assert len(fetched(tmp_path)) <= before + 1
    status = json.loads(outlast("status", "shop", "--json")[1])
    assert (status["job_paused"], status["rates"]) == (True, [])
    assert "; the whole job is paused\n" in outlast("ls")[1]
    assert outlast("unpause", "shop")[0] == 0
    wait_until(lambda: len(fetched(tmp_path)) >= before + 4)
    code, out, err = outlast("abort", "shop", "--reason", "no VAT\x1b[31m", "--json")
    document = json.loads(out)
    assert (code, err, document["obeyed"], document["given"]) == (0, "", True, {"reason": "no VAT\x1b[31m"})
    assert (document["ended"]["outcome"], document["ended"]["exit_code"]) == ("aborted", 3)
    assert document["counts"]["done"] < 1_200
    returned, _, said = ended(process)
    assert returned == 3
    assert re.search(r"^ABORTED by `outlast abort` after .*: no VAT\\x1b\[31m\.$", said, re.MULTILINE)
    assert "\x1b" not in said
    assert "aborted by `outlast abort`: no VAT\\x1b[31m\n" in outlast("status", "shop")[1]
    assert "no VAT" in outlast("report", "shop", "--md", "-o", "-")[1]
    events = outlast("events", "shop", "--type", "command_obeyed", "--json")[1]
    assert [json.loads(line)["data"]["command"] for line in events.splitlines()] == [
        "checkpoint",
        "checkpoint",
        "abort",
    ]
    assert outlast("resume", "shop", "--concurrency", "100")[0] == 0
    assert records(tmp_path) == sorted(URLS)


def test_a_run_that_is_frozen_does_not_answer_and_what_it_was_told_dies_with_it(outlast, running, start, tmp_path):
    process = running("--concurrency", 2, at_least=5)
    process.send_signal(signal.SIGSTOP)
    code, out, err = outlast("stop", "shop")
    assert (code, out) == (5, "")
    assert "is stopped by a signal (SIGSTOP or Ctrl-Z), and does not answer." in err
    assert f"  let it go on   kill -CONT {process.pid}\n" in err
    assert f"kill -KILL {process.pid}  # nothing that is recorded is lost" in err
    code, out, _ = outlast("abort", "shop", "--reason", "never read", "--no-wait", "--json")
    assert (code, json.loads(out)["answer"]) == (0, None)
    process.kill()
    assert ended(process)[0] == -signal.SIGKILL
    code, _, err = outlast("stop", "shop")
    assert code == 0
    assert "did not end by itself" in err
    code, _, err = outlast("resume", "shop", "--concurrency", "100")
    assert (code, "outlast stop`" in err, "ABORTED" in err) == (0, False, False)
    assert records(tmp_path) == sorted(URLS)
    assert len(fetched(tmp_path)) <= 1_202


def test_whoever_no_longer_waits_takes_nothing_back_and_a_stop_now_cuts_off(outlast, running, start, tmp_path):
    process = running("--concurrency", 3, of="stuck", at_least=3)
    waiting = start("stop", "shop", "--after", "1h")
    lines = [waiting.stderr.readline().decode() for _ in range(2)]
    assert lines[1] == "stopping: 3 in flight, for at most 1 h ...\n"
    waiting.send_signal(signal.SIGINT)
    code, _, err = ended(waiting)
    assert code == 130
    assert "That takes nothing back: the run is told to stop" in err
    assert process.poll() is None
    assert outlast("abort", "shop", "--reason", "too late")[0] == 6
    code, _, err = outlast("stop", "shop", "--now")
    assert code == 0
    assert "stopping now: what is in flight is cut off" in err
    assert "stopped; 0 of 1200 done, 1200 items still to do." in err
    assert ended(process)[0] == 130


def test_a_job_that_was_started_from_code_is_told_too(outlast, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OUTLAST_")}
    process = subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        wait_until(lambda: len(fetched(tmp_path)) >= 2)
        outlast("pause", "coded")
        code, _, err = outlast("stop", "coded")
        assert code == 0
        assert "  go on     run the script that started it again" in err
        returned, out, err = ended(process)
        assert (returned, out) == (0, "stopped 130 stopped by `outlast stop`\n")
        assert "it goes on with: outlast unpause coded" in err
        assert "command obeyed: command_id" in err
    finally:
        process.kill()
        process.communicate()


def test_a_job_that_is_not_running_cannot_be_told_anything(outlast):
    assert outlast("run", "scrape.py:scrape", "urls.txt", "--job", "shop")[0] == 0
    code, out, err = outlast("stop", "shop")
    assert (code, out) == (0, "")
    assert re.match(r"job shop: not running; the run of .* ended .*: completed .*\. Nothing was stopped\.\n", err)
    assert json.loads(outlast("stop", "shop", "--json")[1])["ended"]["outcome"] == "completed"
    for verb in (("abort", "shop", "--reason", "x"), ("checkpoint", "now", "shop")):
        code, out, err = outlast(*verb)
        assert (code, out) == (6, "")
        assert re.fullmatch(r"outlast: error: job 'shop' is not running: there is nothing to .*\n", err)
    assert outlast("stop", "nope")[0] == 6


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["stop", "shop", "--after", "soon"], "should be a duration"),
        (["stop", "shop", "--now", "--after", "1s"], "not both"),
        (["stop", "shop", "--after", "999999h"], "a stop may wait for"),
        (["abort", "shop"], "Missing option '--reason'"),
        (["abort", "shop", "--reason", " "], "an abort wants a reason"),
        (["abort", "shop", "--reason", "x" * 1_001], "at most 1000 characters"),
        (["rate", "shop", "a.test"], "'a.test' should be a host and its rate"),
        (["rate", "shop", "a.test=often"], "the rate of 'a.test' should be a rate such as"),
    ],
)
def test_what_cannot_be_told_is_said_in_one_line(outlast, arguments, told):
    outlast("run", "scrape.py:scrape", "urls.txt", "--job", "shop")
    code, out, err = outlast(*arguments)
    assert (code, out) == (2, "")
    assert told in err.splitlines()[0]


def test_an_encrypted_job_is_told_nothing_without_its_key(outlast, tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, base64.b64encode(bytes(32)).decode())
    (tmp_path / "job.toml").write_text(
        'name = "shop"\ntarget = "scrape.py:scrape"\n[checkpoint]\nencryption_enabled = true\n'
    )
    assert outlast("run", "job.toml", "https://b.test/1")[0] == 0
    assert outlast("rate", "shop", "b.test=1/s")[0] == 0
    assert outlast("pause", "shop")[0] == 0
    [orders] = tmp_path.glob(".outlast/jobs/*/ORDERS")
    assert b"b.test" not in orders.read_bytes()
    assert "paused: the whole job" in outlast("status", "shop")[1]
    monkeypatch.delenv(KEY_VARIABLE)
    for verb in (("pause", "shop"), ("rate", "shop")):
        code, out, err = outlast(*verb)
        assert (code, out, f"is not at hand: set {KEY_VARIABLE}" in err) == (2, "", True)
        monkeypatch.setenv(KEY_VARIABLE, base64.b64encode(bytes(range(32))).decode())
        assert re.search(
            r"is encrypted by the key \w{16}, which is not among those of .* \(\w{16}\)\n", outlast(*verb)[2]
        )
        monkeypatch.setenv(KEY_VARIABLE, "nokey")
        assert "key 1 is not base64" in outlast(*verb)[2]
        monkeypatch.delenv(KEY_VARIABLE)
    assert "b.test" not in "".join(map(str, outlast("status", "shop")))


@pytest.mark.parametrize(
    ("verb", "code"), [(("stop",), 0), (("abort", "--reason", "x"), 6), (("checkpoint", "now"), 6)]
)
def test_a_run_that_ends_by_itself_meanwhile_was_not_aborted(outlast, tmp_path, verb, code):
    assert outlast("run", "scrape.py:scrape", "urls.txt", "--job", "shop")[0] == 0
    directory = job_directory(tmp_path / ".outlast", "shop")
    lock = directory.lock("shop", "2026-01-01T00:00:00Z")

    def end_when_it_is_told():
        wait_until(directory.orders.exists)
        lock.close()

    with ThreadPoolExecutor(1) as beside:
        ending = beside.submit(end_when_it_is_told)
        found, out, err = outlast(*verb, "shop")
        ending.result()
    assert (found, out) == (code, "")
    assert ("ended by itself, finished; 6 of 6 done" in err) is (verb[0] != "checkpoint")


def test_a_job_that_is_held_and_has_no_run_yet_was_not_stopped(outlast, tmp_path, monkeypatch):
    monkeypatch.setattr(steering, "BEGIN_SECONDS", 0.0)
    assert outlast("run", "scrape.py:scrape", "urls.txt", "--job", "shop")[0] == 0
    with closing(job_directory(tmp_path / ".outlast", "shop").lock("shop", "2999-01-01T00:00:00Z")):
        for verb in (("stop",), ("abort", "--reason", "x"), ("checkpoint", "now")):
            monkeypatch.setattr(reading, "_signed", lambda _: reading.Holder(4711, "box", "2999-01-01T00:00:00Z"))
            code, out, err = outlast(*verb, "shop")
            assert (code, out) == (5, "")
            assert "no run works on it yet; pid 4711 on box holds it" in err
