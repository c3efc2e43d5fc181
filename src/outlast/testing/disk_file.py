"""A file on a disk that keeps no more than it promised: what readers see, what the platter holds, and the writes between."""

from collections.abc import Iterator
from random import Random

__all__ = ["SECTOR", "DiskFile"]

SECTOR = 512
"""Bytes that a disk writes as one; within them a power cut may tear."""


class DiskFile:
    """The content of one inode.

    `data` is what readers see. A write becomes durable by a `sync` after it; until then a power cut may leave, sector by
    sector, the old bytes, the new ones, a part of the new ones, or garbage, and any size that the file has had or grown through.
    """

    __slots__ = ("_complete", "_durable", "_pending", "data", "locks", "modified_ns")

    def __init__(self, content: bytes = b"", modified_ns: int = 0) -> None:
        self.data = bytearray(content)
        self.modified_ns = modified_ns
        self.locks: dict[object, int] = {}
        self._durable = bytes(content)
        # An offset and bytes, or a size that the file was cut (or stretched) to and None.
        self._pending: list[tuple[int, bytes | None]] = []
        self._complete = True

    def write(self, offset: int, blob: bytes | memoryview) -> None:
        _put(self.data, offset, blob)
        self._pending.append((offset, bytes(blob)))

    def truncate(self, size: int) -> None:
        _resize(self.data, size)
        self._pending.append((size, None))

    def sync(self) -> None:
        """Make durable what was written since the last `sync` or `fail_sync`."""
        self._durable = self._written_back()
        self._pending.clear()

    def fail_sync(self, chance: Random, *, powersafe: bool = True) -> None:
        """What a failed fsync leaves: the pages count as clean, whatever of them has reached the platter.

        Readers go on seeing the new bytes until the power goes, and no later `sync` brings the lost ones back.
        """
        self._durable = self.after_power_cut(chance, powersafe=powersafe)
        self._complete = False
        self._pending.clear()

    def after_power_cut(self, chance: Random, *, powersafe: bool = True) -> bytes:
        """One of the contents that may be there when the power is back.

        `powersafe`: an interrupted write harms no byte but its own; otherwise the rest of its sectors may be garbage too.
        """
        if not self._pending:
            return self._durable
        match chance.randrange(4):
            case 0:
                return self._durable
            case 1:
                return self._written_back()
            case 2:
                return self._up_to(chance.randrange(len(self._pending)))
            case _:
                return self._scattered(chance, powersafe=powersafe)

    def _written_back(self) -> bytes:
        if self._complete:
            return bytes(self.data)
        platter = bytearray(self._durable)
        for offset, blob in self._pending:
            if blob is None:
                _resize(platter, offset)
                continue
            start, end = offset - offset % SECTOR, offset + len(blob)
            _put(platter, start, self.data[start : end + -end % SECTOR])
        _resize(platter, len(self.data))
        return bytes(platter)

    def _up_to(self, count: int) -> bytes:
        image = bytearray(self._durable)
        for offset, blob in self._pending[:count]:
            if blob is None:
                _resize(image, offset)
            else:
                _put(image, offset, blob)
        return bytes(image)

    def _scattered(self, chance: Random, *, powersafe: bool) -> bytes:
        image = bytearray(self._durable)
        size = len(image)
        sizes = [size]
        for offset, blob in self._pending:
            if blob is None:
                size = offset
                if chance.randrange(2):
                    _resize(image, size)
            else:
                end = max(size, offset + len(blob))
                sizes.append(chance.randint(size, end))
                size = end
                for start, piece in _sectors(offset, blob):
                    _land(image, start, piece, chance, powersafe=powersafe)
            sizes.append(size)
        _resize(image, chance.choice(sizes))
        return bytes(image)


def _land(image: bytearray, start: int, piece: bytes, chance: Random, *, powersafe: bool) -> None:
    """Let a piece of a write, within one sector, reach the platter, or a part of it, or nothing, or something else."""
    match chance.randrange(8):
        case 0 | 1 | 2:
            _put(image, start, piece)
        case 3:
            _put(image, start, piece[: chance.randrange(len(piece))])
        case 4 if powersafe:
            _put(image, start, chance.randbytes(len(piece)))
        case 4:
            sector = start - start % SECTOR
            _put(image, sector, chance.randbytes(max(start + len(piece), min(len(image), sector + SECTOR)) - sector))
        case _:  # the old bytes stay, or zeros beyond the old end
            return


def _sectors(offset: int, blob: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(blob):
        upto = min(len(blob), at + SECTOR - (offset + at) % SECTOR)
        yield offset + at, blob[at:upto]
        at = upto


def _put(image: bytearray, offset: int, blob: bytes | bytearray | memoryview) -> None:
    if offset > len(image):
        image.extend(bytes(offset - len(image)))
    image[offset : offset + len(blob)] = blob


def _resize(image: bytearray, size: int) -> None:
    if size < len(image):
        del image[size:]
    else:
        image.extend(bytes(size - len(image)))
