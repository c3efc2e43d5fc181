"""What is wanted of checkpoints."""

from dataclasses import dataclass, field

from outlast.checkpoint.envelope import Codec
from outlast.checkpoint.retention import RetentionPolicy

__all__ = ["CheckpointPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointPolicy:
    """How checkpoints are kept: how many per job, bodies in `codec`, their checksums compared on load or not."""

    enabled: bool = True
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    codec: Codec = Codec.GZIP
    verify: bool = True
