"""What came of the retries: after which waiting time an item succeeded, failed again, or was given up."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from outlast.events import EventType
from outlast.logs.account import DELAYS, delay_bucket
from outlast.logs.reading import SAMPLE, Entry

__all__ = ["DelayRow", "Retries", "What"]

_BOUNDS = (*(f"{bound:g}" for bound in DELAYS), "inf")
_WORDS = ("up to 1 s", "1 to 4 s", "4 to 16 s", "16 to 60 s", "1 to 5 min", "over 5 min")


class What(StrEnum):
    """What came of a retry."""

    SUCCEEDED = "succeeded"
    AGAIN = "again"
    GIVEN_UP = "given_up"


_CAME: Mapping[str, What] = {
    EventType.RETRY_SUCCEEDED: What.SUCCEEDED,
    EventType.RETRY_ATTEMPTED: What.AGAIN,
    EventType.RETRY_EXHAUSTED: What.GIVEN_UP,
    EventType.PERMANENT_FAILURE: What.GIVEN_UP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayRow:
    """The retries that waited so long. What came of `unknown` of them the event log does not say."""

    delay: str
    retries: int
    succeeded: int
    again: int
    given_up: int

    @property
    def followed(self) -> int:
        return self.succeeded + self.again + self.given_up

    @property
    def unknown(self) -> int:
        return self.retries - self.followed


@dataclass(slots=True)
class Retries:
    """Follows each retry in the log to what came of it. Of the frequent events a log has not all: their number is in its samples."""

    _waiting: dict[str, tuple[int, str]] = field(default_factory=dict)
    _came: Counter[tuple[str, What]] = field(default_factory=Counter)
    _logged: Counter[str] = field(default_factory=Counter)
    _sampled: Counter[str] = field(default_factory=Counter)

    def note(self, entry: Entry) -> None:
        """Take in the next entry."""
        if entry.event_type == SAMPLE:
            delays = entry.data.get("delays")
            counted = delays if isinstance(delays, dict) else {}
            self._sampled.update({name: count for name, count in counted.items() if isinstance(count, int)})
            return
        what, key, attempt = _CAME.get(entry.event_type), entry.item_key, entry.data.get("attempt")
        if what is None or key is None or not isinstance(attempt, int):
            return
        before = self._waiting.pop(key, None)
        # Between the two others may have been left out: then it is not known what came of this one.
        if before is not None and before[0] + 1 == attempt:
            self._came[before[1], what] += 1
        if what is What.AGAIN:
            bucket = delay_bucket(entry.data.get("delay"))
            self._logged[bucket] += 1
            self._waiting[key] = (attempt, bucket)

    @property
    def rows(self) -> tuple[DelayRow, ...]:
        """A row for each span of delays that there was."""
        rows = []
        for bound, word in zip(_BOUNDS, _WORDS, strict=True):
            came = {what.value: self._came[bound, what] for what in What}
            # A run that was killed has written events after its last sample.
            retries = max(self._sampled[bound], self._logged[bound], sum(came.values()))
            if retries:
                rows.append(DelayRow(delay=word, retries=retries, **came))
        return tuple(rows)
