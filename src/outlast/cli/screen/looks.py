"""Looking at a job again and again from outside its process: what its ledger and its event log say, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Self

from outlast.cli.failures.grouping import NamedGroup, failure_groups
from outlast.cli.hosts import HostWatch
from outlast.cli.opening import keys_if_good
from outlast.cli.phrases import MEBIBYTE
from outlast.cli.reading import JobRecord, begun_with, record_of
from outlast.cli.screen.happened import Happenings
from outlast.cli.screen.pace import Pace
from outlast.cli.screen.trend import Trend
from outlast.cli.screen.view import View, seen
from outlast.events import EventType
from outlast.jobs import Progress
from outlast.jobs.causes import HOSTS_TOLD_MAX, Cause
from outlast.jobs.diary import about_events
from outlast.jobs.gate import Waiting
from outlast.jobs.host import Reason
from outlast.jobs.progress import CAUSES_TOLD_MAX, Trouble
from outlast.jobs.store import JobDirectory
from outlast.ledger.port import Counts
from outlast.logs.reading import SAMPLE, Entry, EventReader
from outlast.runtime import Runtime

__all__ = ["Look", "Looks"]

# All failures have to be read to know their causes: that takes no more than this share of the time.
CAUSES_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Look:
    """A job at one moment, and what there is to show of it."""

    record: JobRecord
    view: View


class Looks:
    """Looks at one job. Use it in a `with` block: it keeps the event log open."""

    def __init__(self, directory: JobDirectory, runtime: Runtime, *, sealed: bool | None) -> None:
        self._directory = directory
        self._clock = runtime.clock
        self._reader = EventReader(directory.path, keys=keys_if_good(), about=about_events(directory), sealed=sealed)
        self._causes: tuple[Cause, ...] = ()
        self._failed = 0
        self._causes_at = float("-inf")
        self._begin()

    @classmethod
    async def at(cls, directory: JobDirectory, runtime: Runtime) -> Self:
        return cls(directory, runtime, sealed=(await begun_with(directory)).sealed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._reader.close()

    async def look(self) -> Look:
        """Where the job stands now. Raises `LedgerError` when its ledger cannot be read."""
        record = await record_of(self._directory)
        for entry in self._reader.read():
            self._take(entry)
        if record.counts.failed != self._failed and not record.locked:
            await self._look_for_causes(record)
        return Look(record, self._view(record))

    def _begin(self, started: datetime | None = None) -> None:
        """A run begins: what was before it is not its."""
        self._started = started
        self._pace, self._trend = Pace(), Trend()
        self._hosts, self._happenings = HostWatch(), Happenings()
        self._sample: Mapping[str, Any] = {}

    def _take(self, entry: Entry) -> None:
        if entry.event_type == EventType.RUN_STARTED:
            self._begin(entry.timestamp)
        elif entry.event_type == SAMPLE:
            self._take_sample(entry)
        elif (event := entry.event) is not None:
            for sink in (self._hosts, self._happenings):
                if event.event_type in sink.types:
                    sink(event)

    def _take_sample(self, entry: Entry) -> None:
        self._sample = data = entry.data
        elapsed = self._elapsed(entry.timestamp)
        counts = Counts(**{each.name: int(data.get(each.name, 0)) for each in fields(Counts)})
        self._pace.note(counts, elapsed, parked=bool(data.get("parked") or data.get("paused")))
        if (memory := _megabytes(data, "memory_bytes")) is not None:
            self._trend.note(memory, elapsed)

    async def _look_for_causes(self, record: JobRecord) -> None:
        began = self._clock.monotonic()
        if began < self._causes_at:
            return
        grouped = await failure_groups(record.directory, record.name)
        now = self._clock.monotonic()
        self._causes_at = now + (now - began) / CAUSES_SHARE
        self._failed = record.counts.failed
        self._causes = tuple(map(_cause, grouped.groups[:CAUSES_TOLD_MAX]))

    def _view(self, record: JobRecord) -> View:
        now, counts, sample = self._clock.now(), record.counts, self._sample
        if self._started is None and record.run.get("started"):
            # Without an event log.
            self._started = datetime.fromisoformat(str(record.run["started"])).astimezone(UTC)
        note, down = record.suspended, self._hosts.down()
        progress = Progress(
            counts=counts,
            done=counts.done,
            failed=counts.failed,
            retries=0,
            in_flight=min(counts.leased, sample.get("in_flight", counts.leased)),
            parked=tuple(each.host for each in down),
            waiting=tuple(Waiting(host, Reason.PAUSED, None) for host in record.paused.hosts),
            paused=record.paused.job,
            suspended="" if note is None or note.get("silence") else str(note.get("reason")),
            trouble=None if note is None else _trouble(note, now, stands_still=record.paused.job),
            causes=self._causes if counts.failed else (),
            memory_mb=_megabytes(sample, "memory_bytes"),
            memory_limit_mb=_megabytes(sample, "memory_limit_bytes"),
        )
        allowed = sample.get("rated_per_second", 0.0)
        view = seen(progress, self._pace, now, self._elapsed(now), stopping=False, down=down, allowed=allowed)
        return replace(view, happened=self._happenings.told, memory_trend=self._trend.values)

    def _elapsed(self, at: datetime) -> float:
        # Two processes have no monotonic clock in common.
        return 0.0 if self._started is None else max(0.0, (at - self._started).total_seconds())


def _cause(group: NamedGroup) -> Cause:
    hosts = sorted(group.group.hosts.items(), key=lambda each: -each[1].count)
    last = group.group.seen.last
    return Cause(
        signature=group.group.signature,
        failure_class=group.group.failure_class.value,
        failed=group.count,
        retried=0,
        hosts=tuple(host for host, _ in hosts[:HOSTS_TOLD_MAX]),
        hosts_seen=len(hosts),
        last="" if last is None else last.isoformat(),
    )


def _trouble(note: Mapping[str, Any], now: datetime, *, stands_still: bool) -> Trouble:
    """The numbers of a note; of a job that is paused nobody knows when it probes or gives up."""

    def seconds(name: str) -> float | None:
        told = note.get(name)
        return None if told is None else (datetime.fromisoformat(str(told)) - now).total_seconds()

    since, probe, gives_up = seconds("since"), seconds("next_probe"), seconds("gives_up")
    return Trouble(
        reason=str(note.get("reason")),
        seconds=None if since is None else max(0.0, -since),
        probes=int(note.get("probes", 0)),
        good_probes=int(note.get("good_probes", 0)),
        next_probe_in=None if probe is None or stands_still or note.get("silence") else max(0.0, probe),
        gives_up_in=None if gives_up is None or stands_still else max(0.0, gives_up),
    )


def _megabytes(data: Mapping[str, Any], name: str) -> float | None:
    count = data.get(name)
    return count / MEBIBYTE if isinstance(count, int) else None
