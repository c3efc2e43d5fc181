"""Classic mistakes, made on purpose: each must break a promise within a few histories, or the campaigns prove nothing.

The last tests make mistakes in the simulation instead: a kinder disk lets mistakes live, so the deaths above depend on it.
"""

import errno
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from outlast.checkpoint.checkpointer import Checkpointer
from outlast.checkpoint.reader import Opened
from outlast.checkpoint.records import LatestCheckpoint
from outlast.checkpoint.shelf import Shelf
from outlast.checkpoint.store import DirectoryStore
from outlast.errors import CheckpointError, CheckpointNotFoundError, ResilienceException
from outlast.ledger.sqlfile import LedgerFile
from outlast.testing.disk_file import DiskFile
from outlast.testing.disk_model import DiskModel
from outlast.testing.simulated_disk import SimulatedDisk
from outlast.testing.simulated_vfs import SimulatedVfs

pytestmark = pytest.mark.usefixtures("tracing")

HISTORIES_MAX = 4_000
"""No mistake may live longer."""

SURVIVED = 300
"""So many histories must do no harm to a mistake on a kinder disk."""


def deaths(history, many=HISTORIES_MAX):
    """How many histories it took to break a promise; None: it lives."""
    sys.settrace(None)
    for seed in range(many):
        try:
            history(seed).play()
        except (AssertionError, ResilienceException) as error:
            print(f"died in history {seed + 1}: {str(error)[:150]}")
            return seed + 1
    return None


# Mistakes in how files are written


class NoFsync(SimulatedDisk):
    def fsync(self, descriptor, /):
        self._step("fsync", "")


class NoDirectoryFsync(SimulatedDisk):
    def sync_directory(self, path, /):
        self._step("sync_directory", path)


class NamedBeforeItIsDurable(SimulatedDisk):
    """The name first, then the fsync of the content."""

    late = ()

    def fsync(self, descriptor, /):
        self.late = (*self.late, self._file(descriptor)[1])

    def link(self, source, target, /):
        super().link(source, target)
        self._sync_late()

    def replace_unheld(self, source, target, /):
        super().replace_unheld(source, target)
        self._sync_late()

    def _sync_late(self):
        self._step("fsync", "")
        for file in self.late:
            file.sync()
        self.late = ()


class FsyncTriedAgain(SimulatedDisk):
    def fsync(self, descriptor, /):
        with suppress(OSError):
            return super().fsync(descriptor)
        return super().fsync(descriptor)


class DirectoryFsyncTriedAgain(SimulatedDisk):
    def sync_directory(self, path, /):
        with suppress(OSError):
            return super().sync_directory(path)
        return super().sync_directory(path)


class FsyncErrorIgnored(SimulatedDisk):
    def fsync(self, descriptor, /):
        with suppress(OSError):
            super().fsync(descriptor)


class WrittenInPlace(SimulatedDisk):
    """No file aside: the name is there from the first byte on."""

    def link(self, source, target, /):
        descriptor = self.create(target)
        rest = memoryview(bytes(self.model.file(str(source)).data))
        while rest:
            rest = rest[self.write(descriptor, rest) :]
        self.fsync(descriptor)
        self.close(descriptor)


class ShortWriteTakenForWhole(SimulatedDisk):
    def write(self, descriptor, blob, /):
        super().write(descriptor, blob)
        return len(blob)


class FullDiskIgnored(SimulatedDisk):
    def write(self, descriptor, blob, /):
        try:
            return super().write(descriptor, blob)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return len(blob)


class AcknowledgedBeforeFsync(SimulatedDisk):
    """The fsyncs are left to the next write."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.late = []

    def create(self, path, /):
        while self.late:
            self.late.pop(0)()
        return super().create(path)

    def fsync(self, descriptor, /):
        self._step("fsync", "")
        self.late.append(self._file(descriptor)[1].sync)

    def sync_directory(self, path, /):
        self._step("sync_directory", path)
        self.late.append(lambda: self.model.sync_directory(str(path)))


class AsideInAnotherDirectory(SimulatedDisk):
    """The file aside is elsewhere, and that directory is the one that is synced."""

    def _aside(self, path):
        return path.parent.parent / path.name if path.suffix == ".tmp" else path

    def create(self, path, /):
        return super().create(self._aside(path))

    def link(self, source, target, /):
        super().link(self._aside(source), target)

    def unlink(self, path, /):
        super().unlink(self._aside(path))

    def replace_unheld(self, source, target, /):
        super().replace_unheld(self._aside(source), target)

    def sync_directory(self, path, /):
        super().sync_directory(path.parent)


class DeletionNotSynced(SimulatedDisk):
    """A deletion is said to be done before its directory is synced."""

    unlinked = False

    def unlink_unheld(self, path, /):
        super().unlink_unheld(path)
        self.unlinked = path.suffix == ".ckpt"

    def sync_directory(self, path, /):
        if not self.unlinked:
            super().sync_directory(path)
        self.unlinked = False


DISKS = [
    NoFsync,
    NoDirectoryFsync,
    NamedBeforeItIsDurable,
    FsyncTriedAgain,
    DirectoryFsyncTriedAgain,
    FsyncErrorIgnored,
    WrittenInPlace,
    ShortWriteTakenForWhole,
    FullDiskIgnored,
    AcknowledgedBeforeFsync,
    AsideInAnotherDirectory,
    DeletionNotSynced,
]


@pytest.mark.parametrize("disk", DISKS, ids=lambda disk: disk.__name__)
def test_a_mistake_in_writing_files_breaks_a_promise(disk, checkpoint_history):
    assert deaths(lambda seed: checkpoint_history.CheckpointHistory(seed, disk=disk))


# Mistakes in what is done with checkpoints


class OldestGoesFirst(Shelf):
    """Retention makes room before the new checkpoint is durable."""

    def put(self, snapshot):
        entries = self.entries(snapshot.job_id)
        for entry in entries[self._policy.retention.count - 1 :]:
            if not entry.quarantined:
                self._store.remove(entry)
        return super().put(snapshot)


class DamagedOnesCount(Shelf):
    def _is_intact(self, entry):
        return True


class NumberedByTheClock(DirectoryStore):
    clock = None

    def _highest(self, directory, **options):
        return int(self.clock.now().timestamp())


class NumbersForgotten(DirectoryStore):
    """What is deleted leaves no mark."""

    def _mark_gone(self, directory, entry):
        return None


class MarkNotDurable(DirectoryStore):
    """The mark of a deleted number and the deletion become durable together, or only one of them."""

    def _mark_gone(self, directory, entry):
        with suppress(FileExistsError):
            self._disk.close(self._disk.create(directory / f"{entry.id}.gone"))


class NumberNotClaimed(DirectoryStore):
    """Nobody looks whether the number was given, and its file deleted, while the content was made."""

    def _claim(self, path, number):
        return None


class DirectoriesNotSyncedAgain(DirectoryStore):
    """A directory that is there is taken for durable."""

    def _ensure(self, directory):
        if not self._disk.is_directory(directory):
            super()._ensure(directory)


class RewrappedNotSettled(DirectoryStore):
    """What another process re-wrapped, and was killed before it was durable, is taken for done."""

    def settle(self, key):
        return None


SHELVES = [
    (OldestGoesFirst, DirectoryStore, {}),
    (DamagedOnesCount, DirectoryStore, {}),
    (Shelf, NumberedByTheClock, {}),
    (Shelf, NumbersForgotten, {}),
    (Shelf, MarkNotDurable, {"traps": ("cut",)}),
    (Shelf, NumberNotClaimed, {"traps": ("other",)}),
    (Shelf, DirectoriesNotSyncedAgain, {"traps": ("kill",)}),
    (Shelf, RewrappedNotSettled, {"traps": ("kill",), "sealed": True}),
]
"""The parts that are wrong, and what histories show it soonest."""


@pytest.mark.parametrize(("shelf", "store", "kind"), SHELVES, ids=[f"{a.__name__}-{b.__name__}" for a, b, _ in SHELVES])
def test_a_mistake_in_keeping_checkpoints_breaks_a_promise(shelf, store, kind, checkpoint_history):
    def manager(configuration, events, clock, disk, keys):
        made = checkpoint_history.plain_manager(configuration, events, clock, disk, keys)
        checkpointer = made._checkpointer
        mine = store(Path(configuration.storage_path), disk)
        mine.clock = clock
        checkpointer._shelf = shelf(mine, checkpointer._policy, checkpointer._sealing)
        return made

    assert deaths(lambda seed: checkpoint_history.CheckpointHistory(seed, manager=manager, **kind))


def test_checksums_that_nobody_compares_let_damage_through(checkpoint_history):
    def manager(configuration, events, clock, disk, keys):
        careless = configuration.model_copy(update={"validation_enabled": False})
        return checkpoint_history.plain_manager(careless, events, clock, disk, keys)

    assert deaths(lambda seed: checkpoint_history.CheckpointHistory(seed, manager=manager))


def test_a_listing_taken_once_misses_what_is_newest(checkpoint_history):
    class Once(Checkpointer):
        """The newest is looked for in one listing, also when others change it meanwhile."""

        async def latest(self, job_id):
            try:
                looks = [self._shelf.open_entry(each) for each in self._shelf.entries(job_id) if not each.quarantined]
            except OSError as error:
                raise CheckpointError(str(error)) from error
            for look in looks:
                if isinstance(look, Opened):
                    return LatestCheckpoint(**self._judged(look))
            raise CheckpointNotFoundError

    def manager(configuration, events, clock, disk, keys):
        made = checkpoint_history.plain_manager(configuration, events, clock, disk, keys)
        made._checkpointer.__class__ = Once
        return made

    assert deaths(lambda seed: checkpoint_history.CheckpointHistory(seed, manager=manager, traps=("other",)))


# Mistakes in how the ledger is written


def tuned(*pragmas):
    def tune(db):
        for pragma in pragmas:
            db.execute(f"PRAGMA {pragma}")

    return tune


class NothingSynced(SimulatedVfs):
    def sync(self, file):
        self.step("fsync")


class LogSyncTriedAgain(SimulatedVfs):
    def sync(self, file):
        try:
            super().sync(file)
        except Exception:
            if self.dead:
                raise
            super().sync(file)


class LogNameNotSynced(SimulatedVfs):
    def sync_directory_of(self, path):
        self.step("sync_directory")


class BatchInParts(LedgerFile):
    """Each request is a transaction of its own."""

    def apply(self, batch):
        return [super(BatchInParts, self).apply([request])[0] for request in batch]


class GoesOnAfterAnError(LedgerFile):
    """An I/O error in a commit is the trouble of that commit alone, and what the log holds of it stays there."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._transactions._disk = Forgetful()

    def apply(self, batch):
        self._transactions._broken = None
        return super().apply(batch)


class Forgetful:
    def stat(self, path):
        raise OSError(errno.EIO, "not looked at")


LEDGERS = {
    "synchronous=NORMAL": {"tune": tuned("synchronous = NORMAL")},
    "synchronous=OFF": {"tune": tuned("synchronous = OFF")},
    "rollback journal, synchronous=OFF": {"tune": tuned("journal_mode = DELETE", "synchronous = OFF")},
    "fsync does nothing": {"vfs": NothingSynced},
    "fsync tried again": {"vfs": LogSyncTriedAgain},
    "no fsync of the directory": {"vfs": LogNameNotSynced, "disk": NoDirectoryFsync},
    "a batch in parts": {"ledger": BatchInParts},
    "the log is not cut after an error": {"ledger": GoesOnAfterAnError},
}


@pytest.mark.parametrize("mistake", LEDGERS)
def test_a_mistake_in_writing_the_ledger_breaks_a_promise(mistake, ledger_history):
    assert deaths(lambda seed: ledger_history.LedgerHistory(seed, **LEDGERS[mistake]))


# Mistakes in the simulation


class HealingFile(DiskFile):
    """A failed fsync loses nothing: the next one makes it durable."""

    __slots__ = ()

    def fail_sync(self, chance, *, powersafe=True):
        return None


class HealingModel(DiskModel):
    def create(self, path):
        file = super().create(path)
        file.__class__ = HealingFile
        return file

    def fail_sync_directory(self, path, chance):
        self._directory(path)


def healing_crash(model, chance):
    after = model.crash(chance)
    after.__class__ = HealingModel
    for path in after.image():
        after.file(path).__class__ = HealingFile
    return after


def kind_crash(model, chance):
    """A power cut that loses nothing."""
    return DiskModel.from_image(model.image(), model.directories())


def test_on_a_disk_that_heals_a_retried_fsync_the_mistake_of_retrying_lives(checkpoint_history):
    kinder = {"model": HealingModel, "crash": healing_crash}
    for disk in (FsyncTriedAgain, DirectoryFsyncTriedAgain):
        assert deaths(lambda seed: checkpoint_history.CheckpointHistory(seed, disk=disk, **kinder), SURVIVED) is None
        assert deaths(lambda seed: checkpoint_history.CheckpointHistory(seed, disk=disk), SURVIVED)


def test_with_power_cuts_that_lose_nothing_missing_fsyncs_live(checkpoint_history):
    for disk in (NoFsync, NoDirectoryFsync):
        kind = lambda seed: checkpoint_history.CheckpointHistory(seed, disk=disk, crash=kind_crash)  # noqa: E731
        assert deaths(kind, SURVIVED) is None
        assert deaths(lambda seed: checkpoint_history.CheckpointHistory(seed, disk=disk), SURVIVED)
