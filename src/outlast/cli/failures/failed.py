"""An item that was given up, as the verbs that tell of failures see it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from outlast.failure.describe import Failure
from outlast.jobs.items import host_of
from outlast.ledger.port import ItemStatus, Ledger, StoredFailure
from outlast.storage.strictjson import decode

__all__ = ["Failed", "failed_items", "failed_of"]

FAILURES_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """One item that was given up, its host and its last failure.

    `at` is None where an earlier version recorded it, which kept no time. `lost`: it cannot be done again, because its payload was
    lost to damage.
    """

    item: int
    key: str
    host: str
    attempts: int
    failure: Failure
    at: datetime | None
    lost: bool


def failed_of(stored: StoredFailure) -> Failed:
    """What a ledger keeps of a failed item, read; what is not there is empty."""
    error: dict[str, Any] = decode(stored.error) if stored.error else {}
    return Failed(
        item=stored.item,
        key=stored.key,
        host=host_of(stored.key if stored.payload is None else decode(stored.payload)),
        attempts=stored.attempts,
        failure=Failure.from_dict(error),
        at=_moment(error.get("at")),
        lost=stored.lost,
    )


async def failed_items(ledger: Ledger, status: ItemStatus = ItemStatus.FAILED) -> AsyncIterator[Failed]:
    """Every failed item of a ledger, or every ignored one, in the order in which they were added."""
    after = 0
    while stored := await ledger.failures(after, FAILURES_AT_ONCE, status):
        after = stored[-1].item
        for each in stored:
            yield failed_of(each)


def _moment(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
