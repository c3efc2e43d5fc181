"""What an event log says of a job, gathered entry by entry: its runs, where they stood when, and what happened to them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Self

from outlast.events import EventType
from outlast.ledger.port import Counts
from outlast.logs.reading import GAP, SAMPLE, Entry
from outlast.report.marks import Mark, MarkKind, Marks, seconds_taken
from outlast.report.retries import Retries
from outlast.report.seen import Found, RunSeen, Stood, completed

__all__ = ["Chronicle"]

AMOUNT_MAX = 1 << 63
"""What is not below it was not measured, whatever the line says."""

CHECKPOINTS_TIMED_MAX = 1_000

_STATES = ("done", "failed", "ignored", "pending", "leased", "deferred")
_FINISHED = ("done", "failed", "ignored")


@dataclass(slots=True)
class Chronicle:
    """All that is kept of an event log.

    `entries` counts what was read, `lost` the lines that could not be written, `unread` those that could not be read, `left_out` the
    events that were counted and not written.
    """

    runs: dict[str, RunSeen] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)
    retries: Retries = field(default_factory=Retries)
    entries: int = 0
    lost: int = 0
    unread: int = 0
    left_out: int = 0
    took: dict[str, float] = field(default_factory=dict)
    """How many seconds a checkpoint took, by its id: the newest."""
    sealed_parts: bool = False
    _left: dict[str, Found] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry], run: str = "") -> Self:
        """What these entries say, or those of the runs whose ids begin with `run`."""
        chronicle = cls()
        for entry in entries:
            if entry.run_id.startswith(run):
                chronicle.add(entry)
        return chronicle

    def add(self, entry: Entry) -> None:
        """Take in the next entry."""
        self.entries += 1
        run = self._run(entry)
        run.last = max(run.last, entry.timestamp)
        kind = entry.event_type
        if kind == SAMPLE:
            self._sampled(run, entry)
        elif kind == GAP:
            self.lost += _count(entry.data.get("lost"))
        elif kind == EventType.RUN_STARTED:
            run.resumed, run.found = bool(entry.data.get("resumed")), _found(entry)
        elif kind == EventType.RETRY_ATTEMPTED:
            run.retried += 1
        elif kind == EventType.RUN_ENDED:
            run.outcome, run.ended = str(entry.data.get("outcome")), entry.timestamp
            run.closing, run.taken_back = _closing(run, entry), _count(entry.data.get("taken_back"))
        elif kind == EventType.CHECKPOINT_CREATED:
            self._saved(entry)
        self.marks.note(entry)
        self.retries.note(entry)

    def has_ended(self, run_id: str, at: datetime, outcome: str) -> None:
        """Take in how a run ended as the ledger has it: one that an error has ended leaves no word in the log."""
        run = self.runs.get(run_id)
        if run is not None and run.ended is None:
            run.outcome, run.ended = outcome, at
            self.marks.keep(Mark(at, MarkKind.END, outcome, run_id))

    def leaves(self, run_id: str, counts: Counts) -> None:
        """Take in what the ledger has now that this run, the last one, is over."""
        self._left[run_id] = Found(counts.done, counts.failed, counts.total - counts.waiting, counts.total)

    @property
    def in_order(self) -> list[RunSeen]:
        """The runs, the first one first. What one did before it was killed the next one has found, or the ledger has."""
        runs = sorted(self.runs.values(), key=lambda run: run.first)
        found = {run.id: after.found for run, after in pairwise(runs)} | self._left
        return [run if run.ended or run.id not in found else completed(run, found[run.id]) for run in runs]

    def marked(self, *, running: str) -> list[Mark]:
        """What happened, in order; a run that has no end and does not go on (`running` does) has come to one nevertheless."""
        broken = [
            Mark.broken(run.last, run.id)
            for run in self.runs.values()
            if run.ended is None and run.id != running and run.id
        ]
        return sorted([*self.marks.kept, *broken], key=lambda mark: mark.at)

    def _run(self, entry: Entry) -> RunSeen:
        run = self.runs.get(entry.run_id)
        if run is None:
            run = self.runs[entry.run_id] = RunSeen(entry.run_id, entry.timestamp, entry.timestamp)
        return run

    def _saved(self, entry: Entry) -> None:
        took = seconds_taken(entry.data)
        if took is not None:
            self.took[str(entry.data.get("checkpoint_id"))] = took
        if len(self.took) > CHECKPOINTS_TIMED_MAX:
            del self.took[next(iter(self.took))]

    def _sampled(self, run: RunSeen, entry: Entry) -> None:
        data = entry.data
        self.left_out += _count(data.get("left_out"))
        run.retried, run.counts_retries = 0, True
        states = [data.get(name) for name in _STATES]
        known = all(isinstance(each, int) for each in states)
        run.stood.append(
            Stood(
                at=entry.timestamp.timestamp(),
                done=_count(data.get("run_done")),
                failed=_count(data.get("run_failed")),
                retries=_count(data.get("retries")),
                finished=sum(_count(data.get(name)) for name in _FINISHED) if known else None,
                total=sum(map(_count, states)) if known else None,
                memory=_amount(data.get("memory_bytes")),
                browser=_amount(data.get("browser_memory_bytes")),
                limit=_amount(data.get("memory_limit_bytes")),
            )
        )


def _found(entry: Entry) -> Found | None:
    done, failed, pending = (_amount(entry.data.get(name)) for name in ("done", "failed", "pending"))
    if done is None or failed is None:
        return None
    return Found(done, failed, total=None if pending is None else done + failed + pending)


def _closing(run: RunSeen, entry: Entry) -> Stood:
    """Where the job stood at the end of a run, which its last sample does not say."""
    done, failed, deferred = (_count(entry.data.get(name)) for name in ("done", "failed", "deferred"))
    last = next((each for each in reversed(run.stood) if each.total is not None), None)
    finished = max(done + failed, (last.finished if last is not None else None) or 0)
    total = max(finished + deferred, (last.total if last is not None else None) or 0)
    return Stood(entry.timestamp.timestamp(), 0, 0, 0, finished=finished, total=total)


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value < AMOUNT_MAX else 0


def _amount(value: Any) -> int | None:
    return round(value) if isinstance(value, int | float) and 0 <= value < AMOUNT_MAX else None
