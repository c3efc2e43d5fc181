"""Is what stands in the output file what the ledger says?

A file that was written by this ledger differs from it only by what a kill or a power cut leaves: it ends early, in the middle
of a line perhaps, or holds NUL bytes where the disk had not kept what was written. Anything else was written by somebody else,
or by this job when its ledger knew more; then nothing of it may be cut off.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from outlast.jobs.outputfile import Place, unwritable
from outlast.ledger.port import Result

__all__ = ["BATCH", "Results", "agrees", "is_continued", "is_mirrored"]

BATCH = 200
CHUNK_BYTES = 1 << 20

Results = Callable[[int, int], Awaitable[Sequence[Result]]]
"""The first results after a position, at most so many: `Ledger.results`."""


def agrees(found: bytes, expected: bytes) -> bool:
    """Whether `found` is where `expected` begins, but for bytes that were never written to the disk."""
    if expected.startswith(found):
        return True
    return len(found) <= len(expected) and all(one in {0, other} for one, other in zip(found, expected, strict=False))


async def is_continued(path: Path, place: Place, results: Results) -> bool:
    """Whether the file holds, from `place` on, what the ledger has next, and before it what the ledger has last."""
    return await _ends_with_the_last(path, place, results) and await _goes_on(path, place, results)


async def is_mirrored(path: Path, place: Place, results: Results) -> bool:
    """Whether the file holds, up to `place`, exactly what the ledger has up to there."""
    position, size = 0, 0
    while batch := [each for each in await results(position, BATCH) if each.position <= place.position]:
        expected = _text(batch)
        if await _read(path, size, len(expected)) != expected:
            return False
        position, size = batch[-1].position, size + len(expected)
    return size == place.size


async def _ends_with_the_last(path: Path, place: Place, results: Results) -> bool:
    last = [each for each in await results(place.position - 1, 1) if each.position == place.position]
    if place.position and not last:
        return False
    expected = _text(last)[-place.size :] if place.size else b""
    return await _read(path, place.size - len(expected), len(expected)) == expected


async def _goes_on(path: Path, place: Place, results: Results) -> bool:
    position, size = place.position, place.size
    while batch := await results(position, BATCH):
        expected = _text(batch)
        found = await _read(path, size, len(expected))
        if not agrees(found, expected):
            return False
        if len(found) < len(expected):
            return True
        position, size = batch[-1].position, size + len(expected)
    while chunk := await _read(path, size, CHUNK_BYTES):
        if chunk.strip(b"\0"):
            return False
        size += len(chunk)
    return True


def _text(results: Sequence[Result]) -> bytes:
    return "".join([result.lines for result in results]).encode()


async def _read(path: Path, start: int, size: int) -> bytes:
    # Opened each time, in the thread that reads: whoever waits may be cancelled, and the file is closed all the same.
    return await asyncio.to_thread(_read_at, path, start, size)


def _read_at(path: Path, start: int, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(size)
    except OSError as error:
        raise unwritable(path, error) from error
