"""The directory of checkpoints: one immutable file each, in a directory per job.

    <root>/<job key>/<id>.ckpt
    <root>/<job key>/<id>.gone              the highest number was deleted, and is not given again
    <root>/<job key>/quarantine/<id>.ckpt   was found damaged

Blocking; whoever calls runs it off the event loop. Everything raises `OSError` when the disk refuses.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from outlast.checkpoint.names import Name, id_of, parse
from outlast.storage.files import Disk, OsDisk, ensure_directory, publish_durably, sweep

__all__ = ["DirectoryStore", "Entry"]

PUBLISH_TRIES_MAX = 100

_FILE = re.compile(r"(?P<id>.+)\.(?P<kind>ckpt|gone)")


@dataclass(frozen=True, slots=True)
class Entry:
    """A checkpoint file: where it is and how long."""

    id: str
    sequence: int
    path: Path
    size: int
    modified_ns: int
    quarantined: bool = False

    @property
    def key(self) -> str:
        """The job's key."""
        return self.path.parent.parent.name if self.quarantined else self.path.parent.name


class DirectoryStore:
    """Checkpoint files under `root`, which appears with the first of them."""

    def __init__(self, root: Path, disk: Disk | None = None) -> None:
        self._root = root
        self._disk = disk or OsDisk()

    def publish(self, key: str, contents: Callable[[str, int], bytes]) -> Entry:
        """Write a new file; `contents` makes its bytes from the id and number it gets: the highest so far, plus one.

        All or nothing, and durable on return. Processes that publish at once get different numbers.
        """
        directory = self._root / key
        for _ in range(PUBLISH_TRIES_MAX):
            ensure_directory(directory, disk=self._disk)
            sweep(directory, disk=self._disk)
            number = self._highest(directory) + 1
            path = directory / f"{id_of(key, number)}.ckpt"
            # The number is taken, or another process swept our temporary file before it was locked: once more.
            with suppress(FileExistsError, FileNotFoundError):
                publish_durably(path, contents(path.stem, number), disk=self._disk)
                return self._entry(path, number, quarantined=False)
        raise OSError(errno.EBUSY, f"no free number in {PUBLISH_TRIES_MAX} tries", str(directory))

    def entries(self, key: str) -> list[Entry]:
        """The files of a job, newest first, with those in quarantine."""
        directory = self._root / key
        kept = list(self._files(directory, quarantined=False))
        present = {entry.id for entry in kept}
        damaged = [each for each in self._files(_quarantine(directory), quarantined=True) if each.id not in present]
        return sorted(kept + damaged, key=lambda entry: entry.sequence, reverse=True)

    def find(self, checkpoint_id: str) -> Entry | None:
        """The file of this id, wherever it is."""
        name = parse(checkpoint_id)
        if name is None:
            return None
        directory = self._root / name.key
        file = f"{checkpoint_id}.ckpt"
        for path, quarantined in ((directory / file, False), (_quarantine(directory) / file, True)):
            with suppress(FileNotFoundError, NotADirectoryError):
                return self._entry(path, name.sequence, quarantined=quarantined)
        return None

    def read(self, entry: Entry, size: int | None = None) -> bytes:
        """The file's bytes, or its first `size`; `FileNotFoundError` when it has gone since."""
        descriptor = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            return file.read() if size is None else file.read(size)

    def remove(self, entry: Entry) -> bool:
        """Delete the file; False when it has gone already."""
        directory = self._root / entry.key
        if entry.sequence == self._highest(directory):
            self._mark_gone(directory, entry)
        try:
            self._disk.unlink(entry.path)
        except FileNotFoundError:
            return False
        self._disk.sync_directory(entry.path.parent)
        return True

    def quarantine(self, entry: Entry) -> Path:
        """Move a damaged file out of the way; where it is then."""
        if entry.quarantined:
            return entry.path
        target = _quarantine(entry.path.parent)
        ensure_directory(target, disk=self._disk)
        self._disk.rename(entry.path, target / entry.path.name)
        # A power cut may put it back; then it is found damaged again.
        with suppress(OSError):
            self._disk.sync_directory(target)
            self._disk.sync_directory(entry.path.parent)
        return target / entry.path.name

    def _entry(self, path: Path, sequence: int, *, quarantined: bool) -> Entry:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a file", str(path))
        return Entry(path.stem, sequence, path, found.st_size, found.st_mtime_ns, quarantined)

    def _files(self, directory: Path, *, quarantined: bool) -> Iterator[Entry]:
        for path, name, kind in _named(directory):
            if kind == "ckpt":
                with suppress(FileNotFoundError):
                    yield self._entry(path, name.sequence, quarantined=quarantined)

    def _highest(self, directory: Path) -> int:
        names = [*_named(directory), *_named(_quarantine(directory))]
        return max((name.sequence for _, name, _ in names), default=0)

    def _mark_gone(self, directory: Path, entry: Entry) -> None:
        with suppress(FileExistsError):
            self._disk.close(self._disk.create(directory / f"{entry.id}.gone"))
        for path, name, kind in list(_named(directory)):
            if kind == "gone" and name.sequence < entry.sequence:
                self._disk.unlink(path)


def _quarantine(directory: Path) -> Path:
    return directory / "quarantine"


def _named(directory: Path) -> Iterator[tuple[Path, Name, str]]:
    key = directory.parent.name if directory.name == "quarantine" else directory.name
    try:
        paths = list(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in paths:
        match = _FILE.fullmatch(path.name)
        name = parse(match["id"]) if match is not None else None
        if match is not None and name is not None and name.key == key:
            yield path, name, match["kind"]
