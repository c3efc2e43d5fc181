"""An entry of an event log, as it is written for people."""

import json
from datetime import UTC, datetime

from outlast.cli.words.event import entry_json, entry_line
from outlast.logs.reading import Entry

ENTRY = Entry(
    event_type="retry_attempted",
    timestamp=datetime(2026, 11, 23, 0, 18, 4, 120_000, tzinfo=UTC),
    job_id="docs",
    run_id="01J",
    data={"attempt": 1, "delay": 0.7452896777124466, "whole": True},
    item_key="https://a.test/1",
    attempt=1,
)


def test_a_line_has_numbers_that_can_be_read():
    line = entry_line(ENTRY)
    assert line.startswith("2026-11-23T00:18:04.120Z INFO retry_attempted attempt=1 delay=0.745 whole=true ")


def test_json_has_every_digit():
    assert json.loads(entry_json(ENTRY))["data"]["delay"] == 0.7452896777124466
