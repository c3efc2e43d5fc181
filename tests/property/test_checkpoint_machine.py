"""The manager against a model made of dictionaries, through any history of calls, damage, restarts, clocks, keys and pins."""

import asyncio
import itertools
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration
from outlast.errors import CheckpointCorruptionError, CheckpointError, CheckpointNotFoundError

KEEP = 3
# Nothing here is about what survives a power cut, so nothing need be synced to a disk.
MEMORY = next((each for each in ("/dev/shm",) if os.access(each, os.W_OK)), None)
JOBS = st.sampled_from(["job", "../é"])
DATA = st.dictionaries(st.text("ab", max_size=2), st.integers(-9, 9) | st.text(max_size=5), max_size=3)


class Clock:
    """A wall clock that anybody sets."""

    moment = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self):
        return self.moment

    def monotonic(self):
        return 0.0


class Checkpoints(RuleBasedStateMachine):
    ids = Bundle("ids")

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp(dir=MEMORY))
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.keys = [bytes(32)]
        self.whole = {}  # id -> (job, number, data)
        self.wrapped = {}  # id -> the key
        self.damaged = {}
        self.quarantined = set()
        self.highest = {}
        self.pins = {}
        self.moments = itertools.count(1)

    def teardown(self):
        for pin in self.pins.values():
            self.run(pin.__aexit__(None, None, None))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        shutil.rmtree(self.root)

    def run(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    def path(self, checkpoint_id):
        directory = self.root / checkpoint_id.rsplit("-", 1)[0]
        inside = "quarantine" if checkpoint_id in self.quarantined else "."
        return directory / inside / f"{checkpoint_id}.ckpt"

    def of(self, job, *kinds):
        """The ids of a job, newest first."""
        known = [(number, each) for kind in kinds for each, (owner, number, _) in kind.items() if owner == job]
        return [each for _, each in sorted(known, reverse=True)]

    def surplus(self, job):
        """What retention takes, oldest first."""
        return [each for each in self.of(job, self.whole)[KEEP:][::-1] if each not in self.pins]

    def forget(self, checkpoint_id):
        for known in (self.whole, self.damaged, self.wrapped):
            known.pop(checkpoint_id, None)

    @initialize(sealed=st.booleans(), compressed=st.booleans())
    def begin(self, sealed, compressed):
        self.sealed = sealed
        self.restart(compressed)

    @rule(compressed=st.booleans())
    def restart(self, compressed):
        wanted = {"compression_enabled": compressed, "encryption_enabled": self.sealed, "retention_count": KEEP}
        self.manager = CheckpointManager(
            CheckpointConfiguration(storage_path=str(self.root), **wanted), clock=self.clock, keys=lambda: self.keys
        )

    @rule(hours=st.integers(-50_000, 50_000))
    def clock_jumps(self, hours):
        self.clock.moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)

    @rule(target=ids, job=JOBS, data=DATA)
    def create(self, job, data):
        checkpoint_id = self.run(self.manager.create_checkpoint(job, data, {"of": job}))
        number = self.highest[job] = self.highest.get(job, 0) + 1
        assert int(checkpoint_id[-8:]) == number
        self.whole[checkpoint_id] = (job, number, data)
        self.wrapped[checkpoint_id] = self.keys[0]
        for old in self.surplus(job):
            self.forget(old)
        return checkpoint_id

    @rule(target=ids, job=JOBS, count=st.integers(2, 5))
    def create_several(self, job, count):
        return multiple(*[self.create(job, {"n": n}) for n in range(count)])

    @rule(checkpoint_id=ids)
    def load(self, checkpoint_id):
        if checkpoint_id in self.damaged:
            with pytest.raises(CheckpointCorruptionError):
                self.run(self.manager.load_checkpoint(checkpoint_id))
            self.quarantined.add(checkpoint_id)
            return
        expected = self.whole.get(checkpoint_id)
        assert self.run(self.manager.load_checkpoint(checkpoint_id)) == (expected[2] if expected else None)

    @rule(checkpoint_id=ids)
    def validate(self, checkpoint_id):
        assert self.run(self.manager.validate_checkpoint(checkpoint_id)) is (checkpoint_id in self.whole)

    @rule(target=ids, checkpoint_id=consumes(ids))
    def delete(self, checkpoint_id):
        if checkpoint_id in self.pins:
            with pytest.raises(CheckpointError, match="in use"):
                self.run(self.manager.delete_checkpoint(checkpoint_id))
            return checkpoint_id
        present = checkpoint_id in self.whole or checkpoint_id in self.damaged
        assert self.run(self.manager.delete_checkpoint(checkpoint_id)) is present
        self.forget(checkpoint_id)
        return checkpoint_id

    @rule(target=ids, checkpoint_id=ids)
    def restore(self, checkpoint_id):
        if checkpoint_id not in self.whole:
            return checkpoint_id
        job, _, data = self.whole[checkpoint_id]
        restored = self.run(self.manager.restore(checkpoint_id))
        metadata = self.run(self.manager.open_checkpoint(restored)).metadata
        assert metadata == {"of": job, "restored_from": checkpoint_id}
        number = self.highest[job] = self.highest[job] + 1
        self.whole[restored] = (job, number, data)
        self.wrapped[restored] = self.keys[0]
        for old in self.surplus(job):
            self.forget(old)
        return restored

    @rule(job=JOBS, dry_run=st.booleans())
    def prune(self, job, dry_run):
        surplus = self.surplus(job)
        present = [each for each in self.of(job, self.whole, self.damaged) if each not in self.quarantined]
        pruned = self.run(self.manager.prune(job, dry_run=dry_run))
        assert pruned.deleted == tuple(surplus)
        assert pruned.kept == tuple(each for each in present if each not in surplus)
        for old in [] if dry_run else surplus:
            self.forget(old)

    @precondition(lambda self: len(self.pins) < 3)
    @rule(checkpoint_id=ids)
    def pin(self, checkpoint_id):
        pin = self.manager.pin(checkpoint_id)
        if checkpoint_id not in self.whole:
            if checkpoint_id not in self.damaged:
                with pytest.raises(CheckpointNotFoundError):
                    self.run(pin.__aenter__())
            return
        if checkpoint_id not in self.pins:
            self.run(pin.__aenter__())
            self.pins[checkpoint_id] = pin

    @precondition(lambda self: self.pins)
    @rule(data=st.data())
    def unpin(self, data):
        pin = self.pins.pop(data.draw(st.sampled_from(sorted(self.pins))))
        self.run(pin.__aexit__(None, None, None))

    @rule()
    def rotate(self):
        self.keys.insert(0, bytes([len(self.keys)]) * 32)
        self.restart(compressed=True)

    @rule(job=JOBS)
    def rewrap(self, job):
        stale = [each for each in self.of(job, self.whole) if self.sealed and self.wrapped[each] != self.keys[0]]
        free = [each for each in stale if each not in self.pins]
        if free != stale:
            with pytest.raises(CheckpointError, match="in use"):
                self.run(self.manager.rewrap(job))
        else:
            done = self.run(self.manager.rewrap(job))
            assert len(free) <= done <= len(free) + len(self.of(job, self.damaged))
        self.wrapped |= dict.fromkeys(free, self.keys[0])

    @precondition(lambda self: set(self.wrapped.values()) == {self.keys[0]})
    @rule()
    def drop_old_keys(self):
        self.keys = self.keys[:1]
        self.restart(compressed=False)

    @rule(checkpoint_id=ids, share=st.floats(0, 1, exclude_max=True), cut=st.booleans())
    def damage(self, checkpoint_id, share, cut):
        if checkpoint_id not in self.whole or checkpoint_id in self.pins:
            return
        path = self.path(checkpoint_id)
        blob = bytearray(path.read_bytes())
        position = int(share * len(blob))
        blob[position] ^= 4
        path.write_bytes(bytes(blob[:position] if cut else blob))
        # Files of one moment have one time of change; a second write is a second moment.
        os.utime(path, ns=(1, next(self.moments)))
        self.damaged[checkpoint_id] = self.whole.pop(checkpoint_id)
        del self.wrapped[checkpoint_id]

    @rule(job=JOBS)
    def latest(self, job):
        skipped = []
        for checkpoint_id in self.of(job, self.whole, self.damaged):
            if checkpoint_id in self.whole:
                _, number, data = self.whole[checkpoint_id]
                found = self.run(self.manager.load_latest(job))
                assert (found.id, found.sequence_number, found.skipped) == (checkpoint_id, number, tuple(skipped))
                assert (found.data, found.metadata["of"]) == (data, job)
                return
            skipped.append(checkpoint_id)
            self.quarantined.add(checkpoint_id)
        with pytest.raises(CheckpointNotFoundError):
            self.run(self.manager.load_latest(job))

    @rule(job=JOBS, limit=st.none() | st.integers(0, 4))
    def listing(self, job, limit):
        rows = self.run(self.manager.list_checkpoints(job, limit))
        assert [row["id"] for row in rows] == self.of(job, self.whole, self.damaged)[:limit]
        assert all(row["id"] in self.damaged for row in rows if row["status"] == "corrupted")
        assert all(row["status"] == "corrupted" for row in rows if row["id"] in self.quarantined)
        assert all(row["encrypted"] in {self.sealed, None} for row in rows)

    @rule(job=JOBS)
    def verify_all(self, job):
        verdicts = self.run(self.manager.verify_all(job, deep=True))
        assert [each.id for each in verdicts] == self.of(job, self.whole, self.damaged)
        assert {each.id: each.status for each in verdicts} == {
            each.id: "available" if each.id in self.whole else "corrupted" for each in verdicts
        }

    @invariant()
    def nothing_partial_is_left(self):
        assert not list(self.root.rglob("*.tmp"))


TestCheckpoints = Checkpoints.TestCase
TestCheckpoints.settings = settings(
    max_examples=max(60, settings.default.max_examples), stateful_step_count=50, deadline=None
)
