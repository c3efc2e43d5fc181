"""Entries of an event log in words, as JSON, and as CloudEvents; and which of them were asked for."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outlast.cli.printing import SCHEMA_VERSION
from outlast.events import EventType
from outlast.logs.format import word
from outlast.logs.reading import GAP, SAMPLE, Entry
from outlast.logs.text import escaped

__all__ = ["KINDS", "Asked", "cloudevent_line", "entry_json", "entry_line"]

KINDS = (*(kind.value for kind in EventType), SAMPLE, GAP)
"""The types of entries."""

DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which entries are wanted; of all types without any. Samples are, where they are named."""

    types: Collection[str] = ()
    since: datetime | None = None
    run: str = ""

    def wants(self, entry: Entry) -> bool:
        named = entry.event_type in self.types if self.types else entry.event_type != SAMPLE
        return named and entry.run_id.startswith(self.run) and (self.since is None or entry.timestamp >= self.since)


def entry_line(entry: Entry) -> str:
    """`2026-11-23T00:18:04.120Z WARNING host_parked host=shop.example failures=5`; always one line."""
    at = entry.timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = dict(entry.data)
    if entry.item_key is not None:
        told |= {"item_key": entry.item_key, "attempt": entry.attempt}
    words = (f"{escaped(str(name))}={word(_rounded(value))}" for name, value in told.items())
    return " ".join([at, escaped(entry.severity).upper(), escaped(entry.event_type), *words])


def _rounded(value: Any) -> Any:
    # Nobody reads sixteen digits; `--json` has them.
    return round(value, DIGITS) if isinstance(value, float) else value


def entry_json(entry: Entry) -> str:
    """One JSON object; `message_type` tells events from samples and gaps."""
    kind = entry.event_type if entry.event_type in {SAMPLE, GAP} else "event"
    return json.dumps({"schema_version": SCHEMA_VERSION, "message_type": kind, **entry.to_dict()})


def cloudevent_line(entry: Entry) -> str | None:
    """One CloudEvent; None for what is no event."""
    event = entry.event
    if event is None:
        return None
    run_id = entry.run_id or None
    return json.dumps(event.to_cloudevent(run_id=run_id, item_key=entry.item_key, span_id=entry.span_id))
