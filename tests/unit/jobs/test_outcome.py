"""How a run ended, and the code that says so."""

import pytest

from outlast.config import Allowance
from outlast.jobs.outcome import Ending, Outcome, judge
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
        (Ending.OUT_OF_PATIENCE, Counts(done=3, deferred=7), NONE, Outcome.ABORTED, 3),
        (Ending.SIGINT, Counts(done=3, pending=7), NONE, Outcome.STOPPED, 130),
        (Ending.SIGTERM, Counts(done=3, leased=7), NONE, Outcome.STOPPED, 143),
        (Ending.STOPPED, Counts(done=3, pending=7), NONE, Outcome.STOPPED, 3),
        (Ending.SIGINT, Counts(done=3), NONE, Outcome.COMPLETED, 0),
        (Ending.RESOURCE_LIMIT, Counts(done=3, pending=7), NONE, Outcome.STOPPED, 7),
        (Ending.RESOURCE_LIMIT, Counts(done=3), NONE, Outcome.COMPLETED, 0),
        (Ending.NO_BROWSER, Counts(pending=7), NONE, Outcome.STOPPED, 2),
    ],
)
def test_the_outcome_and_code_of_an_ending(ending, counts, allowed, outcome, code):
    assert judge(ending, counts, allowed) == (outcome, code)
