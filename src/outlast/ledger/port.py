"""What is done, what is waiting: the port every ledger fulfils.

What is made for every item is a named tuple here: a frozen dataclass takes three times as long to make.

A ledger belongs to one job. Every method returns when what it did is durable. `outlast.testing.LedgerSpec` is the suite that
each implementation passes.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from outlast.errors import ValidationError
from outlast.ledger.health import Examined, Finding

__all__ = [
    "RETRIED",
    "Counts",
    "ItemStatus",
    "Lease",
    "Ledger",
    "NewItem",
    "Record",
    "Result",
    "Shape",
    "Sizes",
    "StoredFailure",
    "StoredItem",
    "refuse_unless_retried",
]


class ItemStatus(StrEnum):
    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    DEFERRED = "deferred"
    IGNORED = "ignored"


RETRIED = frozenset({ItemStatus.FAILED, ItemStatus.DEFERRED, ItemStatus.IGNORED})
"""What `retry` may make pending again."""


def refuse_unless_retried(status: ItemStatus) -> None:
    """Raises `ValidationError` for a status that `retry` leaves alone."""
    if status not in RETRIED:
        raise ValidationError(f"what is {status} is not tried again: only what is failed, deferred or ignored is")


class Shape(StrEnum):
    """What a handler returned: nothing, one record, or several."""

    NOTHING = "nothing"
    ONE = "one"
    MANY = "many"


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to be done. Two items with one `key` are the same item. `payload` is its JSON; None: the item is its key."""

    key: str
    payload: str | None = None


class Lease(NamedTuple):
    """The right to do one item, until it expires. `token` is the fencing token: a later lease has a larger one."""

    item: int
    key: str
    payload: str | None
    attempts: int
    token: int


class Record(NamedTuple):
    """What became of a leased item; committed with its children in one transaction.

    `lines` are the item's records, one JSON text a line, each ended by a newline. `not_before` (seconds since the epoch)
    goes with `DEFERRED`. `error` is the JSON text of the last failure.
    """

    lease: Lease
    status: ItemStatus
    attempts: int
    shape: Shape = Shape.NOTHING
    lines: str = ""
    children: Sequence[NewItem] = ()
    not_before: float | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A recorded result; `position` grows in the order of commits."""

    position: int
    key: str
    shape: Shape
    lines: str


@dataclass(frozen=True, slots=True)
class StoredFailure:
    """An item that was given up: its key, its attempts and the JSON text of its last failure.

    `payload` and `lost` are as in `StoredItem`.
    """

    item: int
    key: str
    attempts: int
    error: str
    payload: str | None = None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item as it stands; a leased one counts as pending. `lost`: its payload was lost to damage, so it cannot be done."""

    item: int
    key: str
    payload: str | None
    status: ItemStatus
    attempts: int
    not_before: float | None
    error: str | None
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes on the disk: of the ledger, of the log of what is not yet copied into it, and what is free within the ledger."""

    ledger: int = 0
    log: int = 0
    free: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many items stand in each state. `pending` leaves out the leased ones."""

    pending: int = 0
    leased: int = 0
    done: int = 0
    failed: int = 0
    deferred: int = 0
    ignored: int = 0

    @property
    def total(self) -> int:
        return self.pending + self.leased + self.done + self.failed + self.deferred + self.ignored

    @property
    def waiting(self) -> int:
        """Items that still have to be done."""
        return self.pending + self.leased + self.deferred


class Ledger(Protocol):
    """The record of one job's items. Times are seconds since the epoch.

    Nothing damaged is handed out: reading it raises `LedgerCorruptionError`, with the keys in its context.
    """

    def add(self, items: Sequence[NewItem], /) -> Awaitable[int]:
        """Add the items whose keys are new; the number of those.

        An item that was given up because its payload was lost to damage is new again.
        """
        ...

    def lease(self, owner: str, count: int, now: float, expires: float, /) -> Awaitable[list[Lease]]:
        """Lease up to `count` items, oldest first: pending ones, and those whose `not_before` or lease has passed.

        A damaged one is mended first (`damage`), and handed out when it still can be done.
        """
        ...

    def record(self, record: Record, /) -> Awaitable[None]:
        """Commit what became of an item. Raises `StaleLeaseError` when somebody else holds, or has recorded, the item."""
        ...

    def renew(self, owner: str, expires: float, /) -> Awaitable[int]:
        """Let all leases of `owner` last until `expires`; the number of those."""
        ...

    def release(self, owner: str | None = None, /) -> Awaitable[int]:
        """Give the leased items of `owner` (of everybody, when None) back as pending; the number of those."""
        ...

    def retry(self, status: ItemStatus = ItemStatus.FAILED, items: Sequence[int] | None = None, /) -> Awaitable[int]:
        """Make the items of this status pending again, with no attempts against them; the number of those.

        With `items` only those of them that have this status. Items whose payload is lost stay as they are. Many items may
        be changed in several transactions, each of them whole. Raises `ValidationError` for a status other than failed,
        deferred or ignored: what is done is not done twice.
        """
        ...

    def ignore(self, items: Sequence[int], /) -> Awaitable[int]:
        """Let those of these items that have failed count as ignored; the number of those.

        They keep their attempts and their errors, and are no failures any more. As with `retry`, items whose payload is lost
        stay as they are, and many may be changed in several transactions.
        """
        ...

    def counts(self) -> Awaitable[Counts]:
        """How many items stand in each state."""
        ...

    def next_due(self) -> Awaitable[float | None]:
        """When the earliest deferred item may be leased; None without one."""
        ...

    def results(self, after: int, limit: int, /) -> Awaitable[list[Result]]:
        """The first `limit` results whose position is greater than `after`, in order; fewer where they are large, but one at least."""
        ...

    def position(self) -> Awaitable[int]:
        """The position of the newest result; 0 without one."""
        ...

    def failures(
        self, after: int, limit: int, status: ItemStatus = ItemStatus.FAILED, /
    ) -> Awaitable[list[StoredFailure]]:
        """The first `limit` items given up whose `item` is greater than `after`, in order.

        With another status those that have it, with the last failure of each; `error` is empty where there was none.
        """
        ...

    def items(self, after: int, limit: int, /) -> Awaitable[list[StoredItem]]:
        """The first `limit` items whose `item` is greater than `after`, in order."""
        ...

    def get(self, name: str, /) -> Awaitable[Any]:
        """A JSON value kept beside the items; None without one."""
        ...

    def put(self, name: str, value: Any, /) -> Awaitable[None]:
        """Keep a JSON value under this name, in place of the one before."""
        ...

    def examine(self, after: int, limit: int, /) -> Awaitable[Examined]:
        """Check a slice of about `limit` rows against their checksums, beginning at 0, and mend what is damaged.

        A ledger opened for reading says what it would do. Findings come up once.
        """
        ...

    def damage(self) -> Awaitable[list[Finding]]:
        """What leasing came upon since the last call, and has mended already."""
        ...

    async def close(self) -> None:
        """Finish what was asked for, and let go of the store."""
        ...
