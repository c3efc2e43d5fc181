"""What is said of a run that is not what was expected of it."""

from datetime import UTC, datetime

import pytest

from outlast.cli.words.expect import MEANT
from outlast.cli.words.note import note_lines
from outlast.cli.screen.notices import told
from outlast.cli.reading import Notes
from outlast.cli.words.ending import Ended, ending, style_of
from outlast.events import EventType, ResilienceEvent
from outlast.jobs import Outcome, Summary
from outlast.ledger.port import Counts

NOW = datetime(2026, 11, 23, 2, 35, 12, tzinfo=UTC)
FEW = "min_items: 399 records, expected at least 500"
FAILED = "max_failed: 3 of 10 items failed (30.0%), allowed: 1%"


def ended(outcome, exit_code, *unmet, before=Counts(), **numbers):
    values = {"total": 10, "done": 10, "failed": 0, "deferred": 0, "retries": 0, "repeated": 0, "damaged": 0} | numbers
    summary = Summary(job_id="docs", run_id="01J", outcome=outcome, exit_code=exit_code, unmet=unmet, **values)
    return Ended(
        summary=summary,
        before=before,
        seconds=4.0,
        now=NOW,
        groups=(),
        down=(),
        output=None,
        allowed="1%",
        patience=900.0,
        sources=("urls.txt",),
        hint="",
    )


def test_a_finished_run_that_is_not_as_expected_says_so_first_and_why():
    run = ended(Outcome.COMPLETED_WITH_FAILURES, 1, FEW)
    assert ending(run) == [
        "FINISHED, NOT AS EXPECTED, in 4.0 s: 10 of 10 done, none failed, 0 retries.",
        f"Not as expected: {FEW}.",
        "  records   outlast results docs",
    ]
    assert style_of(run.summary) == "red"


def test_a_finished_job_run_again_says_so_too_and_does_not_blame_the_failures():
    lines = ending(ended(Outcome.COMPLETED_WITH_FAILURES, 1, FEW, before=Counts(done=10)))
    assert lines[:2] == ["Nothing left to do: all 10 items of job docs are finished.", f"Not as expected: {FEW}."]
    assert not any("more than may fail" in line for line in lines)


def test_too_many_failures_are_said_once():
    run = ended(Outcome.COMPLETED_WITH_FAILURES, 1, FAILED, done=7, failed=3)
    assert ending(run)[0].startswith("FINISHED WITH FAILURES in 4.0 s: 7 of 10 done, 3 failed (30.0%; allowed: 1%)")
    assert not any("Not as expected" in line for line in ending(run))
    again = ended(Outcome.COMPLETED_WITH_FAILURES, 1, FAILED, FEW, done=7, failed=3, before=Counts(done=7, failed=3))
    assert ending(again)[1:3] == [f"Not as expected: {FEW}.", "That is more than may fail (allowed: 1%)."]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({}, "EMPTY after 4.0 s: 10 of 10 items done, and not one of them gave a record: "),
        ({"total": 1, "done": 1}, "EMPTY after 4.0 s: 1 of 1 item done, and it gave no record: "),
        (
            {"done": 7, "failed": 3},
            "EMPTY after 4.0 s: 7 of 10 items done, 3 failed, and not one of them gave a record: ",
        ),
    ],
)
def test_a_job_that_gave_nothing_says_how_to_say_that_it_is_meant(numbers, said):
    lines = ending(ended(Outcome.EMPTY, 1, FEW, **numbers))
    assert lines == [
        f"{said}what the function returned was nothing.",
        f"Not as expected: {FEW}.",
        MEANT,
        "  when that is mended   outlast resume docs --fresh",
    ]


def test_a_run_out_of_time_says_how_to_go_on():
    run = ended(Outcome.TIMED_OUT, 7, done=4, deferred=6)
    assert ending(run) == [
        "OUT OF TIME after 4.0 s.",
        "4 of 10 done, 6 still to do. What is recorded is kept.",
        "  go on     outlast resume docs",
        "  look      outlast status docs",
        "  records   outlast results docs",
    ]
    assert style_of(run.summary) == "yellow"


def test_a_run_without_items_says_what_else_is_not_as_expected():
    run = ended(Outcome.EMPTY, 1, FEW, total=0, done=0)
    assert ending(run)[:2] == ["EMPTY: there were no items: urls.txt held none.", f"Not as expected: {FEW}."]


def test_a_run_that_was_stopped_for_it_says_why():
    run = ended(Outcome.STOPPED, 1, FEW, done=4, deferred=6)
    assert ending(run)[:3] == [
        "STOPPED, NOT AS EXPECTED, after 4.0 s.",
        "4 of 10 done, 6 still to do. What is recorded is kept.",
        f"Not as expected: {FEW}.",
    ]
    assert style_of(run.summary) == "red"


def test_what_is_announced_and_noted_is_said_on_one_line_with_nothing_a_terminal_would_obey():
    data = {"run_id": "01J", "expectation": "fields.\x1b[31m", "reason": "it is in 1 of 2\nrecords"}
    event = ResilienceEvent.of(EventType.EXPECTATION_FAILED, "docs", data, NOW)
    assert told(event) == "2026-11-23T02:35:12Z ERROR not as expected: fields.\\x1b[31m: it is in 1 of 2\\nrecords"
    unmet = {"at": "2026-11-23T02:35:12+00:00", "run": "01J", "unmet": [{"name": "a", "reason": "b", "lasting": True}]}
    assert note_lines(Notes(unmet=unmet)) == ["Not as expected: a: b."]
