"""An event as a CloudEvent: what the standard asks for, and what ours add."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from outlast.correlation import at_work, correlated, spanned
from outlast.events import EventType, ResilienceEvent

MOMENT = datetime(2026, 1, 31, 13, tzinfo=timezone(timedelta(hours=1)))


def event(job_id="shop", kind=EventType.CHECKPOINT_CREATED, **data):
    with correlated("ab" * 16):
        return ResilienceEvent.of(kind, job_id, data, MOMENT)


def test_it_has_what_the_standard_asks_for():
    told = event(checkpoint_id="c1").to_cloudevent(run_id="R1", item_key="https://x.test/")
    assert told["specversion"] == "1.0"
    assert told["type"] == "outlast.checkpoint_created"
    assert told["source"] == "/jobs/shop/runs/R1"
    assert told["subject"] == "https://x.test/"
    assert told["time"] == "2026-01-31T12:00:00Z"
    assert datetime.fromisoformat(told["time"]) == MOMENT.astimezone(UTC)
    assert (told["datacontenttype"], told["data"]) == ("application/json", {"checkpoint_id": "c1"})
    assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in told)
    json.dumps(told)


def test_the_same_event_has_the_same_id_and_another_another():
    assert event().to_cloudevent()["id"] == event().to_cloudevent()["id"]
    others = [
        event(checkpoint_id="c2").to_cloudevent(),
        event("other").to_cloudevent(),
        event().to_cloudevent(run_id="R"),
    ]
    assert len({each["id"] for each in [event().to_cloudevent(), *others]}) == 4


def test_it_names_the_trace_and_the_span_that_is_under_way():
    with spanned("cd" * 8):
        assert event().to_cloudevent()["traceparent"] == f"00-{'ab' * 16}-{'cd' * 8}-01"
    assert event().to_cloudevent(span_id="ef" * 8)["traceparent"] == f"00-{'ab' * 16}-{'ef' * 8}-01"
    assert re.fullmatch(rf"00-{'ab' * 16}-[0-9a-f]{{16}}-01", event().to_cloudevent()["traceparent"])


def test_run_and_item_are_those_that_are_worked_on():
    token = at_work.set(("shop", "R1", "k", 2))
    try:
        assert event().to_cloudevent()["source"] == "/jobs/shop/runs/R1"
        assert event().to_cloudevent()["subject"] == "k"
        assert event("other").to_cloudevent()["source"] == "/jobs/other"
        at_work.set(("shop", "R1", "", 0))
        assert "subject" not in event().to_cloudevent()
    finally:
        at_work.reset(token)


def test_run_and_item_that_the_event_names_come_first():
    started = event(kind=EventType.RUN_STARTED, run_id="R2", done=0, pending=1, resumed=False)
    assert started.to_cloudevent()["source"] == "/jobs/shop/runs/R2"
    assert event(kind=EventType.ITEM_QUARANTINED, key="bad", kills=3).to_cloudevent()["subject"] == "bad"


@pytest.mark.parametrize("name", ["a/b?c#d", "ü \udc80", "", "x\ny"])
def test_any_name_of_a_job_makes_a_source(name):
    source = event(name).to_cloudevent()["source"]
    assert source.isascii()
    assert re.fullmatch(r"/jobs/[^/?#\s]*", source)
