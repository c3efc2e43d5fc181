"""Encrypted jobs on the command line: with their key, without it, with another one, and with a new one."""

import asyncio
import base64
import json
import re

import pytest

from outlast import CheckpointManager
from outlast.config import CheckpointConfiguration
from outlast.jobs.store import job_directory

pytestmark = pytest.mark.real_time

VARIABLE = "OUTLAST_ENCRYPTION_KEY"
OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


@pytest.fixture
def job(outlast, tmp_path, monkeypatch):
    """A job that was run with `OLD`, one of its items failed; its directory. The key is in the environment."""
    monkeypatch.setenv("OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED", "true")
    monkeypatch.setenv(VARIABLE, OLD)
    assert outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs", "-o", "out.jsonl")[0] == 1
    return job_directory(tmp_path / ".outlast", "docs")


@pytest.mark.parametrize("other", [None, NEW])
def test_what_was_not_read_for_want_of_its_key_is_never_called_sound(outlast, job, monkeypatch, other):
    monkeypatch.delenv(VARIABLE)
    if other is not None:
        monkeypatch.setenv(VARIABLE, other)
    assert outlast("verify", "docs")[0] == 2
    code, _, err = outlast("repair", "docs", "--dry-run")
    assert code == 2
    assert err.startswith("NOT VERIFIED: ")
    document = json.loads(outlast("repair", "docs", "--dry-run", "--json")[1])
    assert (document["sound"], document["lossless"], bool(document["unread"])) == (False, True, True)
    assert outlast("repair", "docs")[0] == 2


def settled(tree, path):
    return {name: digest for name, digest in tree(path).items() if not name.endswith(("-shm", "LOCK"))}


def test_with_the_key_it_is_a_job_like_any_other(outlast, job, monkeypatch):
    # Reading needs the key alone, not the setting.
    monkeypatch.delenv("OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED")
    assert outlast("status", "docs")[1].splitlines()[0] == "job docs: 3 of 3 finished (100.0%)"
    assert "no price on bad" in outlast("status", "docs")[1]
    assert outlast("results", "docs")[1] == '{"item":"good"}\n'
    assert outlast("verify", "docs")[0] == 0
    assert json.loads(outlast("checkpoint", "show", "docs", "--json")[1])["checkpoint"]["encrypted"] is True
    assert outlast("export", "docs", "items.jsonl", "--what", "items")[0] == 0
    assert outlast("retry", "docs")[0] == 0
    assert '"pending": 2' in outlast("status", "docs", "--json")[1]


def test_the_key_may_stand_in_a_file(outlast, job, monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE)
    (tmp_path / "key").write_text(f"{OLD}\n")
    monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY_FILE", str(tmp_path / "key"))
    assert outlast("results", "docs")[1] == '{"item":"good"}\n'


@pytest.mark.parametrize("other", [None, NEW])
def test_without_its_key_the_name_and_the_counts_are_told_and_nothing_else(
    outlast, job, monkeypatch, tree, tmp_path, other
):
    monkeypatch.delenv(VARIABLE)
    if other is not None:
        monkeypatch.setenv(VARIABLE, other)
    before = settled(tree, tmp_path)
    code, out, err = outlast("status", "docs")
    assert (code, err) == (0, "")
    assert out.splitlines()[:3] == [
        "job docs: 3 of 3 finished (100.0%)",
        "1 done, 2 failed, 0 to do",
        "not running; encrypted: key needed for the rest",
    ]
    assert "price" not in out
    assert outlast("status")[1] == out
    row, reason = outlast("ls")[1].splitlines()[1:]
    assert row.endswith("  encrypted")
    assert re.fullmatch(r"  its key \w+ is needed for the rest", reason)
    document = json.loads(outlast("status", "docs", "--json")[1])
    assert (document["key_needed"], document["counts"]["done"], document["failures"]) == (True, 1, [])
    for verb in (
        ["results"],
        ["retry"],
        ["export"],
        ["rekey"],
        ["resume"],
        ["checkpoint", "show"],
        ["checkpoint", "export"],
    ):
        code, out, err = outlast(*verb, "docs", *(["x.csv"] if verb == ["export"] else []))
        assert code == 2, verb
        assert "key" in err, verb
        assert not {"price", "good", OLD, NEW} & set((out + err).split()), verb
    assert settled(tree, tmp_path) == before


def test_without_its_key_all_is_verified_that_needs_none(outlast, job, monkeypatch, damage):
    monkeypatch.delenv(VARIABLE)
    code, out, err = outlast("verify", "docs")
    assert code == 2
    assert [line.split()[:2] for line in out.splitlines()[1:3]] == [["ledger", "sound"], ["checkpoints", "not"]]
    assert err.startswith("NOT VERIFIED: ")
    blob = job.ledger.read_bytes()
    damage(job.ledger, next(sealed for sealed in results_of(job) if sealed in blob))
    assert outlast("verify", "docs")[0] == 4
    assert outlast("repair", "docs")[0] == 2
    monkeypatch.setenv(VARIABLE, OLD)
    assert outlast("repair", "docs")[0] == 0
    assert outlast("verify", "docs")[0] == 0


def results_of(job):
    """What is stored of the results, as it stands in the file."""
    import apsw

    db = apsw.Connection(str(job.ledger), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [bytes(lines) for (lines,) in db.execute("SELECT CAST(lines AS BLOB) FROM results WHERE length(lines)")]
    finally:
        db.close()


def planted_in(job):
    """The id of a checkpoint in clear that somebody has put there."""

    async def planted():
        async with CheckpointManager(CheckpointConfiguration(storage_path=str(job.checkpoints))) as manager:
            return await manager.create_checkpoint("docs", {"state": {"cursor": "theirs"}, "counts": {}, "position": 1})

    return asyncio.run(planted())


def test_a_checkpoint_in_the_clear_is_no_checkpoint_of_an_encrypted_job(outlast, job, monkeypatch):
    planted_id = planted_in(job)
    # Whether it has to be encrypted is known from the ledger, whatever the configuration says.
    monkeypatch.delenv("OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED")
    code, out, _ = outlast("checkpoint", "verify", "docs", "--deep")
    assert code == 4
    assert any(line.split()[:2] == [planted_id, "DAMAGED"] for line in out.splitlines())
    assert outlast("checkpoint", "restore", planted_id)[0] == 4
    assert "theirs" not in outlast("checkpoint", "show", "docs")[1]


def test_without_the_key_a_planted_checkpoint_is_not_believed_either(outlast, job, monkeypatch):
    planted_id = planted_in(job)
    for variable in (VARIABLE, "OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED"):
        monkeypatch.delenv(variable)
    code, out, _ = outlast("checkpoint", "verify", "docs", "--deep")
    assert code == 4
    assert any(line.split()[:2] == [planted_id, "DAMAGED"] for line in out.splitlines())
    assert outlast("checkpoint", "restore", planted_id)[0] == 4
    assert outlast("verify", "docs")[0] == 4
    for verb in ("show", "export"):
        assert "theirs" not in outlast("checkpoint", verb, "docs")[1]
    code, _, err = outlast("checkpoint", "prune", "docs")
    assert code == 2
    assert VARIABLE in err


def test_encryption_switched_on_for_a_job_in_the_clear_does_not_cost_it_its_checkpoints(outlast, monkeypatch):
    assert outlast("run", "scrape.py:tally", "urls.txt", "--job", "docs")[0] == 0
    monkeypatch.setenv("OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED", "true")
    monkeypatch.setenv(VARIABLE, OLD)
    assert outlast("run", "scrape.py:tally", "urls.txt", "--job", "docs")[0] == 2
    assert outlast("verify", "docs")[0] == 0
    assert outlast("repair", "docs")[0] == 0
    monkeypatch.delenv("OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED")
    assert outlast("run", "scrape.py:tally", "urls.txt", "https://a.test/more", "--job", "docs")[0] == 0
    assert '"seen":7' in outlast("checkpoint", "export", "docs")[1].replace(" ", "")


def test_a_restored_checkpoint_of_an_encrypted_job_is_encrypted(outlast, job, monkeypatch):
    monkeypatch.delenv("OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED")
    [row] = json.loads(outlast("checkpoint", "ls", "docs", "--json")[1])["checkpoints"]
    assert outlast("checkpoint", "restore", row["id"])[0] == 0
    rows = json.loads(outlast("checkpoint", "ls", "docs", "--json")[1])["checkpoints"]
    assert [each["encrypted"] for each in rows] == [True, True]


def test_a_backup_needs_no_key_and_tells_nothing(outlast, job, monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE)
    assert outlast("backup", "docs", "kept.db")[0] == 0
    kept = (tmp_path / "kept.db").read_bytes()
    assert b'"good"' not in kept
    assert b"no price" not in kept


def test_the_key_is_changed_by_putting_the_new_one_first(outlast, job, monkeypatch):
    monkeypatch.setenv(VARIABLE, f"{NEW},{OLD}")
    code, out, err = outlast("rekey", "docs")
    assert (code, out) == (0, "")
    assert err.startswith("job docs: the ledger and 1 checkpoint re-wrapped; the key in charge is ")
    code, _, err = outlast("rekey", "docs")
    assert err.startswith("job docs: nothing to re-wrap; the key in charge is ")
    document = json.loads(outlast("rekey", "docs", "--json")[1])
    assert (document["ledger"], document["checkpoints"], document["left"]) == (False, 0, 0)
    monkeypatch.setenv(VARIABLE, NEW)
    assert outlast("results", "docs")[1] == '{"item":"good"}\n'
    assert outlast("verify", "docs")[0] == 0
    monkeypatch.setenv(VARIABLE, OLD)
    assert outlast("results", "docs")[0] == 2


def test_a_job_in_the_clear_is_not_rekeyed_and_needs_no_key(outlast, monkeypatch):
    monkeypatch.setenv(VARIABLE, OLD)
    outlast("run", "scrape.py:scrape", "urls.txt")
    assert outlast("results", "scrape")[1].count("\n") == 6
    assert outlast("retry", "scrape")[0] == 0
    code, _, err = outlast("rekey", "scrape")
    assert code == 2
    assert err == "outlast: error: job 'scrape' is not encrypted: there is nothing to re-wrap\n"


def test_nothing_is_rekeyed_while_the_job_runs(outlast, job):
    lock = job.lock("docs", "now")
    try:
        assert outlast("rekey", "docs")[0] == 5
    finally:
        lock.close()


def test_a_key_that_is_none_is_said_without_telling_it(outlast, job, monkeypatch):
    monkeypatch.setenv(VARIABLE, "c2VjcmV0LWJ1dC1zaG9ydA==")
    code, _, err = outlast("results", "docs")
    assert code == 2
    assert VARIABLE in err
    assert "c2VjcmV0" not in err


def key_id(outlast):
    return json.loads(outlast("status", "docs", "--json")[1])["key_id"]


@pytest.mark.parametrize("other", [None, NEW])
def test_whoever_lacks_the_key_is_told_which_one_and_where_it_belongs(outlast, job, monkeypatch, other):
    monkeypatch.delenv(VARIABLE)
    if other is not None:
        monkeypatch.setenv(VARIABLE, other)
    document = json.loads(outlast("status", "docs", "--json")[1])
    assert (document["was_killed"], document["last_run"], document["ended"]) == (None, None, None)
    missing = document["key_id"]
    assert f"put its key {missing} into {VARIABLE}, then: outlast status docs" in outlast("status", "docs")[1]
    for verb in (["results"], ["retry"], ["resume"], ["export", "x.csv"], ["events"]):
        _, _, err = outlast(verb[0], "docs", *verb[1:])
        assert err.startswith(f"outlast: error: job 'docs' is encrypted by the key {missing}, which is "), verb
        where = "not at hand" if other is None else f"not among those of {VARIABLE} and {VARIABLE}_FILE ("
        assert where in err
    _, _, err = outlast("verify", "docs")
    assert err.splitlines()[-1] == (
        f"  with its key   put the key {missing} into {VARIABLE}, then: outlast verify docs"
    )
    for verb in (["export"], ["restore"]):
        named = (
            "docs"
            if verb == ["export"]
            else json.loads(outlast("checkpoint", "ls", "docs", "--json")[1])["checkpoints"][0]["id"]
        )
        error = json.loads(outlast("checkpoint", *verb, named, "--json")[2].splitlines()[-1])
        assert (error["code"], error["error_code"]) == (2, "KEY_MISSING_ERROR"), verb


@pytest.mark.parametrize("bad", ["bad", "file"])
def test_a_key_that_is_none_keeps_nobody_from_what_needs_no_key(outlast, job, monkeypatch, bad):
    outlast("run", "scrape.py:scrape", "urls.txt", "--job", "plain")
    monkeypatch.setenv(VARIABLE, "bad" if bad == "bad" else "")
    if bad == "file":
        monkeypatch.setenv(f"{VARIABLE}_FILE", "/nowhere")
    assert outlast("ls")[0] == 0
    assert outlast("status", "docs")[0] == 0
    assert outlast("checkpoint", "ls", "docs")[0] == 0
    assert outlast("verify", "docs")[0] == 2
    assert outlast("verify", "docs")[2].startswith("NOT VERIFIED")
    assert outlast("results", "docs")[0] == 2
    assert VARIABLE in outlast("results", "docs")[2]


def test_a_bad_key_keeps_nobody_from_a_job_in_the_clear(outlast, monkeypatch):
    outlast("run", "scrape.py:tally", "urls.txt", "--job", "plain")
    monkeypatch.setenv(VARIABLE, "bad")
    for verb in (["verify"], ["checkpoint", "ls"], ["checkpoint", "verify"], ["checkpoint", "show"], ["repair"]):
        assert outlast(*verb, "plain")[0] == 0, verb


def test_what_could_not_be_read_was_not_read_to_the_last_byte(outlast, job, monkeypatch):
    assert "every byte" in outlast("checkpoint", "verify", "docs", "--deep")[2]
    monkeypatch.delenv(VARIABLE)
    out = outlast("verify", "docs")[1]
    assert "  checkpoints  not read  0 of 1 intact; 1 cannot be read here" in out.splitlines()
    assert "every byte" not in out + outlast("checkpoint", "verify", "docs", "--deep")[2]


def test_rekey_without_a_key_says_first_whether_the_job_needs_one(outlast, monkeypatch):
    outlast("run", "scrape.py:scrape", "urls.txt")
    code, _, err = outlast("rekey", "scrape")
    assert (code, err) == (2, "outlast: error: job 'scrape' is not encrypted: there is nothing to re-wrap\n")
