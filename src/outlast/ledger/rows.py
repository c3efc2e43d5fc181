"""What proves a row of the ledger: a CRC-32 of what is stored in it, in a form in which two different rows never look alike.

Text and its UTF-8 bytes have the same checksum, so a row can be proved as it is read from the disk, before anything decodes it.
A column that came back with another type than it was written with does not fit, and no value makes these functions raise.
"""

from typing import NamedTuple, TypeAlias
from zlib import crc32

__all__ = [
    "LOST",
    "ItemRow",
    "ResultRow",
    "Stored",
    "fact_checksum",
    "identity_of",
    "is_proved",
    "result_checksum",
    "state_of",
]

Stored: TypeAlias = str | bytes

LOST = b""
"""The payload of an item whose payload was lost to damage: no JSON text is empty."""


def identity_of(key: Stored, payload: Stored | None) -> int:
    """The checksum of what an item is; it never changes."""
    name = key.encode() if isinstance(key, str) else key
    if payload is None:
        return crc32(name, 1)
    # A first value that is unique for the length is as good as writing the length in front.
    return crc32(payload.encode() if isinstance(payload, str) else payload, crc32(name, 2 * len(name) + 2))


def state_of(item: int, status: int, attempts: int, not_before: float | None, error: Stored | None) -> int:
    """The checksum of where an item stands. One that stands where `add` put it has none (`is_proved`)."""
    if not_before is None and error is None:
        return crc32(f"{item!r},{status!r},{attempts!r}".encode())
    due = float(not_before) if isinstance(not_before, int) else not_before
    head = crc32(f"{item!r},{status!r},{attempts!r},{due!r},{'-' if error is None else '+'}".encode())
    if error is None:
        return head
    return crc32(error.encode() if isinstance(error, str) else error, head)


def is_proved(item: int, stand: tuple[int, int, float | None, Stored | None], state: int | None) -> bool:
    """Whether `state` proves (status, attempts, not_before, error); without one they must be those of a new item."""
    if state is None:
        return stand == (0, 0, None, None)
    return state == state_of(item, *stand)


def result_checksum(item: int, shape: int, lines: Stored) -> int:
    """The checksum of a result: whose it is, and what it says."""
    return crc32(lines.encode() if isinstance(lines, str) else lines, crc32(f"{item!r},{shape!r}".encode()))


def fact_checksum(name: Stored, value: Stored) -> int:
    """The checksum of a value kept beside the items."""
    text = name.encode() if isinstance(name, str) else name
    return crc32(value.encode() if isinstance(value, str) else value, crc32(text, len(text)))


class ItemRow(NamedTuple):
    """A row of `items`."""

    item: int
    key: bytes
    payload: bytes | None
    status: int
    attempts: int
    not_before: float | None
    error: bytes | None
    identity: int | None
    state: int | None

    @property
    def is_itself(self) -> bool:
        """Key and payload are those that were added."""
        return self.identity == identity_of(self.key, self.payload)

    @property
    def stands(self) -> bool:
        """Status, attempts, time and error are those that were written last."""
        return is_proved(self.item, (self.status, self.attempts, self.not_before, self.error), self.state)

    @property
    def lost(self) -> bool:
        """Its payload was lost to damage."""
        return self.payload == LOST


class ResultRow(NamedTuple):
    """A row of `results`."""

    position: int
    item: int
    shape: int
    lines: bytes
    checksum: int | None

    @property
    def proved(self) -> bool:
        return self.checksum == result_checksum(self.item, self.shape, self.lines)
