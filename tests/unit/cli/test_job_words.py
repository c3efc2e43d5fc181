"""What is said of a job between its runs."""

from pathlib import Path

import pytest

from outlast.cli.words.job import status_document, status_lines
from outlast.cli.pausing import Paused
from outlast.cli.reading import Holder, JobRecord, Notes
from outlast.cli.words.standing import standing_of
from outlast.jobs.store import JobDirectory, PartSizes
from outlast.ledger.port import Counts

SIZES = PartSizes(ledger=3 << 20, log=0, checkpoints=20_000, quarantine=4_000, aside=0, old=1 << 30)
AT = "2026-11-23T02:35:12.5+00:00"


def record(**changes):
    values = {
        "name": "docs",
        "directory": JobDirectory(Path("/s/jobs/docs-1")),
        "counts": Counts(done=46, pending=53, failed=1),
        "run": {"id": "01J", "started": "2026-11-23T00:00:00+00:00"},
        "ended": {"run": "01J", "outcome": "stopped", "at": "2026-11-23T01:00:00+00:00", "exit_code": 130},
        "invocation": {"target": "scrape.py:scrape"},
        "running": None,
    }
    return JobRecord(**values | changes)


def test_the_status_of_a_job_that_was_stopped(no_price):
    assert status_lines(record(), [no_price], "") == [
        "job docs: 47 of 100 finished (47.0%)",
        "46 done, 1 failed, 53 to do",
        "not running; the run of 2026-11-23T00:00:00Z ended 2026-11-23T01:00:00Z: stopped (exit code 130)",
        f"  {no_price.name}  188  ValueError selector <text> not found  e.g. https://a.com/9",
        "  go on                 outlast resume docs",
        "  see why they failed   outlast failures docs",
        f"  retry one group       outlast retry docs --group {no_price.name}",
        "  records               outlast results docs",
    ]


def test_what_nobody_has_tried_is_tried_by_resume_alone():
    ended = {"run": "01J", "outcome": "completed_with_failures", "at": "2026-11-23T01:00:00+00:00", "exit_code": 1}
    lines = status_lines(record(ended=ended, counts=Counts(done=40, failed=9), untried=7), [], "")
    assert lines[3:5] == [
        "  try the untried             outlast resume docs",
        "  try the failed ones again   outlast retry docs && outlast resume docs",
    ]


def test_a_job_that_gave_nothing_is_begun_anew_when_that_is_mended():
    ended = {"run": "01J", "outcome": "empty", "at": "2026-11-23T01:00:00+00:00", "exit_code": 1}
    assert status_lines(record(ended=ended, counts=Counts(done=40)), [], "")[3:] == [
        "  when that is mended   outlast resume docs --fresh"
    ]
    assert status_lines(record(ended=ended, counts=Counts(done=40), invocation=None), [], "")[3:] == []


@pytest.mark.parametrize(
    ("items", "pending", "on"),
    [
        (["-"], 0, "the same run command with what its source still holds"),
        (["-"], 3, "outlast resume docs"),
        (["urls.txt"], 0, "outlast resume docs"),
    ],
)
def test_what_was_not_read_of_standard_input_is_not_read_by_resume(items, pending, on):
    invocation = {"target": "scrape.py:scrape", "items": items}
    lines = status_lines(record(invocation=invocation, counts=Counts(done=5, pending=pending)), [], "")
    assert f"  go on     {on}" in lines


def test_a_job_that_a_script_started_is_gone_on_with_by_that_script():
    lines = status_lines(record(invocation=None), [], "")
    assert "  go on     run the script that started it again" in lines


def test_a_run_that_ended_with_an_error_was_not_killed():
    ended = {"run": record().run["id"], "outcome": "error", "at": "2026-11-23T01:00:00+00:00", "error": "OSError: gone"}
    assert status_lines(record(ended=ended), [], "")[2].endswith(
        "ended 2026-11-23T01:00:00Z with an error: OSError: gone"
    )


def test_the_status_of_a_job_that_runs():
    lines = status_lines(record(running=Holder(42, "box", "x")), [], "")
    assert lines[2:] == ["running since 2026-11-23T00:00:00Z: pid 42 on box", "  records   outlast results docs"]


def test_the_status_of_a_job_that_was_killed_or_never_ran():
    killed = record(ended={"run": "older", "outcome": "stopped"})
    assert "did not end by itself" in status_lines(killed, [], "")[2]
    assert status_lines(record(run={}, ended={}), [], "")[2] == "never run"


ORDERED = Paused(("a.de",), job=True, rates={"b.fr": "none", "*": "600/min"})


def test_what_a_job_was_told_stands_in_its_status():
    running, notes = Holder(42, "box", "x"), Notes(rates={"b.fr": "30/min", "c\x1b": "1/h"})
    told = record(running=running, paused=ORDERED, notes=notes)
    lines = status_lines(told, [], " --store s")
    assert lines[3:7] == [
        "paused: the whole job; nothing is begun until it is unpaused",
        "paused: a.de",
        r"rates: * 600/min (by the order), b.fr none (by the order), c\x1b 1/h (by the job)",
        "  unpause   outlast unpause docs --all --store s",
    ]
    document = status_document(told, None)
    assert (document["job_paused"], document["paused_hosts"]) == (True, ["a.de"])
    assert document["rates"][1] == {"host": "b.fr", "rate": "none", "by": "order"}
    assert "  unpause   outlast unpause docs" in status_lines(record(running=running, paused=Paused(job=True)), [], "")


def test_a_paused_job_is_not_called_running_in_its_report():
    running = Holder(42, "box", "x")
    assert standing_of(record(running=running)).word == "running"
    assert standing_of(record(running=running, paused=Paused(job=True))).word == "paused"


def test_a_paused_job_that_does_not_run_is_unpaused_before_it_goes_on():
    lines = status_lines(record(paused=Paused(job=True)), [], "")
    assert "  go on     outlast unpause docs && outlast resume docs" in lines


def test_a_job_that_somebody_has_aborted_says_so_once():
    ended = {"run": "01J", "outcome": "aborted", "at": AT, "exit_code": 3, "reason": "no VAT"}
    note = {"ordered": True, "reason": "no VAT", "run": "01J", "analysis": None}
    lines = status_lines(record(ended=ended, notes=Notes(aborted=note)), [], "")
    assert lines[2].endswith(": aborted (exit code 3)")
    assert lines[3] == "aborted by `outlast abort`: no VAT"
    assert standing_of(record(ended=ended, notes=Notes(aborted=note))).detail.endswith("no VAT.")


def test_the_document_of_a_job_has_the_same_facts(no_price):
    document = status_document(record(), [no_price])
    assert document["counts"]["done"] == 46
    assert document["ended"]["exit_code"] == 130
    assert document["failures"][0] == {
        "id": no_price.name,
        "count": 188,
        "type": "builtins.ValueError",
        "message": "no",
        "signature": "builtins.ValueError selector <text> not found",
        "failure_class": "unknown",
        "status": None,
        "example": "https://a.com/9",
        "attempts": 376,
        "first_seen": None,
        "last_seen": None,
        "hosts": {"a.com": {"count": 188, "attempts": 376, "first_seen": None, "last_seen": None}},
    }
    killed = status_document(record(ended={"run": "older"}, running=None), None)
    assert (killed["ended"], killed["was_killed"], "failures" in killed) == (None, True, False)


def test_what_a_job_takes_on_the_disk_is_told_with_what_was_kept_aside():
    assert status_lines(record(sizes=SIZES), [], "")[3] == (
        "on disk: ledger 3.0 MiB, checkpoints 19.5 KiB, quarantine 3.9 KiB, kept by --fresh 1.0 GiB"
    )
    assert status_document(record(sizes=SIZES), None)["size_bytes"]["quarantine"] == 4_000


def test_what_runs_have_noted_is_told_until_the_job_is_begun_anew():
    notes = Notes(
        damage={"at": AT, "damaged": 3, "lost": 1, "findings": []},
        behind={"at": AT, "reason": "older", "expected_position": 30, "found_position": 20},
        unknown_lines={"at": AT, "kept_as": "/x/out\x1b.jsonl"},
    )
    assert status_lines(record(notes=notes), [], "")[3:6] == [
        "2026-11-23T02:35:12Z: 3 rows of the ledger had been found damaged, and mended, 1 item cannot be done again",
        "2026-11-23T02:35:12Z: RESULTS WERE MISSING from the ledger: 30 had been recorded, 20 were there; "
        "an older copy of it was put back, or its end is gone. What was missing is done again",
        r"2026-11-23T02:35:12Z: the output held lines that the ledger did not know; they are kept in /x/out\x1b.jsonl",
    ]
    assert status_document(record(notes=notes), None)["notes"]["damage"]["damaged"] == 3


def test_a_job_on_hold_says_why_and_how_it_is_released():
    last = [{"run": "1", "started": AT, "ended": "killed", "leased": 2}] * 4
    starts = {"fruitless": 5, "last": [*last, {**last[0], "ended": "OSError: \x1b"}]}
    held = record(notes=Notes(hold={"at": AT, "starts": starts, "items": ["https://a/\x1b", "b"]}))
    lines = status_lines(held, [], " --store s")
    assert lines[3] == (
        "ON HOLD since 2026-11-23T02:35:12Z: its last 5 starts got nothing done: killed (4x); OSError: \\x1b (1x); "
        "they began with https://a/\\x1b, b"
    )
    assert lines[4] == "  when that is mended   outlast resume docs --store s --release-hold"


@pytest.mark.parametrize(
    ("running", "line"),
    [
        (None, "not running; encrypted: key needed for the rest"),
        (Holder(42, "box", "x"), "running (encrypted: key needed for the rest): pid 42 on box"),
    ],
)
def test_of_an_encrypted_job_without_its_key_the_counts_are_told(running, line):
    locked = record(locked_by="12ab", run={}, ended={}, invocation=None, running=running)
    lines = status_lines(locked, [], "")
    assert lines == [
        "job docs: 47 of 100 finished (47.0%)",
        "46 done, 1 failed, 53 to do",
        line,
        "  see the rest   put its key 12ab into OUTLAST_ENCRYPTION_KEY, then: outlast status docs",
    ]
    document = status_document(locked, None)
    assert (document["key_needed"], document["key_id"], document["was_killed"]) == (True, "12ab", None)


def test_paused_hosts_are_named_with_the_way_to_let_them_go_on(no_price):
    paused = record(paused=Paused(("b.de", "")))
    lines = status_lines(paused, [], " --store s")
    assert lines[3] == "paused: b.de, (no host)"
    assert "  go on with the paused   outlast unpause docs --all --store s && outlast resume docs --store s" in lines
    running = status_lines(record(paused=Paused(("b.de",)), running=Holder(42, "box", "x")), [no_price], "")
    assert running[-3:] == [
        "  unpause               outlast unpause docs --all",
        "  see why they failed   outlast failures docs",
        "  records               outlast results docs",
    ]
    assert status_document(paused, None)["paused_hosts"] == ["b.de", ""]


def test_orders_that_cannot_be_read_do_not_hide_the_rest():
    lines = status_lines(record(paused=Paused(problem="the orders /x/ORDERS are damaged")), [], "")
    assert lines[1:4:2] == ["46 done, 1 failed, 53 to do", "the orders /x/ORDERS are damaged"]


def test_what_is_ignored_is_counted():
    assert status_lines(record(counts=Counts(done=46, failed=1, ignored=3)), [], "")[1] == (
        "46 done, 1 failed, 3 ignored, 0 to do"
    )


NOTED = {"run": "01J", "at": AT, "memory_mb": 512.0, "browser_mb": 400.0, "pages": 3, "pages_max": 2}


@pytest.mark.parametrize(
    ("noted", "line"),
    [
        (
            NOTED,
            "memory 512.0 MiB, of it the browser 400.0 MiB, 3 pages open, at most 2 for want of memory (at 2026-11-23T02:35:12Z)",
        ),
        ({**NOTED, "browser_mb": None, "pages": None, "pages_max": None}, "memory 512.0 MiB (at 2026-11-23T02:35:12Z)"),
    ],
)
def test_the_status_of_a_run_that_goes_on_says_what_it_holds(noted, line):
    running = record(running=Holder(42, "box", "x"), notes=Notes(resources=noted))
    assert line in status_lines(running, [], "")


@pytest.mark.parametrize("changes", [{"run": "an older one"}, {"memory_mb": None}])
def test_what_an_older_run_held_or_nobody_knows_is_not_said(changes):
    running = record(running=Holder(42, "box", "x"), notes=Notes(resources=NOTED | changes))
    assert not any(line.startswith("memory") for line in status_lines(running, [], ""))
    assert not any(line.startswith("memory") for line in status_lines(record(notes=Notes(resources=NOTED)), [], ""))


def test_the_status_says_which_limit_has_stopped_the_last_run():
    ended = {"run": "01J", "outcome": "stopped", "at": AT, "exit_code": 7, "reason": "Only 12 MB are free."}
    assert any(
        line.endswith("stopped (exit code 7): Only 12 MB are free.")
        for line in status_lines(record(ended=ended), [], "")
    )
