"""Where the files of a job are, and what they take."""

from pathlib import Path

import pytest

from outlast.errors import ValidationError
from outlast.jobs.store import PartSizes, job_directory


def write(path, size):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def test_the_sizes_are_those_of_the_parts(tmp_path):
    directory = job_directory(tmp_path, "job")
    nothing = PartSizes(ledger=0, log=0, checkpoints=0, quarantine=0, aside=0, old=0)
    assert directory.sizes() == nothing
    write(directory.ledger, 1)
    write(directory.path / "ledger.db-wal", 20)
    write(directory.path / "ledger.db-shm", 2)
    write(directory.checkpoints / "job-1" / "job-1-00000001.ckpt", 300)
    write(directory.checkpoints / "job-1" / "quarantine" / "job-1-00000002.ckpt", 4_000)
    write(directory.aside / "1" / "ledger.db", 50_000)
    write(directory.old / "1" / "ledger.db", 600_000)
    (directory.path / "old" / "link").symlink_to(directory.ledger)
    assert directory.sizes() == PartSizes(
        ledger=1, log=22, checkpoints=300, quarantine=4_000, aside=50_000, old=600_000
    )


def test_what_was_put_aside_leaves_its_names_free(tmp_path):
    directory = job_directory(tmp_path, "job")
    write(directory.ledger, 1)
    write(directory.checkpoints / "one", 2)
    write(directory.aside / "two", 3)
    assert directory.put_aside("label") == directory.old / "label"
    assert not directory.exists
    assert (directory.sizes().old, directory.sizes().aside) == (3, 3)


@pytest.mark.parametrize("name", ["", "x" * 513])
def test_a_name_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(ValidationError, match="1 to 512 characters"):
        job_directory(Path(tmp_path), name)
