"""What is done with checkpoint files, start to end: sealed and published, opened and judged, listed, pruned.

Blocking, like the store below it; `checkpointer` runs it in threads.
"""

import errno
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from outlast.checkpoint import envelope
from outlast.checkpoint.envelope import Header, Label
from outlast.checkpoint.names import key_of
from outlast.checkpoint.policy import CheckpointPolicy
from outlast.checkpoint.retention import Kept, to_delete
from outlast.checkpoint.store import DirectoryStore, Entry
from outlast.errors import CheckpointCorruptionError, CheckpointError, CheckpointValidationError
from outlast.storage.strictjson import decode

__all__ = ["Opened", "Refused", "Shelf", "Snapshot", "Status"]

HEADER_READ_BYTES = 4096


class Status(StrEnum):
    """What a listing can say of a checkpoint without reading its body."""

    AVAILABLE = "available"
    CORRUPTED = "corrupted"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is to be kept, as JSON taken at one moment; `created` is ISO 8601 in UTC."""

    job_id: str
    created: str
    data: bytes
    metadata: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint that could be read."""

    entry: Entry
    header: Header
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """A checkpoint that could not be read, and why. `damaged`: for good; otherwise a newer version can read it.

    `job_id` is the job's key where the header is lost.
    """

    entry: Entry
    error: CheckpointError
    damaged: bool
    job_id: str
    quarantined_to: Path | None = None


class Shelf:
    """The checkpoints in one store, kept as the policy wants."""

    def __init__(self, store: DirectoryStore, policy: CheckpointPolicy) -> None:
        self._store = store
        self._policy = policy
        self._intact: set[Entry] = set()

    def put(self, snapshot: Snapshot) -> tuple[Entry, list[Entry]]:
        """Write a checkpoint; its entry, and those that retention removed for it."""

        def contents(checkpoint_id: str, sequence: int) -> bytes:
            label = Label(
                id=checkpoint_id,
                job_id=snapshot.job_id,
                sequence=sequence,
                created=snapshot.created,
                codec=self._policy.codec,
                metadata=decode(snapshot.metadata),
            )
            return envelope.seal(label, snapshot.data)

        entry = self._store.publish(key_of(snapshot.job_id), contents)
        self._intact.add(entry)
        return entry, list(self._prune(entry.key))

    def open(self, checkpoint_id: str) -> Opened | Refused | None:
        """The checkpoint of this id; damaged ones go to quarantine. None: there is none."""
        entry = self._store.find(checkpoint_id)
        return None if entry is None else self.open_entry(entry)

    def open_entry(self, entry: Entry) -> Opened | Refused | None:
        look = self._look(entry, verify=self._policy.verify)
        if not isinstance(look, Refused) or not look.damaged:
            return look
        # In a directory that cannot be written the damaged file stays where it is, and is refused all the same.
        moved = None
        with suppress(OSError):
            moved = self._store.quarantine(entry)
        return Refused(entry, look.error, look.damaged, look.job_id, moved)

    def verify(self, checkpoint_id: str) -> Opened | Refused | None:
        """The checkpoint of this id with every byte verified, whatever the policy says; nothing is moved."""
        entry = self._store.find(checkpoint_id)
        return None if entry is None else self._look(entry, verify=True)

    def entries(self, job_id: str) -> list[Entry]:
        return self._store.entries(key_of(job_id))

    def rows(self, job_id: str, limit: int | None) -> list[dict[str, Any]]:
        """What the contract lists, newest first; only headers are read."""
        entries = self.entries(job_id)[:limit]
        return [row for row in (self._row(entry, job_id) for entry in entries) if row is not None]

    def remove(self, checkpoint_id: str) -> tuple[Entry, str] | None:
        """Delete a checkpoint; its entry and job, or None when there is none."""
        entry = self._store.find(checkpoint_id)
        if entry is None:
            return None
        job_id = self._job_id(entry)
        return (entry, job_id) if self._store.remove(entry) else None

    def _look(self, entry: Entry, *, verify: bool) -> Opened | Refused | None:
        try:
            blob = self._read(entry)
            header, data = envelope.unseal(blob, verify=verify)
            _belongs(header, entry)
        except FileNotFoundError:
            return None
        except (CheckpointCorruptionError, CheckpointValidationError) as error:
            return self._refused(entry, error)
        return Opened(entry, header, data)

    def _refused(self, entry: Entry, error: CheckpointError) -> Refused:
        context = {**error.context, "checkpoint_id": entry.id, "path": str(entry.path)}
        told = type(error)(f"checkpoint {entry.id}: {error.message}", context=context)
        told.__cause__ = error
        return Refused(entry, told, not _is_from_the_future(error), self._job_id(entry))

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
        header = envelope.read_header(first, entry.size)
        _belongs(header, entry)
        return header

    def _job_id(self, entry: Entry) -> str:
        try:
            return self._header(entry).job_id
        except (CheckpointError, OSError):
            return entry.key

    def _row(self, entry: Entry, job_id: str) -> dict[str, Any] | None:
        try:
            header = self._header(entry)
        except FileNotFoundError:
            return None
        except (CheckpointCorruptionError, CheckpointValidationError) as error:
            future = _is_from_the_future(error)
            version = error.context.get("version")
            return _row(entry, job_id, Status.UNSUPPORTED if future else Status.CORRUPTED, version)
        status = Status.CORRUPTED if entry.quarantined else Status.AVAILABLE
        return _row(entry, job_id, status, header.version, header)

    def _prune(self, key: str) -> Iterator[Entry]:
        entries = {entry.id: entry for entry in self._store.entries(key) if not entry.quarantined}
        self._intact = {each for each in self._intact if each.key != key or each in entries.values()}
        if len(entries) <= self._policy.keep:
            return
        rows = [Kept(each.id, each.sequence, self._is_intact(each)) for each in entries.values()]
        for checkpoint_id in to_delete(rows, self._policy.keep):
            # The new checkpoint is safe already; what cannot be deleted now is deleted after the next one.
            with suppress(OSError):
                if self._store.remove(entries[checkpoint_id]):
                    yield entries[checkpoint_id]

    def _is_intact(self, entry: Entry) -> bool:
        # Files never change, so each is read once: what this process has written or verified is not read again.
        if entry not in self._intact:
            try:
                blob = self._read(entry)
                header = envelope.check(blob) if self._policy.verify else envelope.read_header(blob, len(blob))
                _belongs(header, entry)
            except (CheckpointError, OSError):
                return False
            self._intact.add(entry)
        return True


def _belongs(header: Header, entry: Entry) -> None:
    if header.id != entry.id:
        raise CheckpointCorruptionError(f"the file holds another checkpoint, {header.id}")


def _is_from_the_future(error: CheckpointError) -> bool:
    # Intact, and written by another version: `version` is known. Anything else that cannot be read is damage.
    return isinstance(error, CheckpointValidationError) and "version" in error.context


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
        "compressed": header.codec is envelope.Codec.GZIP if header else None,
        "encrypted": False if header else None,
        "checksum": header.body_sha256 if header else None,
        "version": version,
        "metadata": header.metadata if header else {},
    }
