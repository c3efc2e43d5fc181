"""A job that crashes at every start is held, and says what its starts had in common."""

import asyncio
import copy
import json

import pytest

from outlast.errors import CrashLoopError, OutputError
from outlast.jobs import Run
from outlast.jobs.starts import KILLED, STARTS_KEPT_MAX, Starts, held
from outlast.ledger import Counts, MemoryLedger
from outlast.runtime import Runtime

LIMIT = 3
COUNTS = Counts(pending=4, leased=2, done=7, failed=1)


@pytest.fixture
def options(tmp_path, virtual_clock, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {
        "store": tmp_path / "store",
        "runtime": Runtime(clock=virtual_clock, roll=lambda: 0.5),
        "concurrency": 1,
        "crash_loop_limit": LIMIT,
    }


async def killed(ledger, options, *, after=0, **more):
    """What a run leaves in the ledger when it is killed at its first item, or `after` so many more."""
    images = []

    async def handle(number):
        images.append(copy.deepcopy(ledger))
        return number

    async with Run("loop", ledger=ledger, **options, **more) as run:
        await run.process(handle, ["a", "b", "c", "d", "e", "f", "g", "h"])
    return images[after]


async def held_at(ledger, options, **more):
    with pytest.raises(CrashLoopError) as caught:
        async with Run("loop", ledger=ledger, **options, **more):
            pytest.fail("the run was opened")
    return caught.value


async def test_a_job_that_is_killed_at_every_start_is_held(options):
    ledger = MemoryLedger()
    for _ in range(LIMIT):
        ledger = await killed(ledger, options)
    error = await held_at(ledger, options)
    assert "its last 3 starts" in error.message
    assert "killed (3x)" in error.message
    assert "they began with 'a', 'b', 'c', 'd', 'e' and 3 more" in error.message
    assert f"outlast resume loop --store {options['store']} --release-hold" in error.message
    assert error.context["items"] == ["a", "b", "c", "d", "e"]
    assert [each["leased"] for each in error.context["starts"]] == [8, 8, 8]


async def test_a_job_that_is_held_stays_so_and_says_the_same_again(options):
    ledger = MemoryLedger()
    for _ in range(LIMIT):
        ledger = await killed(ledger, options)
    first = await held_at(ledger, options)
    assert (await held_at(ledger, options)).message == first.message
    assert (await ledger.get("hold"))["items"] == ["a", "b", "c", "d", "e"]


async def test_a_job_that_ends_with_an_error_each_time_is_held_too(options):
    ledger = MemoryLedger()
    for _ in range(LIMIT):
        with pytest.raises(ValueError, match="no list"):
            async with Run("loop", ledger=ledger, **options):
                raise ValueError("no list")
    error = await held_at(ledger, options)
    assert "ValueError: no list (3x)" in error.message
    assert "began with" not in error.message


async def test_progress_ends_the_row(options):
    ledger = MemoryLedger()
    for after in (0, 0, 1, 0, 0):
        ledger = await killed(ledger, options, after=after)
    async with Run("loop", ledger=ledger, **options) as run:
        assert (await run.progress()).counts.done == 1


async def test_a_release_lets_the_job_start_and_the_count_begins_anew(options):
    ledger = MemoryLedger()
    for _ in range(LIMIT):
        ledger = await killed(ledger, options)
    await held_at(ledger, options)
    ledger = await killed(ledger, options, release_hold=True)
    assert await ledger.get("hold") is None
    for _ in range(LIMIT - 1):
        ledger = await killed(ledger, options)
    await held_at(ledger, options)


@pytest.mark.parametrize("stop", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
async def test_stopping_a_job_by_hand_is_no_crash(options, stop):
    ledger = MemoryLedger()
    for _ in range(LIMIT + 1):
        with pytest.raises(stop):
            async with Run("loop", ledger=ledger, **options):
                raise stop


async def test_opening_and_closing_a_job_is_no_crash(options):
    ledger = MemoryLedger()
    for _ in range(LIMIT + 1):
        async with Run("loop", ledger=ledger, **options):
            assert (await ledger.get("starts"))["run"] is not None
        assert (await ledger.get("starts"))["run"] is None


async def test_what_fails_after_the_work_is_no_crash_of_the_job(options):
    ledger = MemoryLedger()
    for _ in range(LIMIT + 3):
        with pytest.raises(OSError, match="upload"):
            async with Run("loop", ledger=ledger, **options) as run:
                await run.process(lambda item: item, ["a"])
                raise OSError("upload")


async def test_a_job_that_could_not_be_opened_did_not_crash(options, tmp_path):
    ledger = MemoryLedger()
    (tmp_path / "mine.jsonl").write_text("precious\n")
    for _ in range(LIMIT + 1):
        with pytest.raises(OutputError):
            async with Run("loop", ledger=ledger, output="mine.jsonl", **options):
                pytest.fail("the run was opened")


async def test_a_limit_of_nought_holds_nothing(options):
    ledger = MemoryLedger()
    for _ in range(2 * LIMIT):
        ledger = await killed(ledger, {**options, "crash_loop_limit": 0})


def test_the_first_start_of_all_has_nothing_behind_it():
    assert Starts.from_json(None).judged(None, COUNTS, 0) == Starts()


@pytest.mark.parametrize(
    ("ended", "how"),
    [
        (None, KILLED),
        ({"run": "before", "outcome": "completed"}, KILLED),
        ({"run": "now", "outcome": "error", "error": "OSError: broke"}, "OSError: broke"),
        ({"run": "now", "outcome": "stopped"}, None),
        ({"run": "now", "outcome": "aborted"}, None),
    ],
)
def test_how_a_run_ended_is_told_by_the_note_it_left(ended, how):
    judged = Starts().begun("now", "at noon", COUNTS).judged(ended, COUNTS, 2)
    assert [each.ended for each in judged.last] == ([how] if how else [])
    assert judged.fruitless == len(judged.last)


def test_starts_come_back_from_json_as_they_were():
    starts = Starts().begun("one", "1", COUNTS).judged(None, COUNTS, 2).begun("two", "2", COUNTS)
    assert Starts.from_json(json.loads(json.dumps(starts.to_json()))) == starts


def test_only_the_last_starts_are_kept_and_all_are_counted():
    starts = Starts()
    for number in range(3 * STARTS_KEPT_MAX):
        starts = starts.begun(str(number), str(number), COUNTS).judged(None, COUNTS, 0)
    assert (starts.fruitless, len(starts.last)) == (3 * STARTS_KEPT_MAX, STARTS_KEPT_MAX)
    assert starts.last[-1].run == str(3 * STARTS_KEPT_MAX - 1)


def test_a_name_is_quoted_for_the_shell_and_long_keys_are_cut():
    starts = Starts().begun("one", "1", COUNTS).judged(None, COUNTS, 1)
    message = held("my job", starts, ["k" * 500]).message
    assert "outlast resume 'my job' --release-hold" in message
    assert "k" * 120 + "..." in message
    assert "k" * 121 not in message
    assert "more" not in message
