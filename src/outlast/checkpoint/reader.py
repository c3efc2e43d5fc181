"""Opens checkpoint files and judges them: intact, damaged, or readable by others only.

Blocking, like the store below it.
"""

import errno
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from outlast.checkpoint import envelope
from outlast.checkpoint.envelope import Header
from outlast.checkpoint.records import Status
from outlast.checkpoint.sealing import Sealing
from outlast.checkpoint.store import DirectoryStore, Entry
from outlast.errors import CheckpointCorruptionError, CheckpointError, CheckpointValidationError
from outlast.storage.keys import Keyring

__all__ = ["HEADER_READ_BYTES", "Opened", "Reader", "Refused", "moment_of", "status_of"]

HEADER_READ_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint that could be read."""

    entry: Entry
    header: Header
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """A checkpoint that could not be read, and why. `job_id` is the job's key where the header is lost."""

    entry: Entry
    error: CheckpointError
    job_id: str
    quarantined_to: Path | None = None

    @property
    def damaged(self) -> bool:
        """Whether it is broken for good; otherwise a newer version or another key can read it."""
        return status_of(self.error) is Status.CORRUPTED

    def moved(self, to: Path | None) -> "Refused":
        return replace(self, quarantined_to=to)


class Reader:
    """Reads the files of a store, with the keys at hand."""

    def __init__(self, store: DirectoryStore, sealing: Sealing) -> None:
        self._store = store
        self._sealing = sealing

    def open(self, entry: Entry, *, verify: bool) -> Opened | Refused | None:
        """The checkpoint, its body compared with its checksum or not; None when it has gone since."""
        try:
            blob = self._read(entry)
            header, data = envelope.unseal(blob, verify=verify, keys=self._keys(blob, len(blob)))
            _belongs(header, entry)
        except FileNotFoundError:
            return None
        except (CheckpointCorruptionError, CheckpointValidationError) as error:
            return self._refused(entry, error)
        return Opened(entry, header, data)

    def check(self, entry: Entry, *, verify: bool) -> Header:
        """The header of a file whose framing holds, or with `verify` every byte; raises `CheckpointError` or `OSError`."""
        blob = self._read(entry)
        keys = self._keys(blob, len(blob))
        header = envelope.check(blob, keys=keys) if verify else envelope.read_header(blob, len(blob), keys=keys)
        _belongs(header, entry)
        return header

    def header(self, entry: Entry) -> Header:
        """What is said about the body, which is not read; raises as `check` does."""
        try:
            return self._header(entry)
        except CheckpointCorruptionError:
            # Its length was taken before its bytes: where it was replaced in between, they do not fit.
            current = self._store.find(entry.id)
            if current is None or current == entry:
                raise
            return self._header(current)

    def job_id(self, entry: Entry) -> str:
        """Whose it is; the job's key where the header cannot tell."""
        try:
            return self.header(entry).job_id
        except (CheckpointError, OSError):
            return entry.key

    def is_open_to_us(self, header: Header) -> bool:
        """Whether the key that sealed it is at hand, or it is in clear."""
        return self._sealing.opens(header.key_id)

    def rewrapped(self, entry: Entry, keys: Keyring) -> bytes | None:
        """The file's bytes with its data key wrapped by the first of `keys`; None: there is nothing to do."""
        blob = self._store.read(entry)
        try:
            return envelope.rewrap(blob, keys) if envelope.read_header(blob, len(blob)).key_id is not None else None
        except CheckpointValidationError as error:
            raise self._told(entry, error) from error

    def _read(self, entry: Entry, size: int | None = None) -> bytes:
        try:
            return self._store.read(entry, size)
        except OSError as error:
            if error.errno == errno.EIO:
                raise CheckpointCorruptionError(f"the disk cannot read it: {error}") from error
            raise

    def _header(self, entry: Entry) -> Header:
        first = self._read(entry, HEADER_READ_BYTES)
        end = envelope.header_end(first)
        if end > len(first):
            first = self._read(entry, min(end, entry.size))
        header = envelope.read_header(first, entry.size, keys=self._keys(first, entry.size))
        _belongs(header, entry)
        return header

    def _keys(self, first: bytes, size: int) -> Keyring | None:
        # Where sealing is not required, what is in clear is read as that.
        if self._sealing.required or envelope.read_header(first, size).key_id is not None:
            return self._sealing.keys
        return None

    def _refused(self, entry: Entry, error: CheckpointError) -> Refused:
        told = self._told(entry, error)
        told.__cause__ = error
        return Refused(entry, told, self.job_id(entry))

    def _told(self, entry: Entry, error: CheckpointError) -> CheckpointError:
        context = {**error.context, "checkpoint_id": entry.id, "path": str(entry.path)}
        return type(error)(f"checkpoint {entry.id}: {error.message}", context=context)


def status_of(error: CheckpointError) -> Status:
    """What an error says of the checkpoint it was raised for. Whatever is neither locked nor from the future is damaged."""
    if isinstance(error, CheckpointValidationError):
        if "key_id" in error.context:
            return Status.LOCKED
        if "version" in error.context:
            return Status.UNSUPPORTED
    return Status.CORRUPTED


def moment_of(header: Header) -> datetime | None:
    """When it was created; None where the header holds no moment."""
    try:
        moment = datetime.fromisoformat(header.created)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _belongs(header: Header, entry: Entry) -> None:
    if header.id != entry.id:
        raise CheckpointCorruptionError(f"the file holds another checkpoint, {header.id}")
