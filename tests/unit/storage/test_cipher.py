"""Sealed text: what the key opens is what was sealed, and nothing else is opened or told."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.errors import SealError
from outlast.storage.cipher import DIGEST_BYTES, KEY_BYTES, SEAL_BYTES, Cipher, new_data_key

KEY = bytes(range(32))


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_was_sealed_is_opened(plain, about):
    sealed = Cipher(KEY).seal(plain, about)
    assert len(sealed) == len(plain) + SEAL_BYTES
    assert Cipher(KEY).open(sealed, about) == plain
    assert Cipher(KEY).open(memoryview(sealed), about) == plain


def test_a_view_is_sealed_without_a_copy_of_it():
    assert Cipher(KEY).open(Cipher(KEY).seal(memoryview(b"-text-")[1:-1], b""), b"") == b"text"


def test_nothing_of_the_text_is_in_what_is_sealed():
    sealed = Cipher(KEY).seal(b"a secret" * 100, b"about")
    assert b"secret" not in sealed
    assert b"about" not in sealed


def test_equal_texts_are_sealed_differently():
    cipher = Cipher(KEY)
    assert len({cipher.seal(b"text", b"") for _ in range(100)}) == 100


@pytest.mark.parametrize("plain", [b"", b"text"])
def test_any_flipped_bit_and_any_cut_is_refused(plain):
    cipher = Cipher(KEY)
    sealed = cipher.seal(plain, b"about")
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises(SealError, match="the seal is broken"):
                cipher.open(bytes(changed), b"about")
    for size in range(len(sealed)):
        with pytest.raises(SealError):
            cipher.open(sealed[:size], b"about")


def test_another_key_and_another_place_are_refused():
    sealed = Cipher(KEY).seal(b"text", b"item|1")
    with pytest.raises(SealError):
        Cipher(bytes(32)).open(sealed, b"item|1")
    with pytest.raises(SealError):
        Cipher(KEY).open(sealed, b"item|2")


def test_a_text_of_2_gib_is_refused_before_it_is_read():
    with pytest.raises(SealError, match="2147483648 bytes are too many"):
        Cipher(KEY).seal(bytes(2**31), b"")


def test_a_digest_is_the_same_for_the_same_key_and_text_alone():
    digest = Cipher(KEY).digest(b"https://example.org")
    assert len(digest) == DIGEST_BYTES
    assert digest == Cipher(KEY).digest(b"https://example.org")
    assert digest != Cipher(KEY).digest(b"https://example.com")
    assert digest != Cipher(bytes(32)).digest(b"https://example.org")


def test_the_values_stay_what_they_are():
    # What is on somebody's disk was made by these: another derivation would open none of it.
    assert Cipher(KEY).digest(b"text").hex() == "f40494fb7f3fbd4e78167f6f325baa10"
    assert (
        Cipher(KEY).open(bytes.fromhex("d61add2e364474315ce8a5be4be916526492d3cd22fb83fd87404de3a875f3d2"), b"about")
        == b"text"
    )


def test_data_keys_are_fresh():
    keys = {new_data_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {KEY_BYTES}


def test_whoever_encrypts_nothing_does_not_load_the_library():
    code = "import sys, outlast.checkpoint; assert 'cryptography' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
