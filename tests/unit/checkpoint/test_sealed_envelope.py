"""Sealed files: what a key opens is what was sealed there, whoever edits or swaps what; without the key nothing is told."""

import hashlib
import json
from base64 import b64decode

import pytest

from outlast.checkpoint.envelope import Codec, Label, check, header_end, read_header, rewrap, seal, unseal
from outlast.errors import CheckpointCorruptionError, CheckpointCreationError, CheckpointValidationError
from outlast.storage.frozen import freeze
from outlast.storage.keys import Keyring

OLD, NEW = Keyring.of([bytes(range(32))]), Keyring.of([bytes(range(32, 64))])
BOTH = Keyring.of([bytes(range(32, 64)), bytes(range(32))])
SECRET = "https://example.org/secret-item"
DATA = {"items": {SECRET: {"price": 17, "title": "été"}}}


def label(codec=Codec.GZIP, **changes):
    known = {"id": "job-1", "job_id": "job", "sequence": 1, "created": "now", "metadata": {"note": SECRET}}
    return Label(codec=codec, **{**known, **changes})


def sealed(codec=Codec.GZIP, data=DATA, keys=OLD, **changes):
    return seal(label(codec, **changes), freeze(data).pieces(), keys)


def parts(blob):
    """The header as JSON, and the body."""
    end = header_end(blob)
    return json.loads(blob[blob.index(b"\n") + 1 : end]), blob[end:]


def forged(header, body, version="2.0"):
    """The file as somebody writes it who knows the format and has no key: every checksum is right."""
    header = {**header, "body_size": len(body), "body_sha256": hashlib.sha256(body).hexdigest()}
    text = json.dumps(header).encode()
    opening = f"outlast-checkpoint {version} {len(text)}".encode()
    digest = hashlib.sha256(opening + b"\n" + text).hexdigest().encode()
    return opening + b" " + digest + b"\n" + text + b"\n" + body


def refused(blob, keys=OLD):
    for verify in (True, False):
        with pytest.raises(CheckpointCorruptionError):
            unseal(blob, verify=verify, keys=keys)
    with pytest.raises(CheckpointCorruptionError):
        check(blob, keys=keys)


each_codec = pytest.mark.parametrize("codec", Codec)


@each_codec
@pytest.mark.parametrize("verify", [True, False])
def test_what_is_sealed_comes_back_with_its_metadata(codec, verify):
    blob = sealed(codec)
    header, data = unseal(blob, verify=verify, keys=OLD)
    assert data == DATA
    assert (header.metadata, header.key_id, header.codec) == ({"note": SECRET}, OLD.key_ids[0], codec)
    assert read_header(blob[: header_end(blob)], len(blob), keys=OLD) == header == check(blob, keys=OLD)


@each_codec
def test_nothing_of_data_and_metadata_is_readable_in_the_file(codec):
    blob = sealed(codec)
    header, _ = parts(blob)
    seen = [blob, *(b64decode(text) for text in (header["metadata"], header["sealing"]["blob"]))]
    for word in (b"example", b"secret", b"price", b"items", b"note", b"\x1f\x8b\x08"):
        assert not [each for each in seen if word in each]
    assert {key: header[key] for key in ("id", "job_id", "sequence", "created")} == {
        "id": "job-1", "job_id": "job", "sequence": 1, "created": "now",
    }  # fmt: skip


def test_two_files_of_the_same_data_have_nothing_in_common():
    (one, body), (other, again) = parts(sealed()), parts(sealed())
    assert body != again
    assert one["metadata"] != other["metadata"]
    assert one["sealing"]["blob"] != other["sealing"]["blob"]


@each_codec
def test_any_flipped_bit_is_corruption(codec):
    blob = sealed(codec, data={"a": SECRET}, metadata={})
    for position in range(len(blob)):
        damaged = bytearray(blob)
        damaged[position] ^= 1 << position % 8
        refused(bytes(damaged))
    for bit in range(8 * header_end(blob), 8 * len(blob)):
        damaged = bytearray(blob)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CheckpointCorruptionError):
            unseal(bytes(damaged), keys=OLD)


@each_codec
def test_any_cut_and_any_addition_is_corruption(codec):
    blob = sealed(codec)
    for size in range(len(blob)):
        with pytest.raises(CheckpointCorruptionError):
            unseal(blob[:size], keys=OLD)
    for more in (b"\0", b"\n", blob):
        refused(blob + more)


@each_codec
@pytest.mark.parametrize(
    "changes",
    [
        {"id": "job-2"}, {"job_id": "another"}, {"sequence": 2}, {"created": "yesterday"}, {"codec": ...}, {"codec": "zstd"},
        {"metadata": "AAAA"}, {"metadata": "?"}, {"metadata": {}}, {"metadata": {"note": "forged"}}, {"metadata": None},
        {"sealing": None}, {"sealing": None, "metadata": {}}, {"sealing": {"key_id": OLD.key_ids[0], "blob": "AAAA"}},
        {"sealing": []}, {"id": 7},
    ],
    ids=str,
)  # fmt: skip
def test_an_edited_header_is_refused_though_every_checksum_is_right(codec, changes):
    header, body = parts(sealed(codec))
    assert unseal(forged(header, body), keys=OLD)[1] == DATA, "the forger makes no mistake"
    if changes == {"codec": ...}:
        changes = {"codec": "none" if codec is Codec.GZIP else "gzip"}
    refused(forged({**header, **changes}, body))


@pytest.mark.parametrize("version", ["2.1", "1.0"])
def test_an_edited_version_is_refused(version):
    refused(forged(*parts(sealed()), version))


def test_bodies_and_seals_and_keys_of_other_files_are_refused():
    (one, body), (other, another_body) = parts(sealed()), parts(sealed(id="job-2", sequence=2))
    for header, rest in (
        (one, another_body),
        (other, body),
        ({**one, "metadata": other["metadata"]}, body),
        ({**one, "sealing": other["sealing"]}, body),
        ({**one, "sealing": other["sealing"], "metadata": other["metadata"]}, another_body),
    ):
        refused(forged(header, rest))


def test_metadata_cannot_be_passed_for_a_body_nor_a_body_for_metadata():
    header, body = parts(sealed(Codec.NONE, data={"a": 1}, metadata={"b": 2}))
    refused(forged(header, b64decode(header["metadata"])))


@each_codec
def test_a_file_in_clear_is_corruption_where_there_are_keys(codec):
    blob = seal(label(codec), freeze(DATA).pieces())
    refused(blob)
    refused(forged(*parts(blob), "1.0"))
    with pytest.raises(CheckpointCorruptionError, match="in clear"):
        read_header(blob, len(blob), keys=OLD)
    with pytest.raises(CheckpointCorruptionError, match="in clear"):
        rewrap(blob, OLD)


@pytest.mark.parametrize("keys", [None, NEW], ids=["no key", "another key"])
def test_without_its_key_an_intact_file_is_not_called_damaged(keys):
    blob = sealed()
    for verify in (True, False):
        with pytest.raises(CheckpointValidationError, match=OLD.key_ids[0]) as caught:
            unseal(blob, verify=verify, keys=keys)
        assert caught.value.context["key_id"] == OLD.key_ids[0]
    for header in (check(blob, keys=keys), read_header(blob, len(blob), keys=keys)):
        assert (header.id, header.key_id, header.metadata) == ("job-1", OLD.key_ids[0], {})


@pytest.mark.parametrize("keys", [None, NEW], ids=["no key", "another key"])
def test_without_its_key_a_damaged_file_is_damaged(keys):
    blob = sealed()
    for position in (30, header_end(blob) - 5, header_end(blob), len(blob) - 1):
        damaged = bytearray(blob)
        damaged[position] ^= 1
        for read in (unseal, check):
            with pytest.raises(CheckpointCorruptionError):
                read(bytes(damaged), keys=keys)


def test_after_a_rotation_old_files_are_read_and_wrapped_anew():
    blob = sealed()
    assert unseal(blob, keys=BOTH)[1] == DATA
    again = rewrap(blob, BOTH)
    assert parts(again)[1] == parts(blob)[1], "the body stays byte for byte"
    assert rewrap(again, BOTH) is None
    header, data = unseal(again, keys=NEW)
    assert (header.key_id, header.metadata, data) == (NEW.key_ids[0], {"note": SECRET}, DATA)
    with pytest.raises(CheckpointValidationError):
        unseal(again, keys=OLD)


def test_what_a_later_minor_version_wrote_is_kept_when_it_is_wrapped_anew():
    # It is not authenticated; the parts that are name the version that wrote them.
    header, body = parts(sealed())
    again = rewrap(forged({**header, "mood": "good"}, body), BOTH)
    assert parts(again)[0]["mood"] == "good"


def test_a_file_whose_key_is_not_at_hand_is_not_wrapped_anew():
    with pytest.raises(CheckpointValidationError, match=OLD.key_ids[0]):
        rewrap(sealed(), NEW)


def test_a_forged_file_is_not_wrapped_anew():
    header, body = parts(sealed())
    with pytest.raises(CheckpointCorruptionError):
        rewrap(forged({**header, "job_id": "another"}, body), BOTH)


def test_a_body_too_large_to_seal_is_an_error_of_the_creation():
    with pytest.raises(CheckpointCreationError, match="cannot be sealed: 2147483648 bytes are too many"):
        seal(label(Codec.NONE), [bytes(2**31)], OLD)
