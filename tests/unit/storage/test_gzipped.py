"""gzip that others read."""

import gzip

import pytest

from outlast.errors import ValidationError
from outlast.storage.gzipped import compress, decompress

TEXT = b"the quick brown fox " * 500


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_what_was_compressed_comes_back_and_the_standard_library_reads_it(level):
    blob = compress(TEXT, level)
    assert decompress(blob) == TEXT == gzip.decompress(blob)
    assert len(blob) < len(TEXT) / 10


def test_what_the_standard_library_wrote_is_read():
    assert decompress(gzip.compress(TEXT)) == TEXT


def test_equal_bytes_give_equal_members_whenever_they_are_made():
    blob = compress(TEXT)
    assert blob == compress(TEXT)
    assert blob[4:8] == bytes(4), "the time in the member is not the time of the writing"


@pytest.mark.parametrize(
    "blob",
    [b"hello, this is not gzip", compress(TEXT)[:-1], compress(TEXT)[:30], compress(TEXT) + b"x"],
    ids=["foreign", "one byte short", "cut", "more behind it"],
)
def test_what_is_not_whole_gzip_is_refused(blob):
    with pytest.raises(ValidationError, match="not intact gzip"):
        decompress(blob)


def test_a_flipped_bit_in_the_contents_is_refused():
    blob = bytearray(compress(TEXT))
    blob[len(blob) // 2] ^= 1
    with pytest.raises(ValidationError, match="not intact gzip"):
        decompress(bytes(blob))
