"""The checksums of many frames at once are those of one after another."""

import random
import struct

import pytest

from outlast.ledger.sums import fitting

HEADER = 24


def chained(words, order, sums):
    """The checksum as sqlite.org/walformat.html has it."""
    first, second = sums
    numbers = struct.unpack(f"{order}{len(words) // 4}I", words)
    for even, odd in zip(numbers[::2], numbers[1::2], strict=True):
        first = (first + even + second) % 2**32
        second = (second + odd + first) % 2**32
    return first, second


def frames(chance, count, page, order, before, fill):
    """So many frames, each linked to the one before."""
    blob = b""
    for _ in range(count):
        head, body = fill(chance, 8), fill(chance, page)
        before = chained(body, order, chained(head, order, before))
        blob += head + chance.randbytes(8) + struct.pack(">2I", *before) + body
    return blob


FILLS = {
    "anything": random.Random.randbytes,
    "the largest words": lambda _chance, size: b"\xff" * size,
    "nothing": lambda _chance, size: bytes(size),
}


@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("page", [512, 4096, 65536])
def test_frames_fit_if_each_has_the_sums_of_itself_and_of_all_before_it(fill, order, page):
    chance = random.Random(page)
    before = (2**32 - 1, chance.getrandbits(32))
    blob = frames(chance, 7, page, order, before, fill)
    step = HEADER + page
    assert fitting(blob, step, order, before) == [True] * 7
    assert fitting(blob, step, order, (0, 1)) == [False] + [True] * 6
    for place in [*range(3), *range(HEADER, step, step // 9), step - 1]:
        spoiled = bytearray(blob)
        spoiled[3 * step + place] ^= 1 << chance.randrange(8)
        assert fitting(bytes(spoiled), step, order, before) == [True] * 3 + [False] + [True] * 3
    for place in range(16, HEADER):
        spoiled = bytearray(blob)
        spoiled[3 * step + place] ^= 1
        assert fitting(bytes(spoiled), step, order, before) == [True] * 3 + [False] * 2 + [True] * 2
