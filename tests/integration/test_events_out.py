"""What gets out of a job while it runs and after: its event log, on the command line and when the process is killed."""

import base64
import json
import signal

import pytest

from outlast.jobs.store import job_directory
from outlast.testing import wait_until

pytestmark = pytest.mark.real_time

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


@pytest.fixture
def job(outlast, tmp_path):
    """A job that was run, two of its items failed; its directory."""
    assert outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs", "-q")[0] == 1
    return job_directory(tmp_path / ".outlast", "docs")


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_tells_each_event_in_its_order(outlast, job):
    code, out, err = outlast("events", "docs")
    assert (code, err) == (0, "")
    kinds = [line.split()[2] for line in out.splitlines()]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "checkpoint_created"
    assert kinds.count("permanent_failure") == 2
    assert "run_ended" in kinds
    assert "sample" not in kinds
    assert "\x1b" not in out
    [failed, _] = [line for line in out.splitlines() if "permanent_failure" in line]
    assert "ERROR" in failed
    assert 'item_key="bad ' in failed
    assert "attempt=1" in failed


def test_as_json_each_line_says_what_it_is(outlast, job):
    told = rows(outlast("events", "docs", "--json")[1])
    assert {row["message_type"] for row in told} == {"event"}
    assert {row["schema_version"] for row in told} == {1}
    assert len({row["run_id"] for row in told}) == len({row["correlation_id"] for row in told}) == 1
    assert {row["job_id"] for row in told} == {"docs"}


def test_samples_are_shown_where_they_are_asked_for(outlast, job):
    told = rows(outlast("events", "docs", "--type", "sample", "--json")[1])
    assert {row["message_type"] for row in told} == {"sample"}
    assert told[-1]["data"]["run_done"] == 1
    assert sum(row["data"]["events"].get("permanent_failure", 0) for row in told) == 2
    assert told[0]["data"]["memory_bytes"] > 1_000_000


def test_types_runs_and_times_can_be_chosen(outlast, job):
    assert outlast("retry", "docs")[0] == 0
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs", "-q")
    started = rows(outlast("events", "docs", "--type", "run_started", "--json")[1])
    assert [row["data"]["resumed"] for row in started] == [False, True]
    both = outlast(
        "events", "docs", "--type", "run_started", "--type", "run_ended", "--run", started[1]["run_id"][:24].lower()
    )
    assert [line.split()[2] for line in both[1].splitlines()] == ["run_started", "run_ended"]
    assert outlast("events", "docs", "--since", "1h")[1] == outlast("events", "docs")[1]
    later = rows(outlast("events", "docs", "--since", started[1]["timestamp"], "--json")[1])
    assert later
    assert {row["run_id"] for row in later} == {started[1]["run_id"]}
    assert outlast("events", "docs", "--since", "0s")[1] == ""


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--type", "run_start", "did you mean 'run_started'?"), ("--since", "soon", "should be a duration")],
)
def test_what_cannot_be_meant_is_wrong_usage(outlast, job, option, value, said):
    code, out, err = outlast("events", "docs", option, value)
    assert (code, out) == (2, "")
    assert said in err


def test_a_job_that_is_not_there_is_not_found(outlast):
    assert outlast("events", "nothing")[0] == 6


def test_cloudevents_are_complete(outlast, job):
    told = rows(outlast("events", "docs", "--cloudevents")[1])
    assert len(told) == len(outlast("events", "docs")[1].splitlines())
    assert {row["specversion"] for row in told} == {"1.0"}
    assert len({row["id"] for row in told}) == len(told)
    assert all(row["source"].startswith("/jobs/docs/runs/01") for row in told)
    assert {row["subject"] for row in told if row["type"] == "outlast.permanent_failure"} == {"bad 1", "bad 2"}


def test_without_an_event_log_that_is_said(outlast, job, monkeypatch):
    monkeypatch.setenv("OUTLAST_LOGGING__EVENT_LOG_FILES", "0")
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "other", "-q")
    code, out, err = outlast("events", "other")
    assert (code, out) == (0, "")
    assert "has no event log" in err


def test_it_is_read_when_the_ledger_is_gone(outlast, job):
    job.ledger.unlink()
    assert "run_started" in outlast("events", "docs")[1]


def test_a_fresh_start_puts_it_aside(outlast, job):
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs", "-q", "--fresh")
    assert outlast("events", "docs", "--type", "run_started")[1].count("run_started") == 1
    assert len(list(job.path.glob("old/*/events.ndjson"))) == 1


def test_a_line_that_was_torn_is_told(outlast, job):
    path = job.path / "events.ndjson"
    path.write_bytes(path.read_bytes()[:-9])
    code, out, err = outlast("events", "docs")
    assert code == 0
    assert "run_started" in out
    assert "1 line of the event log cannot be read" in err


def test_of_an_encrypted_job_it_needs_the_key_and_goes_over_to_a_new_one(outlast, tmp_path, monkeypatch):
    monkeypatch.setenv("OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED", "true")
    monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", OLD)
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs", "-q")
    path = job_directory(tmp_path / ".outlast", "docs").path / "events.ndjson"
    assert b"bad 1" not in path.read_bytes()
    assert b"run_started" not in path.read_bytes()
    told = outlast("events", "docs")[1]
    assert "bad 1" in told
    monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", f"{NEW},{OLD}")
    assert outlast("rekey", "docs")[0] == 0
    monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", NEW)
    assert outlast("events", "docs")[1] == told
    monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", OLD)
    code, out, err = outlast("events", "docs")
    assert (code, out) == (2, "")
    assert "encrypted by the key" in err


def test_a_start_with_a_new_key_takes_the_event_log_along(outlast, tmp_path, monkeypatch):
    monkeypatch.setenv("OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED", "true")
    for keys in (OLD, f"{NEW},{OLD}", NEW):
        monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", keys)
        outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs", "-q")
    assert outlast("events", "docs", "--type", "run_started")[1].count("run_started") >= 2


def test_whoever_follows_sees_a_run_to_its_end(start, tmp_path):
    run = start("run", "scrape.py:scrape", "urls.txt", "--job", "docs", "--concurrency", "2")
    path = job_directory(tmp_path / ".outlast", "docs").path / "events.ndjson"
    wait_until(path.exists)
    follower = start("events", "docs", "--follow", "--json")
    out, err = follower.communicate(timeout=60)
    assert run.wait(60) == 0
    assert (follower.returncode, err) == (0, b"")
    kinds = [row["event_type"] for row in rows(out.decode())]
    assert kinds[0] == "run_started"
    assert "run_ended" in kinds


def test_a_job_that_was_killed_tells_what_happened_up_to_then(start, tmp_path):
    run = start("run", "scrape.py:stuck", "urls.txt", "--job", "docs")
    path = job_directory(tmp_path / ".outlast", "docs").path / "events.ndjson"
    wait_until(lambda: path.exists() and b"run_started" in path.read_bytes())
    run.send_signal(signal.SIGKILL)
    run.communicate()
    reader = start("events", "docs", "--follow")
    out, err = reader.communicate(timeout=60)
    assert (reader.returncode, err) == (0, b"")
    assert "run_started" in out.decode()
    assert "run_ended" not in out.decode()


CHILD = """
import asyncio, os, subprocess, sys

async def scrape(item):
    out = subprocess.run([sys.executable, "-c", "import os; print(os.environ['TRACEPARENT'])"], capture_output=True, text=True)
    return {"child": out.stdout.strip()}
"""


def test_a_trace_goes_through_the_job_to_what_its_handlers_start(start, tmp_path):
    (tmp_path / "child.py").write_text(CHILD)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    given = {"TRACEPARENT": f"00-{trace}-00f067aa0ba902b7-01"}
    (tmp_path / "few.txt").write_text("a\nb\n")
    run = start("run", "child.py:scrape", "few.txt", "--job", "docs", "--concurrency", "1", "-q", env=given)
    assert run.wait(100) == 0
    out, _ = start("results", "docs").communicate(timeout=60)
    told = [row["child"].split("-") for row in rows(out.decode())]
    assert [each[1] for each in told] == [trace, trace]
    assert "00f067aa0ba902b7" not in {each[2] for each in told}
    out, _ = start("events", "docs", "--json").communicate(timeout=60)
    assert {row["correlation_id"] for row in rows(out.decode())} == {trace}


HOSTILE = """
async def scrape(item):
    raise ValueError("<script>\\x1b[2J\\n2026-01-31T12:00:00.000Z INFO run_ended \\udc80\\u2028" + "y" * 1_000_000)
"""


def test_the_status_says_what_it_takes_on_the_disk(outlast, job):
    assert (
        json.loads(outlast("status", "docs", "--json")[1])["size_bytes"]["events"]
        == (job.path / "events.ndjson").stat().st_size
    )
    assert ", event log " in outlast("status", "docs")[1]


def test_what_is_hostile_stays_in_its_line(outlast, tmp_path):
    (tmp_path / "hostile.py").write_text(HOSTILE)
    (tmp_path / "hostile.jsonl").write_text(
        json.dumps("https://x.test/\x1b[2J\nINFO run_ended " + "z" * 100_000) + "\n"
    )
    outlast("run", "hostile.py:scrape", "hostile.jsonl", "--job", "docs", "-q")
    for options in ([], ["--json"], ["--cloudevents"]):
        code, out, err = outlast("events", "docs", *options)
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        assert max(map(len, out.split("\n"))) < 40_000
    kinds = [line.split()[2] for line in outlast("events", "docs")[1].split("\n")[:-1]]
    assert kinds.count("run_ended") == 1
    assert [row["event_type"] for row in rows(outlast("events", "docs", "--json")[1])] == kinds
