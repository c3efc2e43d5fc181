"""`outlast checkpoint` on the checkpoints of real jobs."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from outlast import CheckpointManager
from outlast.config import CheckpointConfiguration
from outlast.jobs.store import job_directory

pytestmark = pytest.mark.real_time


@pytest.fixture
def job(outlast, tmp_path):
    """A job that ran three times, with a checkpoint from each; its directory."""
    for number in range(3):
        assert outlast("run", "scrape.py:tally", f"https://a.test/{number}", "--job", "sh op")[0] == 0
    return job_directory(tmp_path / ".outlast", "sh op")


def rows_of(outlast, *more):
    return json.loads(outlast("checkpoint", "ls", "sh op", "--json", *more)[1])["checkpoints"]


def test_a_job_tells_of_its_checkpoints(outlast, job):
    code, out, err = outlast("checkpoint", "ls", "sh op")
    assert code == 0
    rows = rows_of(outlast)
    assert [line.split()[0] for line in out.splitlines()] == ["id", *(row["id"] for row in rows)]
    assert [row["sequence_number"] for row in rows] == sorted((row["sequence_number"] for row in rows), reverse=True)
    assert "outlast checkpoint verify 'sh op' --deep" in err
    assert outlast("checkpoint", "ls", "sh op", "-q") == (0, out, "")


def test_what_it_holds_is_told_in_the_words_of_a_job(outlast, job):
    code, out, err = outlast("checkpoint", "show", "sh op")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert {"position result 3 of the ledger", "items 3 of 3 finished (100.0%), 0 failed", "state seen 3"} <= set(lines)
    document = json.loads(outlast("checkpoint", "show", rows_of(outlast)[-1]["id"], "--json")[1])
    assert (document["holds"]["position"], document["holds"]["state"]) == (1, {"seen": 1})


def test_a_restored_state_is_what_the_next_run_begins_with_and_the_ledger_is_not_turned_back(outlast, job):
    oldest = rows_of(outlast)[-1]["id"]
    code, _, err = outlast("checkpoint", "restore", oldest)
    assert code == 0
    first, second, third = err.splitlines()
    assert first.startswith(f"{rows_of(outlast)[0]['id']} is now the newest checkpoint of job sh op")
    assert second == "The ledger is not turned back: what is done stays done."
    assert third == "  go on with that state   outlast resume 'sh op'"
    code, _, err = outlast("run", "scrape.py:tally", "https://a.test/0", "https://a.test/9", "--job", "sh op")
    assert ": 4 of 4 done (1 in this run)" in err
    assert json.loads(outlast("checkpoint", "export", "sh op")[1])["state"] == {"seen": 2}


def test_an_id_is_found_in_whichever_job_has_it(outlast, job, tmp_path):
    assert outlast("run", "scrape.py:tally", "https://b.test/", "--job", "other")[0] == 0
    oldest = rows_of(outlast)[-1]["id"]
    assert json.loads(outlast("checkpoint", "export", oldest)[1])["position"] == 1
    assert outlast("checkpoint", "show", oldest)[1].splitlines()[1].split() == ["job", "sh", "op"]


def test_a_damaged_one_is_told_with_the_way_out_and_then_lies_in_quarantine(outlast, job, damage, tree):
    newest = rows_of(outlast)[0]["id"]
    [file] = job.checkpoints.rglob(f"{newest}.ckpt")
    damage(file)
    before = tree(job.path)
    code, out, err = outlast("checkpoint", "verify", "sh op", "--deep")
    assert code == 4
    assert "DAMAGED: 1 of 3 checkpoints" in err
    assert "outlast repair 'sh op'" in err
    assert outlast("checkpoint", "restore", newest)[0] == 4
    assert {name: digest for name, digest in tree(job.path).items() if name != "LOCK"} == {
        name: digest for name, digest in before.items() if name != "LOCK"
    }
    outlast("run", "scrape.py:tally", "https://a.test/0", "--job", "sh op")
    code, out, _ = outlast("checkpoint", "ls", "sh op")
    assert code == 0
    assert f"{newest}" in next(line for line in out.splitlines() if "quarantined" in line)
    assert outlast("checkpoint", "verify", "sh op", "--deep")[0] == 0
    assert outlast("checkpoint", "verify", newest)[0] == 4
    assert outlast("checkpoint", "show", newest)[0] == 4


def test_nothing_is_restored_while_the_job_runs(outlast, job):
    lock = job.lock("sh op", "now")
    try:
        code, _, err = outlast("checkpoint", "restore", rows_of(outlast)[-1]["id"])
    finally:
        lock.close()
    assert code == 5
    assert "is being run by another process" in err
    assert len(rows_of(outlast)) == 3


def test_prune_keeps_as_many_as_it_is_told_and_as_the_job_file_says(outlast, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "job.toml").write_text(
        'name = "sh op"\ntarget = "../scrape.py:tally"\nitems = "../urls.txt"\n[checkpoint]\nretention_count = 2\n'
    )
    for number in range(3):
        assert outlast("run", "deep/job.toml", f"https://a.test/{number}")[0] == 0
    assert len(rows_of(outlast)) == 2
    assert outlast("checkpoint", "restore", rows_of(outlast)[-1]["id"])[0] == 0
    rows = rows_of(outlast)
    assert len(rows) == 3
    code, out, err = outlast("checkpoint", "prune", "sh op", "--dry-run")
    assert (code, out.split()) == (0, [rows[-1]["id"]])
    assert "  do it   outlast checkpoint prune 'sh op'" in err
    assert len(rows_of(outlast)) == 3
    assert outlast("checkpoint", "prune", "sh op", "--keep", "1")[0] == 0
    assert [row["id"] for row in rows_of(outlast)] == [rows[0]["id"]]


def test_checkpoints_that_a_job_file_puts_elsewhere_are_found_there(outlast, tmp_path):
    (tmp_path / "job.toml").write_text(
        'name = "sh op"\ntarget = "scrape.py:tally"\nitems = "urls.txt"\n[checkpoint]\nstorage_path = "elsewhere"\n'
    )
    assert outlast("run", "job.toml")[0] == 0
    [row] = rows_of(outlast)
    assert list((tmp_path / "elsewhere").rglob(f"{row['id']}.ckpt"))
    assert outlast("checkpoint", "show", row["id"])[0] == 0


def test_a_job_that_took_none_has_none(outlast, monkeypatch):
    monkeypatch.setenv("OUTLAST_CHECKPOINT__ENABLED", "false")
    outlast("run", "scrape.py:tally", "https://a.test/", "--job", "sh op")
    for verb in ("ls", "verify"):
        code, out, err = outlast("checkpoint", verb, "sh op")
        assert (code, out) == (0, "")
        assert err.startswith("job sh op has no checkpoints")
    code, _, err = outlast("checkpoint", "show", "sh op")
    assert code == 6
    assert "job 'sh op' has no checkpoint" in err


def test_what_a_checkpoint_holds_is_json_where_json_was_asked_for(outlast):
    outlast("run", "scrape.py:tally", "urls.txt", "--job", "docs")
    document = json.loads(outlast("checkpoint", "show", "docs", "--json")[1])
    assert document["holds"]["state"] == {"seen": 6}


def test_a_checkpoint_that_was_restored_says_so(outlast):
    outlast("run", "scrape.py:tally", "urls.txt", "--job", "docs")
    [row] = json.loads(outlast("checkpoint", "ls", "docs", "--json")[1])["checkpoints"]
    outlast("checkpoint", "restore", row["id"])
    heads, *lines = outlast("checkpoint", "ls", "docs")[1].splitlines()
    why = [line[heads.index("why") :].split()[0] for line in lines]
    assert why == ["restored", "end"]


def test_the_checkpoints_of_every_job_are_verified_at_once(outlast, job, damage, tree, tmp_path):
    assert outlast("run", "scrape.py:tally", "https://b.test/", "--job", "other")[0] == 0
    before = tree(tmp_path / ".outlast")
    code, out, err = outlast("checkpoint", "verify", "--all", "--deep")
    assert (code, err) == (0, "")
    assert sorted(out.splitlines()) == [
        "SOUND: 1 checkpoint of job other (every byte was read).",
        "SOUND: 3 checkpoints of job sh op (every byte was read).",
    ]
    assert tree(tmp_path / ".outlast") == before
    newest = rows_of(outlast)[0]["id"]
    [file] = job.checkpoints.rglob(f"{newest}.ckpt")
    damage(file)
    job_directory(tmp_path / ".outlast", "other").ledger.unlink()  # its checkpoints can still be looked at
    code, out, _ = outlast("checkpoint", "verify", "--all", "--deep")
    assert code == 4
    assert f"\n  {newest}  DAMAGED" in out.replace("corrupted", "DAMAGED")
    assert "   outlast repair 'sh op'\n" in out
    assert "SOUND: 1 checkpoint of job other" in out
    document = json.loads(outlast("checkpoint", "verify", "--all", "--deep", "--json")[1])
    assert {each["job_id"]: each["sound"] for each in document["jobs"]} == {"sh op": False, "other": True}
    assert document["sound"] is False
    for wrong in ((), ("sh op", "--all")):
        assert outlast("checkpoint", "verify", *wrong)[0] == 2
    assert outlast("checkpoint", "verify", "--all", "--path", job.checkpoints)[1].count(" of job sh op ") == 1
    assert outlast("checkpoint", "verify", "--all", "--store", "none")[0] == 0


class Hourly:
    """A clock that has gone on by an hour whenever it is looked at."""

    def __init__(self):
        self.looks = 0

    def now(self):
        self.looks += 1
        return datetime(2026, 11, 28, tzinfo=UTC) + timedelta(hours=self.looks)

    def monotonic(self):
        return 0.0


def test_prune_keeps_one_an_hour_where_it_is_told_to(outlast, tmp_path):
    config = CheckpointConfiguration(storage_path=str(tmp_path / "kept"), retention_count=9)

    async def take():
        async with CheckpointManager(config, clock=Hourly()) as manager:
            return [await manager.create_checkpoint("mine", {"n": n}) for n in range(4)]

    ids = asyncio.run(take())
    prune = ("checkpoint", "prune", "mine", "--path", "kept", "--keep-last", "1")
    code, out, err = outlast(*prune, "--keep-hourly", "0", "--dry-run")
    assert (code, out.split()) == (0, ids[:3])
    assert "  do it   outlast checkpoint prune mine --keep-last 1 --keep-hourly 0 --path kept\n" in err
    document = json.loads(outlast(*prune, "--keep-hourly", "2", "--json")[1])
    assert (sorted(document["kept"]), document["deleted"]) == (ids[2:], ids[:2])
