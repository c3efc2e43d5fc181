"""The contract's checkpoint manager."""
# ruff: noqa: UP006, UP035, UP045 - the published signatures, as they are written there

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Self

from typing_extensions import override

from outlast.checkpoint.checkpointer import Checkpointer, absent
from outlast.checkpoint.envelope import Codec
from outlast.checkpoint.policy import CheckpointPolicy
from outlast.checkpoint.records import LatestCheckpoint, LoadedCheckpoint, Pruned, Verdict
from outlast.checkpoint.retention import RetentionPolicy
from outlast.checkpoint.sealing import sealing
from outlast.checkpoint.store import DirectoryStore
from outlast.contracts import ICheckpointManager
from outlast.events import EventBus
from outlast.runtime import Clock, Runtime, SystemClock
from outlast.storage.disk import Disk
from outlast.storage.keys import KeyProvider, Keyring

if TYPE_CHECKING:
    from outlast.config import CheckpointConfiguration

__all__ = ["CheckpointManager"]


class CheckpointManager(ICheckpointManager):
    """Keeps checkpoints as files under `config.storage_path`, each durable when `create_checkpoint` returns.

    `keys` are the encryption keys, or what gives them; else the environment has them. With `encryption_enabled` a manager
    without a key is not built: `ConfigurationError`; with an empty `Keyring` it is built to look, and writes nothing. Without encryption keys serve to read what is sealed already. Leaving `async with`
    waits for writes that have begun; the manager itself may be used before, inside and after.
    """

    def __init__(
        self,
        config: "CheckpointConfiguration",
        *,
        events: EventBus | None = None,
        clock: Clock | None = None,
        disk: Disk | None = None,
        keys: Keyring | KeyProvider | None = None,
    ) -> None:
        retention = RetentionPolicy(
            count=config.retention_count,
            hourly=config.keep_hourly,
            age=config.retention_age,
            size=config.retention_bytes,
        )
        policy = CheckpointPolicy(
            enabled=config.enabled,
            retention=retention,
            codec=Codec.GZIP if config.compression_enabled else Codec.NONE,
            verify=config.validation_enabled,
        )
        runtime = Runtime(clock=clock or SystemClock(), bus=events or EventBus())
        store = DirectoryStore(Path(config.storage_path), disk)
        self._checkpointer = Checkpointer(store, policy, runtime, sealing(keys, required=config.encryption_enabled))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._checkpointer.drain()

    @override
    async def create_checkpoint(
        self, job_id: str, data: Dict[str, Any], metadata: Optional[Dict[str, Any]] = None
    ) -> str:
        """The id of a new checkpoint, which survives `kill -9` and a power cut from now on.

        `data` and `metadata` are any JSON objects, taken as they are when the call begins. Raises `ValidationError` naming what is not
        JSON, and `CheckpointCreationError` when it cannot be written; then nothing has changed.
        """
        return await self._checkpointer.create(job_id, data, metadata)

    @override
    async def load_checkpoint(self, checkpoint_id: str) -> Optional[Dict[str, Any]]:
        """The data, equal to what was given; None: there is no such checkpoint.

        Damage is `CheckpointCorruptionError`, and the file goes to quarantine. A format that this version cannot read, or a key
        that is not at hand, is `CheckpointValidationError`.
        """
        opened = await self._checkpointer.open(checkpoint_id)
        return None if opened is None else opened.data

    async def open_checkpoint(self, checkpoint_id: str) -> LoadedCheckpoint:
        """The data with what is said about it; `CheckpointNotFoundError` where `load_checkpoint` gives None."""
        opened = await self._checkpointer.open(checkpoint_id)
        if opened is None:
            raise absent(checkpoint_id)
        return opened

    async def restore(self, checkpoint_id: str) -> str:
        """The id of a new checkpoint, the newest of its job, with the data and metadata of an older one.

        Its metadata has `restored_from` too, the older one's id.
        """
        older = await self.open_checkpoint(checkpoint_id)
        metadata = {**older.metadata, "restored_from": checkpoint_id}
        return await self._checkpointer.create(older.job_id, older.data, metadata)

    async def load_latest(self, job_id: str) -> LatestCheckpoint:
        """The newest intact checkpoint, and which damaged ones were skipped; `CheckpointNotFoundError` without any."""
        return await self._checkpointer.latest(job_id)

    @override
    async def list_checkpoints(self, job_id: str, limit: Optional[int] = None) -> List[Dict[str, Any]]:
        """A row for each checkpoint, newest first, by sequence number. Bodies are not read."""
        return await self._checkpointer.rows(job_id, limit)

    @override
    async def delete_checkpoint(self, checkpoint_id: str) -> bool:
        """Whether there was such a checkpoint; its sequence number is not given again. A pinned one is `CheckpointError`."""
        return await self._checkpointer.delete(checkpoint_id)

    @override
    async def validate_checkpoint(self, checkpoint_id: str) -> bool:
        """Whether the checkpoint exists and every byte of it verifies, also where `validation_enabled` is off."""
        return await self._checkpointer.verify(checkpoint_id)

    async def verify_all(self, job_id: str, *, deep: bool) -> list[Verdict]:
        """What is known of every checkpoint of a job, newest first: by its header, or `deep` by every byte. Nothing is moved."""
        return await self._checkpointer.verify_all(job_id, deep=deep)

    async def prune(self, job_id: str, *, dry_run: bool = False) -> Pruned:
        """Apply the retention settings now, as `create_checkpoint` does each time; a dry run only says what would go."""
        return await self._checkpointer.prune(job_id, dry_run=dry_run)

    def pin(self, checkpoint_id: str) -> AbstractAsyncContextManager[None]:
        """While inside, no process removes the checkpoint; `CheckpointNotFoundError` when there is none."""
        return self._checkpointer.pin(checkpoint_id)

    async def rewrap(self, job_id: str) -> int:
        """Put the first key in charge of all sealed checkpoints of a job; how many were another's. Bodies stay as they are.

        Raises `ConfigurationError` without a key, and `CheckpointError` when one could not be re-wrapped: it is pinned, or its
        key is not at hand. The others are done then.
        """
        return await self._checkpointer.rewrap(job_id)
