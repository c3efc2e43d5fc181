"""Progress for programs: one JSON object a line, each with its `message_type`."""

import json
from collections.abc import Mapping
from typing import Any

from outlast.cli.folding import Whole
from outlast.cli.printing import SCHEMA_VERSION, say
from outlast.cli.screen.notices import words
from outlast.events import ResilienceEvent

__all__ = ["event_object", "object_line", "put_object"]


def object_line(kind: str, content: Mapping[str, Any]) -> str:
    """A line without its end. JSON escapes what a terminal would obey."""
    return json.dumps({"schema_version": SCHEMA_VERSION, "message_type": kind, **content})


def put_object(kind: str, content: Mapping[str, Any]) -> None:
    """Write it to standard error."""
    say(Whole(object_line(kind, content)))


def event_object(event: ResilienceEvent, hint: str = "") -> Mapping[str, Any]:
    """An event, with the words in which people are told of it, where there are any."""
    return {**event.to_dict(), "text": words(event, hint)}
