"""What a handler is told about its item, and what it may say back."""

import logging
from typing import Any

from outlast.errors import ValidationError
from outlast.jobs.items import KeyFunction, new_item
from outlast.ledger.port import NewItem

__all__ = ["Context"]

CHILDREN_MAX = 1_000_000

_log = logging.getLogger("outlast.job")


class Context:
    """The `ctx` of one attempt at one item.

    `state` is one JSON object for the whole job. It is kept in checkpoints and comes back as of the last one, so after a crash
    it may be a little older than the results; what must be exact belongs in results.
    """

    __slots__ = ("_children", "_key_of", "attempt", "item", "job_id", "key", "run_id", "state")

    def __init__(
        self,
        *,
        item: Any,
        key: str,
        attempt: int,
        job_id: str,
        run_id: str,
        state: dict[str, Any],
        key_of: KeyFunction | None,
    ) -> None:
        self.item = item
        self.key = key
        self.attempt = attempt
        self.job_id = job_id
        self.run_id = run_id
        self.state = state
        self._key_of = key_of
        self._children: list[NewItem] = []

    def enqueue(self, *items: Any) -> None:
        """Add items to the job, committed together with this item's result; those the job knows already are left out.

        Raises `ValidationError` for an item that is not JSON.
        """
        if len(self._children) + len(items) > CHILDREN_MAX:
            raise ValidationError(f"one item may enqueue at most {CHILDREN_MAX} others", context={"key": self.key})
        self._children.extend([new_item(item, self._key_of) for item in items])

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose lines carry the job, run, item and attempt."""
        extra = {"job_id": self.job_id, "run_id": self.run_id, "item_key": self.key, "attempt": self.attempt}
        return logging.LoggerAdapter(_log, extra)

    def children(self) -> list[NewItem]:
        """What was enqueued, in order."""
        return self._children
