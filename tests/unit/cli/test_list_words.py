"""The jobs of a store and the runs of a job, on 80 columns."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outlast.cli.words.list import WIDTH, list_lines, run_document, run_lines
from outlast.cli.pausing import Paused
from outlast.cli.reading import Holder, JobRecord, Notes
from outlast.jobs.store import JobDirectory, PartSizes
from outlast.ledger.port import Counts
from outlast.report.model import RunRow

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
BEGAN = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
RUN = {"id": "01J", "started": BEGAN.isoformat()}
RUNNING = Holder(42, "box\x1b", "x")
UNMET = {"at": BEGAN.isoformat(), "unmet": [{"name": "fields.price", "reason": "in 12.0% of the records"}]}
HOLD = {
    "at": BEGAN.isoformat(),
    "starts": {"fruitless": 5, "last": [{"run": "1", "started": "x", "ended": "killed", "leased": 2}]},
    "items": ["https://a/1"],
}


def record(**changes):
    values = {
        "name": "docs",
        "directory": JobDirectory(Path("/s/jobs/docs-1")),
        "counts": Counts(done=46, pending=53, failed=1),
        "run": RUN,
        "ended": {"run": "01J", "outcome": "stopped", "at": NOW.isoformat(), "exit_code": 130},
        "invocation": {"target": "scrape.py:scrape"},
        "running": None,
    }
    return JobRecord(**values | changes)


def ended(outcome, exit_code=3, **more):
    return {"run": "01J", "outcome": outcome, "at": NOW.isoformat(), "exit_code": exit_code} | more


def noted(name, **note):
    return Notes(**{name: {"run": "01J", "since": BEGAN.isoformat(), **note}})


STANDING = {
    "stopped": (record(), "stopped", None),
    "finished": (record(ended=ended("completed", 0)), "finished", None),
    "few failures": (record(ended=ended("completed_with_failures", 0)), "finished", None),
    "failures": (
        record(
            ended=ended("completed_with_failures", 1),
            notes=Notes(unmet={"at": "", "unmet": [{"name": "max_failed", "reason": "2 of 3 failed"}]}),
        ),
        "failures",
        "not as expected: max_failed: 2 of 3 failed",
    ),
    "unmet": (
        record(ended=ended("completed_with_failures", 1), notes=Notes(unmet=UNMET)),
        "unmet",
        "not as expected: fields.price: in 12.0% of the records",
    ),
    "aborted": (
        record(ended=ended("aborted"), notes=noted("aborted", reason="62 % failed (builtins.ValueError x)")),
        "aborted",
        "62 % failed (ValueError x)",
    ),
    "aborted before": (
        record(ended=ended("aborted"), notes=Notes(aborted={"run": "older", "reason": "long ago"})),
        "aborted",
        None,
    ),
    "out of time": (record(ended=ended("timed_out", 7)), "out of time", None),
    "empty": (record(ended=ended("empty", 1, reason="there were no items")), "empty", "there were no items"),
    "error": (record(ended=ended("error", None, error="OSError: \x1b gone")), "error", r"OSError: \x1b gone"),
    "killed": (record(ended={"run": "older", "outcome": "stopped", "reason": "of another run"}), "killed", None),
    "hold": (
        record(notes=Notes(hold=HOLD)),
        "on hold",
        "since 2026-11-23T01:02:03Z: its last 5 starts got nothing done: killed (1x); they began with https://a/1",
    ),
    "paused": (record(paused=Paused(("b.de", ""))), "stopped", "paused: b.de, (no host)"),
    "told": (
        record(running=RUNNING, paused=Paused(("b.de",), job=True, rates={"b.fr": "none", "*": "2/s"})),
        "paused",
        r"pid 42 on box\x1b; the whole job is paused, and b.de; 2 rates ordered",
    ),
    "host": (record(running=RUNNING, paused=Paused(("b.de",))), "running", r"pid 42 on box\x1b; paused: b.de"),
    "told before": (record(paused=Paused(job=True)), "stopped", "the whole job is paused"),
    "running": (record(running=RUNNING), "running", r"pid 42 on box\x1b"),
    "suspended": (
        record(running=RUNNING, notes=noted("suspended", reason="all fail", gives_up=NOW.isoformat())),
        "suspended",
        r"pid 42 on box\x1b; suspended since 2026-11-23T01:02:03Z: all fail; waiting for what is in flight; "
        "gives up at 2026-11-28T09:00:00Z",
    ),
    "suspended and paused": (
        record(
            running=RUNNING,
            notes=noted("suspended", reason="all fail", gives_up=NOW.isoformat()),
            paused=Paused(job=True),
        ),
        "paused",
        r"pid 42 on box\x1b; suspended since 2026-11-23T01:02:03Z: all fail; nobody is probed while the job is paused; "
        "the whole job is paused",
    ),
    "not begun": (record(run={}, ended={}), "not begun", None),
    "damaged": (record(damage="the ledger is damaged", counts=Counts()), "DAMAGED", "the ledger is damaged"),
    "met damage": (
        record(ended=ended("error", None, error="LedgerCorruptionError: x")),
        "DAMAGED",
        "its last run could not read its ledger",
    ),
    "encrypted": (
        record(locked_by="12ab", run={}, ended={}),
        "encrypted",
        "its key 12ab is needed for the rest",
    ),
}


@pytest.mark.parametrize("name", STANDING)
def test_how_a_job_stands_is_a_word_and_why_is_below_it(name):
    shown, word, reason = STANDING[name]
    lines = list_lines([shown], NOW, 200)
    assert lines[1].endswith(f"  {word}")
    assert lines[2:] == ([] if reason is None else [f"  {reason}"])


def test_the_numbers_of_a_job_stand_below_their_names():
    sizes = PartSizes(ledger=3 << 20, log=0, checkpoints=20_000, quarantine=4_000, aside=0, old=1 << 30)
    old = record(name="b", run={"id": "01J", "started": "2025-11-23T01:02:03+00:00"}, sizes=sizes)
    assert list_lines([record(), old, record(damage="gone", run={}, ended={})], NOW) == [
        "job   done  failed  to do     size  last run     now",
        "docs    46       1     53        ?  11-23 01:02  stopped",
        "b       46       1     53  1.0 GiB  2025-11-23   stopped",
        "docs     ?       ?      ?        ?  ?            DAMAGED",
        "  gone",
    ]


def test_every_line_fits_a_screen_and_a_long_name_can_still_be_typed():
    counts = Counts(done=99_999, pending=99_999, failed=99_999)
    sizes = PartSizes(ledger=999 << 20, log=0, checkpoints=0, quarantine=0, aside=0, old=0)
    jobs = [
        record(name=name, counts=counts, sizes=sizes, ended=ended("error", None, error="e" * 900), damage=damage)
        for name in ("n" * 20, "m" * 70)
        for damage in (None, "d" * 900)
    ]
    lines = list_lines(jobs, NOW)
    assert max(map(len, lines)) == WIDTH
    assert "m" * 70 in lines
    assert sum("..." in line for line in lines) == 4
    assert max(map(len, list_lines(jobs, NOW, 120))) == 120


def test_the_runs_of_a_job():
    row = RunRow(
        id="01M8GP8R34FE1XDSWD85Q51HNH",
        began=BEGAN,
        ended=BEGAN + timedelta(seconds=187),
        resumed=True,
        outcome="completed_with_failures",
        done=20,
        given_up=13,
        retries=39,
    )
    assert run_lines([row], NOW) == [
        "run             began           lasted  done  failed  retries  how it ended",
        "01M8GP8R34FE1X  11-23 01:02  3 min 7 s    20      13       39  failures",
    ]
    document = run_document(row)
    assert (document["id"], document["ended"], document["given_up"]) == (row.id, "2026-11-23T01:05:10+00:00", 13)


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (None, "without a word"),
        ("completed", "finished"),
        ("timed_out", "out of time"),
        ("aborted", "aborted"),
        ("running", "running"),
    ],
)
def test_how_a_run_ended(outcome, word):
    row = RunRow(id="0", began=BEGAN, ended=BEGAN, resumed=None, outcome=outcome, done=0, given_up=0, retries=0)
    assert run_lines([row], NOW)[1].endswith(f"  {word}")
