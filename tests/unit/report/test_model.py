"""The report as a value: numbers, sentences, and what is said not to be known."""

import json
from dataclasses import replace

import pytest

from outlast.ledger.port import Counts
from outlast.report.chronicle import Chronicle
from outlast.report.marks import MARKS_KEPT_MAX, MarkKind
from outlast.report.model import report_of
from outlast.report.story import ENDS_TOLD_MAX
from outlast.report.told import Grade, Standing


@pytest.fixture
def report(told):
    """The report of these entries, and of what the ledger tells beside."""

    def make(*entries, run="", **more):
        return report_of(told(**more), Chronicle.of(entries, run), run)

    return make


@pytest.fixture
def rough(started, sample, ended, entry):
    """A run that was killed, one that was aborted, one that got through; half an hour each, ten minutes apart."""
    aborted = {"reason": "62 % failed", "policy_id": "default"}
    return [
        started(0),
        sample(0, total=100),
        sample(1_800, 10, 1, 3, total=100, memory_bytes=3 << 30, memory_limit_bytes=4 << 30),
        started(2_400, run="R2", resumed=True, done=10),
        sample(2_400, run="R2"),
        entry("abort_triggered", 4_200, aborted, run="R2"),
        ended(4_200, "aborted", run="R2", done=30, failed=5, deferred=65),
        sample(4_200, 20, 4, 7, run="R2"),
        started(4_800, run="R3", resumed=True, done=30),
        sample(4_800, run="R3"),
        ended(6_600, "completed_with_failures", run="R3", done=90, failed=10),
        sample(6_600, 60, 5, 2, run="R3"),
    ]


@pytest.fixture
def got_through():
    return Standing(word="finished with failures", grade=Grade.WARNING, run="R3", exit_code=0)


def test_the_numbers_of_a_job_are_those_of_all_its_runs(report, rough, got_through):
    counts = Counts(done=90, failed=10)
    numbers = report(*rough, counts=counts, standing=got_through, attempts={1: 80, 2: 7, 5: 3}).numbers
    assert (numbers.runs, numbers.crashes, numbers.aborts) == (3, 1, 1)
    assert (numbers.seconds, numbers.working, numbers.stopped) == (6_600, 5_400, 1_200)
    assert numbers.retries == 12
    assert numbers.retried_items == 10
    assert numbers.rate == pytest.approx(100 / 90)
    assert (numbers.memory_peak, numbers.memory_limit) == (3 << 30, 4 << 30)
    assert numbers.finished == 100


def test_the_story_tells_of_each_end_that_nobody_wanted_and_of_what_followed(report, rough, got_through):
    first, second, *_ = report(*rough, standing=got_through).story
    heard = "It was last heard of at 21:30, and stopped without a word: killed, ended by an error, or the machine"
    assert first.startswith(heard)
    assert "its memory was 3.0 GiB of 4.0 GiB when it was last measured; it went on at 21:40, 10 min later." in first
    assert second == "At 22:10 it was aborted: 62 % failed; it went on at 22:20, 10 min later."


def test_a_run_that_goes_on_has_not_stopped(report, started, sample):
    running = Standing(word="running", grade=Grade.GOOD, run="R1", running=True)
    told = report(started(0), sample(60, 5, total=10), standing=running, counts=Counts(done=5, pending=5))
    assert told.numbers.crashes == 0
    assert MarkKind.BROKEN not in {mark.kind for mark in told.marks}
    assert told.story == ("It goes on: 5 items to do.",)
    assert told.runs[0].outcome == "running"


def test_the_same_run_without_a_process_was_killed(report, started, sample):
    killed = Standing(word="killed", grade=Grade.BAD, run="R1")
    told = report(started(0), sample(60, 5, total=10), standing=killed, counts=Counts(done=5, pending=5))
    assert told.numbers.crashes == 1
    assert [mark.kind for mark in told.marks] == ["start", "broken"]
    assert told.runs[0].outcome is None


def test_what_a_run_did_between_its_last_sample_and_its_death_the_next_one_has_found(report, started, sample):
    entries = [
        started(0),
        sample(0, total=100),
        sample(60, 20, total=100),
        started(90, run="R2", resumed=True, done=26),
    ]
    told = report(*entries, standing=Standing(word="killed", grade=Grade.BAD, run="R2"))
    assert [run.done for run in told.runs] == [26, 0]
    assert sum(filter(None, told.timeline.finished)) == pytest.approx(26, abs=0.5)


def test_a_run_that_an_error_has_ended_was_not_killed(report, started, sample, at):
    standing = Standing(
        word="ended with an error", grade=Grade.BAD, detail="It ended so: DiskFull: no room", run="R1", at=at(70)
    )
    told = report(started(0), sample(60, 5, total=10), standing=standing, counts=Counts(done=5, pending=5))
    assert (told.numbers.crashes, told.numbers.stops) == (0, 1)
    assert told.story == ("It ended so: DiskFull: no room",)
    assert [(mark.kind, mark.text) for mark in told.marks] == [("start", "begun"), ("end", "ended with an error")]
    assert told.runs[0].outcome == "ended with an error"


def test_a_job_that_was_killed_over_and_over_has_a_short_story(report, started):
    entries = [started(n * 600, run=f"R{n:02}", resumed=n > 0) for n in range(20)]
    story = report(*entries, standing=Standing(word="killed", grade=Grade.BAD)).story
    assert story[0] == f"It had stopped {20 - ENDS_TOLD_MAX} times by 23:10."
    assert len(story) == 1 + ENDS_TOLD_MAX


def test_a_job_without_trouble_says_so(report, started, sample, ended):
    told = report(started(0), sample(0), ended(60, done=10), sample(60, 10), counts=Counts(done=10))
    assert told.story == ("All 10 items are done, and nothing had to be given up.",)
    assert told.gaps == ()


def test_what_an_abort_has_taken_back_was_not_given_up_by_its_run(report, started, sample, entry):
    told = {"run_id": "R1", "outcome": "aborted", "done": 5, "failed": 1, "deferred": 94, "taken_back": 20}
    made = report(
        started(0),
        sample(0),
        entry("run_ended", 60, told),
        sample(60, 5, 21),
        counts=Counts(done=5, failed=1, pending=94),
    )
    assert [(row.done, row.given_up) for row in made.runs] == [(5, 1)]
    assert made.numbers.counts.failed == 1


def test_the_main_cause_is_told_with_its_host_and_its_beginning(report, group, at):
    groups = [group("a.Blocked 403", {"b.test": 8}, name="F-1", at=at(60)), group("b.No", {"a.test": 2}, name="F-2")]
    [sentence] = report(groups=groups, counts=Counts(done=1, failed=10)).story
    assert (
        sentence
        == "80.0 % of what was given up is one cause, F-1: Blocked 403, all of it at b.test, first at 21:01:00."
    )


def test_many_causes_of_equal_size_have_no_main_one(report, group):
    groups = [group(f"a.No{n}", {"a.test": 1}, name=f"F-{n}") for n in range(8)]
    assert report(groups=groups, counts=Counts(done=1, failed=8)).story == ()


def test_hosts_that_were_down_are_told_the_most_frequent_first(report, entry):
    parked = [entry("host_parked", n, {"host": host, "failures": 5}) for n, host in enumerate("bab")]
    story = " ".join(report(entry("run_started", 0, {"resumed": False}), *parked).story)
    assert "b was taken to be down at 21:00:00, and 1 time more. a was taken to be down at 21:00:01." in story


def test_a_host_that_came_back_is_said_to_have_before_what_happened_later(report, started, sample, entry):
    told = report(
        started(0),
        entry("host_parked", 10, {"host": "b", "failures": 5, "error": "E"}),
        entry("host_recovered", 52, {"host": "b", "down_for": 50.0}),
        sample(60, 5, total=10),
        started(90, run="R2", resumed=True, done=5),
    )
    host, end, *_ = told.story
    assert host == "b was taken to be down at 21:00:10 and answered again at 21:00:52, 42 s later."
    assert end.startswith("It was last heard of at 21:01:00, and stopped without a word")


def test_of_a_killed_run_the_ledger_has_what_its_samples_have_not(report, started, sample, entry):
    again = [entry("retry_attempted", 62 + n, {"attempt": 1, "delay": 1.0}, key=f"k{n}") for n in range(3)]
    killed = Standing(word="killed", grade=Grade.BAD, run="R2")
    told = report(
        started(0),
        sample(0, total=100),
        sample(60, 20, 2, 7, total=100),
        *again,
        started(90, run="R2", resumed=True, done=26, failed=5),
        standing=killed,
        counts=Counts(done=40, failed=9, pending=51),
    )
    assert [(run.done, run.given_up, run.retries) for run in told.runs] == [(26, 5, 10), (14, 4, None)]
    assert told.numbers.retries == 10
    assert list(filter(None, told.timeline.done))[-2:] == [31, 49]
    assert told.gaps == (
        "What stopped without a word may have retried more often in its last seconds than the event log tells.",
    )


def test_what_was_done_again_between_two_runs_makes_no_number_smaller(report, started, sample):
    told = report(started(0), sample(60, 20, 8, total=100), started(90, run="R2", resumed=True, done=20, failed=0))
    assert (told.runs[0].done, told.runs[0].given_up) == (20, 8)


def test_a_run_of_which_nothing_was_written_down_has_no_numbers(report, started):
    killed = Standing(word="killed", grade=Grade.BAD, run="R1")
    [run] = report(started(0), standing=killed, unread="page 3").runs
    assert (run.done, run.given_up, run.retries) == (None, None, None)


def test_a_suspension_is_told_by_its_beginning_and_its_end(report, started, entry, at):
    decisions = [
        (10, "suspend"),
        (20, "suspend"),
        (30, "probe"),
        (40, "continue"),
        (50, "continue"),
        (60, "suspend"),
        (70, "abort"),
    ]
    judged = [
        entry("abort_evaluated", n, {"decision": each, "reason": f"20 of 20 failed at {n}; probing, next in 1 s"})
        for n, each in decisions
    ]
    running = Standing(word="running", grade=Grade.GOOD, run="R1", running=True)
    told = report(started(0), *judged, standing=running, now=at(120))
    assert [(mark.kind, mark.at.second) for mark in told.marks] == [
        ("start", 0),
        ("suspended", 10),
        ("goes_on", 40),
        ("suspended", 0),
    ]
    assert told.story == ("It was suspended at 21:00:10 until 21:00:40: 20 of 20 failed at 10; 1 suspension followed.",)


def test_what_happened_before_the_log_begins_is_not_made_up(report, sample, started):
    assert report(sample(60, 5)).gaps[0] == (
        "There is no event log before 2026-11-22 21:01: what happened until then is not known."
    )
    assert report(started(0, resumed=True)).gaps[0].startswith("There is no event log before 2026-11-22 21:00")


def test_a_job_without_an_event_log_has_what_the_ledger_tells(report):
    told = report(counts=Counts(done=9, failed=1), attempts={1: 9})
    assert told.gaps == ("There is no event log, so nothing is known of when things happened.",)
    assert told.timeline.is_empty
    assert told.numbers.seconds is None
    assert [row.items for row in told.attempts] == [9, 1]


def test_a_job_that_was_never_run_lacks_nothing(report):
    told = report(standing=Standing(word="not begun", grade=Grade.WARNING), counts=Counts())
    assert (told.gaps, told.story) == ((), ())


def test_what_is_missing_is_counted(report, started, entry, sample):
    chronicle = Chronicle.of([started(0), entry("gap", 1, {"lost": 7}), sample(2, left_out=1_200)])
    assert chronicle.lost == 7
    told = " ".join(report(started(0), entry("gap", 1, {"lost": 7}), sample(2, left_out=1_200)).gaps)
    assert "7 lines of the event log could not be written" in told
    assert "1\u202f200 events of items were counted and not written one by one" in told


def test_a_ledger_that_cannot_be_read_leaves_the_event_log(report, rough):
    told = report(
        *rough, counts=Counts(), unread="page 3 is damaged", standing=Standing(word="damaged", grade=Grade.BAD)
    )
    assert told.gaps[0] == "The ledger cannot be read, so nothing is known of items and failures: page 3 is damaged"
    assert told.numbers.runs == 3


def test_one_run_alone(report, rough, got_through):
    told = report(*rough, run="R2", standing=got_through)
    assert [run.id for run in told.runs] == ["R2"]
    assert told.numbers.crashes == 0
    assert told.gaps == (
        "Items, failures, attempts and checkpoints are those of the whole job: the ledger does not tell runs apart.",
    )


def test_marks_are_bounded_and_counted(report, entry):
    saved = [entry("checkpoint_created", n, {"checkpoint_id": f"c-{n}"}) for n in range(MARKS_KEPT_MAX + 50)]
    told = report(entry("run_started", 0, {"resumed": False}), *saved)
    kept = [mark for mark in told.marks if mark.kind is MarkKind.CHECKPOINT]
    assert len(kept) == MARKS_KEPT_MAX
    assert kept[-1].text == f"c-{MARKS_KEPT_MAX + 49}"
    assert told.marked[MarkKind.CHECKPOINT] == told.numbers.checkpoints == MARKS_KEPT_MAX + 50


@pytest.mark.parametrize(
    ("kind", "data", "mark", "text"),
    [
        (
            "browser_restarted",
            {"reason": "memory", "planned": True, "duration": 2.31},
            "restart",
            "memory (planned, took 2.3 s)",
        ),
        ("browser_crashed", {"reason": "gone"}, "browser_crash", "gone"),
        (
            "host_parked",
            {"host": "", "failures": 4, "error": "builtins.E: x"},
            "host_down",
            "(no host): 4 failures, E: x",
        ),
        (
            "host_recovered",
            {"host": "b.test", "down_for": 75.0},
            "host_up",
            "b.test answers again, 1 min 15 s after its failures began",
        ),
        ("threshold_breached", {"breached": ["memory"], "level": "critical"}, "pressure", "memory (critical)"),
        ("item_quarantined", {"key": "k", "kills": 3}, "quarantine", "k was in hand at 3 kills"),
        ("expectation_failed", {"expectation": "max_failed", "reason": "too many"}, "unmet", "max_failed: too many"),
        ("checkpoint_created", {"checkpoint_id": "c-1", "duration": 0.0216}, "checkpoint", "c-1, took 22 ms"),
        ("checkpoint_created", {"checkpoint_id": "c-1", "duration": 4.2}, "checkpoint", "c-1, took 4.2 s"),
        ("orders_changed", {"paused": ["b.test", ""]}, "order", "paused: b.test, (no host)"),
        ("orders_changed", {"paused": [], "rates": {}}, "order", "nothing is paused, and no rate is ordered"),
        (
            "orders_changed",
            {"job_paused": True, "paused": ["b"], "rates": {"*": "2/s", "c": "none"}},
            "order",
            "the whole job is paused; paused: b; rates: * 2/s, c none",
        ),
        ("command_obeyed", {"command": "stop", "given": {"reason": None}, "obeyed": True}, "order", "told to stop"),
        (
            "command_obeyed",
            {"command": "abort", "given": {"reason": "no VAT"}, "obeyed": False},
            "order",
            "told to abort: no VAT, which was not obeyed",
        ),
        ("checkpoint_corrupted", {"checkpoint_id": "c-1", "reason": "torn"}, "damaged", "checkpoint c-1: torn"),
        ("ledger_damaged", {"damaged": 2, "lost": 1}, "damaged", "2 damaged rows in the ledger, mended; 1 items lost"),
    ],
)
def test_each_moment_is_a_mark_with_a_text(report, entry, kind, data, mark, text):
    marks = report(
        entry(kind, 5, data), standing=Standing(word="running", grade=Grade.GOOD, run="R1", running=True)
    ).marks
    assert [(each.kind, each.text) for each in marks] == [(mark, text)]


def test_the_report_as_data_is_json_and_says_its_version(report, rough, group, at):
    document = report(*rough, groups=[group("a.No", {"a.test": 2}, at=at(5))]).to_dict()
    again = json.loads(json.dumps(document, allow_nan=False))
    assert again["schema_version"] == 1
    assert again["failures"]["causes"][0]["first_seen"] == "2026-11-22T21:00:05+00:00"
    assert len(again["timeline"]["times"]) == len(again["timeline"]["finished"]) > 0


def test_a_log_full_of_nonsense_makes_a_report(report, entry):
    values = [None, -5, float("inf"), float("nan"), "x", [], {}, 1e300, True, 2**80]
    nonsense = [
        entry(
            kind,
            n,
            {
                name: value
                for name in (
                    "done",
                    "run_done",
                    "memory_bytes",
                    "delays",
                    "classes",
                    "left_out",
                    "lost",
                    "breached",
                    "attempt",
                    "duration",
                    "paused",
                    "rates",
                    "given",
                )
            },
            key="k",
        )
        for n, value in enumerate(values)
        for kind in (
            "sample",
            "gap",
            "run_started",
            "run_ended",
            "retry_attempted",
            "threshold_breached",
            "host_parked",
            "abort_triggered",
            "checkpoint_created",
            "orders_changed",
            "command_obeyed",
        )
    ]
    told = report(*nonsense)
    assert json.dumps(told.to_dict(), allow_nan=False)


def test_the_job_has_a_clean_name(report):
    assert report(job="<b>\x1b[1m\n" + "x" * 600).job.startswith("<b>\\x1b[1m\\nxxx")
    assert len(report(job="x" * 600).job) < 240


def test_the_value_does_not_change(report):
    with pytest.raises(AttributeError):
        report().job = "other"
    assert replace(report(), job="other").job == "other"
