"""The manager against a model made of dictionaries, through any history of calls, damage and restarts."""

import asyncio
import itertools
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration
from outlast.errors import CheckpointCorruptionError, CheckpointNotFoundError

KEEP = 3
JOBS = st.sampled_from(["job", "a/b", "../up", "é"])
DATA = st.dictionaries(st.text("ab", max_size=2), st.integers(-9, 9) | st.text(max_size=5), max_size=3)


class Checkpoints(RuleBasedStateMachine):
    ids = Bundle("ids")

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.restart(compressed=True)
        self.whole = {}
        self.damaged = {}
        self.quarantined = set()
        self.highest = {}
        self.moments = itertools.count(1)

    def teardown(self):
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        shutil.rmtree(self.root)

    def run(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    def path(self, checkpoint_id):
        directory = self.root / checkpoint_id.rsplit("-", 1)[0]
        inside = "quarantine" if checkpoint_id in self.quarantined else "."
        return directory / inside / f"{checkpoint_id}.ckpt"

    @rule(compressed=st.booleans())
    def restart(self, compressed):
        self.manager = CheckpointManager(
            CheckpointConfiguration(storage_path=str(self.root), retention_count=KEEP, compression_enabled=compressed)
        )

    @rule(target=ids, job=JOBS, data=DATA)
    def create(self, job, data):
        checkpoint_id = self.run(self.manager.create_checkpoint(job, data, {"of": job}))
        number = self.highest[job] = self.highest.get(job, 0) + 1
        assert int(checkpoint_id[-8:]) == number
        self.whole[checkpoint_id] = (job, number, data)
        kept = sorted((n, each) for each, (owner, n, _) in self.whole.items() if owner == job)
        for _, old in kept[:-KEEP]:
            del self.whole[old]
        return checkpoint_id

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

    @rule(checkpoint_id=consumes(ids))
    def delete(self, checkpoint_id):
        present = checkpoint_id in self.whole or checkpoint_id in self.damaged
        assert self.run(self.manager.delete_checkpoint(checkpoint_id)) is present
        for known in (self.whole, self.damaged):
            known.pop(checkpoint_id, None)

    @rule(checkpoint_id=ids, share=st.floats(0, 1, exclude_max=True), cut=st.booleans())
    def damage(self, checkpoint_id, share, cut):
        if checkpoint_id not in self.whole:
            return
        path = self.path(checkpoint_id)
        blob = bytearray(path.read_bytes())
        position = int(share * len(blob))
        blob[position] ^= 4
        path.write_bytes(bytes(blob[:position] if cut else blob))
        # Files of one moment have one time of change; a second write is a second moment.
        os.utime(path, ns=(1, next(self.moments)))
        self.damaged[checkpoint_id] = self.whole.pop(checkpoint_id)

    @rule(job=JOBS)
    def latest(self, job):
        known = {**self.damaged, **self.whole}
        newest_first = sorted((number, each) for each, (owner, number, _) in known.items() if owner == job)[::-1]
        skipped = []
        for number, checkpoint_id in newest_first:
            if checkpoint_id in self.whole:
                found = self.run(self.manager.load_latest(job))
                assert (found.id, found.sequence_number, found.skipped) == (checkpoint_id, number, tuple(skipped))
                assert (found.data, found.metadata) == (self.whole[checkpoint_id][2], {"of": job})
                return
            skipped.append(checkpoint_id)
            self.quarantined.add(checkpoint_id)
        with pytest.raises(CheckpointNotFoundError):
            self.run(self.manager.load_latest(job))

    @rule(job=JOBS, limit=st.none() | st.integers(0, 4))
    def listing(self, job, limit):
        known = {**self.damaged, **self.whole}
        newest_first = sorted((number, each) for each, (owner, number, _) in known.items() if owner == job)[::-1]
        rows = self.run(self.manager.list_checkpoints(job, limit))
        assert [row["id"] for row in rows] == [each for _, each in newest_first[:limit]]
        assert all(row["id"] in self.damaged for row in rows if row["status"] == "corrupted")
        assert all(row["status"] == "corrupted" for row in rows if row["id"] in self.quarantined)

    @invariant()
    def nothing_partial_is_left(self):
        assert not list(self.root.rglob("*.tmp"))


TestCheckpoints = Checkpoints.TestCase
TestCheckpoints.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
