"""What a failure handler remembers, in bounded memory: counts over time, groups, incidents, and failures not mended yet."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from outlast.failure.groups import Groups
from outlast.failure.occurrence import Occurrence
from outlast.failure.statistics import Counts, Timeline

__all__ = ["Books", "Incident"]

JOBS_MAX = 64
INCIDENTS_MAX = 1_000
OPEN_MAX = 10_000


@dataclass(slots=True)
class Incident:
    """One thing that went wrong, however many failures it made. `lock` is held by whoever handles it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    failure_id: str | None = None
    result: dict[str, Any] | None = None


@dataclass(slots=True)
class _Job:
    timeline: Timeline = field(default_factory=Timeline)
    groups: Groups = field(default_factory=Groups)


@dataclass(frozen=True, slots=True)
class _Open:
    job_id: str
    at: datetime


class Books:
    """Of at most `JOBS_MAX` jobs; the one that has not failed for the longest is added to the nameless one."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, _Job] = OrderedDict()
        self._incidents: OrderedDict[tuple[str, str], Incident] = OrderedDict()
        self._open: OrderedDict[str, _Open] = OrderedDict()

    def incident(self, occurrence: Occurrence) -> Incident:
        """The incident of the failure: what was known of it, else a new one."""
        if occurrence.incident_id is None:
            return Incident()
        key = (occurrence.job_id, occurrence.incident_id)
        found = self._incidents.setdefault(key, Incident())
        self._incidents.move_to_end(key)
        _trim(self._incidents, INCIDENTS_MAX)
        return found

    def count(self, failure_id: str, occurrence: Occurrence) -> None:
        """Count one failure, which is open until it is resolved."""
        failure, job = occurrence.failure, self._job(occurrence.job_id)
        self._counts(occurrence.job_id, occurrence.at).add(
            {
                "category": occurrence.category,
                "severity": occurrence.severity.value,
                "type": failure.type,
                "class": failure.failure_class.value,
                "signature": failure.signature,
            }
        )
        job.groups.add(failure, occurrence.host, occurrence.key, occurrence.at, attempts=occurrence.attempt)
        self._open[failure_id] = _Open(occurrence.job_id, occurrence.at)
        _trim(self._open, OPEN_MAX)

    def note(self, occurrence: Occurrence, *, action: str, handler_errors: int) -> None:
        """What was done about a failure that is counted already."""
        counts = self._counts(occurrence.job_id, occurrence.at)
        counts.note("action", action)
        counts.handler_errors += handler_errors

    def resolve(self, failure_id: str, now: datetime) -> bool:
        """Whether it was open; from now on it is resolved."""
        found = self._open.pop(failure_id, None)
        if found is None:
            return False
        self._counts(found.job_id, found.at).resolve(max(0.0, (now - found.at).total_seconds()))
        return True

    def statistics(self, job_id: str | None, start: datetime | None, end: datetime | None) -> dict[str, Any]:
        total = Counts()
        limits = [None if each is None else each.astimezone(UTC).timestamp() for each in (start, end)]
        for name, job in self._jobs.items():
            if job_id is None or name == job_id:
                total.merge(job.timeline.between(*limits))
        return total.to_dict()

    def groups(self, job_id: str | None) -> dict[str, Any]:
        total = Groups()
        for name, job in self._jobs.items():
            if job_id is None or name == job_id:
                total.merge(job.groups)
        return total.to_dict()

    def _counts(self, job_id: str, at: datetime) -> Counts:
        return self._job(job_id).timeline.at(at.timestamp())

    def _job(self, job_id: str) -> _Job:
        job = self._jobs.setdefault(job_id, _Job())
        self._jobs.move_to_end(job_id)
        if len(self._jobs.keys() - {""}) > JOBS_MAX:
            oldest = next(name for name in self._jobs if name)
            gone = self._jobs.pop(oldest)
            rest = self._jobs.setdefault("", _Job())
            rest.timeline.merge(gone.timeline)
            rest.groups.merge(gone.groups)
        return job


def _trim(kept: "OrderedDict[Any, Any]", bound: int) -> None:
    while len(kept) > bound:
        kept.popitem(last=False)
