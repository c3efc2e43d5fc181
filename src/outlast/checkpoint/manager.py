"""The contract's checkpoint manager."""
# ruff: noqa: UP006, UP035, UP045 - the published signatures, as they are written there

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Self

from typing_extensions import override

from outlast.checkpoint.checkpointer import Checkpointer, LatestCheckpoint
from outlast.checkpoint.envelope import Codec
from outlast.checkpoint.policy import CheckpointPolicy
from outlast.checkpoint.store import DirectoryStore
from outlast.contracts import ICheckpointManager
from outlast.errors import ConfigurationError
from outlast.events import EventBus
from outlast.runtime import Clock, Runtime, SystemClock
from outlast.storage.files import Disk

if TYPE_CHECKING:
    from outlast.config import CheckpointConfiguration

__all__ = ["CheckpointManager"]


class CheckpointManager(ICheckpointManager):
    """Keeps checkpoints as files under `config.storage_path`, each durable when `create_checkpoint` returns.

    Raises `ConfigurationError` when encryption is asked for, which it does not offer. Leaving `async with` waits for writes that
    have begun; the manager itself may be used before, inside and after.
    """

    def __init__(
        self,
        config: "CheckpointConfiguration",
        *,
        events: EventBus | None = None,
        clock: Clock | None = None,
        disk: Disk | None = None,
    ) -> None:
        if config.encryption_enabled:
            raise ConfigurationError(
                "checkpoint.encryption_enabled is true, and this version cannot encrypt checkpoints; "
                "it does not write them in clear instead",
                context={"field": "checkpoint.encryption_enabled"},
            )
        policy = CheckpointPolicy(
            enabled=config.enabled,
            keep=config.retention_count,
            codec=Codec.GZIP if config.compression_enabled else Codec.NONE,
            verify=config.validation_enabled,
        )
        runtime = Runtime(clock=clock or SystemClock(), bus=events or EventBus())
        self._checkpointer = Checkpointer(DirectoryStore(Path(config.storage_path), disk), policy, runtime)

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

        `data` and `metadata` are any JSON objects, taken as they are at the call. Raises `ValidationError` naming what is not
        JSON, and `CheckpointCreationError` when it cannot be written; then nothing has changed.
        """
        return await self._checkpointer.create(job_id, data, metadata)

    @override
    async def load_checkpoint(self, checkpoint_id: str) -> Optional[Dict[str, Any]]:
        """The data, equal to what was given; None: there is no such checkpoint.

        Damage is `CheckpointCorruptionError`, and the file goes to quarantine. A format this version cannot read is
        `CheckpointValidationError`.
        """
        return await self._checkpointer.load(checkpoint_id)

    async def load_latest(self, job_id: str) -> LatestCheckpoint:
        """The newest intact checkpoint, and which damaged ones were skipped; `CheckpointNotFoundError` without any."""
        return await self._checkpointer.latest(job_id)

    @override
    async def list_checkpoints(self, job_id: str, limit: Optional[int] = None) -> List[Dict[str, Any]]:
        """A row for each checkpoint, newest first, by sequence number. Bodies are not read."""
        return await self._checkpointer.rows(job_id, limit)

    @override
    async def delete_checkpoint(self, checkpoint_id: str) -> bool:
        """Whether there was such a checkpoint; its sequence number is not given again."""
        return await self._checkpointer.delete(checkpoint_id)

    @override
    async def validate_checkpoint(self, checkpoint_id: str) -> bool:
        """Whether the checkpoint exists and every byte of it verifies, also where `validation_enabled` is off."""
        return await self._checkpointer.verify(checkpoint_id)
