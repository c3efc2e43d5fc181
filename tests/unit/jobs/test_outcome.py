"""How a run ended, and the code that says so."""

import pytest

from outlast.config import Allowance
from outlast.jobs.outcome import BY_COMMAND, UNREAD, Ending, Outcome, judge, reason_for
from outlast.ledger.port import Counts

NONE = Allowance()


@pytest.mark.parametrize(
    ("ending", "counts", "allowed", "outcome", "code"),
    [
        (Ending.NOTHING_LEFT, Counts(done=3), NONE, Outcome.COMPLETED, 0),
        (Ending.NOTHING_LEFT, Counts(done=3, failed=1), NONE, Outcome.COMPLETED_WITH_FAILURES, 1),
        (Ending.NOTHING_LEFT, Counts(done=99, failed=1), Allowance(items=1), Outcome.COMPLETED_WITH_FAILURES, 0),
        (Ending.NOTHING_LEFT, Counts(failed=2), NONE, Outcome.COMPLETED_WITH_FAILURES, 1),
        (Ending.NOTHING_LEFT, Counts(), NONE, Outcome.EMPTY, 1),
        (Ending.NOTHING_LEFT, Counts(), Allowance(items=9), Outcome.EMPTY, 1),
        (Ending.ABORTED, Counts(done=3, deferred=7), NONE, Outcome.ABORTED, 3),
        (Ending.SIGINT, Counts(done=3, pending=7), NONE, Outcome.STOPPED, 130),
        (Ending.SIGTERM, Counts(done=3, leased=7), NONE, Outcome.STOPPED, 143),
        (Ending.STOPPED, Counts(done=3, pending=7), NONE, Outcome.STOPPED, 3),
        (Ending.SIGINT, Counts(done=3), NONE, Outcome.COMPLETED, 0),
        (Ending.RESOURCE_LIMIT, Counts(done=3, pending=7), NONE, Outcome.STOPPED, 7),
        (Ending.RESOURCE_LIMIT, Counts(done=3), NONE, Outcome.COMPLETED, 0),
        (Ending.NO_BROWSER, Counts(pending=7), NONE, Outcome.STOPPED, 2),
        (Ending.PAUSED, Counts(done=3, pending=7), NONE, Outcome.STOPPED, 3),
        (Ending.OUT_OF_TIME, Counts(done=3, pending=7), NONE, Outcome.TIMED_OUT, 7),
        (Ending.OUT_OF_TIME, Counts(done=3), NONE, Outcome.COMPLETED, 0),
        (Ending.NOT_AS_EXPECTED, Counts(done=3, pending=7), NONE, Outcome.STOPPED, 1),
        (Ending.NOT_AS_EXPECTED, Counts(done=3), NONE, Outcome.COMPLETED, 0),
    ],
)
def test_the_outcome_and_code_of_an_ending(ending, counts, allowed, outcome, code):
    assert judge(ending, counts, allowed) == (outcome, code)


@pytest.mark.parametrize("counts", [Counts(done=3), Counts(done=3, failed=1), Counts(done=3, ignored=1)])
def test_a_finished_run_that_gave_nothing_is_empty_and_one_that_is_not_as_expected_no_success(counts):
    every = Allowance(items=9)
    assert judge(Ending.NOTHING_LEFT, counts, every, barren=True) == (Outcome.EMPTY, 1)
    assert judge(Ending.NOTHING_LEFT, counts, every, barren=True, unmet=True) == (Outcome.EMPTY, 1)
    assert judge(Ending.NOTHING_LEFT, counts, every, unmet=True) == (Outcome.COMPLETED_WITH_FAILURES, 1)


@pytest.mark.parametrize("ending", Ending)
def test_a_run_that_left_items_to_do_ends_as_it_was_ended_whatever_was_expected(ending):
    left = Counts(done=3, pending=7)
    as_it_was = judge(ending, left, NONE)
    assert judge(ending, left, NONE, unmet=True, barren=True) == as_it_was
    assert as_it_was[1] != 0


@pytest.mark.parametrize("ending", [each for each in Ending if each is not Ending.NOTHING_LEFT])
@pytest.mark.parametrize("counts", [Counts(), Counts(done=3), Counts(done=3, failed=1)])
def test_a_run_that_did_not_read_its_source_to_the_end_left_something_to_do(ending, counts):
    judged = judge(ending, counts, Allowance(items=9), unread=True)
    assert judged == judge(ending, Counts(done=3, pending=7), NONE)
    assert reason_for(judged[0], ending, counts, "by itself") in {UNREAD, BY_COMMAND, "by itself"}


def test_every_outcome_comes_about():
    counts = [Counts(), Counts(done=1), Counts(done=1, failed=1), Counts(done=1, pending=1)]
    assert {judge(ending, each, NONE)[0] for ending in Ending for each in counts} == set(Outcome)
