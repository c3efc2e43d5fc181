"""An older copy of the store that was put back, or the lost end of a ledger, is noticed and said."""

import json
import shutil
from dataclasses import replace

import pytest

from outlast.config import CheckpointConfiguration, JobConfiguration
from outlast.jobs import Run
from outlast.jobs.lineage import Behind, Pin, compare
from outlast.ledger import MemoryLedger, SqliteLedger
from outlast.runtime import Runtime

FOUND = Pin(lineage="L", start=3, position=10, items=20)


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {"store": tmp_path / "store", "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5)}


@pytest.fixture
def behind(options):
    told = []
    options["runtime"].bus.subscribe(lambda event: told.append(dict(event.data)), ["ledger_behind"])
    return told


@pytest.fixture
def place(options):
    """Where the job's files are."""
    return lambda name: next(options["store"].glob(f"jobs/*/{name}"))


async def run_to(last, options, **more):
    """Do the items up to `last`; the state holds how far the job has come, and how many items this run tried."""
    tried = []

    async def handle(number, ctx):
        tried.append(number)
        ctx.state["reached"] = number
        return {"n": number}

    async with Run("job", concurrency=1, **options, **more) as run:
        before = run.state.get("reached")
        await run.process(handle, range(last))
    return before, tried


async def fact(place, name):
    ledger = await SqliteLedger.open(place("ledger.db"), read_only=True)
    try:
        return await ledger.get(name)
    finally:
        await ledger.close()


@pytest.mark.parametrize(
    ("pinned", "verdict"),
    [
        (FOUND, None),
        (replace(FOUND, start=2, position=9, items=19), None),
        (replace(FOUND, start=4), Behind.OLDER),
        (replace(FOUND, position=11), Behind.OLDER),
        (replace(FOUND, items=21), Behind.OLDER),
        (replace(FOUND, lineage="M", position=0), Behind.OTHER),
    ],
)
def test_a_ledger_has_all_that_was_pinned_or_is_behind(pinned, verdict):
    assert compare(pinned, FOUND) is verdict


@pytest.mark.parametrize("data", [{}, {"position": 1}, {"position": 1, "counts": 3}])
def test_a_checkpoint_of_somebody_else_pins_nothing(data):
    assert Pin.of_checkpoint(data, {"lineage": "L"}) is None
    assert Pin.of_checkpoint({"position": 1, "counts": {}}, {}) is None


def test_a_checkpoint_of_the_first_version_pins_no_start():
    assert Pin.of_checkpoint({"position": 1, "counts": {"done": 2}}, {"lineage": "L"}) == Pin(
        lineage="L", start=0, position=1, items=2
    )


async def test_an_older_ledger_that_was_put_back_is_said_and_what_is_missing_is_done_again(
    options, place, behind, tmp_path
):
    await run_to(5, options)
    shutil.copy(place("ledger.db"), tmp_path / "older.db")
    first = max(path.stem for path in place("checkpoints").rglob("*.ckpt"))
    await run_to(8, options)
    newest = max(path.stem for path in place("checkpoints").rglob("*.ckpt"))
    shutil.copy(tmp_path / "older.db", place("ledger.db"))
    before, tried = await run_to(8, options)
    assert behind == [
        {
            "reason": "older",
            "expected_position": 8,
            "found_position": 5,
            "checkpoint_id": newest,
            "kept_as": None,
        }
    ]
    assert tried == [5, 6, 7]
    assert before == 4, "the state is not ahead of the ledger"
    noted = await fact(place, "behind")
    assert (noted["reason"], noted["expected_position"], noted["found_position"]) == ("older", 8, 5)
    assert noted["state_of"] == first


async def test_it_is_said_once_and_the_later_state_counts_again(options, place, behind, tmp_path):
    await run_to(5, options)
    shutil.copy(place("ledger.db"), tmp_path / "older.db")
    await run_to(8, options)
    shutil.copy(tmp_path / "older.db", place("ledger.db"))
    await run_to(8, options)
    assert (await run_to(9, options))[0] == 7
    assert len(behind) == 1


async def test_it_is_said_once_where_no_checkpoints_are_taken_any_more(options, place, behind, tmp_path):
    await run_to(5, options)
    shutil.copy(place("ledger.db"), tmp_path / "older.db")
    await run_to(8, options)
    shutil.copy(tmp_path / "older.db", place("ledger.db"))
    config = JobConfiguration(checkpoint={"enabled": False})
    for _ in range(3):
        assert (await run_to(12, options, config=config))[0] == 4
    assert len(behind) == 1


async def test_a_ledger_that_lost_starts_is_noticed_though_no_result_is_missing(options, place, behind, tmp_path):
    await run_to(5, options)
    shutil.copy(place("ledger.db"), tmp_path / "older.db")
    await run_to(0, options)
    shutil.copy(tmp_path / "older.db", place("ledger.db"))
    await run_to(5, options)
    assert [(each["reason"], each["expected_position"], each["found_position"]) for each in behind] == [("older", 5, 5)]


async def test_a_ledger_that_is_gone_is_not_taken_for_a_new_job(options, place, behind):
    await run_to(5, options)
    place("ledger.db").unlink()
    before, tried = await run_to(5, options)
    assert [(each["reason"], each["expected_position"], each["found_position"]) for each in behind] == [("gone", 5, 0)]
    assert (before, tried) == (None, [0, 1, 2, 3, 4])
    await run_to(5, options)
    assert len(behind) == 1


async def test_another_ledger_in_its_place_is_noticed(options, place, behind, tmp_path):
    config = JobConfiguration(checkpoint=CheckpointConfiguration(storage_path=str(tmp_path / "elsewhere")))
    await run_to(5, options, config=config)
    shutil.copy(place("ledger.db"), tmp_path / "first.db")
    await run_to(7, options, config=config, fresh=True)
    assert behind == []
    shutil.copy(tmp_path / "first.db", place("ledger.db"))
    before, tried = await run_to(7, options, config=config)
    assert [(each["reason"], each["expected_position"], each["found_position"]) for each in behind] == [("other", 7, 5)]
    assert (before, tried) == (4, [5, 6])


async def test_starting_over_is_no_loss_wherever_the_checkpoints_are(options, behind, tmp_path):
    config = JobConfiguration(checkpoint=CheckpointConfiguration(storage_path=str(tmp_path / "elsewhere")))
    for fresh in (False, True, False, True):
        await run_to(4, options, config=config, fresh=fresh)
    assert behind == []


async def test_a_ledger_of_one_s_own_may_begin_empty(options, behind):
    for _ in range(2):
        await run_to(4, options, ledger=MemoryLedger())
    assert behind == []


async def test_other_checkpoints_under_the_same_name_mean_nothing(options, behind, tmp_path):
    from outlast.checkpoint import CheckpointManager

    section = CheckpointConfiguration(storage_path=str(tmp_path / "shared"))
    await run_to(4, options, config=JobConfiguration(checkpoint=section))
    await CheckpointManager(section).create_checkpoint("job", {"mine": True})
    assert (await run_to(6, options, config=JobConfiguration(checkpoint=section)))[0] == 3
    assert behind == []


async def test_a_ledger_of_the_first_version_is_not_suspected(options, behind):
    await run_to(4, options)
    ledger = MemoryLedger()
    await ledger.put("lineage", "of old")
    assert (await run_to(2, options, ledger=ledger))[0] is None
    await run_to(6, options, ledger=MemoryLedger())
    await ledger.put("after", None)
    assert (await run_to(3, options, ledger=ledger))[0] == 1
    assert behind == []


def lines(path):
    return [json.loads(line)["n"] for line in path.read_text().splitlines()]


async def test_where_the_whole_store_was_put_back_the_output_tells(options, place, behind, tmp_path):
    await run_to(5, options, output="out.jsonl")
    shutil.copytree(tmp_path / "store", tmp_path / "older")
    await run_to(8, options, output="out.jsonl")
    shutil.rmtree(tmp_path / "store")
    shutil.move(tmp_path / "older", tmp_path / "store")
    _, tried = await run_to(9, options, output="out.jsonl")
    [kept] = tmp_path.glob("out.*.jsonl")
    assert behind == [
        {
            "reason": "output",
            "expected_position": None,
            "found_position": 5,
            "checkpoint_id": None,
            "kept_as": str(kept),
        }
    ]
    assert lines(kept) == list(range(8)), "nothing was cut off"
    assert (tried, lines(tmp_path / "out.jsonl")) == ([5, 6, 7, 8], list(range(9)))
    assert (await fact(place, "unknown_lines"))["kept_as"] == str(kept)


async def test_a_loss_is_a_critical_line_in_the_log_of_a_run_from_code(tmp_path, virtual_clock, place, options, caplog):
    await run_to(5, options)
    place("ledger.db").unlink()
    await run_to(5, options)
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert "job 'job': ledger behind: reason 'gone', expected_position 5, found_position 0" in caplog.text
