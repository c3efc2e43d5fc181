"""A job's state, kept so that it is there after a crash."""

from outlast.checkpoint.checkpointer import LatestCheckpoint
from outlast.checkpoint.manager import CheckpointManager

__all__ = ["CheckpointManager", "LatestCheckpoint"]
