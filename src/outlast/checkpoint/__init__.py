"""A job's state, kept so that it is there after a crash."""

from outlast.checkpoint.manager import CheckpointManager
from outlast.checkpoint.records import LatestCheckpoint, LoadedCheckpoint, Pruned, Verdict

__all__ = ["CheckpointManager", "LatestCheckpoint", "LoadedCheckpoint", "Pruned", "Verdict"]
