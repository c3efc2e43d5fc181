"""A job of which a part is gone: its ledger emptied or deleted, its checkpoints, its output. Said as what it is, by every verb."""

import json

import pytest

from outlast.jobs.store import job_directory

pytestmark = pytest.mark.real_time


@pytest.fixture
def job(outlast, tmp_path):
    """A finished job with an output file and a checkpoint; its directory."""
    assert outlast("run", "scrape.py:tally", "urls.txt", "--job", "docs", "-o", "out.jsonl")[0] == 0
    return job_directory(tmp_path / ".outlast", "docs")


def without_log(job):
    for part in job.path.glob("ledger.db-*"):
        part.unlink()


def test_an_emptied_ledger_is_damage_to_every_verb_and_stays_as_it_is(outlast, job):
    job.ledger.write_bytes(b"")
    without_log(job)
    for verb in (
        ["status", "docs"],
        ["verify", "docs"],
        ["retry", "docs"],
        ["resume", "docs"],
        ["run", "scrape.py:tally", "urls.txt", "--job", "docs"],
        ["repair", "docs"],
        ["export", "docs", "x.jsonl"],
    ):
        assert outlast(*verb)[0] == 4, verb
    assert job.ledger.read_bytes() == b""
    assert "it is empty, and the job had begun" in outlast("retry", "docs")[2]
