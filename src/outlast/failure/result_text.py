"""What a result says, as the text that rules are searched in."""

import json

from outlast.failure.facts import attribute

__all__ = ["TEXT_MAX", "result_text"]

TEXT_MAX = 200_000
"""How many characters of a result are looked at."""


def result_text(result: object) -> str:
    """A text as it is, bytes decoded, a response by its `text`, lists and mappings as JSON, None as nothing; the rest by `str`."""
    match result:
        case None:
            return ""
        case str():
            return result[:TEXT_MAX]
        case bytes() | bytearray():
            return result[:TEXT_MAX].decode("utf-8", "replace")
        case dict() | list() | tuple():
            return _json(result)[:TEXT_MAX]
        case _:
            text = attribute(result, "text")
            return (text if isinstance(text, str) else _told(result))[:TEXT_MAX]


def _json(result: object) -> str:
    try:
        return json.dumps(result, ensure_ascii=False, default=_told)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, a circle
        return _told(result)


def _told(thing: object) -> str:
    try:
        return str(thing)
    except Exception:  # noqa: BLE001 - whatever a foreign `__str__` raises, it says nothing then
        return ""
