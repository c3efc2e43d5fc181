"""What was started, written down, so that whoever starts next can end what a killed process left behind.

One file for each owner, a line for each thing that happened. A process is told by its pid, the tick it started at, the boot and the
pid namespace, never by its name: nothing else is ever ended.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from outlast.browser.processes import PROC, Process, end, group, is_alive, look, remove_temporary
from outlast.storage.files import ensure_directory

__all__ = ["Left", "Registry", "left_behind"]

SUFFIX = ".jsonl"
LINES_MAX = 100_000
STRANGE_SECONDS_MAX = 7 * 86_400.0
"""Nobody here can tell whether an owner in another pid namespace lives. Who writes nothing for so long does not."""


@dataclass(slots=True)
class Left:
    """What a dead owner left: its processes and directories, and the file that says so."""

    file: Path
    processes: list[Process] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)

    def end(self) -> None:
        """SIGKILL for what still lives."""
        for each in self.processes:
            end(each)

    @property
    def is_gone(self) -> bool:
        return not any(group(each) for each in self.processes)

    def forget(self) -> None:
        """Remove its directories and its file; only once it is gone."""
        remove_temporary(self.directories)
        self.file.unlink(missing_ok=True)


class Registry:
    """The file of one owner, this process."""

    def __init__(self, directory: Path, owner: str) -> None:
        self._file = directory / f"{owner}{SUFFIX}"
        self._is_begun = False

    def began(self, generation: int, processes: Iterable[Process], directories: Iterable[str]) -> None:
        rows = [[each.pid, each.started] for each in processes]
        self._write({"began": generation, "processes": rows, "directories": list(directories)})

    def ended(self, generation: int) -> None:
        self._write({"ended": generation})

    def close(self) -> None:
        """Nothing of this owner is left."""
        self._file.unlink(missing_ok=True)

    def _write(self, row: dict[str, Any]) -> None:
        rows = [row]
        if not self._is_begun:
            ensure_directory(self._file.parent)
            own = look(os.getpid())
            rows.insert(0, {"owner": None if own is None else [own.pid, own.started], **_place()})
        # One write for each line and no fsync: a kill loses nothing of it, and a power cut ends the processes too.
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            for each in rows:
                os.write(descriptor, json.dumps(each).encode() + b"\n")
        finally:
            os.close(descriptor)
        self._is_begun = True


def left_behind(directory: Path, now: float) -> list[Left]:
    """What dead owners left, as their files in this directory say; `now` is in seconds since 1970."""
    try:
        files = sorted(each for each in directory.iterdir() if each.suffix == SUFFIX)
    except OSError:
        return []
    return [left for each in files if (left := _left(each, now)) is not None]


def _left(file: Path, now: float) -> Left | None:
    """What the owner of this file left; None: it may still live, or nobody here can tell."""
    try:
        rows = [row for line in file.read_text(encoding="utf-8").splitlines()[:LINES_MAX] if (row := _row(line))]
        age = now - file.stat().st_mtime
    except (OSError, UnicodeDecodeError):
        return None
    if not rows or "owner" not in rows[0]:
        return None
    here, first = _place(), rows[0]
    is_rebooted = first.get("boot") != here["boot"]
    if not is_rebooted and first.get("namespace") != here["namespace"]:
        # A container's that is gone, with all its processes and directories.
        return Left(file) if age > STRANGE_SECONDS_MAX else None
    if not is_rebooted and first["owner"] is not None and is_alive(first["owner"]):
        return None
    ended = {row["ended"] for row in rows if "ended" in row}
    open_ = [row for row in rows if "began" in row and row["began"] not in ended]
    # After a boot the numbers are others', and only the directories may be left.
    processes = [] if is_rebooted else [process for row in open_ for process in row["processes"]]
    return Left(file, processes, [directory for row in open_ for directory in row["directories"]])


def _row(line: str) -> dict[str, Any]:
    """A row with its processes as such; empty, when it is no row of ours."""
    # The last line of a process that was killed may be cut short, and another version may write other rows.
    with suppress(ValueError, TypeError, KeyError, AttributeError, OverflowError):
        row = json.loads(line)
        row |= {name: int(row[name]) for name in ("began", "ended") if name in row}
        if row.get("owner") is not None:
            row["owner"] = _process(row["owner"])
        if "began" in row:
            row["processes"] = [_process(each) for each in row["processes"]]
            row["directories"] = [str(each) for each in row["directories"]]
        return dict(row)
    return {}


def _process(pair: Any) -> Process:
    pid, started = pair
    return Process(int(pid), int(started))


def _place() -> dict[str, str]:
    """Where pids mean what they say: this boot of this machine, in this pid namespace."""
    boot, namespace = "", ""
    with suppress(OSError):
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    with suppress(OSError):
        namespace = str((PROC / "self/ns/pid").readlink())
    return {"boot": boot, "namespace": namespace}
