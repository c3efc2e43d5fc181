"""What is listed of a checkpoint: its header, or that there is none to be trusted."""

from typing import Any

from outlast.checkpoint.envelope import Codec, Header
from outlast.checkpoint.reader import IN_QUARANTINE, Reader, locked_by, status_of
from outlast.checkpoint.records import Status, Verdict
from outlast.checkpoint.store import Entry
from outlast.errors import CheckpointCorruptionError, CheckpointValidationError

__all__ = ["row", "verdict"]


def row(reader: Reader, entry: Entry, job_id: str) -> dict[str, Any] | None:
    """The row that the contract lists; None when the file has gone since."""
    try:
        header = reader.header(entry)
    except FileNotFoundError:
        return None
    except (CheckpointCorruptionError, CheckpointValidationError) as error:
        return _row(entry, job_id, status_of(error), error.context.get("version"))
    return _row(entry, job_id, _status(reader, entry, header), header.version, header)


def verdict(reader: Reader, entry: Entry) -> Verdict | None:
    """What the header tells; None when the file has gone since."""
    try:
        header = reader.header(entry)
    except FileNotFoundError:
        return None
    except (CheckpointCorruptionError, CheckpointValidationError) as error:
        return Verdict(entry.id, entry.sequence, status_of(error), error.message)
    status = _status(reader, entry, header)
    return Verdict(entry.id, entry.sequence, status, _problem(status, header))


def _status(reader: Reader, entry: Entry, header: Header) -> Status:
    if entry.quarantined:
        return Status.CORRUPTED
    return Status.AVAILABLE if reader.is_open_to_us(header) else Status.LOCKED


def _problem(status: Status, header: Header) -> str | None:
    if status is Status.CORRUPTED:
        return IN_QUARANTINE
    return locked_by(header.key_id) if status is Status.LOCKED else None


def _row(
    entry: Entry, job_id: str, status: Status, version: str | None, header: Header | None = None
) -> dict[str, Any]:
    return {
        "id": entry.id,
        "job_id": job_id,
        "sequence_number": entry.sequence,
        "timestamp": header.created if header else None,
        "status": status.value,
        "size_bytes": entry.size,
        "compressed": header.codec is Codec.GZIP if header else None,
        "encrypted": header.key_id is not None if header else None,
        "checksum": header.body_sha256 if header else None,
        "version": version,
        "metadata": header.metadata if header else {},
    }
