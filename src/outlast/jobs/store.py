"""Where jobs live on disk: a directory per job under the store, its ledger, its checkpoints, its lock."""

import fcntl
import hashlib
import json
import os
import re
import socket
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from outlast.errors import JobError, JobLockedError, ValidationError
from outlast.storage.disk import OsDisk
from outlast.storage.files import ensure_directory
from outlast.storage.forks import close_in_children

__all__ = ["JobDirectory", "Lock", "PartSizes", "job_directories", "job_directory"]

NAME_MAX = 512
SLUG_MAX = 40
LOCK_TRIES = 10
LOCK_TRY_SECONDS = 0.005
_UNSAFE = re.compile(r"[^a-zA-Z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSizes:
    """Bytes of a job's files. `log` is what stands beside the ledger while it is open, or after a kill."""

    ledger: int
    log: int
    checkpoints: int
    quarantine: int
    aside: int
    old: int


@dataclass(frozen=True, slots=True)
class JobDirectory:
    """The files of one job."""

    path: Path

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.db"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def aside(self) -> Path:
        """Where `repair` keeps what it replaced."""
        return self.path / "aside"

    @property
    def old(self) -> Path:
        """Where fresh starts keep what was recorded before them."""
        return self.path / "old"

    @property
    def orders(self) -> Path:
        """What the job was told while it may be running (`outlast.jobs.orders`)."""
        return self.path / "ORDERS"

    @property
    def in_hand(self) -> Path:
        """Which items the workers have in hand now (`outlast.jobs.inhand`)."""
        return self.path / "IN_HAND"

    @property
    def exists(self) -> bool:
        return self.ledger.exists()

    def sizes(self) -> PartSizes:
        """What each part takes on the disk. Checkpoints that were told to be elsewhere are not counted."""
        log = [self.path / f"{self.ledger.name}{suffix}" for suffix in ("-wal", "-shm")]
        quarantine = sum(map(_size_of, self.checkpoints.glob("**/quarantine/*")))
        return PartSizes(
            ledger=_size_of(self.ledger),
            log=sum(map(_size_of, log)),
            checkpoints=_size_below(self.checkpoints) - quarantine,
            quarantine=quarantine,
            aside=_size_below(self.aside),
            old=_size_below(self.old),
        )

    def lock(self, job_id: str, started: str) -> "Lock":
        """Hold the job until the lock is closed or the process ends, however it ends.

        Raises `JobLockedError` when another process holds it, `JobError` when the directory cannot be written.
        """
        path = self.path / "LOCK"
        try:
            ensure_directory(self.path)
            file = path.open("a+b", buffering=0)
            try:
                self._hold(file, job_id)
                _sign(file, started)
            except BaseException:
                file.close()
                raise
        except OSError as error:
            reason = f"{error.strerror} ({error.filename or path})"
            message = f"the store {self.path.parent.parent} cannot be written: {reason}; job {job_id!r} was not started"
            raise JobError(message, context={"job_id": job_id, "path": str(self.path)}) from error
        close_in_children(file)
        return Lock(file)

    def _hold(self, file: FileIO, job_id: str) -> None:
        # Whoever looks whether the job runs has the lock for an instant, and must not keep a start from it.
        for _ in range(LOCK_TRIES):
            if _is_free(file):
                return
            threading.Event().wait(LOCK_TRY_SECONDS)
        message = f"job {job_id!r} is being run by another process{_holder(file)}"
        raise JobLockedError(message, context={"job_id": job_id, "path": str(self.path)})

    def put_aside(self, label: str) -> Path:
        """Move what the job has recorded out of the way, for a fresh start; where it is now."""
        old = self.old / label
        ensure_directory(old)
        # The ledger's log goes before the ledger: SQLite throws away a log that it finds without one.
        parts = [*sorted(self.path.glob("ledger.db*"), reverse=True), self.checkpoints, self.orders, self.in_hand]
        for part in parts:
            if part.exists():
                part.rename(old / part.name)
        # A power cut must not keep the new names and forget where the old ones went.
        for directory in (old, self.path):
            OsDisk().sync_directory(directory)
        return old


class Lock:
    """A job's lock. The kernel gives it back when the process dies, so a killed run leaves none behind."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def close(self) -> None:
        self._file.close()


def job_directory(store: Path, job_id: str) -> JobDirectory:
    """The directory of a job. Any name will do: slashes, dots and unicode never reach the file system.

    Raises `ValidationError` for an empty name or one of more than 512 characters.
    """
    if not job_id or len(job_id) > NAME_MAX:
        raise ValidationError(f"a job's name has 1 to {NAME_MAX} characters, not {len(job_id)}")
    slug = _UNSAFE.sub("-", job_id)[:SLUG_MAX].strip("-.") or "job"
    digest = hashlib.sha256(job_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return JobDirectory(store.absolute() / "jobs" / f"{slug}-{digest}")


def job_directories(store: Path) -> Iterator[JobDirectory]:
    """Every job of a store."""
    for path in sorted(store.absolute().glob("jobs/*")):
        directory = JobDirectory(path)
        if directory.exists:
            yield directory


def _size_below(directory: Path) -> int:
    return sum(map(_size_of, directory.rglob("*")))


def _size_of(path: Path) -> int:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _is_free(file: FileIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(file: FileIO, started: str) -> None:
    file.truncate(0)
    file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": started}).encode())


def _holder(file: FileIO) -> str:
    try:
        file.seek(0)
        holder = json.load(file)
        return f" (pid {holder['pid']} on {holder['host']}, since {holder['since']})"
    except (ValueError, KeyError, OSError):
        return ""
