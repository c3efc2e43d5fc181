"""Which items the workers have in hand, written where a killed process cannot take it along: a file mapped into memory.

A worker writes the number of its item into a slot of its own, and 0 when what became of the item is durable. That costs no
system call, and the kernel keeps the page however the process ends. A power cut may tear it: then nothing is known.
"""

import mmap
import os
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from outlast.errors import JobError

if TYPE_CHECKING:
    from collections.abc import MutableSequence

__all__ = ["Hands", "InHand", "no_hands", "read_in_hand"]

MAGIC = b"OUTLAST HANDS 1\n"
SLOT_BYTES = 8
RUN_BYTES = 48
HEADER_BYTES = len(MAGIC) + RUN_BYTES
SLOTS_MAX = 1_000_000


class Hands(Protocol):
    """A slot for each worker; 0 where it has nothing in hand."""

    def __setitem__(self, slot: int, item: int, /) -> None: ...


class InHand:
    """The open file of a run. Close it when the workers have ended."""

    def __init__(self, path: Path, run: str, slots: int) -> None:
        name = run.encode()
        assert len(name) <= RUN_BYTES, f"the id of a run has at most {RUN_BYTES} bytes, not {len(name)}"
        try:
            # Written in full, not merely sized: on a full disk a hole in the file would kill the process when it is filled.
            blob = MAGIC + name.ljust(RUN_BYTES, b"\0") + bytes(SLOT_BYTES * slots)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(blob)
                file.flush()
                self._map = mmap.mmap(file.fileno(), len(blob))
        except OSError as error:
            raise JobError(f"{path} cannot be written: {error.strerror}", context={"path": str(path)}) from error
        self._bytes = memoryview(self._map)[HEADER_BYTES:]
        self.slots: MutableSequence[int] = self._bytes.cast("q")  # type: ignore[assignment] # a memoryview of numbers is one

    def close(self) -> None:
        """Say that nothing is in hand, and let go of the file."""
        for slot in range(len(self.slots)):
            self.slots[slot] = 0
        self.slots.release()  # type: ignore[attr-defined] # see above
        self._bytes.release()
        self._map.close()


def no_hands(slots: int) -> Hands:
    """Slots that are kept nowhere, for a ledger that is not ours."""
    return array("q", bytes(SLOT_BYTES * slots))


def read_in_hand(path: Path, run: str) -> list[int] | None:
    """The items that a run had in hand when it ended, in order; None where the file does not say: it is torn, or another run's."""
    try:
        with path.open("rb") as file:
            blob = file.read(HEADER_BYTES + SLOT_BYTES * SLOTS_MAX)
    except OSError:
        return None
    name = blob[len(MAGIC) : HEADER_BYTES].rstrip(b"\0")
    body = blob[HEADER_BYTES:]
    if not blob.startswith(MAGIC) or name != run.encode() or len(body) % SLOT_BYTES or not body:
        return None
    slots = array("q", body)
    return sorted({item for item in slots if item}) if min(slots) >= 0 else None
