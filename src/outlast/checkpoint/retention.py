"""The checkpoints that may go.

Order is by sequence number. The clock decides only what is too old and which hour a checkpoint is of, so a clock that is wrong
never makes a newer checkpoint go before an older one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from outlast.errors import ConfigurationError

__all__ = ["Kept", "RetentionPolicy", "to_delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """What to keep of a job: the newest `count`, and beyond them the newest of each of the last `hourly` hours that have any.

    Of these, the oldest go until the rest has at most `size` bytes, and what is older than `age` seconds goes. 0: no such limit.
    """

    count: int = 5
    hourly: int = 0
    age: float = 0
    size: int = 0

    def __post_init__(self) -> None:
        for name, least in (("count", 1), ("hourly", 0), ("age", 0), ("size", 0)):
            value = getattr(self, name)
            if value < least:
                raise ConfigurationError(f"{name} must be at least {least}, not {value}", context={name: value})


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored checkpoint of one job, and whether it verifies. `created` is None where nobody knows; `size` is in bytes."""

    id: str
    sequence: int
    intact: bool
    created: datetime | None = None
    size: int = 0


def to_delete(rows: Iterable[Kept], policy: RetentionPolicy, now: datetime) -> tuple[str, ...]:
    """The ids to delete, oldest first. The newest intact checkpoint always stays.

    Damaged ones are evidence: they neither count nor go.
    """
    newest_first = sorted((row for row in rows if row.intact), key=lambda row: row.sequence, reverse=True)
    stay = _within_age(_within_size(list(_wanted(newest_first, policy)), policy), policy, now)
    staying = {row.id for row in stay}
    return tuple(row.id for row in reversed(newest_first) if row.id not in staying)


def _wanted(newest_first: Sequence[Kept], policy: RetentionPolicy) -> Iterator[Kept]:
    hours: set[datetime] = set()
    for place, row in enumerate(newest_first):
        hour = None if row.created is None else row.created.replace(minute=0, second=0, microsecond=0)
        first_of_hour = hour is not None and hour not in hours and len(hours) < policy.hourly
        if hour is not None and first_of_hour:
            hours.add(hour)
        if place < policy.count or first_of_hour:
            yield row


def _within_size(newest_first: list[Kept], policy: RetentionPolicy) -> list[Kept]:
    if not policy.size:
        return newest_first
    total = 0
    for place, row in enumerate(newest_first):
        total += row.size
        if place and total > policy.size:
            return newest_first[:place]
    return newest_first


def _within_age(newest_first: list[Kept], policy: RetentionPolicy, now: datetime) -> list[Kept]:
    if not policy.age:
        return newest_first
    stay = list(newest_first)
    while len(stay) > 1 and _age(stay[-1], now) > timedelta(seconds=policy.age):
        stay.pop()
    return stay


def _age(row: Kept, now: datetime) -> timedelta:
    return timedelta() if row.created is None else now - row.created
