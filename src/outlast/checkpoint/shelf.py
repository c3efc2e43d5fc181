"""What is done with checkpoint files, start to end: sealed and published, opened and judged, listed, pruned, re-wrapped.

Blocking, like the store below it; `checkpointer` runs it in threads, and whatever writes in one thread alone.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from outlast.checkpoint import envelope, listing
from outlast.checkpoint.envelope import Header, Label
from outlast.checkpoint.names import key_of
from outlast.checkpoint.policy import CheckpointPolicy
from outlast.checkpoint.reader import Opened, Reader, Refused, moment_of
from outlast.checkpoint.records import Pruned, Verdict
from outlast.checkpoint.retention import Kept, to_delete
from outlast.checkpoint.sealing import Sealing
from outlast.checkpoint.store import PUBLISH_TRIES_MAX, DirectoryStore, Entry
from outlast.errors import CheckpointCorruptionError, CheckpointError, ConfigurationError
from outlast.storage.frozen import Frozen
from outlast.storage.keys import Keyring
from outlast.storage.strictjson import decode

__all__ = ["Pruning", "Shelf", "Snapshot", "in_use"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is to be kept, frozen at one moment; `created` is aware of its time zone."""

    job_id: str
    created: datetime
    data: Frozen
    metadata: Frozen


@dataclass(frozen=True, slots=True)
class Pruning:
    """What retention found, newest first, what of it was deleted, oldest first, and the first error of the disk."""

    entries: list[Entry]
    deleted: list[Entry]
    trouble: OSError | None = None

    def outcome(self) -> Pruned:
        gone = tuple(entry.id for entry in self.deleted)
        kept = tuple(entry.id for entry in self.entries if entry.id not in gone)
        return Pruned(kept, gone, sum(entry.size for entry in self.deleted))


class Shelf:
    """The checkpoints in one store, kept as the policy wants."""

    def __init__(self, store: DirectoryStore, policy: CheckpointPolicy, sealing: Sealing | None = None) -> None:
        self._store = store
        self._policy = policy
        self._sealing = sealing or Sealing()
        self._reader = Reader(store, self._sealing)
        self._intact: dict[Entry, datetime | None] = {}

    def put(self, snapshot: Snapshot) -> tuple[Entry, list[Entry]]:
        """Write a checkpoint; its entry, and those that retention removed for it. `ValidationError` for what is not JSON."""
        created = snapshot.created.astimezone(UTC)
        codec = self._policy.codec
        metadata = decode(b"".join(snapshot.metadata.pieces()))
        body = envelope.pack(snapshot.data.pieces(), codec)

        def contents(checkpoint_id: str, sequence: int) -> bytes:
            label = Label(
                id=checkpoint_id,
                job_id=snapshot.job_id,
                sequence=sequence,
                created=created.isoformat(),
                codec=codec,
                metadata=metadata,
            )
            return envelope.seal_packed(label, body, self._sealing.writing)

        entry = self._store.publish(key_of(snapshot.job_id), contents)
        self._intact[entry] = created
        return entry, list(self._swept(entry.key, created))

    def open(self, checkpoint_id: str) -> Opened | Refused | None:
        """The checkpoint of this id; rotten ones go to quarantine. None: there is none."""
        look = None
        for _ in range(2):  # it may go to quarantine between being found and being read
            entry = self._store.find(checkpoint_id)
            look = None if entry is None else self.open_entry(entry)
            if entry is None or look is not None:
                break
        return look

    def open_entry(self, entry: Entry) -> Opened | Refused | None:
        look = self._reader.open(entry, verify=self._policy.verify)
        if not isinstance(look, Refused) or not look.rotten:
            return look
        # In a directory that cannot be written the damaged file stays where it is, and is refused all the same.
        with suppress(OSError):
            return look.moved(self._store.quarantine(entry))
        return look

    def verify(self, checkpoint_id: str) -> Header | Refused | None:
        """The header of this id's checkpoint with every byte verified, whatever the policy says; nothing is moved."""
        entry = self._store.find(checkpoint_id)
        return None if entry is None else self.verify_entry(entry)

    def verify_entry(self, entry: Entry) -> Header | Refused | None:
        return self._reader.verify(entry)

    def entries(self, job_id: str) -> list[Entry]:
        return self._store.entries(key_of(job_id))

    def rows(self, job_id: str, limit: int | None) -> list[dict[str, Any]]:
        """What the contract lists, newest first; only headers are read."""
        rows = (listing.row(self._reader, entry, job_id) for entry in self.entries(job_id)[:limit])
        return [row for row in rows if row is not None]

    def judge(self, entry: Entry) -> Verdict | None:
        """What the header of a file tells of it."""
        return listing.verdict(self._reader, entry)

    def remove(self, checkpoint_id: str) -> tuple[Entry, str] | None:
        """Delete a checkpoint; its entry and job, or None when there is none. `BlockingIOError` when it is held."""
        entry = self._store.find(checkpoint_id)
        if entry is None:
            return None
        job_id = self._reader.job_id(entry)
        return (entry, job_id) if self._store.remove(entry) else None

    def hold(self, checkpoint_id: str) -> int | None:
        """Keep a checkpoint from being removed until `release`; None when there is none."""
        entry = self._store.find(checkpoint_id)
        with suppress(FileNotFoundError):
            return None if entry is None else self._store.hold(entry)
        return None

    def release(self, descriptor: int) -> None:
        self._store.release(descriptor)

    def prune(self, job_id: str, now: datetime, *, dry_run: bool = False) -> Pruning:
        """Delete what may go and is not held, or find out what would."""
        entries, going = self._going(key_of(job_id), now)
        if dry_run:
            return Pruning(entries, [entry for entry in going if not self._store.is_held(entry)])
        deleted: list[Entry] = []
        trouble = None
        for entry in going:
            try:
                if self._store.remove(entry):
                    deleted.append(entry)
            except BlockingIOError:
                continue
            except OSError as error:
                trouble = trouble or error
        return Pruning(entries, deleted, trouble)

    def rewrap(self, job_id: str) -> int:
        """Wrap the data keys of all intact checkpoints by the first key; how many were wrapped by another.

        All that can be is done, then the first that could not raises `CheckpointError` (it is held, or its key is not at
        hand) or `OSError`.
        """
        if self._sealing.keys is None:
            raise ConfigurationError("there is no encryption key to wrap with")
        done = 0
        refusal: CheckpointError | OSError | None = None
        for entry in self.entries(job_id):
            try:
                done += self._rewrapped(entry, self._sealing.keys)
            except CheckpointCorruptionError:
                continue  # evidence: no key opens it any more
            except (CheckpointError, OSError) as error:
                refusal = refusal or error
        # Also what was wrapped before: whoever did that may have been killed before it was durable.
        self._store.settle(key_of(job_id))
        if refusal is not None:
            raise refusal
        return done

    def _rewrapped(self, entry: Entry, keys: Keyring) -> bool:
        for _ in range(PUBLISH_TRIES_MAX):
            try:
                blob = self._reader.rewrapped(entry, keys)
                if blob is not None:
                    self._store.replace(entry, blob)
            except BlockingIOError as error:
                raise in_use(entry.id) from error
            except FileNotFoundError:
                # It went, or our temporary file was swept before it was locked.
                if self._store.find(entry.id) is None:
                    return False
            else:
                return blob is not None
        raise CheckpointError(f"checkpoint {entry.id} could not be re-wrapped in {PUBLISH_TRIES_MAX} tries")

    def _swept(self, key: str, now: datetime) -> Iterator[Entry]:
        # The new checkpoint is safe already; what cannot be deleted now, or is held, is deleted after the next one.
        going: list[Entry] = []
        with suppress(OSError):
            _, going = self._going(key, now)
        for entry in going:
            with suppress(OSError):
                if self._store.drop(entry):
                    yield entry

    def _going(self, key: str, now: datetime) -> tuple[list[Entry], list[Entry]]:
        entries = [entry for entry in self._store.entries(key) if not entry.quarantined]
        current = set(entries)
        self._intact = {each: at for each, at in self._intact.items() if each.key != key or each in current}
        policy = self._policy.retention
        if len(entries) <= policy.count and not policy.age and not policy.size:
            return entries, []
        by_id = {entry.id: entry for entry in entries}
        rows = [self._kept(entry) for entry in entries]
        return entries, [by_id[each] for each in to_delete(rows, policy, now)]

    def _kept(self, entry: Entry) -> Kept:
        intact = self._is_intact(entry)
        return Kept(entry.id, entry.sequence, intact, self._intact.get(entry), entry.size)

    def _is_intact(self, entry: Entry) -> bool:
        # Files never change, so each is read once: what this process has written or verified is not read again.
        if entry not in self._intact:
            try:
                header = self._reader.check(entry, verify=self._policy.verify)
            except (CheckpointError, OSError):
                return False
            if not self._reader.is_open_to_us(header):
                return False
            self._intact[entry] = moment_of(header)
        return True


def in_use(checkpoint_id: str) -> CheckpointError:
    """The refusal to remove or replace what is pinned."""
    return CheckpointError(
        f"checkpoint {checkpoint_id} is in use: it is pinned", context={"checkpoint_id": checkpoint_id}
    )
