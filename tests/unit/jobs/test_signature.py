"""What `LOCK` says, and that a ledger which lost all its bytes is not taken for one that was never begun."""

import json

import pytest

from outlast.errors import LedgerCorruptionError
from outlast.jobs import Run
from outlast.jobs.signature import Signature
from outlast.jobs.store import job_directory


@pytest.fixture
def directory(tmp_path):
    return job_directory(tmp_path / "store", "job")


def emptied(directory):
    for part in directory.path.glob("ledger.db-*"):
        part.unlink()
    directory.ledger.write_bytes(b"")


async def begun(directory, **options):
    async with Run("job", store=directory.path.parents[1], **options) as run:
        return (await run.process(lambda item: item, ["a"])).done


def test_a_signature_says_who_what_and_whether_the_ledger_was_begun(directory):
    lock = directory.lock("job", "now")
    signed = Signature.of(directory.path)
    assert (signed.job, signed.since, signed.begun) == ("job", "now", False)
    lock.mark(begun=True)
    assert Signature.of(directory.path).begun is True
    lock.close()
    directory.ledger.write_bytes(b"")
    directory.lock("job", "later").close()
    assert (Signature.of(directory.path).since, Signature.of(directory.path).begun) == ("later", True)
    directory.ledger.unlink()
    directory.lock("job", "later").close()
    assert Signature.of(directory.path).begun is False, "whoever takes the ledger away may begin another"


def test_one_signature_can_be_written_over_another():
    signed = [Signature.now("job null}", "now", begun=begun) for begun in (None, False, True)]
    assert len({len(each.to_bytes()) for each in signed}) == 1
    assert [json.loads(each.to_bytes())["begun"] for each in signed] == [None, 0, 1]
    assert {json.loads(each.to_bytes())["job"] for each in signed} == {"job null}"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "host": 1}'])
def test_what_is_no_signature_says_nothing(directory, text):
    directory.path.mkdir(parents=True)
    (directory.path / "LOCK").write_text(text)
    assert Signature.of(directory.path) is None
    directory.lock("job", "now").close()
    assert Signature.of(directory.path).job == "job"


async def test_an_emptied_ledger_is_damage_to_whoever_opens_it_for_writing(directory):
    assert await begun(directory) == 1
    emptied(directory)
    for _ in range(2):
        with pytest.raises(LedgerCorruptionError, match="is damaged: it is empty, and the job had begun"):
            await begun(directory)
    assert directory.ledger.read_bytes() == b""
    assert await begun(directory, fresh=True) == 1


async def test_a_first_start_that_was_killed_before_its_first_commit_goes_on_by_itself(directory):
    directory.lock("job", "now").close()
    directory.ledger.write_bytes(b"")
    assert await begun(directory) == 1


async def test_a_start_over_that_was_killed_before_its_first_commit_goes_on_by_itself(directory):
    assert await begun(directory) == 1
    lock = directory.lock("job", "now")
    lock.mark(begun=False)
    directory.put_aside("old")
    directory.ledger.write_bytes(b"")
    lock.close()
    assert await begun(directory) == 1


def test_of_a_lock_that_says_nothing_the_checkpoints_tell(directory):
    directory.lock("job", "now").close()
    directory.ledger.write_bytes(b"")
    lock = directory.path / "LOCK"
    lock.write_text(json.dumps({"pid": 1, "host": "h", "since": "now"}))
    directory.refuse_emptied()
    (directory.checkpoints / "job-1").mkdir(parents=True)
    (directory.checkpoints / "job-1" / "job-1-00000001.ckpt").write_bytes(b"x")
    with pytest.raises(LedgerCorruptionError):
        directory.refuse_emptied()
