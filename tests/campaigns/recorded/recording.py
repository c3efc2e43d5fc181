"""Recordings of real system calls: processes under the recorder, their log, and the log as a disk that may lose power."""

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from random import Random

from outlast.testing.disk_file import DiskFile
from outlast.testing.disk_model import DiskModel

__all__ = ["Call", "Kind", "Recorder", "Replay", "compiled", "crash_states", "image_of", "put_on_disk", "read"]

HERE = Path(__file__).parent
HEAD = struct.Struct("<IIQQIIQ")


class Kind(IntEnum):
    ROOT = 0
    OPEN = 1
    WRITE = 2
    TRUNCATE = 3
    FSYNC = 4
    RENAME = 5
    LINK = 6
    UNLINK = 7
    MKDIR = 8
    RMDIR = 9
    TOLD = 10


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that changed something. `number` is an offset, a size, or whether (the file was new, it is a directory).

    That of the root, which is no call, is how many calls come before those of a workload.
    """

    kind: Kind
    error: int
    inode: int
    number: int
    path: str
    second: str
    data: bytes


def compiled(target: Path) -> Path:
    """The recorder as a library at `target`."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "the recorder of system calls needs a C compiler: install gcc (apt-get install gcc libc6-dev)"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", target, HERE / "recorder.c", "-lpthread"], check=True)
    return target


class Recorder:
    """Runs workloads on the files below `place`/disk and keeps the log of what they did there."""

    def __init__(self, library: Path, place: Path) -> None:
        place.mkdir(exist_ok=True)
        self.root, self.log = place.resolve() / "disk", place.resolve() / "log"
        self.told = Path(f"{self.root}.told")
        self._library = library
        self.root.mkdir(exist_ok=True)
        if not self.log.exists():
            self.log.write_bytes(_packed(Kind.ROOT, number=1, path=str(self.root)))

    def begin_with(self, disk: DiskModel, told: list[dict]) -> None:
        """Put what a power cut has left on the disk and begin a new log with it, durable as it is."""
        put_on_disk(disk, self.root)
        lines = b"".join(json.dumps(line).encode() + b"\n" for line in told)
        self.told.write_bytes(lines)
        calls = [_packed(Kind.TOLD, data=lines)]
        for path in sorted(self.root.rglob("*")):
            parent = _packed(Kind.FSYNC, number=True, path=str(path.parent))
            if path.is_dir():
                calls += [_packed(Kind.MKDIR, path=str(path)), parent]
                continue
            inode = path.stat().st_ino
            calls += [_packed(Kind.OPEN, inode=inode, number=True, path=str(path)), parent]
            calls += [_packed(Kind.WRITE, inode=inode, data=path.read_bytes())]
            calls += [_packed(Kind.FSYNC, inode=inode, path=str(path))]
        root = _packed(Kind.ROOT, number=1 + len(calls), path=str(self.root))
        self.log.write_bytes(root + b"".join(calls))

    def start(self, workload, *arguments, fault="", lie="", env=()) -> subprocess.Popen:
        """A process under the recorder. `fault` and `lie` are as `recorder.c` says."""
        # Coverage of a process that is killed is lost anyhow, and it would take longer to start than to work.
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "COV_"))}
        ours = {"ROOT": str(self.root), "LOG": str(self.log), "FAULT": fault, "LIE": lie}
        ours = {f"OUTLAST_RECORDER_{name}": value for name, value in ours.items() if value}
        return subprocess.Popen(
            [sys.executable, HERE / "workloads" / f"{workload}.py", self.root, *map(str, arguments)],
            env={**plain, **dict(env), **ours, "LD_PRELOAD": str(self._library)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, workload, *arguments, fault="", lie="", env=(), ends=(0,), troubled=False) -> int:
        """Like `start`, to the end; how it ended. Errors that the workload tells are in order only when it is `troubled`."""
        with self.start(workload, *arguments, fault=fault, lie=lie, env=env) as process:
            said = process.communicate(timeout=60)[0]
        assert process.returncode in ends, f"{workload} ended with {process.returncode}: {said}"
        errors = [] if troubled or not self.told.exists() else _errors(self.told.read_text())
        assert not errors, f"{workload} told of errors: {errors[:3]}"
        return process.returncode

    def calls(self) -> list[Call]:
        return list(read(self.log))


def _errors(told: str) -> list[dict]:
    lines = [json.loads(line) for line in told.splitlines(keepends=True) if line.endswith("\n")]
    return [line for line in lines if "message" in line]


def _packed(kind, *, inode=0, number=0, path="", data=b"") -> bytes:
    where = os.fsencode(path)
    return HEAD.pack(kind, 0, inode, number, len(where), 0, len(data)) + where + data


def read(log: Path) -> Iterator[Call]:
    blob, place = log.read_bytes(), 0

    def taken(size: int) -> bytes:
        nonlocal place
        place += size
        return blob[place - size : place]

    while place < len(blob):
        kind, error, inode, number, path, second, data = HEAD.unpack(taken(HEAD.size))
        yield Call(Kind(kind), error, inode, number, os.fsdecode(taken(path)), os.fsdecode(taken(second)), taken(data))


class Replay:
    """A log played on a `DiskModel`, whose `/` is the recorder's root. `told` are the lines told so far."""

    def __init__(self, calls: list[Call], chance: Random) -> None:
        self.model = DiskModel()
        self.told: list[dict] = []
        self._root, self._calls, self._chance = calls[0].path, calls, chance
        self._files: dict[int, DiskFile] = {}
        self._line = b""
        self._next = 1

    def up_to(self, point: int) -> None:
        """Play the calls before `point`."""
        while self._next < point:
            call = self._calls[self._next]
            self._play(call, call.path[len(self._root) :] or "/", call.second[len(self._root) :])
            self._next += 1

    def _play(self, call: Call, path: str, second: str) -> None:
        match call.kind:
            case Kind.OPEN:
                self._files[call.inode] = self.model.create(path) if call.number else self.model.file(path)
            case Kind.WRITE:
                self._files[call.inode].write(call.number, call.data)
            case Kind.TRUNCATE:
                self._files[call.inode].truncate(call.number)
            case Kind.FSYNC:
                self._sync(call, path)
            case Kind.RENAME:
                self.model.rename(path, second)
            case Kind.LINK:
                self.model.link(path, second)
            case Kind.UNLINK:
                self.model.unlink(path)
            case Kind.MKDIR:
                self.model.make_directory(path)
            case Kind.TOLD:
                *lines, self._line = (self._line + call.data).split(b"\n")
                self.told += map(json.loads, lines)
            case _:
                raise AssertionError(f"the disk model has no {call.kind.name.lower()}: {call.path}")

    def _sync(self, call: Call, path: str) -> None:
        if call.number and call.error:
            self.model.fail_sync_directory(path, self._chance)
        elif call.number:
            self.model.sync_directory(path)
        elif call.error:
            self._files[call.inode].fail_sync(self._chance)
        else:
            self._files[call.inode].sync()


def crash_states(calls: list[Call], label: str, seeds: Iterable[int]) -> Iterator[tuple[int, list[dict], DiskModel]]:
    """For each seed the lines told until a power cut at a random moment, and a disk as it may be found after it.

    The moment is after the calls that only put there what was there at the beginning.
    """
    points = {}
    for seed in seeds:
        chance = Random(f"{label}:{seed}")
        points[seed] = (chance.randint(calls[0].number, len(calls)), chance)
    replay = Replay(calls, Random(label))
    for seed, (point, chance) in sorted(points.items(), key=lambda each: (each[1][0], each[0])):
        replay.up_to(point)
        yield seed, list(replay.told), replay.model.crash(chance)


def put_on_disk(model: DiskModel, root: Path) -> None:
    """Let `root` hold what is on the modelled disk, and nothing else."""
    shutil.rmtree(root, ignore_errors=True)
    for directory in sorted(model.directories()):
        (root / directory[1:]).mkdir(parents=True, exist_ok=True)
    for path, content in model.image().items():
        (root / path[1:]).write_bytes(content)


def image_of(root: Path) -> dict[str, bytes]:
    """The files below `root` as a model's image, but for SQLite's shared memory, which is no file in earnest."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.endswith("-shm"))
    return {f"/{path.relative_to(root)}": path.read_bytes() for path in files}
