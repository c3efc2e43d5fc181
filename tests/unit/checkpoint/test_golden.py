"""Files of every format version there was: what was written then is read now, to the same data, and stays as it is."""

from pathlib import Path

import pytest

from outlast.checkpoint import CheckpointManager, envelope
from outlast.config import CheckpointConfiguration
from outlast.errors import CheckpointCorruptionError, CheckpointValidationError
from outlast.storage.keys import Keyring

GOLDEN = Path(__file__).parents[2] / "golden"
FILES = sorted(path.name for path in GOLDEN.glob("checkpoint-*.ckpt"))
CHECKPOINT_ID = "golden-job-1d6a1bf0ed2d4f03-00000001"
DATA = {"state": {"page": 7, "seen": ["a", "é"]}, "counts": {"done": 3}, "position": 3}
KEYS = Keyring.of([bytes(range(32))])

in_clear = pytest.mark.parametrize("file", [file for file in FILES if "sealed" not in file])


def keys_of(file):
    return KEYS if "sealed" in file else None


def test_there_is_a_file_of_every_version_and_kind():
    assert FILES == [
        "checkpoint-1.0-gzip.ckpt",
        "checkpoint-1.0-plain.ckpt",
        "checkpoint-2.0-gzip.ckpt",
        "checkpoint-2.0-plain.ckpt",
        "checkpoint-2.0-sealed.ckpt",
    ]
    assert f"checkpoint-{envelope.VERSION}-sealed.ckpt" in FILES, "the version of today has its files too"


@pytest.mark.parametrize("file", FILES)
def test_it_is_read(file):
    blob = (GOLDEN / file).read_bytes()
    header, data = envelope.unseal(blob, keys=keys_of(file))
    assert data == DATA
    assert envelope.check(blob, keys=keys_of(file)) == header
    assert (header.id, header.job_id, header.sequence) == (CHECKPOINT_ID, "golden/job", 1)
    assert header.metadata == {"reason": "golden"}
    assert header.version == file.split("-")[1]
    assert header.created.startswith("2026-11-2")
    assert header.codec is (envelope.Codec.NONE if "plain" in file else envelope.Codec.GZIP)


@in_clear
async def test_a_store_that_holds_it_gives_it_back(file, tmp_path):
    path = tmp_path / CHECKPOINT_ID.rpartition("-")[0] / f"{CHECKPOINT_ID}.ckpt"
    path.parent.mkdir()
    path.write_bytes((GOLDEN / file).read_bytes())
    async with CheckpointManager(CheckpointConfiguration(storage_path=str(tmp_path))) as checkpoints:
        assert await checkpoints.load_checkpoint(CHECKPOINT_ID) == DATA
        [row] = await checkpoints.list_checkpoints("golden/job")
        assert (row["status"], row["version"], row["metadata"]) == (
            "available",
            file.split("-")[1],
            {"reason": "golden"},
        )
    assert path.read_bytes() == (GOLDEN / file).read_bytes()


@in_clear
def test_where_everything_is_sealed_it_is_refused(file):
    with pytest.raises(CheckpointCorruptionError, match="in clear"):
        envelope.unseal((GOLDEN / file).read_bytes(), keys=KEYS)


def test_the_sealed_one_is_read_by_its_key_alone_and_wrapped_anew():
    blob = (GOLDEN / "checkpoint-2.0-sealed.ckpt").read_bytes()
    for keys in (None, Keyring.of([bytes(32)])):
        with pytest.raises(CheckpointValidationError):
            envelope.unseal(blob, keys=keys)
    both = Keyring.of([bytes(32), bytes(range(32))])
    assert envelope.unseal(envelope.rewrap(blob, both), keys=Keyring.of([bytes(32)]))[1] == DATA
