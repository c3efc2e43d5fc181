"""`outlast verify`, `repair` and `backup` on jobs that were damaged on purpose."""

import json
import shutil

import pytest

from outlast.jobs.store import job_directory

pytestmark = pytest.mark.real_time

ITEMS = 300


@pytest.fixture
def job(outlast, tmp_path):
    """A finished job with an output file and two checkpoints; its directory."""
    (tmp_path / "many.txt").write_text("".join(f"https://a.test/{number}\n" for number in range(ITEMS)))
    for more in ((), ("https://b.test/",)):
        assert outlast("run", "scrape.py:tally", "many.txt", *more, "--job", "docs", "-o", "out.jsonl")[0] == 0
    return job_directory(tmp_path / ".outlast", "docs")


def settled(tree, path):
    """What stands on the disk, but for the index of the log, which SQLite makes anew whenever a ledger is opened."""
    empty = {str(file.relative_to(path)) for file in path.rglob("*-wal") if not file.stat().st_size}
    return {name: digest for name, digest in tree(path).items() if not name.endswith("-shm") and name not in empty}


def lines_of(path):
    return sorted(json.loads(line)["item"] for line in path.read_text().splitlines())


def assert_whole(outlast, tmp_path):
    code, out, err = outlast("verify", "docs")
    assert code == 0, out + err
    assert err == "SOUND: everything that was checked is as it was written.\n"
    expected = sorted(["https://b.test/", *(f"https://a.test/{number}" for number in range(ITEMS))])
    assert lines_of(tmp_path / "out.jsonl") == expected


def test_a_healthy_job_is_sound_and_nothing_is_touched(outlast, job, tmp_path, tree):
    before = settled(tree, tmp_path)
    code, out, err = outlast("verify", "docs")
    assert (code, err) == (0, "SOUND: everything that was checked is as it was written.\n")
    assert [line.split()[:2] for line in out.splitlines()[1:]] == [
        ["ledger", "sound"],
        ["checkpoints", "sound"],
        ["output", "sound"],
    ]
    assert "301 items, 301 results" in out
    document = json.loads(outlast("verify", "docs", "--json")[1])
    assert (document["sound"], document["damaged"], document["ledger"]["items"]) == (True, False, ITEMS + 1)
    assert document["output"]["state"] == "sound"
    assert settled(tree, tmp_path) == before


def test_a_healthy_job_is_not_repaired(outlast, job, tmp_path, tree):
    before = settled(tree, tmp_path)
    for more in ((), ("--dry-run",)):
        code, out, err = outlast("repair", "docs", *more)
        assert (code, out, err) == (0, "", "SOUND: nothing of job docs is damaged; nothing was changed.\n")
    before.pop(name := f".outlast/jobs/{job.path.name}/LOCK")
    assert {each: digest for each, digest in settled(tree, tmp_path).items() if each != name} == before
    assert not job.aside.exists()


@pytest.fixture
def rotten(job, damage, tmp_path):
    """The same job with a flipped bit in a result, and one in its newest checkpoint."""
    damage(job.ledger, b'{"item":"https://a.test/77"}')
    damage(sorted(job.checkpoints.rglob("*.ckpt"))[-1])
    return job


def test_each_finding_has_its_key_what_is_wrong_and_what_repair_would_do(outlast, rotten, tmp_path, tree):
    before = settled(tree, tmp_path)
    code, out, err = outlast("verify", "docs")
    assert code == 4
    assert [line.split()[:2] for line in out.splitlines()[1:3]] == [["ledger", "DAMAGED"], ["checkpoints", "DAMAGED"]]
    assert any("https://a.test/77" in line and line.endswith("pending again") for line in out.splitlines())
    assert any(line.split()[0] == "checkpoint" and line.endswith("moved to quarantine") for line in out.splitlines())
    assert err.splitlines()[0] == "DAMAGED: 3 findings. Nothing was changed."
    assert err.splitlines()[1] == "  mend it   outlast repair docs"
    document = json.loads(outlast("verify", "docs", "--json")[1])
    assert {each["key"] for each in document["ledger"]["findings"]} == {"https://a.test/77"}
    assert settled(tree, tmp_path) == before


def test_a_dry_run_of_a_repair_changes_nothing(outlast, rotten, tmp_path, tree):
    before = settled(tree, tmp_path)
    code, out, err = outlast("repair", "docs", "--dry-run")
    assert code == 4
    assert "https://a.test/77" in out
    assert err.splitlines()[0] == "DAMAGED: 3 findings. This was a dry run: nothing was changed."
    assert json.loads(outlast("repair", "docs", "--dry-run", "--json")[1])["dry_run"] is True
    assert settled(tree, tmp_path) == before


def test_what_is_repaired_is_done_again_and_the_damaged_files_are_kept(outlast, rotten, tmp_path):
    damaged = rotten.ledger.read_bytes()
    code, out, err = outlast("repair", "docs")
    assert code == 0
    assert "https://a.test/77" in out
    assert err.splitlines()[:2] == ["MENDED: 3 findings.", f"The ledger has {ITEMS + 1} items and {ITEMS} results."]
    kept = next(line for line in err.splitlines() if line.startswith("The damaged ledger is kept in "))
    assert (rotten.path / kept.removeprefix("The damaged ledger is kept in ")).read_bytes() == damaged
    assert "1 damaged checkpoint moved to quarantine." in err
    assert outlast("verify", "docs")[0] == 0
    assert "on disk: " in outlast("status", "docs")[1]
    assert "kept by repair" in outlast("status", "docs")[1]
    code, _, err = outlast("resume", "docs")
    assert code == 0
    assert f": {ITEMS + 1} of {ITEMS + 1} done (1 in this run)" in err
    assert_whole(outlast, tmp_path)


@pytest.mark.parametrize(("asked", "logged"), [(None, 0), ("critical", 1)])
def test_what_is_missing_is_said_once_unless_the_log_was_asked_for(outlast, rotten, monkeypatch, asked, logged):
    outlast("repair", "docs")
    if asked is not None:
        monkeypatch.setenv("OUTLAST_LOGGING__EVENT_SEVERITY_MIN", asked)
    code, _, err = outlast("resume", "docs")
    assert code == 0
    assert err.count("RESULTS ARE MISSING from the ledger") == 1
    assert err.count("outlast.event ledger_behind") == logged


def test_a_ledger_that_sqlite_cannot_open_is_built_anew(outlast, job, tmp_path):
    blob = bytearray(job.ledger.read_bytes())
    blob[:100] = bytes(100)
    job.ledger.write_bytes(blob)
    code, out, err = outlast("verify", "docs")
    assert code == 4
    assert "it cannot be opened" in out
    assert f"A repair would save {ITEMS + 1} items and {ITEMS + 1} results of the ledger." in err
    assert outlast("repair", "docs", "--dry-run")[0] == 4
    code, out, err = outlast("repair", "docs", "--json")
    document = json.loads(out)
    assert (code, document["sound"], document["still_damaged"]) == (0, False, False)
    assert (document["ledger"]["rebuilt"], document["ledger"]["items"]) == (True, ITEMS + 1)
    assert outlast("resume", "docs")[0] == 0
    assert_whole(outlast, tmp_path)


def test_a_ledger_of_which_nothing_is_left_is_said_and_kept(outlast, job):
    job.ledger.write_bytes(b"no database" * 9_000)
    for part in ("-wal", "-shm"):
        job.ledger.with_name(f"ledger.db{part}").unlink(missing_ok=True)
    code, out, err = outlast("verify", "docs")
    assert code == 4
    assert "A repair would save" not in err
    code, out, err = outlast("repair", "docs")
    assert (code, out) == (4, "")
    assert err.startswith("outlast: error: ")
    assert job.ledger.read_bytes().startswith(b"no database")


def test_an_output_that_holds_something_else_is_found_and_written_anew(outlast, job, tmp_path, damage):
    damage(tmp_path / "out.jsonl", 500)
    code, out, err = outlast("verify", "docs")
    assert code == 4
    assert "byte 500 is not what was recorded" in out
    code, _, err = outlast("repair", "docs")
    assert code == 0
    [kept] = [file for file in tmp_path.glob("out.*.jsonl")]
    assert f"The output file is kept as {kept}; the next run writes it anew." in err
    assert outlast("verify", "docs")[0] == 0
    assert outlast("resume", "docs")[0] == 0
    assert_whole(outlast, tmp_path)


def test_an_output_that_was_moved_away_is_no_damage(outlast, job, tmp_path):
    (tmp_path / "out.jsonl").rename(tmp_path / "taken.jsonl")
    code, out, _ = outlast("verify", "docs")
    assert code == 0
    assert "absent" in out


def test_a_job_without_output_or_checkpoints_is_verified_all_the_same(outlast, monkeypatch):
    monkeypatch.setenv("OUTLAST_CHECKPOINT__ENABLED", "false")
    outlast("run", "scrape.py:scrape", "urls.txt")
    code, out, _ = outlast("verify", "scrape")
    assert code == 0
    assert "no checkpoint was taken" in out
    assert "output" not in out


def test_a_running_job_is_verified_and_not_repaired(outlast, job, tree, tmp_path):
    lock = job.lock("docs", "now")
    try:
        code, out, _ = outlast("verify", "docs")
        assert code == 0
        assert "(running: pid " in out.splitlines()[0]
        for more in ((), ("--dry-run",)):
            code, _, err = outlast("repair", "docs", *more)
            assert code == 5
            assert err.startswith("outlast: error: job 'docs' is being run")
    finally:
        lock.close()


def test_a_backup_is_a_ledger_that_can_be_put_back(outlast, job, tmp_path):
    code, out, err = outlast("backup", "docs", "kept.db")
    assert (code, out) == (0, "")
    assert err.startswith(f"job docs copied to kept.db: {ITEMS + 1} items and {ITEMS + 1} results, every row checked")
    code, _, err = outlast("backup", "docs", "kept.db")
    assert code == 2
    assert "kept.db exists" in err
    assert json.loads(outlast("backup", "docs", "second.db", "--json")[1])["results"] == ITEMS + 1
    for file in job.path.glob("ledger.db*"):
        file.unlink()
    shutil.copy(tmp_path / "kept.db", job.ledger)
    assert outlast("resume", "docs")[0] == 0
    assert_whole(outlast, tmp_path)


def test_a_damaged_ledger_is_not_backed_up(outlast, rotten, tmp_path):
    code, _, err = outlast("backup", "docs", "kept.db")
    assert code == 4
    assert "is damaged" in err
    assert not (tmp_path / "kept.db").exists()


@pytest.mark.parametrize("verb", [["verify"], ["repair"], ["rekey"], ["backup"], ["export"]])
def test_a_job_that_is_not_there_is_said(outlast, verb, monkeypatch):
    more = ["x.jsonl"] if verb[0] in {"backup", "export"} else []
    code, out, err = outlast(*verb, "nope", *more)
    assert (code, out) == (6, "")
    assert err == "outlast: error: no job 'nope' in the store .outlast (it has no jobs)\n"


def test_a_checkpoint_that_is_none_any_more_does_not_stop_the_repair(outlast, job, tmp_path, damage):
    first, last = sorted(job.checkpoints.rglob("*.ckpt"))
    last.write_bytes(b"x" * 400)
    damage(first)
    damage(tmp_path / "out.jsonl", 5)
    code, out, err = outlast("repair", "docs")
    assert code == 0, out + err
    assert not [*job.checkpoints.glob("*/*.ckpt")], "both are out of the way"
    assert len([*job.checkpoints.rglob("quarantine/*.ckpt")]) == 2
