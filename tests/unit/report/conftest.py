"""Entries of an event log and what a ledger tells, made up in a line each."""

from datetime import UTC, datetime, timedelta

import pytest

from outlast.failure.describe import Failure
from outlast.failure.groups import Groups
from outlast.ledger.port import Counts
from outlast.logs.reading import SAMPLE, Entry
from outlast.report.told import Grade, Standing, Told

BEGAN = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)


@pytest.fixture
def at():
    """The moment so many seconds after the job began."""
    return lambda seconds: BEGAN + timedelta(seconds=seconds)


@pytest.fixture
def entry(at):
    """An event, so many seconds after the job began."""

    def make(kind, seconds, data=None, *, run="R1", key=None):
        attempt = (data or {}).get("attempt")
        return Entry(
            event_type=kind,
            timestamp=at(seconds),
            job_id="shop",
            run_id=run,
            data=data or {},
            item_key=key,
            attempt=attempt,
        )

    return make


@pytest.fixture
def started(entry):
    def make(seconds, *, run="R1", resumed=False, done=0, failed=0, pending=0):
        told = {"run_id": run, "done": done, "failed": failed, "pending": pending, "resumed": resumed}
        return entry("run_started", seconds, told, run=run)

    return make


@pytest.fixture
def ended(entry):
    def make(seconds, outcome="completed", *, run="R1", done=0, failed=0, deferred=0):
        told = {"run_id": run, "outcome": outcome, "done": done, "failed": failed, "deferred": deferred}
        return entry("run_ended", seconds, told, run=run)

    return make


@pytest.fixture
def sample(entry):
    """Where a run stood: what it has done itself, and more by name."""

    def make(seconds, done=0, failed=0, retries=0, *, run="R1", total=None, **more):
        states = {"done": done, "failed": failed, "ignored": 0, "leased": 0, "deferred": 0}
        counts = {} if total is None else {**states, "pending": total - done - failed}
        told = {"run_done": done, "run_failed": failed, "retries": retries, **counts, **more}
        return entry(SAMPLE, seconds, told, run=run)

    return make


@pytest.fixture
def group():
    """A named group of failures on these hosts."""

    def make(signature, hosts, *, name="F-1", traceback="", key="https://a.test/1", at=None):
        kind = signature.split(" ")[0]
        failure = Failure.from_dict(
            {"type": kind, "message": "no", "class": "blocked", "signature": signature, "traceback": traceback}
        )
        groups = Groups()
        for host, count in hosts.items():
            for _ in range(count):
                groups.add(failure, host, key, at)
        [made] = groups
        return name, made

    return make


@pytest.fixture
def told(at):
    """What the ledger tells of a job that is finished, with what differs by name."""

    def make(**more):
        standing = Standing(word="finished", grade=Grade.GOOD, run="R1", exit_code=0)
        return Told(**{"job": "shop", "now": at(100_000), "standing": standing, "counts": Counts(done=10), **more})

    return make
