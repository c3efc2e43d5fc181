"""What a restart did and how long each of its steps took, in seconds."""

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Report"]


@dataclass(slots=True)
class Report:
    """`forced`: the old browser had to be killed. `redone`: leases that could not be waited for. `missing`: what was not restored."""

    reason: str
    began: float
    planned: bool = False
    generation: int = 0
    forced: bool = False
    redone: int = 0
    drain: float = 0.0
    snapshot: float = 0.0
    close: float = 0.0
    launch: float = 0.0
    restore: float = 0.0
    pages: int = 0
    memory_before: float | None = None
    memory_after: float | None = None
    missing: list[str] = field(default_factory=list)

    def told(self, now: float) -> dict[str, Any]:
        """The data of the event."""
        return {
            "reason": self.reason,
            "planned": self.planned,
            "generation": self.generation,
            "duration": round(now - self.began, 3),
            "drain": round(self.drain, 3),
            "snapshot": round(self.snapshot, 3),
            "close": round(self.close, 3),
            "launch": round(self.launch, 3),
            "restore": round(self.restore, 3),
            "forced": self.forced,
            "redone": self.redone,
            "pages": self.pages,
            "partial": bool(self.missing),
            "missing": list(self.missing),
            "memory_before": _rounded(self.memory_before),
            "memory_after": _rounded(self.memory_after),
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
