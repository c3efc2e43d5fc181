"""The directory of checkpoints: one immutable file each, in a directory per job.

    <root>/<job key>/<id>.ckpt
    <root>/<job key>/<id>.gone              the highest number was deleted, and is not given again
    <root>/<job key>/quarantine/<id>.ckpt   was found damaged

Blocking; whoever calls runs it off the event loop. Everything raises `OSError` when the disk refuses.
"""

import errno
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from outlast.checkpoint.names import Name, id_of, parse
from outlast.storage.disk import Disk, OsDisk
from outlast.storage.files import ensure_directory, publish_durably, replace_durably, sweep, write_durably

__all__ = ["DirectoryStore", "Entry"]

PUBLISH_TRIES_MAX = 100
LISTINGS_MAX = 100

_FILE = re.compile(r"(?P<id>.+)\.(?P<kind>ckpt|gone)")
# Where nothing can be locked, nobody holds anything either.
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP}


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
        self._durable: set[Path] = set()
        self._settled: dict[Path, int] = {}

    def publish(self, key: str, contents: Callable[[str, int], bytes]) -> Entry:
        """Write a new file; `contents` makes its bytes from the id and number it gets: the highest so far, plus one.

        All or nothing, and durable on return. Processes that publish at once get different numbers.
        """
        directory = self._root / key
        for _ in range(PUBLISH_TRIES_MAX):
            self._ensure(directory)
            # The number is taken, or another process swept our temporary file before it was locked: once more.
            with suppress(FileExistsError, FileNotFoundError):
                sweep(directory, disk=self._disk)
                number = self._highest(directory) + 1
                path = directory / f"{id_of(key, number)}.ckpt"
                blob = contents(path.stem, number)
                publish_durably(path, blob, disk=self._disk, claim=partial(self._claim, path, number))
                self._settled[directory] = number
                return self._published(path, number, len(blob))
        raise OSError(errno.EBUSY, f"no free number in {PUBLISH_TRIES_MAX} tries", str(directory))

    def entries(self, key: str) -> list[Entry]:
        """The files of a job, newest first, with those in quarantine."""
        directory = self._root / key
        kept = self._files(directory, quarantined=False)
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
            with suppress(FileNotFoundError):
                return self._entry(path, name.sequence, quarantined=quarantined)
        return None

    def read(self, entry: Entry, size: int | None = None) -> bytes:
        """The file's bytes, or its first `size`; `FileNotFoundError` when it has gone since."""
        return self._disk.read(entry.path, size)

    def replace(self, entry: Entry, blob: bytes) -> None:
        """Let the file hold `blob`, durably; `FileNotFoundError` when it has gone, `BlockingIOError` when it is held."""
        try:
            replace_durably(entry.path, blob, disk=self._disk)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            write_durably(entry.path, blob, disk=self._disk)

    def settle(self, key: str) -> None:
        """Make durable what names of a job's files there are."""
        directory = self._root / key
        for each in (directory, _quarantine(directory)):
            with suppress(FileNotFoundError):
                self._disk.sync_directory(each)

    def hold(self, entry: Entry) -> int:
        """Keep the file from being removed or replaced by any process, until `release`."""
        return self._disk.hold(entry.path)

    def release(self, descriptor: int) -> None:
        self._disk.close(descriptor)

    def is_held(self, entry: Entry) -> bool:
        try:
            return self._disk.is_held(entry.path)
        except OSError as error:
            if error.errno not in {*_NO_LOCKS, errno.ENOENT}:
                raise
            return False

    def remove(self, entry: Entry) -> bool:
        """Delete the file, durably; False when it has gone already. `BlockingIOError` when somebody holds it."""
        removed = self.drop(entry)
        if removed:
            self._disk.sync_directory(entry.path.parent)
        return removed

    def drop(self, entry: Entry) -> bool:
        """Like `remove`, but a power cut may bring the file back until the next `publish` for the job."""
        directory = self._root / entry.key
        highest = self._highest(directory)
        if entry.sequence == highest:
            self._mark_gone(directory, entry)
        elif self._settled.get(directory) != highest:
            # The higher number may not be durable: its maker may have been killed. Without it this one could be given again.
            self._disk.sync_directory(directory)
        try:
            self._unlink(entry.path)
        except FileNotFoundError:
            return False
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

    def _ensure(self, directory: Path) -> None:
        if directory not in self._durable or not self._disk.is_directory(directory):
            ensure_directory(directory, disk=self._disk)
            self._durable.add(directory)

    def _unlink(self, path: Path) -> None:
        try:
            self._disk.unlink_unheld(path)
        except BlockingIOError:
            # Another process may be removing it: that is waited for. A second refusal is a holder's.
            self._disk.close(self._disk.hold(path))
            self._disk.unlink_unheld(path)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            self._disk.unlink(path)

    def _published(self, path: Path, number: int, size: int) -> Entry:
        # It is safe, whatever comes now: also when another process has removed it already, or the disk gives no answer.
        with suppress(OSError):
            return self._entry(path, number, quarantined=False)
        return Entry(path.stem, number, path, size, 0)

    def _entry(self, path: Path, sequence: int, *, quarantined: bool) -> Entry:
        found = self._disk.stat(path)
        return Entry(path.stem, sequence, path, found.size, found.modified_ns, quarantined)

    def _files(self, directory: Path, *, quarantined: bool) -> list[Entry]:
        gone: set[str] = set()
        found: list[Entry] = []
        for _ in range(LISTINGS_MAX):
            found, missing = [], set()
            for file, name, kind in self._named(directory):
                if kind == "ckpt":
                    try:
                        found.append(self._entry(directory / file, name.sequence, quarantined=quarantined))
                    except FileNotFoundError:
                        missing.add(file)
            # What goes while it is listed may have a successor that is not in the list; what is no file stays missing.
            if missing == gone:
                break
            gone = missing
        return found

    def _claim(self, path: Path, number: int) -> None:
        # Since the number was chosen, another process may have given it to a file and deleted that.
        if self._highest(path.parent, but=path) >= number:
            raise FileExistsError(errno.EEXIST, "the number was given already", str(path))

    def _highest(self, directory: Path, *, but: Path | None = None) -> int:
        # A file goes to quarantine, and from there a mark comes back: one listing of each could miss both.
        places = (directory, _quarantine(directory), directory)
        names = [(place, file, name) for place in places for file, name, _ in self._named(place)]
        others = [name for place, file, name in names if but is None or (place, file) != (but.parent, but.name)]
        return max((name.sequence for name in others), default=0)

    def _mark_gone(self, directory: Path, entry: Entry) -> None:
        mark = directory / f"{entry.id}.gone"
        with suppress(FileExistsError):
            self._disk.close(self._disk.create(mark))
        try:
            # The mark is durable before the file goes: a power cut must not leave neither.
            self._disk.sync_directory(directory)
        except OSError:
            # What a failed sync has lost a later one does not bring back: the next attempt begins with a new mark.
            with suppress(OSError):
                self._disk.unlink(mark)
            raise
        for file, name, kind in self._named(directory):
            if kind == "gone" and name.sequence < entry.sequence:
                with suppress(FileNotFoundError):
                    self._disk.unlink(directory / file)

    def _named(self, directory: Path) -> list[tuple[str, Name, str]]:
        try:
            names = self._disk.names(directory)
        except FileNotFoundError:
            return []
        key = directory.parent.name if directory.name == "quarantine" else directory.name
        return [
            (file, name, match["kind"])
            for file in names
            if (match := _FILE.fullmatch(file)) and (name := parse(match["id"])) and name.key == key
        ]


def _quarantine(directory: Path) -> Path:
    return directory / "quarantine"
