"""A job of which a part is gone: its ledger emptied or deleted, its checkpoints, its output. Said as what it is, by every verb."""

import json

import pytest

from outlast.jobs.store import job_directory
from outlast.ledger.sqlfile import LedgerFile

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
    first, second = outlast("retry", "docs")[2].splitlines()
    assert first.endswith("it is empty, and the job had begun")
    assert second.startswith("  Put a backup of it back, or start over: the first command of job docs with --fresh")


@pytest.fixture
def without_ledger(job):
    job.ledger.unlink()
    without_log(job)
    return job


def test_a_ledger_that_is_gone_is_said_with_what_is_left_and_what_to_do(outlast, without_ledger):
    for verb in (
        ["status", "docs"],
        ["verify", "docs"],
        ["repair", "docs"],
        ["resume", "docs"],
        ["results", "docs"],
        ["checkpoint", "verify", "docs"],
        ["backup", "docs", "x.db"],
    ):
        code, out, err = outlast(*verb)
        assert (code, out) == (4, ""), verb
        assert err.splitlines() == [
            "outlast: error: the ledger of job 'docs' is gone, 1 checkpoint is there",
            "  Put a backup of it back, or begin anew: run the first command again",
        ]
    assert json.loads(outlast("--json", "status", "docs")[2])["error_code"] == "LEDGER_CORRUPTION_ERROR"


def test_ls_has_a_job_whose_ledger_is_gone(outlast, without_ledger):
    code, out, _ = outlast("ls")
    assert code == 4
    row, reason = out.splitlines()[1:]
    assert row.startswith("docs ")
    assert row.endswith("  DAMAGED")
    assert reason == "  its ledger is gone, 1 checkpoint is there"
    assert outlast("status")[0] == 6, "there is no other job"
    assert "docs" in outlast("status", "nope")[2]


def test_the_first_command_begins_anew_where_the_ledger_is_gone(outlast, without_ledger, tmp_path):
    code, _, err = outlast("run", "scrape.py:tally", "urls.txt", "--job", "docs", "-o", "new.jsonl")
    assert code == 0
    assert "the one that the checkpoints were taken with is gone" in err
    assert outlast("status", "docs")[0] == 0


def test_a_ledger_of_which_the_log_is_left_can_be_repaired(outlast, job, tmp_path):
    job.ledger.unlink()
    job.ledger.with_name("ledger.db-wal").write_bytes(b"x" * 5_000)
    code, _, err = outlast("repair", "docs")
    assert code == 4
    assert "cannot be repaired" in err


@pytest.mark.parametrize("output", ["urls.txt", "/dev/null/x"])
def test_a_first_run_that_was_refused_leaves_no_job(outlast, output):
    assert outlast("run", "scrape.py:scrape", "urls.txt", "--job", "live", "-o", output)[0] == 2
    assert outlast("ls") == (0, "", "no jobs in .outlast\n")
    assert outlast("resume", "live")[0] == 6
    assert outlast("run", "scrape.py:scrape", "urls.txt", "--job", "live", "-o", "out.jsonl")[0] == 0
    assert outlast("run", "scrape.py:scrape", "urls.txt", "--job", "live", "-o", output)[0] == 2
    assert outlast("status", "live")[1].startswith("job live: 6 of 6 finished")


def test_a_job_that_was_killed_before_it_had_begun_is_not_called_one_from_code(outlast, tmp_path):
    directory = job_directory(tmp_path / ".outlast", "docs")
    directory.path.mkdir(parents=True)
    LedgerFile(directory.ledger, read_only=False).close()
    code, _, err = outlast("resume", "docs")
    assert code == 2
    assert "job 'docs' has not begun: run its first command again" in err


def test_checkpoints_that_were_deleted_are_not_called_never_taken(outlast, job):
    for file in job.checkpoints.rglob("*.ckpt"):
        file.unlink()
    code, out, _ = outlast("verify", "docs")
    assert code == 0
    assert "  checkpoints  none   there are no checkpoints" in out.splitlines()
