"""The numbers at the head of a report."""

from dataclasses import dataclass, field
from datetime import datetime

from outlast.ledger.port import Counts
from outlast.report.chronicle import Chronicle
from outlast.report.failures import FailureTable
from outlast.report.marks import MarkKind
from outlast.report.timeline import Timeline
from outlast.report.told import Told

__all__ = ["Numbers", "numbers"]

HOUR = 3_600.0
_TO_THE_END = frozenset({"completed", "completed_with_failures", "empty"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What is None is not known. `seconds` are those from beginning to end, `working` those in which a run was at work.

    `rate` is a minute's worth of finished items while working, `best_rate` that of the best hour, or of the best step where there is
    no hour. `retried_items` were done after more than one attempt. `largest_share` is that of the largest group of failures.
    `stops` are the runs that did not come to the end of the work, `crashes` and `aborts` among them.
    """

    counts: Counts = field(default_factory=Counts)
    began: datetime | None = None
    ended: datetime | None = None
    seconds: float | None = None
    working: float | None = None
    rate: float | None = None
    best_rate: float | None = None
    retries: int | None = None
    retried_items: int | None = None
    largest_share: float | None = None
    runs: int = 0
    stops: int = 0
    crashes: int = 0
    aborts: int = 0
    browser_restarts: int = 0
    browser_crashes: int = 0
    memory_peak: int | None = None
    memory_limit: int | None = None
    checkpoints: int = 0

    @property
    def stopped(self) -> float | None:
        """The seconds in which no run was at work."""
        return None if self.seconds is None or self.working is None else max(0.0, self.seconds - self.working)

    @property
    def finished(self) -> int:
        """The items about which there is nothing left to do."""
        return self.counts.total - self.counts.waiting


def numbers(told: Told, chronicle: Chronicle, line: Timeline, failures: FailureTable) -> Numbers:
    """The numbers of a job."""
    known = [run for run in chronicle.in_order if run.id]
    running = told.standing.run if told.standing.running else ""
    lasted = [(told.now - run.first).total_seconds() if run.id == running else run.seconds for run in known]
    heard = sum(run.seconds for run in known)
    done = sum(run.newest.done + run.newest.failed for run in known)
    ended = max((told.now if run.id == running else run.last for run in known), default=None)
    retries = [run.retries for run in known if run.retries is not None]
    marks = chronicle.marks.counts
    limits = [each for each in line.limit if each]
    over = [run for run in known if run.id != running]
    return Numbers(
        counts=told.counts,
        began=known[0].first if known else None,
        ended=ended,
        seconds=None if ended is None else (ended - known[0].first).total_seconds(),
        working=sum(lasted) if known else None,
        rate=60 * done / heard if heard >= 1 else None,
        best_rate=_best(line),
        retries=sum(retries) if retries else None,
        retried_items=sum(n for attempts, n in told.attempts.items() if attempts > 1) if told.attempts else None,
        largest_share=failures.causes[0].count / failures.total if failures.causes and failures.total else None,
        runs=len(known),
        stops=sum(run.outcome not in _TO_THE_END for run in over),
        crashes=sum(run.ended is None for run in over),
        aborts=sum(run.outcome == "aborted" for run in over),
        browser_restarts=marks[MarkKind.RESTART],
        browser_crashes=marks[MarkKind.BROWSER_CRASH],
        memory_peak=_most(line.memory),
        memory_limit=None if not limits else round(limits[-1]),
        checkpoints=marks[MarkKind.CHECKPOINT],
    )


def _best(line: Timeline) -> float | None:
    """The best hour that was worked through; of less than that the best step."""
    ended = [None if a is None else a + (b or 0.0) for a, b in zip(line.finished, line.given_up, strict=True)]
    width = max(1, round(HOUR / line.step))
    if len(ended) < width:
        rates = zip(line.finished_rate, line.given_up_rate, strict=True)
        return max((a + (b or 0.0) for a, b in rates if a is not None), default=None)
    sums = [sum(each or 0.0 for each in ended[start : start + width]) for start in range(len(ended) - width + 1)]
    return max(sums) / (width * line.step / 60) if any(sums) else None


def _most(values: tuple[int | float | None, ...]) -> int | None:
    known = [each for each in values if each is not None]
    return round(max(known)) if known else None
