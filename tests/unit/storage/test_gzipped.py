"""gzip that others read."""

import gzip
import random
import shutil
import subprocess
import threading

import pytest

from outlast.errors import ValidationError
from outlast.storage.gzipped import MEMBER_BYTES, MEMBERS_WAITING_MAX, compress, compress_pieces, decompress

TEXT = b"the quick brown fox " * 500
LONG = random.Random(1).randbytes(40_000) * (20 * MEMBER_BYTES // 40_000)


def pieces_of(blob, size):
    for start in range(0, len(blob), size):
        yield blob[start : start + size]


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_what_was_compressed_comes_back_and_the_standard_library_reads_it(level):
    blob = compress(TEXT, level)
    assert decompress(blob) == TEXT == gzip.decompress(blob)
    assert len(blob) < len(TEXT) / 10
    assert b"".join(compress_pieces([TEXT], level)) == blob


@pytest.mark.parametrize("size", [70_000, MEMBER_BYTES // 3, MEMBER_BYTES, 3 * MEMBER_BYTES, len(LONG)])
def test_pieces_make_one_file_in_members_that_the_standard_library_reads(size):
    members = list(compress_pieces(pieces_of(LONG, size)))
    assert decompress(b"".join(members)) == LONG == gzip.decompress(b"".join(members))
    texts = [gzip.decompress(member) for member in members]
    assert b"".join(texts) == LONG
    assert all(MEMBER_BYTES <= len(text) < MEMBER_BYTES + size for text in texts[:-1])


@pytest.mark.skipif(shutil.which("gzip") is None, reason="there is no gzip here")
@pytest.mark.parametrize("blob", [b"", TEXT, LONG], ids=["nothing", "short", "long"])
def test_the_tool_reads_it(blob):
    file = b"".join(compress_pieces(pieces_of(blob, 100_000)))
    done = subprocess.run(["gzip", "-dc"], input=file, capture_output=True, check=True)
    assert done.stdout == blob


@pytest.mark.parametrize("pieces", [[], [b""], [b"", b""]])
def test_nothing_is_a_file_that_holds_nothing(pieces):
    [member] = compress_pieces(pieces)
    assert gzip.decompress(member) == b""


def test_what_the_standard_library_wrote_is_read():
    assert decompress(gzip.compress(TEXT)) == TEXT
    assert decompress(memoryview(gzip.compress(TEXT) + gzip.compress(b"end"))) == TEXT + b"end"


def test_equal_bytes_give_equal_members_whenever_they_are_made():
    blob = compress(TEXT)
    assert blob == compress(TEXT)
    assert blob[4:8] == bytes(4), "the time in the member is not the time of the writing"
    assert list(compress_pieces(pieces_of(LONG, 99_999))) == list(compress_pieces(pieces_of(LONG, 99_999)))


@pytest.mark.real_time
def test_one_thread_compresses_while_another_makes_the_next_pieces():
    makers, running = set(), set()

    def pieces():
        for piece in pieces_of(LONG, MEMBER_BYTES):
            makers.add(threading.current_thread())
            running.update(each.name for each in threading.enumerate() if each.name.startswith("outlast-gzip"))
            yield piece

    assert b"".join(map(gzip.decompress, compress_pieces(pieces()))) == LONG
    assert makers == {threading.current_thread()}
    assert len(running) == 1
    assert not [each for each in threading.enumerate() if each.name.startswith("outlast-gzip")]


def test_only_so_many_members_wait():
    made = 0

    def pieces():
        nonlocal made
        for piece in pieces_of(LONG, MEMBER_BYTES):
            made += 1
            yield piece

    for done, _ in enumerate(compress_pieces(pieces())):
        assert made <= done + 1 + MEMBERS_WAITING_MAX


def test_an_error_of_the_pieces_is_passed_on():
    def pieces():
        yield from pieces_of(LONG[: 5 * MEMBER_BYTES], MEMBER_BYTES)
        raise ValidationError("$.items[7]: nan is not JSON")

    with pytest.raises(ValidationError, match="nan is not JSON"):
        list(compress_pieces(pieces()))


@pytest.mark.parametrize(
    "blob",
    [b"hello, this is not gzip", compress(TEXT)[:-1], compress(TEXT)[:30], compress(TEXT) + b"x"],
    ids=["foreign", "one byte short", "cut", "more behind it"],
)
def test_what_is_not_whole_gzip_is_refused(blob):
    with pytest.raises(ValidationError, match="not intact gzip"):
        decompress(blob)


@pytest.mark.parametrize("cut", [1, 7, 9, 18, 1_000])
def test_a_cut_in_any_member_is_refused(cut):
    members = list(compress_pieces(pieces_of(LONG[: 3 * MEMBER_BYTES], MEMBER_BYTES)))
    for count in range(1, len(members) + 1):
        with pytest.raises(ValidationError, match="not intact gzip"):
            decompress(b"".join(members[:count])[:-cut])


def test_a_flipped_bit_in_the_contents_is_refused():
    members = list(compress_pieces([TEXT, *pieces_of(LONG[: 2 * MEMBER_BYTES], MEMBER_BYTES)]))
    for member in range(len(members)):
        blob = bytearray(b"".join(members))
        blob[sum(map(len, members[:member])) + len(members[member]) // 2] ^= 1
        with pytest.raises(ValidationError, match="not intact gzip"):
            decompress(bytes(blob))
