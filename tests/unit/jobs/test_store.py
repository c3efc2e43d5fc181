"""Where the files of a job are, and what they take."""

import fcntl
import multiprocessing
import os
import resource
import signal
import threading
from pathlib import Path

import pytest

from outlast.errors import JobError, JobLockedError, ValidationError
from outlast.jobs.store import PartSizes, _is_free, job_directory


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


def test_a_job_that_is_run_is_refused_and_its_holder_is_named(tmp_path):
    directory = job_directory(tmp_path, "job")
    lock = directory.lock("job", "noon")
    with pytest.raises(JobLockedError, match=rf"pid {os.getpid()} on .*, since noon"):
        directory.lock("job", "later")
    lock.close()
    directory.lock("job", "later").close()


def test_somebody_who_looks_for_an_instant_does_not_keep_a_job_from_starting(tmp_path, monkeypatch):
    directory, tries = job_directory(tmp_path, "job"), []
    directory.lock("job", "noon").close()

    def tried(file):
        tries.append(_is_free(file))
        fcntl.flock(looking, fcntl.LOCK_UN)
        return tries[-1]

    with (directory.path / "LOCK").open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        monkeypatch.setattr("outlast.jobs.store._is_free", tried)
        directory.lock("job", "noon").close()
    assert tries == [False, True]


def _locked_until_killed(directory, ready):
    lock = directory.lock("job", "noon")
    context = multiprocessing.get_context("fork")
    child = context.Process(target=threading.Event().wait, args=(60,))
    child.start()
    ready.send(child.pid)
    threading.Event().wait(60)
    lock.close()


def test_a_child_that_outlives_its_parent_does_not_hold_the_job(tmp_path):
    directory = job_directory(tmp_path, "job")
    here, there = multiprocessing.Pipe()
    parent = multiprocessing.get_context("fork").Process(target=_locked_until_killed, args=(directory, there))
    parent.start()
    child = here.recv()
    try:
        with pytest.raises(JobLockedError):
            directory.lock("job", "noon")
        parent.kill()
        parent.join()
        directory.lock("job", "noon").close()
    finally:
        os.kill(child, signal.SIGKILL)
        here.close()
        there.close()


def test_a_lock_that_cannot_be_signed_names_the_job_and_the_file(tmp_path):
    directory = job_directory(tmp_path, "job")
    directory.lock("job", "noon").close()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(JobError, match=r"cannot be written: File too large \(.*LOCK\); job 'job' was not started"):
            directory.lock("job", "noon")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    directory.lock("job", "noon").close()
