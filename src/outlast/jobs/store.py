"""Where jobs live on disk: a directory per job under the store, its ledger, its checkpoints, its lock."""

import fcntl
import hashlib
import re
import stat
import threading
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path

from outlast.errors import JobError, JobLockedError, LedgerCorruptionError, ValidationError
from outlast.jobs.signature import LOCK, Signature
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
    events: int = 0


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
    def browsers(self) -> Path:
        """What the browser wing keeps: the last known sessions, and which processes it has started."""
        return self.path / "browsers"

    @property
    def old(self) -> Path:
        """Where fresh starts keep what was recorded before them."""
        return self.path / "old"

    @property
    def orders(self) -> Path:
        """What the job was told while it may be running (`outlast.jobs.orders`)."""
        return self.path / "ORDERS"

    @property
    def answers(self) -> Path:
        """What its run has answered to commands (`outlast.jobs.answers`)."""
        return self.path / "ANSWERS"

    @property
    def in_hand(self) -> Path:
        """Which items the workers have in hand now (`outlast.jobs.inhand`)."""
        return self.path / "IN_HAND"

    @property
    def totals(self) -> Path:
        """What its finished runs gave (`outlast.jobs.totals`)."""
        return self.path / "TOTALS"

    @property
    def exists(self) -> bool:
        return self.ledger.exists()

    @property
    def name(self) -> str | None:
        """The name of the job, by its `LOCK` or by the directory; None where neither can tell."""
        signed = Signature.of(self.path)
        told = [self.path.name.rpartition("-")[0], *([signed.job] if signed is not None and signed.job else [])]
        store = self.path.parents[1]
        return next((name for name in reversed(told) if name and job_directory(store, name) == self), None)

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
            events=sum(map(_size_of, self.path.glob("events*.ndjson"))),
        )

    def lock(self, job_id: str, started: str) -> "Lock":
        """Hold the job until the lock is closed or the process ends, however it ends.

        Raises `JobLockedError` when another process holds it, `JobError` when the directory cannot be written.
        """
        path = self.path / LOCK
        try:
            ensure_directory(self.path)
            file = path.open("a+b", buffering=0)
            try:
                self._hold(file, job_id)
                lock = Lock(file, path, Signature.now(job_id, started, begun=self._begun()))
                lock.sign()
            except BaseException:
                file.close()
                raise
        except OSError as error:
            reason = f"{error.strerror} ({error.filename or path})"
            message = f"the store {self.path.parent.parent} cannot be written: {reason}; job {job_id!r} was not started"
            raise JobError(message, context={"job_id": job_id, "path": str(self.path)}) from error
        close_in_children(file)
        return lock

    def refuse_emptied(self) -> None:
        """Raise `LedgerCorruptionError` where the ledger has not one byte, and had. To be called with the lock held.

        A start that is killed between making the file and its first commit leaves an empty one too, and the next start goes on
        from there: `LOCK` tells the two apart, and where it cannot, a checkpoint does.
        """
        if not self.exists or self.ledger.stat().st_size:
            return
        begun = self._begun()
        if begun or (begun is None and any(self.checkpoints.rglob("*.ckpt"))):
            message = f"the ledger {self.ledger} is damaged: it is empty, and the job had begun"
            raise LedgerCorruptionError(message, context={"path": str(self.ledger), "hopeless": True})

    def _begun(self) -> bool | None:
        """Whether the ledger has had a first commit, as far as that is known; an empty one leaves it to what was signed before."""
        if not self.exists:
            return False
        if self.ledger.stat().st_size:
            return True
        before = Signature.of(self.path)
        return None if before is None else before.begun

    def parts(self) -> frozenset[str]:
        """The names of what is there."""
        return frozenset(part.name for part in self.path.iterdir())

    def take_back(self, before: Collection[str]) -> None:
        """Remove a ledger that was made just now, because its job is not begun after all, and the files that were not there `before`."""
        for name in sorted(self.parts(), reverse=True):
            part = self.path / name
            if part.is_file() and (name.startswith("ledger.db") or name not in before):
                part.unlink(missing_ok=True)

    def _hold(self, file: FileIO, job_id: str) -> None:
        # Whoever looks whether the job runs has the lock for an instant, and must not keep a start from it.
        for _ in range(LOCK_TRIES):
            if _is_free(file):
                return
            threading.Event().wait(LOCK_TRY_SECONDS)
        message = f"job {job_id!r} is being run by another process{_holder(self.path)}"
        raise JobLockedError(message, context={"job_id": job_id, "path": str(self.path)})

    def put_aside(self, label: str) -> Path:
        """Move what the job has recorded out of the way, for a fresh start; where it is now."""
        old = self.old / label
        ensure_directory(old)
        # The ledger's log goes before the ledger: SQLite throws away a log that it finds without one.
        parts = [*sorted(self.path.glob("ledger.db*"), reverse=True), self.checkpoints]
        parts += [self.orders, self.answers, self.in_hand]
        parts += self.path.glob("events*.ndjson")
        for part in parts:
            if part.exists():
                part.rename(old / part.name)
        self._put_sessions_aside(old / self.browsers.name)
        # A power cut must not keep the new names and forget where the old ones went.
        for directory in (old, self.path):
            OsDisk().sync_directory(directory)
        return old

    def _put_sessions_aside(self, old: Path) -> None:
        # Not the records of what was started: the next run ends by them what a killed one has left.
        sessions = sorted(self.browsers.glob("state-*.json"))
        if not sessions:
            return
        ensure_directory(old)
        for each in sessions:
            each.rename(old / each.name)
        for directory in (old, self.browsers):
            OsDisk().sync_directory(directory)


class Lock:
    """A job's lock. The kernel gives it back when the process dies, so a killed run leaves none behind."""

    def __init__(self, file: FileIO, path: Path, signature: Signature) -> None:
        self._file = file
        self._path = path
        self._signature = signature

    def sign(self) -> None:
        """Say who holds it."""
        self._file.truncate(0)
        self._file.write(self._signature.to_bytes())

    def mark(self, *, begun: bool) -> None:
        """Note whether the ledger has had its first commit: an empty one is then damage, and no beginning."""
        if begun == self._signature.begun:
            return
        self._signature = replace(self._signature, begun=begun)
        # In place, so that nobody who looks meanwhile sees it unsigned. A note that is lost is made by the next start.
        with suppress(OSError), self._path.open("r+b") as file:
            file.write(self._signature.to_bytes())

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


def _holder(path: Path) -> str:
    signed = Signature.of(path)
    return "" if signed is None else f" (pid {signed.pid} on {signed.host}, since {signed.since})"
