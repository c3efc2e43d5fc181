"""Who asked for it is told how a run ended, or that it was not let begin; of an abort its own action tells."""

import asyncio
import json
from pathlib import Path

import pytest

from outlast.config import JobConfiguration
from outlast.errors import CrashLoopError
from outlast.jobs import Run

pytestmark = pytest.mark.real_time


async def good(item):
    return {"item": item}


async def bad(item):
    raise ValueError("no price")


async def none(item):
    return None


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What was told so far: the occasion and the summary of each notice."""
    monkeypatch.chdir(tmp_path)

    def read():
        file = tmp_path / "told.jsonl"
        notices = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [(each["occasion"], each["summary"]) for each in notices]

    return read


async def run(
    handler, items=("a", "b"), *, on=None, command=("sh", "-c", "cat >> told.jsonl; echo >> told.jsonl"), **settings
):
    notify = {"command": command, **({} if on is None else {"on": on})}
    config = JobConfiguration(store="store", notify=notify, **settings)
    async with Run("shop", config=config) as run:
        return await run.process(handler, items)


@pytest.mark.parametrize(
    ("handler", "settings", "expected"),
    [
        (good, {}, []),
        (good, {"on": ["completed"]}, [("completed", "shop: completed: 2 of 2 done, 0 failed")]),
        (
            bad,
            {},
            [
                (
                    "completed_with_failures",
                    "shop: completed with failures: 0 of 2 done, 2 failed; not as expected: "
                    "max_failed: 2 of 2 items failed (100.0%), allowed: 0",
                )
            ],
        ),
        (bad, {"max_failed": "100%"}, []),
        (
            bad,
            {"max_failed": "100%", "on": ["completed"]},
            [("completed", "shop: completed with failures: 0 of 2 done, 2 failed")],
        ),
        (none, {}, [("empty", "shop: empty: 2 of 2 done, 0 failed")]),
        (none, {"on": ["aborted"]}, []),
    ],
)
async def test_an_ending_is_told_to_who_asked_for_it(told, handler, settings, expected):
    await run(handler, **settings)
    assert told() == expected


async def test_an_ending_that_is_not_as_expected_says_so_in_its_first_line_and_with_all_details(told, tmp_path):
    await run(good, expect={"min_items": 5, "fields": {"price": 1.0}})
    [(occasion, text)] = told()
    assert occasion == "completed_with_failures"
    assert text.startswith("shop: completed with failures: 2 of 2 done, 0 failed; not as expected: ")
    assert "min_items: 2 records, expected at least 5" in text
    assert "fields.price: it is in 0 of 2 records" in text
    notice = json.loads((tmp_path / "told.jsonl").read_text())
    assert [line.split(":")[0] for line in notice["details"].splitlines()] == ["min_items", "fields.price"]


async def test_a_run_that_stops_for_what_is_expected_of_it_is_told_as_failed_and_one_that_was_stopped_is_not(told):
    async def slow(item):
        await asyncio.sleep(0.05)

    expect = {"items_increase_every": 0.2, "stop": True}
    await run(slow, range(1_000), expect=expect, on=["failed"], concurrency=1)
    [(occasion, text)] = told()
    assert (occasion, text.startswith("shop: stopped: ")) == ("failed", True)
    assert "items_increase_every: no new record" in text
    config = JobConfiguration(store="store", notify={"command": ("sh", "-c", "echo told >> other"), "on": ["failed"]})
    async with Run("other", config=config) as stopped:
        stopped.stop()
        await stopped.process(slow, range(10))
    assert not Path("other").exists()


async def test_a_run_that_gives_nothing_new_is_told_as_stalled_while_it_works(told):
    async def slow(item):
        await asyncio.sleep(0.05)
        return {"item": item} if told() else None

    summary = await run(slow, range(60), expect={"items_increase_every": 0.3}, on=["stalled"], concurrency=1)
    [(occasion, text)] = told()
    assert (occasion, text.startswith("shop has stalled: no new record in ")) == ("stalled", True)
    assert summary.done == 60


async def test_an_error_is_told_and_raised(told):
    async def broken():
        yield "a"
        raise RuntimeError("the source is gone")

    with pytest.raises(RuntimeError, match="the source is gone"):
        await run(good, broken())
    assert told() == [("failed", "shop ended with an error: RuntimeError: the source is gone")]


async def test_an_abort_is_told_once_by_its_action(told):
    summary = await run(bad, [f"{n}" for n in range(100)], patience=0.1)
    assert summary.exit_code == 3
    [(occasion, text)] = told()
    assert occasion == "aborted"
    assert "operations failed" in text


async def test_an_abort_is_told_to_nobody_where_that_is_switched_off(told):
    summary = await run(
        bad, [f"{n}" for n in range(100)], patience=0.1, abort={"abort_notification_enabled": False}, on=["aborted"]
    )
    assert (summary.exit_code, told()) == (3, [])


async def test_a_job_that_is_held_is_told(told):
    async def broken():
        raise RuntimeError("at once")
        yield

    for _ in range(2):
        with pytest.raises(RuntimeError):
            await run(good, broken(), crash_loop_limit=2, on=["held"])
    with pytest.raises(CrashLoopError):
        await run(good, crash_loop_limit=2, on=["held"])
    assert [occasion for occasion, _ in told()] == ["held"]


async def test_who_cannot_be_told_changes_nothing_but_is_logged(told, caplog):
    summary = await run(good, on=["completed"], command=["sh", "-c", "echo no >&2; exit 3"])
    assert (summary.outcome, summary.exit_code) == ("completed", 0)
    assert "command sh could not be told: exit code 3: no" in caplog.text
