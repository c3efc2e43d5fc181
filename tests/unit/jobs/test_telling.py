"""What a run from code says by itself, where the program has set up no logging."""

import logging

from outlast.config import JobConfiguration
from outlast.events import EventType
from outlast.jobs.telling import tell
from outlast.runtime import Runtime


def test_secrets_in_an_event_are_masked(caplog):
    runtime = Runtime()
    untell = tell(JobConfiguration(), runtime.bus, is_found=False)
    with caplog.at_level(logging.WARNING, "outlast.job"):
        told = {"host": "a.test", "failures": 5, "error": "E: password=hunter2", "next_probe_in": 1.0}
        runtime.emit(EventType.HOST_PARKED, "shop", **told)
    untell()
    assert "password=***" in caplog.text
    assert "hunter2" not in caplog.text
