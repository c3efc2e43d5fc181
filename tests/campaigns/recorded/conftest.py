"""What the campaigns on real system calls share: the recorder, the promises, and the judgement of crash states."""

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random

import pytest


def _beside(name):
    # Test modules cannot import each other; a module for several of them is loaded here.
    name_there = f"outlast_recorded_{name}"
    if name_there not in sys.modules:
        spec = importlib.util.spec_from_file_location(name_there, Path(__file__).with_name(f"{name}.py"))
        sys.modules[name_there] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name_there])
    return sys.modules[name_there]


@pytest.fixture(scope="session")
def recording():
    return _beside("recording")


@pytest.fixture(scope="session")
def promises():
    return _beside("promises")


@pytest.fixture(scope="session")
def recorder_library(recording, tmp_path_factory):
    if sys.platform != "linux":
        pytest.skip("system calls are recorded on Linux alone")
    return recording.compiled(tmp_path_factory.mktemp("recorder") / "recorder.so")


@pytest.fixture
def memory():
    """A directory in memory, where there is one: it is written thousands of times."""
    shared = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="outlast-", dir=shared if shared.is_dir() else None))
    yield place
    shutil.rmtree(place)


@pytest.fixture
def recorder(recording, recorder_library, memory):
    """A recorder; with OUTLAST_RECORDING that of a log which an earlier failure has kept."""
    kept = os.environ.get("OUTLAST_RECORDING")
    if not kept:
        yield recording.Recorder(recorder_library, memory)
        return
    root = Path(next(recording.read(Path(kept))).path)
    root.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(kept, root.parent / "log")
    yield recording.Recorder(recorder_library, root.parent)
    shutil.rmtree(root.parent)


class Crashes:
    """Judges crash states of what the recorder has seen; `broken` are those that break a promise: seed, error, log."""

    def __init__(self, recording, recorder, test):
        self._recording, self._recorder, self._test = recording, recorder, test
        self.states, self.broken = 0, []

    def label(self):
        return self._test.name

    async def judge(self, record, check, count):
        """Record, unless a recording is replayed, and check `count` states."""
        recorder, replayed = self._recorder, "OUTLAST_RECORDING" in os.environ
        if not replayed:
            record(recorder)
        calls = recorder.calls()
        if not replayed:
            self._check_that_nothing_was_missed(calls)
        seeds = [int(os.environ["OUTLAST_SEED"])] if "OUTLAST_SEED" in os.environ else range(count)
        for seed, told, disk in self._recording.crash_states(calls, self.label(), seeds):
            self._recording.put_on_disk(disk, recorder.root)
            self.states += 1
            try:
                await check(recorder.root, told)
            except Exception as error:  # noqa: BLE001 - whatever the code says about a state is what was broken
                self.broken.append((seed, f"{type(error).__name__}: {error}", recorder.log.read_bytes()))

    def _check_that_nothing_was_missed(self, calls):
        replay = self._recording.Replay(calls, Random(0))
        replay.up_to(len(calls))
        seen = {path: content for path, content in replay.model.image().items() if not path.endswith("-shm")}
        assert seen == self._recording.image_of(self._recorder.root), "the recorder has missed a change"

    def fail_if_broken(self):
        if not self.broken:
            return
        seed, error, log = self.broken[0]
        kept = Path(tempfile.gettempdir()) / f"outlast-recording-{hashlib.sha256(log).hexdigest()[:12]}"
        kept.write_bytes(log)
        pytest.fail(
            f"{len(self.broken)} of {self.states} states break a promise; seed {seed}: {error}\n"
            f"replay it: OUTLAST_RECORDING={kept} OUTLAST_SEED={seed} .venv/bin/pytest '{self._test.nodeid}'"
        )


@pytest.fixture
def crashes(recording, recorder, request):
    crashes = Crashes(recording, recorder, request.node)
    yield crashes
    print(f"{request.node.name}: {crashes.states} crash states, {len(crashes.broken)} break a promise")
