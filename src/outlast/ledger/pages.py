"""The file format of SQLite, read without SQLite: pages, their cells, the records in them.

For what SQLite itself cannot read any more. Nothing here trusts what it reads: whatever does not hold together is left out, and
whether a record is the one that was written is for its checksum to say (`salvage`). The format: sqlite.org/fileformat2.html
"""

import re
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

__all__ = ["PAGE_SIZE", "Cell", "Fetch", "Kind", "Reader", "Value", "kind_of", "page_size_in", "text_of", "varint"]

PAGE_SIZE = 4_096
"""What SQLite takes for a file that does not say."""

MAGIC = b"SQLite format 3\0"
FILE_HEADER = 100
LEAF_HEADER, INTERIOR_HEADER = 8, 12
COLUMNS_MAX = 16
"""More than any table of the ledger has."""

RECORD_BYTES_MAX = 1_000_000_000
"""SQLite's own limit."""

Value = None | int | float | str | bytes
Fetch = Callable[[int], bytes]
"""A page by its number (from 1); shorter than a page, or empty, where the file has no more."""


class Kind:
    """The first byte of a b-tree page."""

    INDEX_INTERIOR = 0x02
    TABLE_INTERIOR = 0x05
    INDEX_LEAF = 0x0A
    TABLE_LEAF = 0x0D


# How the head of a record begins: its own length, and in a table the id, which stands before it and is left empty here. In
# front of it are the lengths and the rowid, in so many bytes at most.
_CELLS = (
    (re.compile(rb"[\x06-\x20](?=\x00)"), Kind.TABLE_LEAF, 12),
    (re.compile(rb"[\x04-\x0c]"), Kind.INDEX_LEAF, 4),
)

_INDEX = (Kind.INDEX_LEAF, Kind.INDEX_INTERIOR)
_ALL = (*_INDEX, Kind.TABLE_LEAF, Kind.TABLE_INTERIOR)


class Cell(NamedTuple):
    """A record and where it stood. `rowid` is None in an index, and in a table without rowids."""

    rowid: int | None
    values: tuple[Value, ...]


def page_size_in(header: bytes) -> int | None:
    """The page size that the first bytes of a file tell; None when they are no header."""
    if len(header) < FILE_HEADER or not header.startswith(MAGIC):
        return None
    size = int.from_bytes(header[16:18], "big")
    size = 65_536 if size == 1 else size
    return size if 512 <= size <= 65_536 and size & (size - 1) == 0 else None


def kind_of(page: bytes, number: int) -> int | None:
    """Which kind of b-tree page this is; None for others: overflow, free, or damaged in its first byte."""
    start = FILE_HEADER if number == 1 else 0
    return page[start] if len(page) > start and page[start] in _ALL else None


def varint(blob: bytes, at: int) -> tuple[int, int]:
    """The variable-length integer at this place, and the place behind it. Raises `IndexError` beyond the end."""
    value = 0
    for place in range(at, at + 8):
        byte = blob[place]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + 1
    value = value << 8 | blob[at + 8]
    return value - (1 << 64) if value >> 63 else value, at + 9


class Reader:
    """Reads the cells of pages. `overflow` gathers the pages that cells run on into: their content is no cell of theirs."""

    def __init__(self, fetch: Fetch, page_size: int) -> None:
        self._fetch = fetch
        self._usable = page_size
        self.overflow: set[int] = set()

    def cells(self, page: bytes, number: int) -> tuple[list[Cell], bool]:
        """The cells of a page that hold a record, in their order, and whether all its cells could be read."""
        kind = kind_of(page, number)
        start = FILE_HEADER if number == 1 else 0
        if kind is None or kind == Kind.TABLE_INTERIOR:
            # A leaf that lost one bit of its kind looks like this too, but hardly leads to a page.
            return [], kind is not None and bool(self._fetch(int.from_bytes(page[start + 8 : start + 12], "big")))
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        first = start + (INTERIOR_HEADER if kind == Kind.INDEX_INTERIOR else LEAF_HEADER)
        pointers = page[first : first + 2 * count]
        found = [self._cell(page, at, kind) for (at,) in struct.iter_unpack(">H", pointers[: len(pointers) & ~1])]
        read = [cell for cell in found if cell is not None]
        return read, len(read) == count and len(page) == self._usable

    def carve(self, page: bytes) -> Iterator[Cell]:
        """Whatever looks like a cell of the ledger's rows or facts, wherever it stands in a page whose head is damaged."""
        for look, kind, longest in _CELLS:
            for found in look.finditer(page):
                for at in range(max(0, found.start() - longest), found.start()):
                    cell = self._cell(page, at, kind, head=found.start())
                    if cell is not None:
                        yield cell

    def _cell(self, page: bytes, at: int, kind: int, head: int | None = None) -> Cell | None:
        rowid: int | None = None
        try:
            length, at = varint(page, at + 4 if kind == Kind.INDEX_INTERIOR else at)
            if kind == Kind.TABLE_LEAF:
                rowid, at = varint(page, at)
            # The head of a record stands in its first bytes: what has none is given up before any page is followed.
            columns = _columns(page[at : at + length]) if head in {None, at} else None
            if columns is None or not columns[0] + sum(map(_size, columns[1])) == length <= RECORD_BYTES_MAX:
                return None
            payload = self._payload(page, at, length, kind)
        except IndexError:
            return None
        return None if payload is None else Cell(rowid, tuple(_values(payload, *columns)))

    def _payload(self, page: bytes, at: int, length: int, kind: int) -> bytes | None:
        local = self._local(length, kind)
        if at + local + (4 if local < length else 0) > self._usable:
            return None
        if local == length:
            blob = page[at : at + length]
            return blob if len(blob) == length else None
        chain = self._chain(int.from_bytes(page[at + local : at + local + 4], "big"), length - local)
        return None if chain is None else page[at : at + local] + chain

    def _local(self, length: int, kind: int) -> int:
        """How much of a payload stands in the page of its cell."""
        usable = self._usable
        most = (usable - 12) * 64 // 255 - 23 if kind in _INDEX else usable - 35
        if length <= most:
            return length
        least = (usable - 12) * 32 // 255 - 23
        fitting = least + (length - least) % (usable - 4)
        return fitting if fitting <= most else least

    def _chain(self, number: int, length: int) -> bytes | None:
        parts: list[bytes] = []
        pages: dict[int, None] = {}
        missing = length
        while missing > 0:
            page = self._fetch(number) if number else b""
            part = page[4 : min(self._usable, missing + 4)]
            if not part or number in pages:
                return None
            parts.append(part)
            pages[number] = None
            missing -= len(part)
            number = int.from_bytes(page[:4], "big")
        self.overflow.update(pages)
        return b"".join(parts)


def _columns(head: bytes) -> tuple[int, list[int]] | None:
    """The length of a record's head, and the serial types in it."""
    end, at = varint(head, 0)
    kinds: list[int] = []
    while at < end:
        if len(kinds) == COLUMNS_MAX:
            return None
        kind, at = varint(head, at)
        kinds.append(kind)
    fits = at == end and kinds and min(kinds) >= 0 and 10 not in kinds and 11 not in kinds
    return (end, kinds) if fits else None


def _size(kind: int) -> int:
    return (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind]


def _values(payload: bytes, at: int, kinds: list[int]) -> Iterator[Value]:
    for kind in kinds:
        end = at + _size(kind)
        yield _value(kind, payload[at:end])
        at = end


def _value(kind: int, blob: bytes) -> Value:
    match kind:
        case 0:
            return None
        case 7:
            number: float = struct.unpack(">d", blob)[0]
            return number
        case 8 | 9:
            return kind - 8
        case _ if kind >= 12:
            return text_of(blob) if kind % 2 else blob
        case _:
            return int.from_bytes(blob, "big", signed=True)


def text_of(blob: bytes) -> str | bytes:
    """The text that these bytes are; themselves where they are none."""
    try:
        return blob.decode()
    except UnicodeDecodeError:
        return blob
