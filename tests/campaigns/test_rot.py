"""Bit rot over every kind of file that a job has: nothing wrong is ever handed out, and nothing is lost without a word.

Each history takes a specimen whose whole truth is known, damages one of its files (at times several places of it), lets the tools do
what they do (repair, open, read), and holds what comes back against the truth.
"""

import asyncio
import json
import random
from collections import Counter
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial

import pytest

from outlast.checkpoint import CheckpointManager
from outlast.cli.compared import Comparison, compared
from outlast.config import CheckpointConfiguration
from outlast.errors import CheckpointCorruptionError, CheckpointValidationError, JobLockedError, LedgerError
from outlast.jobs.output import Output
from outlast.jobs.outputfile import put_aside
from outlast.jobs.store import JobDirectory
from outlast.ledger import MemoryLedger
from outlast.ledger.image import index_path, log_path
from outlast.ledger.port import ItemStatus, NewItem, Record, Shape
from outlast.ledger.repair import repair
from outlast.ledger.sqlfile import LedgerFile
from outlast.ledger.transactions import Write
from outlast.runtime import SystemClock
from outlast.storage.keys import Keyring

ITEMS = 200
SECTOR = 512
KEYS = Keyring.of([bytes(range(32))])
FACTS = ("job", "lineage", "output", "run", "invocation")


class Truth:
    """What was written: all states an item has had, its result, the order of the results, all values of the facts."""

    def __init__(self):
        self.payloads = {}
        self.names = {}
        self.states = {}
        self.results = {}
        self.facts = {}
        self.positions = []
        self.final = {}


class Specimen:
    """The bytes of a job's ledger, and the truth about it."""

    def __init__(self, directory, *, sealed, killed, seed=7):
        self.rng = random.Random(seed)
        self.sealed, self.killed = sealed, killed
        self.keys = KEYS if sealed else None
        self.truth = Truth()
        directory.mkdir()
        path = directory / "ledger.db"
        self.file = LedgerFile(path, read_only=False, keys=self.keys)
        self.write()
        paths = (path, log_path(path), index_path(path))
        if killed:
            self.files = {each.name: each.read_bytes() for each in paths if each.exists()}
        self.file.close()
        if not killed:
            self.files = {each.name: each.read_bytes() for each in paths if each.exists()}
        assert killed == (len(self.files) == 3)

    def do(self, call, *arguments):
        [outcome] = self.file.apply([Write(partial(call, *arguments))])
        return outcome

    def write(self):
        truth, rng = self.truth, self.rng
        for name in FACTS:
            self.put(name, {"name": name, "round": 0, "long": "text " * 200})
        items = []
        for number in range(ITEMS):
            size = rng.choice([0, 0, 20, 60, 200, 6_000 if number % 20 == 0 else 10])
            payload = json.dumps({"url": f"https://example.org/{number}", "pad": "p" * size}) if size else None
            items.append(NewItem(f"https://example.org/shop/{number:04}?page={number % 7}", payload))
        for item in items:
            truth.payloads[item.key] = item.payload
            truth.names[self.file._tables.sealing.to_key(item.key)] = item.key
            truth.states[item.key] = {("pending", 0, None, None)}
        self.do(self.file.add, items[: ITEMS // 2])
        self.record(0.5)
        if self.killed:
            self.file._tables.db.wal_checkpoint()
        self.put("output", {"name": "output", "round": 1, "long": "text " * 200})
        self.do(self.file.add, items[ITEMS // 2 :])
        self.record(0.7)
        self.put("output", {"name": "output", "round": 2, "long": "text " * 200})
        self.do(self.file.lease, "me", 5, 0.0, 1e9)
        for item in self.file.items(0, ITEMS):
            truth.final[item.key] = (item.status.value, item.attempts, item.not_before, item.error)
        truth.positions = [result.key for result in self.file.results(0, ITEMS)]

    def put(self, name, value):
        self.truth.facts.setdefault(name, []).append(value)
        self.do(self.file.put, name, json.dumps(value))

    def record(self, share):
        """Everything that waits is leased, and this share of it recorded, a few items a commit."""
        rng, truth = self.rng, self.truth
        leases = self.do(self.file.lease, "me", ITEMS, 0.0, 1e9)
        chosen = leases[: int(len(leases) * share)]
        while chosen:
            batch, chosen = chosen[:7], chosen[7:]
            records = []
            for lease in batch:
                kind = rng.choice(["done"] * 6 + ["failed", "deferred"])
                lines, shape, error, due = "", Shape.NOTHING, None, None
                if kind == "done":
                    shape = rng.choice(list(Shape))
                    body = json.dumps({"title": f"{lease.key} é", "text": "t" * rng.choice([5, 50, 300, 5_000])})
                    lines = {Shape.NOTHING: "", Shape.ONE: f"{body}\n", Shape.MANY: f"{body}\n{body}\n"}[shape]
                    truth.results[lease.key] = (shape, lines)
                elif kind == "failed":
                    error = json.dumps({"type": "ValueError", "message": f"no {lease.key}"})
                else:
                    due = 5e9 + rng.random()
                record = Record(lease, ItemStatus(kind), rng.randint(1, 5), shape, lines, (), due, error)
                truth.states[lease.key].add((kind, record.attempts, due, error))
                records.append(record)
            assert self.file.apply(records) == [None] * len(records)
        self.do(self.file.release, "me")


@pytest.fixture(scope="module")
def specimens(tmp_path_factory):
    directory = tmp_path_factory.mktemp("specimens")
    return [
        Specimen(directory / f"{sealed}-{killed}", sealed=sealed, killed=killed)
        for sealed in (False, True)
        for killed in (False, True)
    ]


def damage(rng, blob):
    """One thing that happens to bytes on a disk, and its name; None for a file that is gone."""
    kind = rng.choice(["bit", "bits", "zeroes", "garbage", "page", "cut", "gone"])
    spoiled = bytearray(blob)
    sector = rng.randrange(0, max(1, len(blob)), SECTOR)
    match kind:
        case "bit" | "bits":
            for _ in range(1 if kind == "bit" else rng.randint(2, 40)):
                spoiled[rng.randrange(len(blob))] ^= 1 << rng.randrange(8)
        case "zeroes":
            spoiled[sector : sector + SECTOR] = bytes(len(spoiled[sector : sector + SECTOR]))
        case "garbage":
            spoiled[sector : sector + SECTOR] = rng.randbytes(len(spoiled[sector : sector + SECTOR]))
        case "page":
            page = sector // 4096 * 4096
            spoiled[page : page + 4096] = rng.choice([bytes, rng.randbytes])(len(spoiled[page : page + 4096]))
        case "cut":
            del spoiled[rng.randrange(len(blob)) :]
        case "gone":
            return kind, None
    return kind, bytes(spoiled)


def everything(read, batch=50):
    """All of a listing, a slice at a time."""
    found, after = [], 0
    while rows := read(after, batch):
        found += rows
        after = rows[-1].item if hasattr(rows[-1], "item") else rows[-1].position
    return found


@pytest.mark.parametrize("shard", range(2))
@pytest.mark.real_time
def test_a_damaged_ledger_is_repaired_without_a_wrong_row_or_a_silent_loss(specimens, tmp_path, campaign, shard):
    def history(seed):
        rng = random.Random(seed)
        specimen = specimens[rng.randrange(len(specimens))]
        directory = tmp_path / str(seed)
        directory.mkdir()
        victims = [name for name in specimen.files if not name.endswith("-shm")]
        victim = rng.choice(victims)
        kind, spoiled = damage(rng, specimen.files[victim])
        files = {**specimen.files, victim: spoiled}
        if rng.random() < 0.25 and files["ledger.db"]:
            # Without its header SQLite reads nothing of it, so all has to come out of the raw pages.
            files["ledger.db"] = bytes(100) + files["ledger.db"][100:]
        if rng.random() < 0.3:
            # After a power cut nothing is sure of the log's index.
            files["ledger.db-shm"] = None
        for name, blob in files.items():
            if blob is not None:
                (directory / name).write_bytes(blob)
        tail = victim.endswith("-wal") and files.get("ledger.db-shm") is None
        unchanged = files == specimen.files
        return {"cases": 1, **judged(specimen, directory, unchanged=unchanged, tail=tail)}

    campaign(history, 400, shard=shard, shards=2)


def judged(specimen, directory, *, unchanged, tail):
    path = directory / "ledger.db"
    told = Counter()
    before = {each.name: each.read_bytes() for each in directory.iterdir()}
    try:
        repaired = repair(path, aside=directory / "aside", keys=specimen.keys)
    except LedgerError as error:
        assert not unchanged, error
        for name, blob in before.items():
            assert name.endswith("-shm") or (directory / name).read_bytes() == blob, "a refused repair changed a file"
        return {"refused": 1}
    file = LedgerFile(path, read_only=False, keys=specimen.keys)
    try:
        items = everything(file.items)
        results = everything(file.results)
        facts = {name: file.get(name) for name in FACTS}
        health = file.check(deep=True)
    finally:
        file.close()
    assert health.sound, health
    told["rebuilt" if repaired.rebuilt else "sound" if repaired.sound else "mended"] += 1
    compare(specimen.truth, repaired, items, results, facts, told, tail=tail)
    return told


def compare(truth, repaired, items, results, facts, told, *, tail):
    # In a sealed ledger the key is lost with the payload, and its keyed hash stands for it.
    items = [replace(item, key=truth.names.get(item.key, item.key)) if item.lost else item for item in items]
    results = [replace(result, key=truth.names.get(result.key, result.key)) for result in results]
    found = {item.key: item for item in items}
    reported = {truth.names.get(finding.key, finding.key) for finding in repaired.findings}
    log_lost = any("log" in line for line in repaired.structure)
    # Nothing wrong.
    for item in items:
        assert item.key in truth.payloads, f"a key that was never written: {item.key}"
        assert item.lost or item.payload == truth.payloads[item.key], f"a wrong payload of {item.key}"
        state = (item.status.value, item.attempts, item.not_before, item.error)
        mended = item.key in reported
        assert state in truth.states[item.key] or mended, f"a state that was never written: {item.key}: {state}"
    for result in results:
        assert truth.results.get(result.key) == (result.shape, result.lines), f"a wrong result of {result.key}"
        assert found[result.key].status is ItemStatus.DONE
    for name, value in facts.items():
        values = truth.facts[name] + [None] + [{**each, "position": 0, "size": 0} for each in truth.facts[name]]
        assert value in values, f"a wrong fact {name}: {value}"
    order = [result.key for result in results]
    assert len(set(order)) == len(order), "a result twice"
    # Nothing silent.
    missing = truth.payloads.keys() - found.keys()
    unfinished = truth.results.keys() - set(order)
    changed = {
        key
        for key, item in found.items()
        if (item.status.value, item.attempts, item.not_before, item.error) != truth.final[key] or item.lost
    }
    told["items lost"] += len(missing)
    told["results lost"] += len(unfinished)
    told["items given up"] += sum(item.lost for item in items)
    told["total losses"] += not items
    if missing or unfinished or changed:
        # The end of a log that was cut off looks like the end of a log; then the position that a checkpoint pins tells.
        behind = tail and len(results) < len(truth.positions)
        told["told by the checkpoint alone"] += repaired.sound and behind
        assert behind or not repaired.sound, f"silent: {missing or unfinished or changed}"
        if behind:
            return
    assert repaired.lost_items is None or log_lost or len(missing) <= repaired.lost_items, (
        f"items lost and not counted: {len(missing)}, {repaired}"
    )
    assert (
        repaired.lost_results is None
        or log_lost
        or len(unfinished)
        <= (repaired.lost_results + repaired.remedies.get("removed", 0) + repaired.remedies.get("pending", 0))
    ), "results lost and not counted"
    if not log_lost:
        assert changed <= reported, f"changed and not reported: {sorted(changed - reported)[:3]}"
        assert unfinished - missing <= reported, (
            f"done again and not reported: {sorted(unfinished - missing - reported)[:3]}"
        )


JOB = "shop"


class Shelves:
    """The bytes of a job's checkpoints, and what was put into each."""

    def __init__(self, root, run, **settings):
        self.settings, self.truth = settings, {}
        manager = self.manager(root)
        rng = random.Random(3)
        for number in range(3):
            data = {"number": number, "text": "é" * rng.randint(1, 300), "items": list(range(rng.randint(1, 900)))}
            self.truth[run(manager.create_checkpoint(JOB, data, {"n": number}))] = data
        self.files = {path.relative_to(root): path.read_bytes() for path in root.rglob("*.ckpt")}
        assert len(self.files) == 3

    def manager(self, root):
        keys = KEYS if self.settings.get("encryption_enabled") else None
        return CheckpointManager(CheckpointConfiguration(storage_path=str(root), **self.settings), keys=keys)


@pytest.mark.real_time
def test_a_damaged_checkpoint_is_told_and_the_newest_whole_one_loaded(tmp_path, campaign):
    with asyncio.Runner() as runner:
        kinds = {"plain": {"compression_enabled": False}, "gzip": {}, "sealed": {"encryption_enabled": True}}
        specimens = [Shelves(tmp_path / name, runner.run, **settings) for name, settings in kinds.items()]

        def history(seed):
            rng = random.Random(seed)
            specimen = rng.choice(specimens)
            victim = rng.choice(sorted(specimen.files))
            kind, spoiled = damage(rng, specimen.files[victim])
            root = tmp_path / str(seed)
            for name, blob in {**specimen.files, victim: spoiled}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                if blob is not None:
                    (root / name).write_bytes(blob)
            if spoiled == specimen.files[victim]:
                return {"cases": 1, "unchanged": 1}
            return {"cases": 1, **runner.run(loaded(specimen, root, victim.stem, gone=kind == "gone"))}

        campaign(history, 800)


async def loaded(specimen, root, victim, *, gone):
    manager = specimen.manager(root)
    verdicts = {verdict.id: verdict.status for verdict in await manager.verify_all(JOB, deep=True)}
    for checkpoint_id, data in specimen.truth.items():
        if checkpoint_id != victim:
            assert verdicts[checkpoint_id] == "available"
            assert await manager.load_checkpoint(checkpoint_id) == data
    newest = max(specimen.truth.keys() - {victim})
    if gone:
        assert victim not in verdicts
        assert await manager.load_checkpoint(victim) is None
        assert (await manager.load_latest(JOB)).id == newest
        return {"gone": 1}
    # It is no checkpoint at all any more where its first bytes are somebody else's.
    with pytest.raises((CheckpointCorruptionError, CheckpointValidationError)):
        await manager.load_checkpoint(victim)
    assert verdicts[victim] == "corrupted"
    assert [*root.rglob(f"quarantine/{victim}.ckpt")], "thrown away"
    latest = await manager.load_latest(JOB)
    assert (latest.id, latest.data) == (newest, specimen.truth[newest])
    assert latest.skipped == ((victim,) if victim > newest else ())
    return {"told": 1}


class Watcher:
    """Nobody: the campaign looks at the files."""

    run_id = "run"

    async def mend(self):
        return False

    async def kept(self, path):
        self.path = path


@pytest.mark.real_time
def test_a_damaged_output_file_is_told_and_written_anew(tmp_path, campaign):
    with asyncio.Runner() as runner:
        ledger, lines = runner.run(with_results())

        def history(seed):
            rng = random.Random(seed)
            path = tmp_path / f"{seed}.jsonl"
            original = "".join(lines).encode()
            kind, spoiled = damage(rng, original)
            runner.run(ledger.put("output", {"path": str(path), "position": len(lines), "size": len(original)}))
            if spoiled is not None:
                path.write_bytes(spoiled)
            found = runner.run(rewritten(ledger, path, tmp_path))
            assert path.read_bytes() == original
            assert (found in {"damaged", "absent"}) == (spoiled != original), found
            kept = [each.read_bytes() for each in tmp_path.glob(f"{seed}.*.jsonl")]
            # What the ledger can write again may be cut off; anything else is kept.
            assert spoiled is None or original.startswith(spoiled) or kept == [spoiled]
            return {"cases": 1, found: 1}

        campaign(history, 300)


async def with_results():
    ledger, lines = MemoryLedger(), []
    await ledger.add([NewItem(str(number)) for number in range(60)])
    for lease in await ledger.lease("me", 60, 0.0, 1e9):
        lines.append(json.dumps({"key": lease.key, "text": "t" * (int(lease.key) * 7 % 300)}) + "\n")
        await ledger.record(Record(lease, ItemStatus.DONE, 1, Shape.ONE, lines[-1]))
    return ledger, lines


async def rewritten(ledger, path, directory):
    """What `outlast repair` and the next run do; what was found."""
    found = await compared(ledger)
    if found.state is Comparison.DAMAGED:
        put_aside(path, "kept")
    output = await Output.open(path, ledger, SystemClock(), Watcher())
    await output.finish()
    return found.state.value


@pytest.mark.real_time
def test_a_damaged_lock_file_neither_opens_nor_closes_the_door(tmp_path, campaign):
    def history(seed):
        rng = random.Random(seed)
        directory = JobDirectory(tmp_path / str(seed))
        directory.path.mkdir()
        blob = json.dumps({"pid": 123, "host": "here", "since": "2026-01-01 00:00:00"}).encode()
        _, spoiled = damage(rng, blob)
        if spoiled is not None:
            (directory.path / "LOCK").write_bytes(spoiled)
        with closing(directory.lock(JOB, "now")):
            if spoiled:
                with suppress(OSError):
                    (directory.path / "LOCK").write_bytes(spoiled)
            with pytest.raises(JobLockedError, match="is being run by another process"):
                directory.lock(JOB, "later")
        directory.lock(JOB, "later").close()
        return {"cases": 1}

    campaign(history, 100)
