"""Whoever tells a run something waits for it: for whom, how long, and what is said when nobody answers."""

import asyncio
import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from outlast.cli.frozen import is_frozen
from outlast.cli.pausing import Paused
from outlast.cli.reading import Holder, JobRecord, Notes
from outlast.cli.words.steer import ended_lines, not_running_lines, silent_lines, unended_lines
from outlast.cli.steering import (
    ANSWER_SECONDS,
    BEGIN_SECONDS,
    END_SECONDS,
    Silence,
    answer_to,
    end_of,
    run_at_work,
    tell,
)
from outlast.jobs.answers import Answers
from outlast.jobs.command import Answer, Command, Word
from outlast.jobs.orders import read_orders
from outlast.jobs.store import JobDirectory, job_directory
from outlast.ledger import Counts, SqliteLedger

SINCE, BEFORE, AFTER = "2026-11-23T00:00:05Z", "2026-11-23T00:00:04.9+00:00", "2026-11-23T00:00:05.1+00:00"
HERE = Holder(4711, socket.gethostname(), SINCE)


@pytest.fixture
def clock(virtual_clock):
    return virtual_clock


@pytest.fixture
def directory(tmp_path):
    return job_directory(tmp_path, "shop")


async def note(directory, **facts):
    ledger = await SqliteLedger.open(directory.ledger)
    for name, value in facts.items():
        await ledger.put(name, value)
    await ledger.close()


@pytest.fixture
async def steered(directory, clock):
    """A run that works: its job is held, and its ledger says which it is."""
    with closing(directory.lock("shop", SINCE)) as lock:
        await note(directory, run={"id": "R", "started": AFTER})
        found = await run_at_work(directory, clock)
        assert found is not None
        yield found, lock


def stop(run="R"):
    return Command(id="C", run=run, word=Word.STOP)


async def test_nobody_is_at_work_where_nobody_holds_the_job(directory, clock):
    directory.lock("shop", SINCE).close()
    await note(directory, run={"id": "R", "started": AFTER})
    assert await run_at_work(directory, clock) is None


async def test_a_process_that_has_just_begun_is_given_time_to_say_which_run_it_is(directory, clock):
    """Else a command would be for the run before, which nobody obeys any more."""

    async def begin():
        await clock.sleep(2)
        await note(directory, run={"id": "R2", "started": AFTER})

    with closing(directory.lock("shop", SINCE)):
        await note(directory, run={"id": "R1", "started": BEFORE})
        found, _ = await asyncio.gather(run_at_work(directory, clock), begin())
    assert found.run == "R2"
    assert found.holder.since == SINCE


async def test_a_process_that_holds_the_job_and_is_no_run_cannot_be_told_anything(directory, clock):
    with closing(directory.lock("shop", SINCE)):
        await note(directory, run={"id": "R1", "started": BEFORE})
        began = clock.monotonic()
        assert await run_at_work(directory, clock) is None
        assert BEGIN_SECONDS <= clock.monotonic() - began <= BEGIN_SECONDS + 1


async def test_a_clock_that_was_set_back_hides_no_run_and_makes_none_of_an_older_one(directory, clock):
    with closing(directory.lock("shop", SINCE)):
        await note(directory, run={"id": "R1", "started": AFTER, "pid": os.getpid() + 1})
        assert await run_at_work(directory, clock) is None
        await note(directory, run={"id": "R2", "started": BEFORE, "pid": os.getpid()})
        found = await run_at_work(directory, clock)
        assert found is not None
        assert found.run == "R2"


async def test_the_answer_is_waited_for(steered, directory, clock):
    found, _ = steered
    tell(found, stop())
    assert [each.run for each in read_orders(directory, None).commands] == ["R"]
    given = Answer(id="C", obeyed=True, says="stopping", facts={"within": 20.0})

    async def answer():
        await clock.sleep(7)
        await Answers(directory, "R", None).give(given)

    answered, _ = await asyncio.gather(answer_to(found, stop(), clock), answer())
    assert answered == given


async def test_a_run_that_does_not_answer_is_waited_for_so_long_and_no_longer(steered, clock):
    found, _ = steered
    began = clock.monotonic()
    assert await answer_to(found, stop(), clock) is Silence.BUSY
    assert ANSWER_SECONDS <= clock.monotonic() - began <= ANSWER_SECONDS + 1


async def test_a_run_that_ends_is_no_longer_waited_for_and_what_it_answered_counts(steered, directory, clock):
    found, lock = steered
    lock.close()
    assert await answer_to(found, stop(), clock) is Silence.ENDED
    given = Answer(id="C", obeyed=True, says="stopping")
    await Answers(directory, "R", None).give(given)
    assert await answer_to(found, stop(), clock) == given


async def test_a_run_that_was_started_from_code_has_ended_when_it_says_so(steered, directory, clock):
    found, _ = steered
    assert await end_of(found, 20.0, clock) is Silence.BUSY

    async def end():
        await clock.sleep(3)
        await note(directory, ended={"run": "R", "at": AFTER, "outcome": "stopped"})

    began = clock.monotonic()
    silence, _ = await asyncio.gather(end_of(found, 20.0, clock), end())
    assert silence is Silence.ENDED
    assert clock.monotonic() - began <= 6


async def test_a_part_of_a_run_that_ended_before_is_not_its_end(directory, clock):
    with closing(directory.lock("shop", SINCE)):
        await note(directory, run={"id": "R", "started": AFTER}, ended={"run": "R", "at": AFTER})
        found = await run_at_work(directory, clock)
        began = clock.monotonic()
        assert await end_of(found, 10.0, clock) is Silence.BUSY
        assert clock.monotonic() - began >= 10 + END_SECONDS


@pytest.mark.parametrize(
    ("stat", "frozen"),
    [("7 (a) b) T 1", True), ("7 (x) t 1", True), ("7 (T) S 1", False), ("", False), (None, False)],
)
def test_a_process_that_a_signal_has_stopped_is_told_apart(tmp_path, stat, frozen):
    if stat is not None:
        (tmp_path / "7").mkdir()
        (tmp_path / "7" / "stat").write_text(stat)
    assert is_frozen(7, socket.gethostname(), tmp_path) is frozen
    assert not is_frozen(7, "elsewhere", tmp_path)


# Words


def record(**changes):
    values = {
        "name": "shop",
        "directory": JobDirectory(Path("/s/jobs/shop-1")),
        "counts": Counts(done=12, pending=87, failed=1),
        "run": {"id": "R", "started": "2026-11-23T00:00:00+00:00"},
        "ended": {"run": "R", "outcome": "stopped", "at": "2026-11-23T01:00:00+00:00", "exit_code": 130},
        "invocation": {"target": "scrape.py:scrape"},
        "running": None,
    }
    return JobRecord(**values | changes)


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({}, "stopped"),
        ({"ended": {"run": "R", "outcome": "completed"}}, "ended by itself, finished"),
        ({"ended": {"run": "R", "outcome": "error", "error": "OSError: \x1b"}}, r"ended with an error: OSError: \x1b"),
        ({"ended": {"run": "Q", "outcome": "stopped"}}, "ended without a word: killed, "),
        ({"running": HERE, "ended": {"run": "Q"}}, "ended, and another run goes on already"),
        (
            {
                "ended": {"run": "R", "outcome": "aborted"},
                "notes": Notes(aborted={"ordered": True, "reason": "no VAT."}),
            },
            "aborted: no VAT",
        ),
    ],
)
def test_how_a_run_ended_that_was_told_to(changes, how):
    first, *_ = ended_lines(record(**changes), "R", "")
    assert first.startswith(how)
    assert first.endswith("; 12 of 100 done, 1 failed, 87 items still to do. What is recorded is kept.")


def test_a_job_that_is_paused_goes_on_when_it_is_not():
    lines = ended_lines(record(paused=Paused(job=True)), "R", " --store s")
    assert "  go on     outlast unpause shop --store s && outlast resume shop --store s" in lines
    done = record(counts=Counts(done=3), ended={"run": "R", "outcome": "completed"})
    assert ended_lines(done, "R", "")[0].endswith("3 of 3 done, nothing left to do. What is recorded is kept.")


def test_who_does_not_answer_is_named_with_what_can_be_done():
    there = Holder(4711, "box\x1b", SINCE)
    assert silent_lines("shop", HERE, Silence.BUSY, seconds=30.0, hint=" --store s")[1:] == [
        "  see      outlast status shop --store s",
        "  end it   kill -KILL 4711  # nothing that is recorded is lost",
    ]
    frozen = silent_lines("shop", there, Silence.FROZEN, seconds=30.0, hint="")
    assert "(pid 4711 on box\\x1b) is stopped by a signal" in frozen[0]
    assert frozen[1] == r"  let it go on   kill -CONT 4711  # on box\x1b"
    assert frozen[2] == r"  end it         kill -KILL 4711  # on box\x1b; nothing that is recorded is lost"
    assert silent_lines("shop", HERE, Silence.ENDED, seconds=30.0, hint="") == [
        "job shop: the run has ended, and has not answered before.",
        "  see those it has taken   outlast checkpoint ls shop",
    ]
    assert unended_lines("shop", HERE, Silence.BUSY, seconds=80.0, hint="")[1:] == [
        "  cut off what is in flight   outlast stop shop --now",
        "  end it                      kill -KILL 4711  # nothing that is recorded is lost",
    ]
    assert unended_lines("shop", HERE, Silence.FROZEN, seconds=80.0, hint="")[1] == "  let it go on   kill -CONT 4711"


def test_a_job_that_somebody_holds_for_another_command_is_not_stopped():
    assert not_running_lines(record(running=HERE), "") == [
        f"job shop: no run works on it yet; pid 4711 on {HERE.host} holds it, for another command or a run that begins. "
        "Nobody was told anything."
    ]
