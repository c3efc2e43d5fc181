"""`outlast checkpoint ... --path`: the checkpoints that a program keeps for itself, without any job of a store."""

import asyncio
import base64
import json

import pytest

from outlast import CheckpointManager
from outlast.config import CheckpointConfiguration

pytestmark = pytest.mark.real_time

HOSTILE = "shop \x1b[31m\nof d\u00e9mons"


@pytest.fixture
def kept(tmp_path):
    """A directory with three checkpoints of a job with a hostile name; their ids, newest first."""
    return created(
        tmp_path / "kept", {"page": 1}, {"page": 2}, {"page": 3, "cookie\x1b[0m": "\x1b[2J", "seen": [1] * 70}
    )


def created(path, *states, **settings):
    async def work():
        config = CheckpointConfiguration(storage_path=str(path), **settings)
        async with CheckpointManager(config) as manager:
            return [await manager.create_checkpoint(HOSTILE, state, {"reason": "an \x1b[1m end"}) for state in states]

    return asyncio.run(work())[::-1]


def file_of(checkpoint_id, tmp_path):
    [file] = tmp_path.rglob(f"{checkpoint_id}.ckpt")
    return file


def test_they_are_listed_newest_first(outlast, kept):
    code, out, err = outlast("checkpoint", "ls", HOSTILE, "--path", "kept")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["id", *kept]
    assert "an \\x1b[1m end" in out
    assert "\x1b" not in out + err
    assert f"outlast checkpoint show {kept[0]} --path kept" in err
    code, out, _ = outlast("checkpoint", "ls", HOSTILE, "--path", "kept", "--limit", "1", "--json")
    document = json.loads(out)
    assert (code, document["schema_version"], document["job_id"]) == (0, 1, HOSTILE)
    assert [row["id"] for row in document["checkpoints"]] == kept[:1]


@pytest.mark.parametrize("by_id", [True, False])
def test_one_is_shown_by_its_id_or_as_the_newest_of_its_job(outlast, kept, by_id):
    code, out, err = outlast("checkpoint", "show", kept[0] if by_id else HOSTILE, "--path", "kept")
    assert code == 0
    assert out.splitlines()[0] == f"checkpoint {kept[0]}: available"
    shown = {line.strip().rpartition("  ")[0].strip(): line.rpartition("  ")[2] for line in out.splitlines()[1:]}
    assert shown["data page"] == "3"
    assert shown["data seen"] == "list of 70"
    assert shown["data cookie\\x1b[0m"] == '"\\x1b[2J"'
    assert "\x1b" not in out + err
    document = json.loads(outlast("checkpoint", "show", kept[1], "--path", "kept", "--json")[1])
    assert document["holds"] == {"data": {"page": 2}}
    assert (document["checkpoint"]["id"], document["problem"], document["skipped"]) == (kept[1], None, [])


def test_the_data_is_exported_as_it_was(outlast, kept, tmp_path):
    code, out, err = outlast("checkpoint", "export", kept[2], "--path", "kept")
    assert (code, json.loads(out), err) == (0, {"page": 1}, "")
    code, out, err = outlast("checkpoint", "export", HOSTILE, "--path", "kept", "-o", "state.json")
    assert (code, out) == (0, "")
    assert err.startswith(f"{kept[0]} (taken 20")
    assert json.loads((tmp_path / "state.json").read_text())["seen"] == [1] * 70
    code, _, err = outlast("checkpoint", "export", HOSTILE, "--path", "kept", "-o", "state.json")
    assert code == 2
    assert "state.json exists already" in err
    code, out, _ = outlast("checkpoint", "export", kept[2], "--path", "kept", "--json")
    assert json.loads(out)["data"] == {"page": 1}


def test_a_damaged_one_is_told_left_where_it_is_and_not_shown_as_the_newest(outlast, kept, tmp_path, tree, damage):
    damage(file_of(kept[0], tmp_path))
    before = tree(tmp_path / "kept")
    code, out, err = outlast("checkpoint", "show", HOSTILE, "--path", "kept")
    assert (code, out.splitlines()[0]) == (0, f"checkpoint {kept[1]}: available")
    assert f"skipped, because damaged: {kept[0]}" in err
    code, out, err = outlast("checkpoint", "show", kept[0], "--path", "kept")
    assert (code, out.splitlines()[0]) == (4, f"checkpoint {kept[0]}: DAMAGED")
    assert outlast("checkpoint", "export", kept[0], "--path", "kept")[0] == 4
    assert json.loads(outlast("checkpoint", "export", HOSTILE, "--path", "kept")[1]) == {"page": 2}
    assert tree(tmp_path / "kept") == before


def test_verify_tells_what_is_damaged_and_changes_nothing(outlast, kept, tmp_path, tree, damage):
    code, out, err = outlast("checkpoint", "verify", HOSTILE, "--path", "kept", "--deep")
    assert code == 0
    assert [line.split() for line in out.splitlines()] == [[each, "available"] for each in kept]
    assert err.startswith("SOUND: 3 checkpoints of job shop \\x1b[31m")
    damage(file_of(kept[1], tmp_path))
    before = tree(tmp_path / "kept")
    assert outlast("checkpoint", "verify", HOSTILE, "--path", "kept")[0] == 0  # headers alone are sound
    code, out, err = outlast("checkpoint", "verify", HOSTILE, "--path", "kept", "--deep")
    assert code == 4
    assert [line.split()[1] for line in out.splitlines()] == ["available", "DAMAGED", "available"]
    assert err.startswith("DAMAGED: 1 of 3 checkpoints of job shop")
    code, out, _ = outlast("checkpoint", "verify", kept[1], "--path", "kept", "--json")
    document = json.loads(out)
    assert (code, document["sound"], document["deep"]) == (4, False, True)
    assert [(each["id"], each["status"]) for each in document["checkpoints"]] == [(kept[1], "corrupted")]
    assert outlast("checkpoint", "verify", kept[2], "--path", "kept")[0] == 0
    assert tree(tmp_path / "kept") == before


def test_a_dry_run_deletes_nothing_and_says_what_would_go(outlast, kept, tmp_path, tree):
    before = tree(tmp_path / "kept")
    code, out, err = outlast("checkpoint", "prune", HOSTILE, "--path", "kept", "--keep", "1", "--dry-run")
    assert (code, sorted(out.split())) == (0, sorted(kept[1:]))
    assert "2 checkpoints" in err
    assert "would be deleted" in err
    assert tree(tmp_path / "kept") == before
    code, out, _ = outlast("checkpoint", "prune", HOSTILE, "--path", "kept", "--keep", "1", "--json")
    document = json.loads(out)
    assert (sorted(document["deleted"]), document["kept"], document["dry_run"]) == (sorted(kept[1:]), kept[:1], False)
    assert document["freed_bytes"] > 0
    assert outlast("checkpoint", "ls", HOSTILE, "--path", "kept")[1].count("available") == 1


def test_an_older_one_is_restored_as_the_newest_and_nothing_is_deleted(outlast, kept):
    code, _, err = outlast("checkpoint", "restore", kept[2], "--path", "kept")
    assert code == 0
    first = err.splitlines()[0]
    assert (
        f"is now the newest checkpoint of job shop \\x1b[31m\\nof d\u00e9mons, with the state of {kept[2]} (taken "
        in first
    )
    rows = json.loads(outlast("checkpoint", "ls", HOSTILE, "--path", "kept", "--json")[1])["checkpoints"]
    assert [row["id"] for row in rows[1:]] == kept
    assert rows[0]["metadata"]["restored_from"] == kept[2]
    assert json.loads(outlast("checkpoint", "export", HOSTILE, "--path", "kept")[1]) == {"page": 1}


def test_restoring_keeps_more_than_retention_would(outlast, tmp_path, monkeypatch):
    monkeypatch.setenv("OUTLAST_CHECKPOINT__RETENTION_BYTES", "1")
    ids = created(tmp_path / "many", *({"n": n} for n in range(9)), retention_count=9)
    assert outlast("checkpoint", "restore", ids[-1], "--path", "many")[0] == 0
    assert outlast("checkpoint", "ls", HOSTILE, "--path", "many")[1].count("available") == 10


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["ls", "nobody", "--path", "kept"], 6, "no checkpoints of 'nobody' in kept (there are those of: shop"),
        (["ls", "nobody", "--path", "empty"], 6, "no checkpoints of 'nobody' in empty (it has none at all)"),
        (["ls", "nobody", "--path", "nowhere"], 6, "there are no checkpoints in nowhere: No such file"),
        (
            ["show", "a-0123456789abcdef-00000001", "--path", "kept"],
            6,
            "no checkpoints of 'a-0123456789abcdef-00000001'",
        ),
        (["restore", HOSTILE, "--path", "kept"], 2, "which checkpoint of job shop"),
        (["ls", "x" * 600, "--path", "kept"], 2, "a job id is a string of 1 to 512 characters"),
        (["show", "a-0123456789abcdef-00000001"], 6, "no checkpoint 'a-0123456789abcdef-00000001' in the store"),
        (["ls", "nobody"], 6, "no job 'nobody' in the store .outlast"),
    ],
)
def test_what_is_not_there_is_one_clear_line(outlast, kept, tmp_path, arguments, code, line):
    (tmp_path / "empty").mkdir()
    ended, out, err = outlast("checkpoint", *arguments)
    assert (ended, out) == (code, "")
    assert err.startswith("outlast: error: ")
    assert line in err
    assert "\x1b" not in err


def test_an_id_of_which_only_the_file_is_gone_is_not_found(outlast, kept, tmp_path):
    [file] = (tmp_path / "kept").rglob(f"{kept[1]}.ckpt")
    file.unlink()
    for verb in ("show", "export", "verify", "restore"):
        code, _, err = outlast("checkpoint", verb, kept[1], "--path", "kept")
        assert code == 6, verb
        assert f"no checkpoint {kept[1]}" in err


@pytest.fixture
def sealed(tmp_path, monkeypatch):
    """One sealed checkpoint in `sealed`; its id and its key, as the environment has it."""
    key = base64.b64encode(b"k" * 32).decode()
    monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", key)
    monkeypatch.setenv("OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED", "true")
    [checkpoint_id] = created(tmp_path / "sealed", {"token": "secret-token"}, encryption_enabled=True)
    return checkpoint_id, key


def test_a_sealed_one_opens_with_its_key(outlast, sealed):
    checkpoint_id, _ = sealed
    code, out, _ = outlast("checkpoint", "show", checkpoint_id, "--path", "sealed")
    assert code == 0
    assert "gzip, encrypted" in out
    assert '"secret-token"' in out
    assert outlast("checkpoint", "restore", checkpoint_id, "--path", "sealed")[0] == 0
    rows = json.loads(outlast("checkpoint", "ls", HOSTILE, "--path", "sealed", "--json")[1])["checkpoints"]
    assert [row["encrypted"] for row in rows] == [True, True]


@pytest.mark.parametrize("other", [None, base64.b64encode(b"x" * 32).decode()])
def test_without_its_key_a_sealed_one_is_named_and_not_called_damaged(
    outlast, sealed, monkeypatch, tmp_path, tree, other
):
    checkpoint_id, _ = sealed
    monkeypatch.delenv("OUTLAST_ENCRYPTION_KEY")
    if other is not None:
        monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", other)
    before = tree(tmp_path / "sealed")
    code, out, _ = outlast("checkpoint", "ls", HOSTILE, "--path", "sealed")
    assert code == 0
    assert "locked" in out
    for verb in ("show", "export", "verify", "restore"):
        code, out, err = outlast("checkpoint", verb, checkpoint_id, "--path", "sealed")
        assert code == 2, verb
        assert "it is sealed by the key " in out + err
        assert "secret-token" not in out + err
    assert tree(tmp_path / "sealed") == before
