"""A job that is sealed: nothing of it can be read on the disk, no key is no start, and keys can be changed."""

import json
import shutil
from base64 import b64encode

import pytest

from outlast.errors import CheckpointValidationError, ConfigurationError, KeyMissingError, LedgerError
from outlast.jobs import Outcome, Run
from outlast.runtime import Runtime

ONE, TWO = bytes(range(32)), bytes(range(32, 64))
SEALED = {"checkpoint": {"encryption_enabled": True}}


@pytest.fixture(autouse=True)
def no_key_from_outside(monkeypatch):
    monkeypatch.delenv("OUTLAST_ENCRYPTION_KEY", raising=False)
    monkeypatch.delenv("OUTLAST_ENCRYPTION_KEY_FILE", raising=False)


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    from outlast.config import JobConfiguration

    monkeypatch.chdir(tmp_path)
    return {
        "store": tmp_path / "store",
        "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5),
        "config": JobConfiguration(**SEALED),
    }


@pytest.fixture
def set_keys(monkeypatch):
    return lambda *keys: monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", ",".join(b64encode(key).decode() for key in keys))


@pytest.fixture
def rotated(options):
    told = []
    options["runtime"].bus.subscribe(lambda event: told.append(dict(event.data)), ["keys_rotated"])
    return told


async def handle(item, ctx):
    ctx.state["cookie"] = "chocolate"
    if item["id"] == "parsnip":
        raise ValueError("bad radish")
    ctx.enqueue(*[{"id": "turnip", "from": "beetroot"}])
    return {"found": "artichoke"}


async def run(options, items=({"id": "cucumber"}, {"id": "parsnip"}), **more):
    async with Run("greens", **options, **more) as opened:
        state = dict(opened.state)
        return await opened.process(handle, items, key="id"), state


def on_disk(store):
    return b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())


SECRETS = [b"cucumber", b"parsnip", b"radish", b"turnip", b"beetroot", b"artichoke", b"chocolate", b"onion"]


async def test_nothing_of_a_sealed_job_can_be_read_on_the_disk_and_the_output_is_plain(options, tmp_path, set_keys):
    set_keys(ONE)
    options["output"] = tmp_path / "out.jsonl"
    async with Run("greens", invocation={"target": "onion.py:soup"}, **options) as opened:
        await opened.process(handle, [{"id": "cucumber"}, {"id": "parsnip"}], key="id")
        await opened._session.save("interval")
        during = on_disk(tmp_path / "store")
    after = on_disk(tmp_path / "store")
    assert not [secret for secret in SECRETS if secret in during or secret in after]
    assert b"greens" in after
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        {"found": "artichoke"}
    ] * 2


async def test_a_sealed_job_goes_on_as_any_other(options, set_keys):
    set_keys(ONE)
    first, _ = await run(options)
    assert (first.outcome, first.done, first.failed) == (Outcome.COMPLETED_WITH_FAILURES, 2, 1)
    again, state = await run(options, [{"id": "cucumber"}, {"id": "leek"}])
    assert (again.total, again.done, again.damaged) == (4, 3, 0)
    assert state == {"cookie": "chocolate"}


async def test_without_a_key_nothing_is_written(options, tmp_path):
    with pytest.raises(ConfigurationError, match="OUTLAST_ENCRYPTION_KEY"):
        await run(options, output=tmp_path / "out.jsonl")
    assert list(tmp_path.iterdir()) == []


async def test_keys_may_come_from_the_program(options, tmp_path):
    summary, _ = await run(options, keys=lambda: [ONE])
    assert summary.done == 2
    assert not [secret for secret in SECRETS if secret in on_disk(tmp_path / "store")]
    with pytest.raises(KeyMissingError):
        await run(options, keys=lambda: [TWO])


async def test_keys_that_would_seal_nothing_are_refused(options, tmp_path):
    del options["config"]
    with pytest.raises(ConfigurationError, match=r"nothing would be encrypted: set checkpoint\.encryption_enabled"):
        await run(options, keys=lambda: [ONE])
    assert list(tmp_path.iterdir()) == []


async def test_a_job_begun_in_clear_is_not_continued_sealed_and_the_way_out_is_named(options, set_keys):
    plain = {name: value for name, value in options.items() if name != "config"}
    await run(plain)
    set_keys(ONE)
    with pytest.raises(LedgerError, match="fresh"):
        await run(options)
    summary, state = await run(options, fresh=True)
    assert (summary.done, state) == (2, {})
    assert (await run(options))[0].total == 3


async def test_a_sealed_job_is_not_continued_in_clear(options, set_keys):
    set_keys(ONE)
    await run(options)
    plain = {name: value for name, value in options.items() if name != "config"}
    with pytest.raises(KeyMissingError, match=r"is encrypted: set checkpoint\.encryption_enabled = true"):
        await run(plain)
    assert (await run(plain, fresh=True))[0].done == 2


async def test_a_lost_key_does_not_stand_in_the_way_of_a_fresh_start(options, set_keys, tmp_path):
    set_keys(ONE)
    await run(options)
    set_keys(TWO)
    with pytest.raises(KeyMissingError):
        await run(options)
    assert (await run(options, fresh=True))[0].done == 2
    assert list(tmp_path.glob("store/jobs/*/old/*/ledger.db"))


async def test_a_lost_key_and_an_output_do_not_stand_in_the_way_either(options, set_keys, tmp_path):
    output = tmp_path / "out.jsonl"
    set_keys(ONE)
    await run(options, output=output)
    kept = output.read_bytes()
    set_keys(TWO)
    assert (await run(options, fresh=True, output=output))[0].done == 2
    assert [each.read_bytes() for each in tmp_path.glob("out.*.jsonl")] == [kept]


async def test_another_first_key_takes_over_and_the_old_one_may_go(options, set_keys, rotated):
    set_keys(ONE)
    await run(options)
    assert rotated == []
    set_keys(TWO, ONE)
    await run(options)
    assert [(each["ledger"], each["checkpoints"] >= 1) for each in rotated] == [(True, True)]
    set_keys(TWO)
    again, state = await run(options)
    assert (again.done, state) == (2, {"cookie": "chocolate"})
    assert len(rotated) == 1


async def test_a_sealed_checkpoint_without_its_key_stops_the_start_and_does_not_count_as_a_crash(
    options, set_keys, tmp_path
):
    from outlast.config import JobConfiguration

    elsewhere = {"encryption_enabled": True, "storage_path": str(tmp_path / "elsewhere")}
    set_keys(TWO)
    await run({**options, "store": tmp_path / "other", "config": JobConfiguration(checkpoint=elsewhere)})
    shutil.rmtree(tmp_path / "other")
    set_keys(ONE)
    for _ in range(7):
        with pytest.raises(CheckpointValidationError):
            await run({**options, "config": JobConfiguration(checkpoint=elsewhere)})
    assert list((tmp_path / "elsewhere").rglob("*.ckpt")), "it is not taken for damage"
    assert (await run({**options, "config": JobConfiguration(checkpoint=elsewhere)}, fresh=True))[0].done == 2


async def test_an_unreadable_checkpoint_that_cannot_be_wrapped_anew_is_said_and_the_job_goes_on(
    options, set_keys, rotated
):
    told = []
    options["runtime"].bus.subscribe(told.append, ["checkpoint_failed"])
    set_keys(ONE)
    await run(options)
    [oldest] = options["store"].glob("jobs/*/checkpoints/**/*1.ckpt")
    kept = oldest.read_bytes()
    set_keys(TWO, ONE)
    await run(options)
    oldest.write_bytes(kept)
    set_keys(TWO)
    assert (await run(options))[0].done == 2
    assert len(told) == 1


async def test_plain_checkpoints_of_an_earlier_ledger_are_not_taken_for_tampering(options, set_keys, tmp_path):
    from outlast.config import JobConfiguration

    damaged = []
    options["runtime"].bus.subscribe(damaged.append, ["checkpoint_corrupted"])
    shared = {"storage_path": str(tmp_path / "elsewhere")}
    await run({**options, "config": JobConfiguration(checkpoint=shared)})
    before = sorted((tmp_path / "elsewhere").rglob("*"))
    set_keys(ONE)
    sealed = JobConfiguration(checkpoint={**shared, "encryption_enabled": True, "enabled": False})
    for fresh in (True, False):
        await run({**options, "config": sealed}, fresh=fresh)
    assert damaged == []
    assert sorted((tmp_path / "elsewhere").rglob("*")) == before
