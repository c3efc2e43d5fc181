"""Processors for structlog: the ids of what is worked on, and secrets masked. They are plain functions, so nothing is imported."""

from collections.abc import Iterable, MutableMapping
from typing import Any, Protocol

from outlast.logs.ids import ids_of_work
from outlast.logs.text import masking

__all__ = ["Processor", "add_ids", "masked"]


class Processor(Protocol):
    """What structlog calls with each line."""

    def __call__(self, logger: Any, name: str, event: MutableMapping[str, Any], /) -> MutableMapping[str, Any]: ...


def add_ids(_logger: Any, _name: str, event: MutableMapping[str, Any], /) -> MutableMapping[str, Any]:
    """Put `job_id`, `run_id`, `item_key`, `attempt` and `correlation_id` on a line that does not say them itself."""
    for name, value in ids_of_work().items():
        event.setdefault(name, value)
    return event


def masked(words: Iterable[str]) -> Processor:
    """A processor that makes a line plain JSON, and masks what belongs to keys that end in one of `words`; before the renderer."""
    mask = masking(words)

    def processor(_logger: Any, _name: str, event: MutableMapping[str, Any], /) -> MutableMapping[str, Any]:
        plain: MutableMapping[str, Any] = mask(dict(event))
        return plain

    return processor
