"""What is wanted of checkpoints."""

from dataclasses import dataclass

from outlast.checkpoint.envelope import Codec
from outlast.errors import ConfigurationError

__all__ = ["CheckpointPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointPolicy:
    """How checkpoints are kept: `keep` intact ones per job, bodies in `codec`, their checksums compared on load or not."""

    enabled: bool = True
    keep: int = 5
    codec: Codec = Codec.GZIP
    verify: bool = True

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ConfigurationError(f"keep must be at least 1, not {self.keep}", context={"keep": self.keep})
