"""Whether the store is a place where what is recorded stays: tried out there, and nothing is left behind."""

import asyncio
import errno
import fcntl
import os
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from outlast.cli.doctor.check import Check, State
from outlast.cli.doctor.mounts import mount_of
from outlast.cli.phrases import size
from outlast.errors import LedgerError
from outlast.ledger import SqliteLedger
from outlast.runtime import Clock
from outlast.storage.files import write_durably

__all__ = ["StoreFacts", "store_checks", "tried"]

FREE_BAD = 64 * 2**20
FREE_WARN = 2**30
INODES_WARN = 10_000
SYNC_WARN = 0.1
SKEW_WARN = 2.0
SYNCS = 5
ROOM = ("make room, or another --store",)
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs", "davfs"})
VOLATILE = frozenset({"tmpfs", "ramfs", "devtmpfs"})
LAYERED = frozenset({"overlay", "aufs", "fuse.fuse-overlayfs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """What was tried where jobs are kept. `tried_in` is the store, or the directory in which it would be made.

    `problem` is why nothing can be kept there, `sync_seconds` how long the slowest of some syncs took, and `clock_skew` by how many
    seconds the clock of the file system differs. None: not known.
    """

    path: str
    tried_in: str
    exists: bool
    problem: str | None = None
    free: int | None = None
    inodes_free: int | None = None
    kind: str | None = None
    sync_seconds: float | None = None
    clock_skew: float | None = None


async def tried(store: Path, clock: Clock) -> StoreFacts:
    """Write, sync, lock and open a ledger in a directory of its own, there where the store is or would be."""
    place, facts = _looked_at(store)
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=place) as scratch:
            seconds, skew = await _worked_in(Path(scratch), clock)
            return replace(facts, sync_seconds=seconds, clock_skew=skew)
    except OSError as error:
        return replace(facts, problem=error.strerror or str(error))
    except LedgerError as error:
        return replace(facts, problem=error.message)


def store_checks(facts: StoreFacts) -> list[Check]:
    """What is said of it: of the place, of its room, and of what it promises when the power goes."""
    if facts.problem is not None:
        says = f"{facts.path}: nothing can be kept in {facts.tried_in}: {facts.problem}"
        do = ("outlast --store DIR ..., or OUTLAST_STORE=DIR: a directory that you may write",)
        if facts.problem == os.strerror(errno.ENOSPC):
            do = ROOM
        return [Check(name="store", state=State.BAD, says=says, do=do, facts=asdict(facts))]
    return [_kind_check(facts), _room_check(facts), _sync_check(facts)]


def _kind_check(facts: StoreFacts) -> Check:
    kind = facts.kind or "unknown"
    there = "" if facts.exists else f", to be made in {facts.tried_in}"
    says = f"{facts.path} on {kind}{there}"
    state, do = State.OK, ""
    if kind in NETWORK or (kind.startswith("fuse.") and kind not in LAYERED):
        says += ": the log of SQLite is not safe over a network"
        state, do = State.BAD, "outlast --store DIR ...: a directory on a disk of this machine"
    elif kind in VOLATILE:
        says += ": gone when the machine restarts"
        state, do = State.WARN, "outlast --store DIR ...: a directory on a disk"
    elif kind in LAYERED:
        says += ": gone with the container"
        state, do = State.WARN, "docker run -v NAME:/DIR ..., and OUTLAST_STORE=/DIR"
    return Check(name="store", state=state, says=says, do=(do,) if do else (), facts=asdict(facts))


def _room_check(facts: StoreFacts) -> Check:
    free, inodes = facts.free, facts.inodes_free
    told = "unknown" if free is None else f"{size(free)} free"
    do = ROOM
    if free is not None and free < FREE_BAD:
        return Check(name="disk", state=State.BAD, says=f"{told}: too little to begin a job", do=do)
    if free is not None and free < FREE_WARN:
        return Check(name="disk", state=State.WARN, says=f"{told}: little for a long job", do=do)
    if inodes is not None and inodes < INODES_WARN:
        return Check(name="disk", state=State.WARN, says=f"{told}, but only {inodes} more files can be made", do=do)
    return Check(name="disk", state=State.OK, says=told)


def _sync_check(facts: StoreFacts) -> Check:
    seconds, skew = facts.sync_seconds or 0.0, facts.clock_skew or 0.0
    told = f"a write is on the disk after {1000 * seconds:.1f} ms"
    if abs(skew) > SKEW_WARN:
        says = f"the clock of the disk is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
        return Check(name="sync", state=State.WARN, says=says, do=("set both clocks by the same server (NTP)",))
    if seconds > SYNC_WARN:
        do = ("a faster disk for --store, or a longer [checkpoint] interval",)
        return Check(name="sync", state=State.WARN, says=f"{told}: every group of results waits for that", do=do)
    return Check(name="sync", state=State.OK, says=told)


def _looked_at(store: Path) -> tuple[Path, StoreFacts]:
    place = next(each for each in (store.absolute(), *store.absolute().parents) if _is_there(each))
    facts = StoreFacts(path=str(store), tried_in=str(place), exists=_is_there(store), kind=mount_of(place))
    try:
        found = os.statvfs(place)
    except OSError:
        return place, facts
    inodes = found.f_favail if found.f_files else None
    return place, replace(facts, free=found.f_bavail * found.f_frsize, inodes_free=inodes)


def _is_there(path: Path) -> bool:
    # Not `Path.exists`: it raises where a directory may not be looked into.
    return os.path.exists(path)  # noqa: PTH110


async def _worked_in(scratch: Path, clock: Clock) -> tuple[float, float]:
    slowest = await asyncio.to_thread(_slowest_sync, scratch, clock)
    skew = (scratch / "0").stat().st_mtime - clock.now().timestamp()
    _lock_twice(scratch / "lock")
    ledger = await SqliteLedger.open(scratch / "ledger.db")
    try:
        await ledger.put("doctor", "was here")
    finally:
        await ledger.close()
    return slowest, round(skew, 3)


def _slowest_sync(scratch: Path, clock: Clock) -> float:
    took = []
    for number in range(SYNCS):
        begun = clock.monotonic()
        write_durably(scratch / str(number), bytes(4096))
        took.append(clock.monotonic() - begun)
    return max(took)


def _lock_twice(path: Path) -> None:
    """A second descriptor must be refused: else two processes could run one job."""
    with path.open("wb") as first, path.open("rb") as second:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    raise OSError(0, "its locks lock nothing, so two processes could run one job")
