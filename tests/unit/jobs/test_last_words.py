"""Who ends the process between the end of the work and the last word on it ends a run that has ended."""

import asyncio
import os
import signal

import pytest

from outlast.jobs import Outcome, Run
from outlast.jobs.expecting import Expecting
from outlast.jobs.regrets import Regrets


class Refused(Exception):
    status = 403


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("where", "name", "error", "outcome"),
    [(Regrets, "take_back", Refused, Outcome.ABORTED), (Expecting, "conclude", None, Outcome.COMPLETED)],
)
async def test_a_signal_after_the_work_leaves_the_ending_as_it_is(
    tmp_path, monkeypatch, number, where, name, error, outcome
):
    monkeypatch.chdir(tmp_path)
    usual = getattr(where, name)

    async def interrupted(*args, **named):
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.05)
        return await usual(*args, **named)

    async def handle(item):
        await asyncio.sleep(0)
        if error is not None:
            raise error("403")
        return {"item": item}

    monkeypatch.setattr(where, name, interrupted)
    async with Run("ended", patience="1s") as run:
        summary = await run.process(handle, [f"https://a.test/{n}" for n in range(100)])
    assert summary.outcome is outcome
    assert summary.failed == 0
