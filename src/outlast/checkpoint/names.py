"""Which file holds a checkpoint: its id is the file's stem, and leads to the file without a look at any other.

`<slug>-<hash>-<sequence>`: the slug is for people, the hash (of the job id) makes any job id safe and distinct, the sequence
orders. Nothing else is an id, so nothing else reaches the file system.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from outlast.errors import ValidationError

__all__ = ["JOB_ID_MAX", "Name", "id_of", "key_of", "parse"]

JOB_ID_MAX = 512
"""Characters in a job id."""

SLUG_MAX = 32

_ID = re.compile(r"(?P<key>[a-z0-9-]{1,32}-[0-9a-f]{16})-(?P<sequence>[0-9]{8,18})", re.ASCII)
_UNSAFE = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Name:
    """A checkpoint id, taken apart: the job's key (the name of its directory) and the sequence number."""

    key: str
    sequence: int


def key_of(job_id: str) -> str:
    """The directory name for a job. Raises `ValidationError` for what cannot be a job id."""
    if not isinstance(job_id, str) or not 0 < len(job_id) <= JOB_ID_MAX:
        raise ValidationError(
            f"a job id is a string of 1 to {JOB_ID_MAX} characters", context={"job_id": repr(job_id)[:80]}
        )
    try:
        digest = sha256(job_id.encode()).hexdigest()[:16]
    except UnicodeEncodeError as error:
        raise ValidationError(f"a job id is text, and {ascii(job_id)[:80]} is not: {error.reason}") from error
    slug = _UNSAFE.sub("-", job_id.lower()).strip("-")[:SLUG_MAX].strip("-")
    return f"{slug or 'job'}-{digest}"


def id_of(key: str, sequence: int) -> str:
    return f"{key}-{sequence:08}"


def parse(checkpoint_id: str) -> Name | None:
    """What an id names; None when no checkpoint can have this id."""
    match = _ID.fullmatch(checkpoint_id) if isinstance(checkpoint_id, str) else None
    if match is None:
        return None
    name = Name(match["key"], int(match["sequence"]))
    return name if id_of(name.key, name.sequence) == checkpoint_id else None
