"""The file format: what is sealed comes back, damage is damage, and the future is told apart from it."""

import gzip
import hashlib
import json

import pytest

from outlast.checkpoint.envelope import VERSION, Codec, Label, check, header_end, read_header, seal, unseal
from outlast.errors import CheckpointCorruptionError, CheckpointValidationError
from outlast.storage.frozen import freeze

DATA = {"page": 17, "title": "été", "items": [1, 2.5, None, True]}


def label(codec=Codec.GZIP, **changes):
    known = {
        "id": "job-1",
        "job_id": "job",
        "sequence": 1,
        "created": "2026-01-01T00:00:00+00:00",
        "metadata": {"by": "hand"},
    }
    return Label(codec=codec, **{**known, **changes})


def sealed(codec=Codec.GZIP, data=DATA, **changes):
    return seal(label(codec, **changes), freeze(data).pieces())


def framed(header, body=b"", version=VERSION):
    """A file whose checksums hold, whatever it says."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    opening = f"outlast-checkpoint {version} {len(text)}".encode()
    digest = hashlib.sha256(opening + b"\n" + text).hexdigest().encode()
    return opening + b" " + digest + b"\n" + text + b"\n" + body


def header_of(body, **changes):
    stored = {
        "id": "job-1", "job_id": "job", "sequence": 1, "created": "now", "codec": "none", "metadata": {}, "sealing": None,
        "body_size": len(body), "body_sha256": hashlib.sha256(body).hexdigest(),
    }  # fmt: skip
    stored.update(changes)
    return {key: value for key, value in stored.items() if value is not ...}


each_codec = pytest.mark.parametrize("codec", Codec)


@each_codec
def test_what_is_sealed_comes_back(codec):
    header, data = unseal(sealed(codec))
    assert data == DATA
    assert (header.id, header.job_id, header.sequence, header.codec) == ("job-1", "job", 1, codec)
    assert (header.version, header.created, header.metadata) == ("2.0", "2026-01-01T00:00:00+00:00", {"by": "hand"})
    assert header.key_id is None


def test_the_header_is_readable_and_the_body_is_what_its_codec_says():
    first, header, body = sealed().split(b"\n", 2)
    assert first.startswith(b"outlast-checkpoint 2.0 ")
    assert json.loads(header)["metadata"] == {"by": "hand"}
    assert json.loads(gzip.decompress(body)) == DATA
    assert json.loads(sealed(Codec.NONE).split(b"\n", 2)[2]) == DATA


def test_the_header_is_read_without_the_body():
    blob = sealed()
    first = blob[:128]
    end = header_end(first)
    assert read_header(blob[:end], len(blob)) == unseal(blob)[0]
    with pytest.raises(CheckpointCorruptionError, match="bytes where"):
        read_header(blob[:end], len(blob) - 1)


@each_codec
def test_any_flipped_bit_is_corruption(codec):
    blob = sealed(codec)
    for position in range(len(blob)):
        for bit in range(8):
            damaged = bytearray(blob)
            damaged[position] ^= 1 << bit
            with pytest.raises(CheckpointCorruptionError):
                unseal(bytes(damaged))
            with pytest.raises(CheckpointCorruptionError):
                check(bytes(damaged))


@each_codec
@pytest.mark.parametrize("verify", [True, False])
def test_any_cut_and_any_addition_is_corruption(codec, verify):
    blob = sealed(codec)
    for size in range(len(blob)):
        with pytest.raises(CheckpointCorruptionError):
            unseal(blob[:size], verify=verify)
    for more in (b"\0", b"\n", b"{}", blob):
        with pytest.raises(CheckpointCorruptionError):
            unseal(blob + more, verify=verify)


@pytest.mark.parametrize("verify", [True, False])
def test_a_cut_between_two_members_of_the_body_is_corruption(verify):
    pieces = [b'{"a":"', b"x" * 3_000_000, b'"}']
    blob = seal(label(), pieces)
    start = header_end(blob)
    second = blob.index(b"\x1f\x8b\x08\x00\x00\x00\x00\x00", start + 1)
    assert gzip.decompress(blob[start:second]), "a whole gzip file by itself"
    with pytest.raises(CheckpointCorruptionError, match="bytes where"):
        unseal(blob[:second], verify=verify)
    assert unseal(blob)[1] == {"a": "x" * 3_000_000}


def test_a_zeroed_sector_is_corruption():
    blob = sealed(metadata={"long": "x" * 3000}, data={"much": "y" * 3000})
    for start in range(0, len(blob), 512):
        zeroed = blob[:start] + bytes(len(blob[start : start + 512])) + blob[start + 512 :]
        with pytest.raises(CheckpointCorruptionError):
            unseal(zeroed)
    with pytest.raises(CheckpointCorruptionError):
        unseal(bytes(700))


def test_another_header_cannot_be_put_before_a_body():
    one, other = sealed(id="a", data={"n": 1}), sealed(id="b", data={"n": 2})
    with pytest.raises(CheckpointCorruptionError, match="does not match its checksum"):
        unseal(one[: header_end(one)] + other[header_end(other) :])


@pytest.mark.parametrize("blob", [b"PK\x03\x04 a zip file", b'{"a": 1}', b"SQLite format 3\0", b"hello", b"x" * 1000])
def test_what_never_was_a_checkpoint_is_not_called_damaged(blob):
    with pytest.raises(CheckpointValidationError, match="not a checkpoint"):
        unseal(blob)


@pytest.mark.parametrize("version", ["3.0", "0.9", "17.3"])
def test_an_intact_file_of_an_unknown_major_version_says_so(version):
    with pytest.raises(CheckpointValidationError, match=rf"version {version}; .* reads 1\.x and 2\.x") as caught:
        unseal(framed(b"whatever that version writes here", b"body", version))
    assert caught.value.context["version"] == version


def test_a_damaged_file_of_an_unknown_version_is_damaged():
    with pytest.raises(CheckpointCorruptionError):
        unseal(framed(b"header", b"", "3.0").replace(b"header", b"haeder"))


def test_a_later_minor_version_with_more_in_its_header_is_read():
    blob = framed(header_of(b'{"a":1}', mood="good"), b'{"a":1}', "2.7")
    header, data = unseal(blob)
    assert (header.version, data) == ("2.7", {"a": 1})


@pytest.mark.parametrize("sealing", [..., None, "whatever"])
def test_a_file_of_the_first_version_is_read_and_keeps_its_version(sealing):
    header, data = unseal(framed(header_of(b'{"a":1}', sealing=sealing), b'{"a":1}', "1.0"))
    assert (header.version, header.key_id, data) == ("1.0", None, {"a": 1})


@pytest.mark.parametrize(
    "header",
    [
        b"not json", b"[1]", b"7", b"null", header_of(b"", codec="zstd"), header_of(b"", sequence=...),
        header_of(b"", codec=[]), header_of(b"", created=7), header_of(b"", sequence="1"), header_of(b"", metadata=[]),
        header_of(b"", sealing=...), header_of(b"", sealing={}), header_of(b"", sealing={"key_id": "a", "blob": "b"}),
        header_of(b"", body_size=True), header_of(b"", metadata="sealed, by nobody"),
    ],
    ids=str,
)  # fmt: skip
def test_an_intact_header_that_means_nothing_to_us_is_no_damage(header):
    with pytest.raises(CheckpointValidationError, match="header .* cannot be read") as caught:
        unseal(framed(header))
    assert caught.value.context == {"version": "2.0"}


@pytest.mark.parametrize("body", [b"[1]", b"null", b"{", b""], ids=ascii)
def test_a_body_that_is_no_json_object_is_damage(body):
    with pytest.raises(CheckpointCorruptionError, match=r"the body (cannot|does not)"):
        unseal(framed(header_of(body), body))


def test_without_verification_the_body_s_checksum_is_not_compared():
    blob = sealed(Codec.NONE).replace(b'"page":17', b'"page":71')
    assert unseal(blob, verify=False)[1]["page"] == 71
    with pytest.raises(CheckpointCorruptionError):
        unseal(blob)


def test_without_verification_the_header_s_checksum_still_is():
    with pytest.raises(CheckpointCorruptionError, match="header"):
        unseal(sealed().replace(b'"sequence":1', b'"sequence":2'), verify=False)
