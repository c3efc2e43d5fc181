"""The first two lines of a checkpoint file: the same in all versions to come, so that damage is told from the future.

    outlast-checkpoint 2.0 297 <sha256 of the line so far and of the header>
    <header, 297 bytes>

Every byte of them is either compared or under the checksum.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from outlast.errors import CheckpointCorruptionError, CheckpointValidationError

__all__ = ["Frame", "frame", "header_end", "read_frame"]

_MAGIC = b"outlast-checkpoint "
_LINE = re.compile(rb"(outlast-checkpoint ([0-9]{1,4})\.([0-9]{1,4}) ([0-9]{1,12})) ([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True)
class Frame:
    """A header whose checksum holds, the format version of the file, and where the body begins."""

    version: str
    header: bytes
    end: int

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])


def frame(version: str, header: bytes) -> bytes:
    """The lines for `header`; the body follows them."""
    opening = b"%b%b %d" % (_MAGIC, version.encode(), len(header))
    return b"%b %b\n%b\n" % (opening, _digest(opening, header), header)


def header_end(first: bytes) -> int:
    """Where the body begins, told by the file's first 128 bytes."""
    line = _opening(first)
    return line.end() + int(line[4]) + 1


def read_frame(first: bytes) -> Frame:
    """The lines at the start of a file; `first` reaches at least to `header_end`.

    Raises `CheckpointCorruptionError` for damage, `CheckpointValidationError` for what never was a checkpoint.
    """
    line = _opening(first)
    end = header_end(first)
    header = first[line.end() : end - 1]
    if _digest(line[1], header) != line[5] or first[end - 1 : end] != b"\n":
        raise CheckpointCorruptionError("the header does not match its checksum")
    return Frame(f"{line[2].decode()}.{line[3].decode()}", header, end)


def _opening(first: bytes) -> re.Match[bytes]:
    line = _LINE.match(first)
    if line is not None:
        return line
    if _was_ours(first[: len(_MAGIC)]):
        raise CheckpointCorruptionError("the first line is damaged")
    raise CheckpointValidationError("this is not a checkpoint")


def _was_ours(start: bytes) -> bool:
    # A flipped bit, a cut or a zeroed sector leaves a damaged checkpoint; something else altogether was never one.
    if not any(start):
        return True
    alike = sum(ours == theirs for ours, theirs in zip(_MAGIC, start, strict=False))
    return 2 * alike > min(len(start), len(_MAGIC))


def _digest(opening: bytes, header: bytes) -> bytes:
    return sha256(opening + b"\n" + header).hexdigest().encode()
