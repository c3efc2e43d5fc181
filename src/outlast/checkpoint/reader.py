"""Opens checkpoint files and judges them: intact, damaged, or readable by others only.

Blocking, like the store below it.
"""

import errno
from collections.abc import Iterator
from contextlib import suppress
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

__all__ = ["HEADER_READ_BYTES", "IN_QUARANTINE", "Opened", "Reader", "Refused", "locked_by", "moment_of", "status_of"]

HEADER_READ_BYTES = 4096
IN_QUARANTINE = "it was found damaged and is in quarantine"
SIBLINGS_ASKED_MAX = 16

# What the context of an error holds when the file itself may be as it was written.
_MAY_PASS = frozenset({"errno", "in_clear"})


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
        """Whether it is of no use here; otherwise a newer version or another key can read it."""
        return status_of(self.error) is Status.CORRUPTED

    @property
    def rotten(self) -> bool:
        """Whether its bytes are not those that were written. A disk may answer the next time, and encryption be switched off."""
        return self.damaged and not _MAY_PASS & self.error.context.keys()

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
            _refuse_quarantined(entry)
            blob = self._read(entry)
            header, data = envelope.unseal(blob, verify=verify, keys=self._keys(blob, len(blob)))
            _belongs(header, entry)
        except FileNotFoundError:
            return None
        except (CheckpointCorruptionError, CheckpointValidationError) as error:
            return self._refused(entry, error)
        return Opened(entry, header, data)

    def verify(self, entry: Entry) -> Header | Refused | None:
        """What the header says, with every byte verified and nothing decoded; None when it has gone since."""
        try:
            _refuse_quarantined(entry)
            header = self.check(entry, verify=True)
            self._refuse_locked(header)
        except FileNotFoundError:
            return None
        except (CheckpointCorruptionError, CheckpointValidationError) as error:
            return self._refused(entry, error)
        return header

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
        """Whose it is, as its header says or that of another checkpoint beside it; the job's key where none can tell."""
        for each in self._asked(entry):
            with suppress(CheckpointError, OSError):
                return self.header(each).job_id
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
                raise CheckpointCorruptionError(
                    f"the disk cannot read it: {error}", context={"errno": error.errno}
                ) from error
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

    def _asked(self, entry: Entry) -> Iterator[Entry]:
        yield entry
        with suppress(OSError):
            yield from (each for each in self._store.entries(entry.key)[:SIBLINGS_ASKED_MAX] if each.id != entry.id)

    def _refuse_locked(self, header: Header) -> None:
        if not self.is_open_to_us(header):
            raise CheckpointValidationError(locked_by(header.key_id), context={"key_id": header.key_id})

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
        # In UTC, the first and the last hours of the calendar may be in no year at all.
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def locked_by(key_id: str | None) -> str:
    """What is wrong with a checkpoint that this key has sealed, where it is not at hand."""
    return f"it is sealed by the key {key_id}, which is not at hand"


def _refuse_quarantined(entry: Entry) -> None:
    if entry.quarantined:
        raise CheckpointCorruptionError(IN_QUARANTINE)


def _belongs(header: Header, entry: Entry) -> None:
    if header.id != entry.id:
        raise CheckpointCorruptionError(f"the file holds another checkpoint, {header.id}")
