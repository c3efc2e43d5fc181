"""The checksums of a log's frames, of many frames at once.

SQLite's checksum is a chain of additions, two for each pair of words, and a frame begins with the sums that the frame before it has
stored. So the chains of many frames can be walked side by side: one large integer holds a sum of every frame, each in a lane of 64
bits, and adds them all in one step. In pure Python that takes a tenth of the time of one chain after another.
"""

import struct
from array import array

__all__ = ["Sums", "fitting"]

Sums = tuple[int, int]

_LANE_BYTES = 8
_LOW_HALF = b"\xff\xff\xff\xff\0\0\0\0"
_STEPS_UNCUT = 16
"""A step makes a sum at most 3 times as large, and a lane has 32 bits to spare."""

_STORED, _PAGE = 2, 3  # places in a frame, in lanes: its own sums, and what stands behind its header


def fitting(frames: bytes, step: int, order: str, before: Sums) -> list[bool]:
    """Of each frame of `step` bytes, whether the sums that it has stored are those of its contents and of the sums before it.

    `order` is that of the words, as `struct` has it. The stored sums are always big-endian.
    """
    count, width = len(frames) // step, step // _LANE_BYTES
    words = array("I", frames)
    if order == ">":
        words.byteswap()
    lanes = memoryview(words).cast("B").cast("Q")
    sums = array("I", lanes[_STORED::width].tobytes())
    if order == "<":
        sums.byteswap()
    stored = sums.tobytes()
    low = _number(_LOW_HALF * count)
    seeds = _number(struct.pack("<2I", *before) + stored[:-_LANE_BYTES])
    first, second = seeds & low, seeds >> 32 & low
    for number, place in enumerate((0, *range(_PAGE, width))):
        pair = _number(lanes[place::width].tobytes())
        first += (pair & low) + second
        second += (pair >> 32 & low) + first
        if number % _STEPS_UNCUT == _STEPS_UNCUT - 1:
            first, second = first & low, second & low
    difference = (first & low | (second & low) << 32) ^ _number(stored)
    return [not lane for lane in memoryview(difference.to_bytes(count * _LANE_BYTES, "little")).cast("Q")]


def _number(lanes: bytes) -> int:
    return int.from_bytes(lanes, "little")
