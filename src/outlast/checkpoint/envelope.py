"""The bytes of a checkpoint file: two lines that never change their shape (`framing`), a header in clear, a body.

    outlast-checkpoint 2.0 297 <sha256>
    {"id": ..., "job_id": ..., "sequence": ..., "sealing": null, "body_size": ..., "body_sha256": ..., ...}
    <body: the JSON of the data, in the header's codec>

Every byte is either compared or under a checksum. Whoever lists reads the header and leaves the body where it is.

Sealed, the body and the metadata are encrypted by a data key that stands in the header, wrapped by a key-encryption key. What
the header says of the checkpoint is authenticated with each of the three, so none can be put into another file.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any

from outlast.checkpoint.framing import Frame, frame, header_end, read_frame
from outlast.errors import (
    CheckpointCorruptionError,
    CheckpointCreationError,
    CheckpointValidationError,
    KeyMissingError,
    SealError,
    ValidationError,
)
from outlast.storage import gzipped
from outlast.storage.cipher import Cipher, new_data_key
from outlast.storage.keys import Keyring, WrappedKey
from outlast.storage.strictjson import decode, encode

__all__ = [
    "VERSION",
    "Codec",
    "Header",
    "Label",
    "check",
    "header_end",
    "pack",
    "read_header",
    "rewrap",
    "seal",
    "seal_packed",
    "unseal",
]

VERSION = "2.0"
MAJOR = 2

# From the header of a major version to that of the next one.
_STEPS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: lambda header: {**header, "sealing": None}}

_FIELDS = {
    "id": str,
    "job_id": str,
    "sequence": int,
    "created": str,
    "codec": str,
    "body_size": int,
    "body_sha256": str,
}


class Codec(StrEnum):
    """How the body is written."""

    NONE = "none"
    GZIP = "gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What is said about a checkpoint; `created` is ISO 8601 in UTC."""

    id: str
    job_id: str
    sequence: int
    created: str
    codec: Codec
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header(Label):
    """A label as it is stored, with what verifies the body. Sizes are in bytes.

    `metadata` is empty when it is sealed and the key is not at hand. `key_id` is that of the key-encryption key.
    """

    version: str
    body_size: int
    body_sha256: str
    key_id: str | None


@dataclass(frozen=True, slots=True)
class _Stored:
    header: Header
    sealing: WrappedKey | None
    metadata: str
    end: int

    def about(self, part: str) -> bytes:
        return _about(part, self.header.version, self.header)


def seal(label: Label, pieces: Iterable[bytes], keys: Keyring | None = None) -> bytes:
    """The file for `pieces`, which joined are the strict JSON of an object; with keys it is sealed by the first of them."""
    return seal_packed(label, pack(pieces, label.codec), keys)


def pack(pieces: Iterable[bytes], codec: Codec) -> list[bytes]:
    """The body for `pieces`, in parts: what of `seal` needs no label, and takes most of its time."""
    return list(gzipped.compress_pieces(pieces) if codec is Codec.GZIP else pieces)


def seal_packed(label: Label, parts: Sequence[bytes], keys: Keyring | None = None) -> bytes:
    """The file for what `pack` made with the label's codec."""
    metadata: str | dict[str, Any] = label.metadata
    sealing = None
    if keys is not None:
        data_key = new_data_key()
        cipher = Cipher(data_key)
        parts = [_sealed(cipher, b"".join(parts), _about("body", VERSION, label))]
        metadata = b64encode(_sealed(cipher, encode(metadata), _about("metadata", VERSION, label))).decode()
        sealing = keys.wrap(data_key, _about("key", VERSION, label)).to_json()
    stored = {
        "id": label.id,
        "job_id": label.job_id,
        "sequence": label.sequence,
        "created": label.created,
        "codec": label.codec.value,
        "metadata": metadata,
        "sealing": sealing,
        "body_size": sum(map(len, parts)),
        "body_sha256": _digest(parts),
    }
    return b"".join((frame(VERSION, encode(stored)), *parts))


def unseal(blob: bytes, *, verify: bool = True, keys: Keyring | None = None) -> tuple[Header, dict[str, Any]]:
    """What was sealed. Without `verify` the body's checksum is not compared; framing and seals always are.

    Raises `CheckpointCorruptionError` for damage, and for a file in clear where there are keys; `CheckpointValidationError` for
    what is intact, and yet no checkpoint that this version can read, or sealed by a key that is not at hand.
    """
    stored = _stored(blob, len(blob), keys)
    body: bytes | memoryview = _body(blob, stored, verify=verify)
    header, cipher = _unlocked(stored, keys)
    try:
        body = body if cipher is None else _opened(cipher, body, stored.about("body"))
        data = decode(gzipped.decompress(body) if header.codec is Codec.GZIP else body)
    except ValidationError as error:
        raise CheckpointCorruptionError(f"the body cannot be decoded: {error.message}") from error
    if not isinstance(data, dict):
        raise CheckpointCorruptionError("the body does not hold a JSON object")
    return header, data


def check(blob: bytes, *, keys: Keyring | None = None) -> Header:
    """Verify every byte without decoding the body, and the seals where the key is at hand; raises what `unseal` raises."""
    stored = _stored(blob, len(blob), keys)
    body = _body(blob, stored, verify=True)
    try:
        header, cipher = _unlocked(stored, keys)
    except CheckpointValidationError:
        return stored.header
    if cipher is not None:
        _opened(cipher, body, stored.about("body"))
    return header


def read_header(first: bytes, file_size: int, *, keys: Keyring | None = None) -> Header:
    """The header in a file of `file_size` bytes; `first` reaches at least to `header_end`."""
    stored = _stored(first, file_size, keys)
    try:
        return _unlocked(stored, keys)[0]
    except CheckpointValidationError:
        return stored.header


def rewrap(blob: bytes, keys: Keyring) -> bytes | None:
    """The file with its data key wrapped by the first key, its body byte for byte as it was; None when it is so already."""
    stored = _stored(blob, len(blob), keys)
    _unlocked(stored, keys)
    if stored.sealing is None or keys.is_current(stored.sealing):
        return None
    wrapped = keys.wrap(_data_key(stored, stored.sealing, keys), stored.about("key"))
    found = read_frame(blob)
    header = encode({**decode(found.header), "sealing": wrapped.to_json()})
    return b"".join((frame(found.version, header), memoryview(blob)[found.end :]))


def _stored(first: bytes, file_size: int, keys: Keyring | None) -> _Stored:
    found = read_frame(first)
    if found.major not in {*_STEPS, MAJOR}:
        readable = " and ".join(f"{major}.x" for major in (*_STEPS, MAJOR))
        raise CheckpointValidationError(
            f"the checkpoint has format version {found.version}; this version of outlast reads {readable}",
            context={"version": found.version},
        )
    try:
        stored = _parsed(found)
    except (ValueError, TypeError, LookupError, SealError) as error:
        # The checksum held, so it was written so: by a program that is not this one. It has no key of ours, where there are keys.
        kind = CheckpointValidationError if keys is None else CheckpointCorruptionError
        raise kind(
            f"the header of this checkpoint cannot be read: {error!r}", context={"version": found.version}
        ) from error
    if stored.header.body_size != file_size - found.end:
        raise CheckpointCorruptionError(
            f"the body has {file_size - found.end} bytes where {stored.header.body_size} were written"
        )
    return stored


def _parsed(found: Frame) -> _Stored:
    text = decode(found.header)
    for major in range(found.major, MAJOR):
        text = _STEPS[major](text)
    sealing = None if text["sealing"] is None else WrappedKey.from_json(text["sealing"])
    for name, kind in {**_FIELDS, "metadata": dict if sealing is None else str}.items():
        if type(text[name]) is not kind:
            raise TypeError(f"{name} is of type {type(text[name]).__name__}")
    header = Header(
        **{name: text[name] for name in _FIELDS} | {"codec": Codec(text["codec"])},
        metadata=text["metadata"] if sealing is None else {},
        version=found.version,
        key_id=None if sealing is None else sealing.key_id,
    )
    return _Stored(header, sealing, "" if sealing is None else text["metadata"], found.end)


def _body(blob: bytes, stored: _Stored, *, verify: bool) -> memoryview:
    body = memoryview(blob)[stored.end :]
    if verify and _digest([body]) != stored.header.body_sha256:
        raise CheckpointCorruptionError("the body does not match its checksum")
    return body


def _unlocked(stored: _Stored, keys: Keyring | None) -> tuple[Header, Cipher | None]:
    if stored.sealing is None:
        if keys is not None:
            raise CheckpointCorruptionError(
                "it is in clear, where checkpoints are sealed: somebody else wrote it", context={"in_clear": True}
            )
        return stored.header, None
    cipher = Cipher(_data_key(stored, stored.sealing, keys))
    try:
        metadata = decode(_opened(cipher, b64decode(stored.metadata, validate=True), stored.about("metadata")))
    except ValueError as error:
        raise CheckpointCorruptionError(f"the metadata cannot be decoded: {error}") from error
    return replace(stored.header, metadata=metadata), cipher


def _data_key(stored: _Stored, sealing: WrappedKey, keys: Keyring | None) -> bytes:
    if keys is None:
        raise CheckpointValidationError(
            f"it is sealed by the key {sealing.key_id}, and there is no key at hand", context={"key_id": sealing.key_id}
        )
    try:
        return keys.unwrap(sealing, stored.about("key"))
    except KeyMissingError as error:
        raise CheckpointValidationError(error.message, context=error.context) from error
    except SealError as error:
        raise CheckpointCorruptionError(f"its key cannot be unwrapped: {error.message}") from error


def _sealed(cipher: Cipher, plain: bytes, about: bytes) -> bytes:
    try:
        return cipher.seal(plain, about)
    except SealError as error:
        raise CheckpointCreationError(f"the checkpoint cannot be sealed: {error.message}") from error


def _opened(cipher: Cipher, sealed: bytes | memoryview, about: bytes) -> bytes:
    try:
        return cipher.open(sealed, about)
    except SealError as error:
        raise CheckpointCorruptionError(f"it cannot be opened: {error.message}") from error


def _about(part: str, version: str, label: Label) -> bytes:
    return encode([part, version, label.id, label.job_id, label.sequence, label.created, label.codec.value])


def _digest(parts: Iterable[bytes | memoryview]) -> str:
    digest = sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
