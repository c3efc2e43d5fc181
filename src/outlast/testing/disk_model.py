"""A disk as pessimistic as POSIX allows: what nobody made durable may be lost, in part, in any order.

Files are inodes. An fsync of a file makes its bytes durable and not its name; an fsync of a directory makes its names durable
and nothing else. Each change of a directory is atomic; of those that are not durable a power cut keeps any subset.
"""

import errno
import os
from collections.abc import Iterable, Mapping
from random import Random

from outlast.testing.disk_file import DiskFile

__all__ = ["DiskModel"]

_Node = DiskFile | None  # None: a directory
_Names = dict[str, dict[str, _Node]]


class _Change:
    """One atomic change of names. `home` is the directory whose fsync makes it durable."""

    __slots__ = ("added", "durable", "home", "removed")

    def __init__(self, home: str, added: tuple[str, _Node] | None, removed: tuple[str, str] | None) -> None:
        self.home, self.added, self.removed, self.durable = home, added, removed, False

    def happen(self, names: _Names) -> None:
        if self.removed is not None:
            directory, name = self.removed
            names.get(directory, {}).pop(name, None)
        if self.added is not None:
            name, node = self.added
            names.setdefault(self.home, {})[name] = node


class DiskModel:
    """A tree of directories and files in memory; paths are absolute, and `/` is there.

    Everything raises the `OSError` that the kernel would. `capacity`: bytes that fit on the disk, None for no end of them.
    `powersafe`: an interrupted write harms no byte but its own (see `DiskFile.after_power_cut`).
    """

    def __init__(self, *, capacity: int | None = None, powersafe: bool = True) -> None:
        self.capacity = capacity
        self.powersafe = powersafe
        self._live: _Names = {"/": {}}
        self._kept: _Names = {"/": {}}
        self._changes: list[_Change] = []
        self._ticks = 0

    @classmethod
    def from_image(cls, image: Mapping[str, bytes], directories: Iterable[str] = ()) -> "DiskModel":
        """A disk that durably holds these files, with the directories they need, and `directories`."""
        model = cls()
        for path in (*directories, *map(os.path.dirname, image)):
            model._make_durable_directory(path)
        for path, content in image.items():
            directory, name = os.path.split(path)
            file = DiskFile(content, model.tick())
            model._live[directory][name] = model._kept[directory][name] = file
        return model

    def image(self) -> dict[str, bytes]:
        """What readers see now, file by file."""
        return {
            f"{directory.rstrip('/')}/{name}": bytes(node.data)
            for directory, entries in self._live.items()
            for name, node in entries.items()
            if node is not None
        }

    def directories(self) -> list[str]:
        return list(self._live)

    def crash(self, chance: Random) -> "DiskModel":
        """The disk after a power cut: one of the states that may be found; nobody has anything open or locked on it."""
        names = {directory: dict(entries) for directory, entries in self._kept.items()}
        for change in self._surviving(chance):
            change.happen(names)
        after = DiskModel(capacity=self.capacity, powersafe=self.powersafe)
        after._ticks = self._ticks
        files: dict[DiskFile, DiskFile] = {}
        reached = ["/"]
        for directory in reached:
            entries: dict[str, _Node] = {}
            for name, node in names.get(directory, {}).items():
                if node is None:
                    reached.append(f"{directory.rstrip('/')}/{name}")
                elif node not in files:
                    files[node] = DiskFile(node.after_power_cut(chance, powersafe=self.powersafe), node.modified_ns)
                entries[name] = node and files[node]
            after._live[directory] = entries
            after._kept[directory] = dict(entries)
        return after

    def tick(self) -> int:
        """The disk's own time: it goes on with every use."""
        self._ticks += 1
        return self._ticks

    def create(self, path: str) -> DiskFile:
        """A new, empty file; `FileExistsError` where there is anything of this name."""
        directory, name = self._place(path)
        if name in self._live[directory]:
            raise _error(errno.EEXIST, path)
        file = DiskFile(modified_ns=self.tick())
        self._change(directory, (name, file), None)
        return file

    def file(self, path: str) -> DiskFile:
        directory, name = self._place(path)
        entries = self._live[directory]
        if name not in entries:
            raise _error(errno.ENOENT, path)
        node = entries[name]
        if node is None:
            raise _error(errno.EISDIR, path)
        return node

    def names(self, path: str) -> list[str]:
        """The names in a directory."""
        return list(self._live[self._directory(path)])

    def is_directory(self, path: str) -> bool:
        return path in self._live

    def make_directory(self, path: str) -> None:
        directory, name = self._place(path)
        if name in self._live[directory]:
            raise _error(errno.EEXIST, path)
        self._change(directory, (name, None), None)
        self._live[path] = {}

    def link(self, source: str, target: str) -> None:
        """Give a file a second name; `FileExistsError` where it is taken."""
        file = self.file(source)
        directory, name = self._place(target)
        if name in self._live[directory]:
            raise _error(errno.EEXIST, target)
        self._change(directory, (name, file), None)

    def rename(self, source: str, target: str) -> None:
        """Move a name, onto another file if need be. The fsync of the target's directory makes all of it durable."""
        file = self.file(source)
        directory, name = self._place(target)
        if self.is_directory(target):
            raise _error(errno.EISDIR, target)
        # Two names of one file: the kernel leaves both.
        if self._live[directory].get(name) is not file:
            self._change(directory, (name, file), self._place(source))

    def unlink(self, path: str) -> None:
        self.file(path)
        directory, name = self._place(path)
        self._change(directory, None, (directory, name))

    def sync_directory(self, path: str) -> None:
        """Make the names in a directory durable."""
        path = self._directory(path)
        for change in self._changes:
            if change.home == path:
                change.durable = True
        self._settle()

    def fail_sync_directory(self, path: str, chance: Random) -> None:
        """What a failed fsync of a directory leaves: each change in it is durable or lost, and a later fsync brings none back.

        The exception are new directories, which a later fsync does make durable: nobody could take them back.
        """
        path = self._directory(path)
        for change in [each for each in self._changes if each.home == path and not each.durable]:
            if chance.randrange(2):
                change.durable = True
            elif change.added is None or change.added[1] is not None:
                self._changes.remove(change)
        self._settle()

    def room(self) -> int | None:
        """Bytes that still fit; None: as many as you like."""
        if self.capacity is None:
            return None
        files = {node for entries in self._live.values() for node in entries.values() if node is not None}
        return max(0, self.capacity - sum(len(file.data) for file in files))

    def _surviving(self, chance: Random) -> list[_Change]:
        open_ones = sum(not change.durable for change in self._changes)
        if not open_ones:
            return self._changes
        fate = chance.randrange(4)
        if fate < 2:
            return [change for change in self._changes if fate or change.durable]
        if fate == 2:
            last = chance.choice([place for place, change in enumerate(self._changes) if not change.durable])
            return [change for place, change in enumerate(self._changes) if change.durable or place < last]
        return [change for change in self._changes if change.durable or chance.randrange(2)]

    def _change(self, home: str, added: tuple[str, _Node] | None, removed: tuple[str, str] | None) -> None:
        change = _Change(home, added, removed)
        change.happen(self._live)
        self._changes.append(change)

    def _settle(self) -> None:
        settled = 0
        for change in self._changes:
            if not change.durable:
                break
            change.happen(self._kept)
            settled += 1
        del self._changes[:settled]

    def _make_durable_directory(self, path: str) -> None:
        if path not in self._live:
            directory, name = os.path.split(path)
            self._make_durable_directory(directory)
            for names in (self._live, self._kept):
                names[directory][name] = None
                names[path] = {}

    def _directory(self, path: str) -> str:
        if path not in self._live:
            self.file(path)
            raise _error(errno.ENOTDIR, path)
        return path

    def _place(self, path: str) -> tuple[str, str]:
        directory, _, name = path.rpartition("/")
        return self._directory(directory or "/"), name


def _error(code: int, path: str) -> OSError:
    return OSError(code, os.strerror(code), path)
