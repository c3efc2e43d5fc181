"""The write-ahead log of SQLite, read without SQLite: which page images were committed, and whether the log is whole.

SQLite stops at the first frame that does not fit, because so does a log end that a power cut tore; what stands behind it is
dropped without a word. But each commit is synced before the next one begins. So only the last one can be torn, and where another
commit stands behind a broken frame, the log was damaged later and recorded work is missing. The index of the log (`-shm`), when
it survived, says how many frames were committed. The formats: sqlite.org/fileformat2.html, sqlite.org/walformat.html
"""

import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from outlast.ledger.sums import Sums, fitting

__all__ = ["FRAME_HEADER", "INDEX_HEADER", "LOG_HEADER", "Frame", "Log", "Read", "lost_without_log", "read_log"]

LOG_HEADER, FRAME_HEADER, INDEX_HEADER = 32, 24, 100
_MAGIC = (0x377F_0682, 0x377F_0683)
_INDEX_VERSION = 3_007_000
_NATIVE = "<" if sys.byteorder == "little" else ">"
_WORD = 0xFFFF_FFFF

Read = Callable[[int, int], bytes]
"""Bytes by offset and length; fewer where the file ends."""

_FRAMES_AT_ONCE = 500


class Frame(NamedTuple):
    """The image of a page, `at` this offset of the log."""

    page: int
    at: int


@dataclass(frozen=True, slots=True)
class Log:
    """What a log holds. `frames` are those that were committed and are whole, oldest first.

    `lost` is how many committed frames are damaged, or stand behind damage, where SQLite does not see them.
    """

    page_size: int
    frames: tuple[Frame, ...]
    lost: int


class _Layout(NamedTuple):
    page_size: int
    order: str
    salts: bytes
    sums: Sums | None  # None: the header is damaged


class _Seen(NamedTuple):
    page: int
    at: int
    commits: bool
    whole: bool


def read_log(read: Read, size: int, page_size: int, index: bytes = b"") -> Log:
    """The log of `size` bytes. `page_size` is that of the ledger, `index` the first `INDEX_HEADER` bytes of the log's index."""
    layout = _layout(read(0, LOG_HEADER), page_size)
    if layout.sums is None:
        layout = layout._replace(salts=index[32:40] if _is_index(index) else _salts_of_frames(read, size, layout))
    seen = list(_frames(read, size, layout))
    committed = _committed(index, layout.salts)
    end = _trusted(seen, committed)
    kept = tuple(Frame(frame.page, frame.at) for frame in seen[:end] if frame.whole)
    visible = next((place for place, frame in enumerate(seen) if not frame.whole), len(seen)) if layout.sums else 0
    return Log(layout.page_size, kept, max(0, max(end, committed) - visible))


def lost_without_log(index: bytes) -> int:
    """How many committed frames went with a log that is gone, by the index that it left behind."""
    if not _is_index(index):
        return 0
    committed, backfilled = _native(index, 16), _native(index, 96)
    return max(0, committed - backfilled)


def _layout(head: bytes, page_size: int) -> _Layout:
    magic, _, size = struct.unpack(">3I", head[:12].ljust(12, b"\0"))
    order = ">" if magic == _MAGIC[1] else "<" if magic == _MAGIC[0] else _NATIVE
    if len(head) >= LOG_HEADER and magic in _MAGIC:
        sums = _checksum(head[:24], order, (0, 0))
        if struct.pack(">2I", *sums) == head[24:32]:
            return _Layout(size, order, head[16:24], sums)
    return _Layout(page_size, order, b"", None)


def _salts_of_frames(read: Read, size: int, layout: _Layout) -> bytes:
    """The salts, which each frame repeats, of the first one that fits what stands before it."""
    return next((head[8:16] for _, head, fits in _linked(read, size, layout) if fits), b"")


def _frames(read: Read, size: int, layout: _Layout) -> Iterator[_Seen]:
    for at, head, fits in _linked(read, size, layout):
        number, commit = struct.unpack(">2I", head[:8])
        yield _Seen(number, at + FRAME_HEADER, commit > 0, fits and head[8:16] == layout.salts)


def _linked(read: Read, size: int, layout: _Layout) -> Iterator[tuple[int, bytes, bool]]:
    """Each frame's place and header, and whether its checksum is that of its contents and of all before it.

    The chain goes on from what is stored, so a frame behind a damaged one can be told to be whole.
    """
    before, step = layout.sums, FRAME_HEADER + layout.page_size
    for start in range(LOG_HEADER, size - step + 1, step * _FRAMES_AT_ONCE):
        blob = read(start, min(step * _FRAMES_AT_ONCE, size - start))
        count = len(blob) // step
        if not count:
            return
        fits = fitting(blob[: count * step], step, layout.order, before or (0, 0))
        # There is no page 0, and the sum of nothing is nothing.
        fits = [each and any(blob[place * step : place * step + 4]) for place, each in enumerate(fits)]
        fits[0] = fits[0] and before is not None
        for place, each in enumerate(fits):
            yield start + place * step, blob[place * step : place * step + FRAME_HEADER], each
        before = _stored_sums(blob[(count - 1) * step :])


def _stored_sums(frame: bytes) -> Sums:
    first, second = struct.unpack(">2I", frame[16:24])
    return first, second


def _trusted(seen: list[_Seen], committed: int) -> int:
    """How many frames belong to commits that were completed."""
    commits = [place for place, frame in enumerate(seen) if frame.whole and frame.commits]
    while commits:
        last = commits.pop()
        before = commits[-1] + 1 if commits else 0
        if last < committed or all(frame.whole for frame in seen[before : last + 1]):
            return last + 1
    return 0


def _committed(index: bytes, salts: bytes) -> int:
    return _native(index, 16) if _is_index(index) and index[32:40] == salts else 0


def _is_index(index: bytes) -> bool:
    """Whether both copies of the index's header agree and fit their checksum."""
    if len(index) < INDEX_HEADER or index[:48] != index[48:96] or _native(index, 0) != _INDEX_VERSION:
        return False
    return struct.pack("=2I", *_checksum(index[:40], _NATIVE, (0, 0))) == index[40:48]


def _native(blob: bytes, at: int) -> int:
    number: int = struct.unpack_from("=I", blob, at)[0]
    return number


def _checksum(words: bytes, order: str, seed: Sums) -> Sums:
    first, second = seed
    numbers = struct.unpack(f"{order}{len(words) // 4}I", words)
    for even, odd in zip(numbers[::2], numbers[1::2], strict=True):
        first = first + even + second & _WORD
        second = second + odd + first & _WORD
    return first, second
