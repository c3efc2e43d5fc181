"""What a run can be told once, and what it answers."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

from outlast.errors import ValidationError
from outlast.jobs.notefile import text

__all__ = ["AFTER_MAX", "REASON_MAX", "Answer", "Command", "Word"]

REASON_MAX = 1_000
AFTER_MAX = 366 * 86_400.0


class Word(StrEnum):
    STOP = "stop"
    ABORT = "abort"
    CHECKPOINT = "checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command, for the run of this id and no other.

    `after`: how many seconds what is in flight may take once the run is told to stop; 0: it is cut off now, None: as long as it may
    after a signal. `reason`: why the run is to be aborted.
    """

    id: str
    run: str
    word: Word
    after: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.after is not None and not 0 <= self.after <= AFTER_MAX:
            raise ValidationError(f"a stop may wait for 0 to {AFTER_MAX:.0f} seconds, not {self.after:g}")
        if (self.word is Word.ABORT) != bool(self.reason.strip()):
            raise ValidationError("an abort wants a reason, and nothing else has one")
        if len(self.reason) > REASON_MAX:
            raise ValidationError(f"a reason has at most {REASON_MAX} characters, not {len(self.reason)}")

    @property
    def given(self) -> dict[str, Any]:
        """What was said beyond the word."""
        told = {"after": self.after, "reason": self.reason or None}
        return {name: value for name, value in told.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "run": self.run, "word": self.word.value, **self.given}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises `ValidationError`, or a `ValueError`, for what is no command."""
        if not isinstance(value, dict):
            raise ValidationError("a command is not a JSON object")
        after = value.get("after")
        if after is not None and (isinstance(after, bool) or not isinstance(after, int | float) or math.isnan(after)):
            raise ValidationError(f"{after!r} are no seconds")
        return cls(
            id=text(value["id"]),
            run=text(value["run"]),
            word=Word(text(value["word"])),
            after=None if after is None else float(after),
            reason=text(value.get("reason", "")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of the command `id`: whether it was `obeyed`, and in words what was done, or why not. `facts` are for programs."""

    id: str
    obeyed: bool
    says: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises `ValidationError` or `KeyError` for what is no answer."""
        if not isinstance(value, dict) or not isinstance(value["facts"], dict):
            raise ValidationError("an answer is not a JSON object")
        return cls(id=text(value["id"]), obeyed=value["obeyed"] is True, says=text(value["says"]), facts=value["facts"])
