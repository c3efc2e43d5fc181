"""The bytes of a checkpoint file: a line in clear, a header in clear, a body.

    outlast-checkpoint 1.0 297 <sha256 of the line so far and of the header>
    {"id": ..., "job_id": ..., "sequence": ..., "body_size": ..., "body_sha256": ..., ...}
    <body: the JSON of the data, in the header's codec>

Every byte is either compared or under a checksum. The shape of the first two lines is the same in all versions to come, so
damage and a version from the future are told apart. Whoever lists reads the header and leaves the body where it is.
"""

import re
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from hashlib import sha256
from typing import Any

from outlast.errors import CheckpointCorruptionError, CheckpointValidationError, ValidationError
from outlast.storage import gzipped
from outlast.storage.strictjson import decode, encode

__all__ = ["VERSION", "Codec", "Header", "Label", "check", "header_end", "read_header", "seal", "unseal"]

VERSION = "1.0"

_MAGIC = b"outlast-checkpoint "
_LINE = re.compile(rb"(outlast-checkpoint ([0-9]{1,4})\.([0-9]{1,4}) ([0-9]{1,12})) ([0-9a-f]{64})\n")


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
    """A label as it is stored, with what verifies the body. Sizes are in bytes."""

    version: str
    body_size: int
    body_sha256: str


def seal(label: Label, data: bytes) -> bytes:
    """The file for `data`, which is the strict JSON of an object, encoded when the snapshot was taken."""
    body = gzipped.compress(data) if label.codec is Codec.GZIP else data
    header = encode({**asdict(label), "codec": label.codec.value, "body_size": len(body), "body_sha256": _digest(body)})
    opening = b"%b%b %d" % (_MAGIC, VERSION.encode(), len(header))
    return b"%b %b\n%b\n%b" % (opening, _frame_digest(opening, header), header, body)


def unseal(blob: bytes, *, verify: bool = True) -> tuple[Header, dict[str, Any]]:
    """What was sealed. Without `verify` the body's checksum is not compared; the framing always is.

    Raises `CheckpointCorruptionError` for damage, `CheckpointValidationError` for what is intact and yet no checkpoint that
    this version can read.
    """
    header = check(blob) if verify else read_header(blob, len(blob))
    body = blob[header_end(blob) :]
    try:
        data = decode(gzipped.decompress(body) if header.codec is Codec.GZIP else body)
    except ValidationError as error:
        raise CheckpointCorruptionError(f"the body cannot be decoded: {error.message}") from error
    if not isinstance(data, dict):
        raise CheckpointCorruptionError("the body does not hold a JSON object")
    return header, data


def check(blob: bytes) -> Header:
    """Verify every byte without decoding the body; raises what `unseal` raises for damage and versions."""
    header = read_header(blob, len(blob))
    if _digest(memoryview(blob)[header_end(blob) :]) != header.body_sha256:
        raise CheckpointCorruptionError("the body does not match its checksum")
    return header


def header_end(first: bytes) -> int:
    """Where the body begins, told by the file's first 128 bytes."""
    line = _opening(first)
    return line.end() + int(line[4]) + 1


def read_header(first: bytes, file_size: int) -> Header:
    """The header in a file of `file_size` bytes; `first` reaches at least to `header_end`."""
    line = _opening(first)
    end = header_end(first)
    text = first[line.end() : end - 1]
    if _frame_digest(line[1], text) != line[5] or first[end - 1 : end] != b"\n":
        raise CheckpointCorruptionError("the header does not match its checksum")
    version = f"{line[2].decode()}.{line[3].decode()}"
    if int(line[2]) != int(VERSION.partition(".")[0]):
        raise CheckpointValidationError(
            f"the checkpoint has format version {version}; this version of outlast reads {VERSION}",
            context={"version": version},
        )
    header = _header(text, version)
    if header.body_size != file_size - end:
        raise CheckpointCorruptionError(f"the body has {file_size - end} bytes where {header.body_size} were written")
    return header


def _opening(first: bytes) -> re.Match[bytes]:
    line = _LINE.match(first)
    if line is not None:
        return line
    if _was_ours(first[: len(_MAGIC)]):
        raise CheckpointCorruptionError("the first line is damaged")
    raise CheckpointValidationError("this is not a checkpoint")


def _was_ours(start: bytes) -> bool:
    # A flipped bit, a cut or a zeroed sector leaves a damaged checkpoint; something else altogether was never one.
    if not any(start):
        return True
    alike = sum(ours == theirs for ours, theirs in zip(_MAGIC, start, strict=False))
    return 2 * alike > min(len(start), len(_MAGIC))


def _header(text: bytes, version: str) -> Header:
    # The checksum held, so what is wrong here was written so, by a program that is not this one.
    try:
        stored = decode(text)
        known = {each.name: stored[each.name] for each in fields(Header) if each.name != "version"}
        return Header(**{**known, "codec": Codec(known["codec"])}, version=version)
    except (ValueError, TypeError, LookupError) as error:
        raise CheckpointValidationError(
            f"the header of this checkpoint cannot be read: {error!r}", context={"version": version}
        ) from error


def _frame_digest(opening: bytes, header: bytes) -> bytes:
    return _digest(opening + b"\n" + header).encode()


def _digest(blob: bytes | memoryview) -> str:
    return sha256(blob).hexdigest()
