"""What aborting needs of the other concerns: the managers of the contract fit, and so does what has these methods."""

from collections.abc import Awaitable
from typing import Any, Protocol

__all__ = ["Checkpoints"]


class Checkpoints(Protocol):
    """Keeps the state of a job."""

    def create_checkpoint(self, job_id: str, data: dict[str, Any], /) -> Awaitable[str]: ...
