"""Lines of structlog with the ids of what is worked on, and secrets masked."""

import json

import pytest
import structlog

from outlast.correlation import at_work, correlated
from outlast.integrations.structlog import add_ids, masked


@pytest.fixture
def logger():
    written = []
    chain = [add_ids, masked(["token"]), structlog.processors.JSONRenderer()]
    log = structlog.wrap_logger(
        structlog.PrintLogger(), processors=[*chain, lambda _, __, line: written.append(line) or line]
    )
    return lambda *args, **kwargs: (log.info(*args, **kwargs), json.loads(written[-1]))[1]


def test_a_line_has_the_ids(logger, capsys):
    token = at_work.set(("shop", "r1", "k", 2))
    try:
        with correlated("ab" * 16):
            row = logger("fetched", attempt=7)
    finally:
        at_work.reset(token)
    ids = {"job_id": "shop", "run_id": "r1", "item_key": "k", "attempt": 7, "correlation_id": "ab" * 16}
    assert row == {"event": "fetched", **ids}


def test_secrets_are_masked(logger, capsys):
    row = logger("GET /?token=hunter2", deep={"api_token": "hunter2"})
    assert (row["event"], row["deep"]) == ("GET /?token=***", {"api_token": "***"})
    assert "job_id" not in row
