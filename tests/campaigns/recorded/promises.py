"""What must hold of the files that a workload leaves, whatever happened to it: judged by what it had told until then.

`told` are the lines of `workloads/saying.py`. Each check opens the files with the real code, and raises AssertionError.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from outlast.checkpoint import CheckpointManager
from outlast.config import CheckpointConfiguration
from outlast.errors import CheckpointNotFoundError
from outlast.jobs import job
from outlast.ledger import SqliteLedger

__all__ = ["check_checkpoints", "check_files", "check_job", "check_ledger", "contents_of", "steps"]

EVERYTHING = 1_000_000
NEVER = 9e12


@dataclass
class Step:
    """What a workload said it would do; `answer` is None until it was acknowledged, and for ever when it failed."""

    do: str
    what: dict
    answer: dict | None = None

    def __getattr__(self, name):
        return self.what[name]


def steps(told):
    """The steps told, in order."""
    found = {}
    for line in told:
        if "do" in line:
            found[line["n"]] = Step(line["do"], line, line.get("done"))
        elif "done" in line:
            found[line["n"]].answer = line["done"]
    return list(found.values())


# Files that are replaced


async def check_files(root, told):
    """Every file is whole, and as new as acknowledged."""
    wanted, possible = {}, {}
    for step in steps(told):
        possible.setdefault(step.name, [None]).append(step.data)
        if step.answer is not None:
            wanted[step.name] = step.data
            possible[step.name] = [step.data]
    for name, allowed in possible.items():
        path = root / name
        try:
            found = json.loads(path.read_text()) if path.exists() else None
        except ValueError:
            raise AssertionError(f"{name} is torn") from None
        assert found in allowed, f"{name} is not what was acknowledged"


# Checkpoints


@dataclass
class _Expected:
    made: dict = field(default_factory=dict)
    begun: list = field(default_factory=list)
    deleted: set = field(default_factory=set)
    perhaps_deleted: set = field(default_factory=set)
    keep: int = 0


async def check_checkpoints(root, told, settings=()):
    """Every acknowledged checkpoint that nothing removed is there and equal; nothing torn is visible; a new one can be made."""
    by_job = {}
    for step in steps(told):
        expected = by_job.setdefault(step.job, _Expected())
        if step.do == "create":
            expected.keep = step.keep
            if step.answer is None:
                expected.begun.append((step.data, step.metadata))
            else:
                expected.made[step.answer["id"]] = (step.data, step.metadata)
        elif step.do == "delete":
            (expected.perhaps_deleted if step.answer is None else expected.deleted).add(step.id)
    config = CheckpointConfiguration(storage_path=str(root / "checkpoints"), retention_count=100, **dict(settings))
    async with CheckpointManager(config) as checkpoints:
        for name, expected in by_job.items():
            await _check_job_s_checkpoints(checkpoints, name, expected)
    left = [path.name for path in (root / "checkpoints").rglob("*.tmp")]
    assert not left, f"not swept: {left}"


async def _check_job_s_checkpoints(checkpoints, name, expected):
    rows = await checkpoints.list_checkpoints(name)
    present = [row["id"] for row in rows]
    assert len(set(present)) == len(present)
    assert [row["sequence_number"] for row in rows] == sorted({row["sequence_number"] for row in rows}, reverse=True)
    for row in rows:
        assert row["status"] == "available", f"{row['id']} is {row['status']}"
        found = (await checkpoints.load_checkpoint(row["id"]), row["metadata"])
        if row["id"] in expected.made:
            assert found == expected.made[row["id"]], f"{row['id']} holds something else"
        else:
            # Not acknowledged, but whole: allowed, once for each that was begun.
            assert found in expected.begun, f"{row['id']} was never asked for"
            expected.begun.remove(found)
    assert not expected.deleted & set(present), "a deleted one came back"
    away = expected.deleted | expected.perhaps_deleted
    for one in expected.made.keys() - set(present) - away:
        newer = [each for each in {*present, *away} if each > one]
        assert len(newer) >= expected.keep, f"{one} is lost: only {len(newer)} newer ones are there or were deleted"
    await _check_the_newest(checkpoints, name, present)
    made = await checkpoints.create_checkpoint(name, {"after": "the crash"})
    assert made > max([*expected.made, *present], default=""), "a number was given twice"


async def _check_the_newest(checkpoints, name, present):
    try:
        latest = await checkpoints.load_latest(name)
    except CheckpointNotFoundError:
        assert not present
    else:
        assert (latest.id, latest.skipped) == (present[0], ())


# The ledger


async def check_ledger(root, told, keys=None):
    """The ledger holds what was acknowledged, all of each step that was not or nothing of it, and no more."""
    asked = steps(told)
    path = root / "ledger.db"
    if not any(step.answer is not None for step in asked) and not path.exists():
        return
    assert path.exists(), "the ledger is lost"
    found = await contents_of(path, keys)
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        assert db.pragma("integrity_check") == "ok"
    finally:
        db.close()
    expected = _replayed(asked, found)
    for part in ("done", "failed", "pending", "deferred", "note"):
        assert expected[part] == found[part], f"{part}: {_difference(expected[part], found[part])}"


async def contents_of(path, keys=None):
    """What a ledger holds, by status. It leases everything to see it."""
    ledger = await SqliteLedger.open(path, **({"keys": keys} if keys else {}))
    try:
        return await _contents(ledger)
    finally:
        await ledger.close()


async def _contents(ledger):
    await ledger.release()
    counts = await ledger.counts()
    results = await ledger.results(0, EVERYTHING)
    failures = await ledger.failures(0, EVERYTHING)
    # Deferred ones are not due at 1.0, and the first leases last longer than anything.
    pending = await ledger.lease("check", EVERYTHING, 1.0, NEVER)
    deferred = await ledger.lease("check", EVERYTHING, NEVER - 1, NEVER)
    assert len({result.key for result in results}) == len(results), "a result is there twice"
    assert (counts.pending, counts.deferred) == (len(pending), len(deferred))
    assert (counts.done, counts.failed) == (len(results), len(failures))
    return {
        "done": {result.key: result.lines for result in results},
        "failed": {failure.key: failure.error for failure in failures},
        "pending": {lease.key: lease.payload for lease in pending},
        "deferred": {lease.key: lease.payload for lease in deferred},
        "note": await ledger.get("note"),
    }


def _replayed(asked, found):
    """The steps that took effect, on an empty ledger: all that were acknowledged, and those that left a trace in `found`."""
    state = {"done": {}, "failed": {}, "pending": {}, "deferred": {}, "note": None}
    payloads = {}
    known = {key for part in ("done", "failed", "pending", "deferred") for key in found[part]}
    last = {step.key: step for step in asked if step.do == "record"}
    for step in asked:
        # Nobody is given an item that is deferred, so a deferral that is followed by another record came to nothing.
        undone = step.do == "record" and step.status == "deferred" and last[step.key] is not step
        if step.answer is None and (undone or not _left_a_trace(step, state, found, known)):
            continue
        new = step.what.get("items", step.what.get("children", []))
        if step.do == "record":
            del state["pending"][step.key]
            state[step.status][step.key] = {"done": step.lines, "failed": step.error}.get(
                step.status, payloads[step.key]
            )
        elif step.do == "put":
            state["note"] = step.value
        elif step.do == "retry":
            state["pending"] |= {key: payloads[key] for key in state["failed"]}
            state["failed"] = {}
        payloads |= dict(new)
        state["pending"] |= dict(new)
    return state


def _left_a_trace(step, state, found, known):
    if step.do == "add":
        return any(key in known for key, _ in step.items)
    if step.do == "put":
        return found["note"] == step.value
    if step.do == "retry":
        return any(found["failed"].get(key) != error for key, error in state["failed"].items())
    if step.do == "record":
        mark = {"done": step.lines, "failed": step.error}.get(step.status)
        children = any(key in known for key, _ in step.children)
        deferred = step.status == "deferred" and step.key in found["deferred"]
        return children or deferred or (mark is not None and found[step.status].get(step.key) == mark)
    return False


def _difference(expected, found):
    if not isinstance(expected, dict):
        return f"{found} instead of {expected}"
    lost = sorted(expected.keys() - found.keys())[:3]
    more = sorted(found.keys() - expected.keys())[:3]
    other = sorted(key for key in expected.keys() & found.keys() if expected[key] != found[key])[:3]
    return f"lost {lost}, never asked for {more}, other content {other}"


# A job


async def check_job(root, told, *, concurrency, pages, settings=()):
    """The job goes on to its end; nothing recorded is fetched again, and the output holds every record once."""
    before = Counter(line["fetched"] for line in told if "fetched" in line)
    runs = [step for step in steps(told) if step.do == "run"]
    again = []

    @job("walk", concurrency=concurrency, store=str(root / "store"), **dict(settings))
    async def walk(page, ctx):
        again.append(page)
        ctx.enqueue(*(n for n in (2 * page + 1, 2 * page + 2) if n < pages))
        return {"page": page, "text": f"{page} " * (page * 37 % 400)}

    output = root / "pages.jsonl"
    if runs and runs[-1].answer is not None:
        _check_output(output, pages)
    summary = await walk.run([0], output=str(output))
    assert (summary.outcome.value, summary.done) == ("completed", pages), summary
    assert len(set(again)) == len(again), "fetched twice in one run"
    repeated = len(before.keys() & set(again))
    assert repeated <= concurrency, f"{repeated} pages are fetched again"
    assert not (runs and runs[-1].answer is not None and again), "a job that had ended began again"
    _check_output(output, pages)


def _check_output(path: Path, pages):
    found = [json.loads(line) for line in path.read_text().splitlines()]
    expected = [{"page": page, "text": f"{page} " * (page * 37 % 400)} for page in range(pages)]
    assert sorted(found, key=lambda each: each["page"]) == expected, "the output does not hold every record once"
