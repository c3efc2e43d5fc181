"""How fast a job goes and when it will be done: from samples of its counts, nothing else."""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from outlast.ledger.port import Counts

__all__ = ["Eta", "Pace", "finished_of"]

SAMPLE_SECONDS = 1.0
WINDOW_SECONDS = 900
RECENT_SECONDS = 30.0
GROWTH_SECONDS = 10.0
WAITED_SECONDS = 5.0
# A host that was asked just now does not wait for its rate until its next item wants to go.
ALLOWED_SECONDS = 5.0
SLICES = 20
SLICES_MIN = 4


@dataclass(frozen=True, slots=True)
class Eta:
    """Seconds until the job is done, if all goes well, and if not. `late` is None: that nobody knows."""

    early: float
    late: float | None


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    finished: int
    total: int


class Pace:
    """The recent past of a run: one sample a second, of a quarter of an hour. Time spent waiting for hosts is left out."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=int(WINDOW_SECONDS / SAMPLE_SECONDS))
        self._last = 0.0
        self._worked = 0.0
        self._waited = 0.0
        self._parked = False
        self._allowed, self._allowed_at = 0.0, 0.0

    def note(self, counts: Counts, at: float, *, parked: bool, allowed: float = 0.0) -> None:
        """Take a sample of the counts at the monotonic time `at`; `parked`: some host is waited for.

        `allowed` is how many items a second the hosts take together whose items wait for nothing but their rate.
        """
        self._parked = parked
        if allowed or at - self._allowed_at > ALLOWED_SECONDS:
            self._allowed, self._allowed_at = allowed, at
        samples = self._samples
        finished = finished_of(counts)
        passed = at - self._last if samples else 0.0
        if not counts.total or (samples and passed < SAMPLE_SECONDS):
            return
        self._last = at
        if parked and samples and samples[-1].finished == finished:
            self._waited += passed
            return
        self._waited = 0.0
        self._worked += passed
        samples.append(_Sample(self._worked, finished, counts.total))

    @property
    def waiting(self) -> bool:
        """Whether nothing goes on but waiting for hosts: then nobody knows for how long."""
        return self._waited >= WAITED_SECONDS

    def rate(self) -> float | None:
        """Items a second, over the last half minute of work; None while that cannot be known."""
        recent = self._since(RECENT_SECONDS)
        if self.waiting:
            return 0.0
        return _rate(recent[0], recent[-1]) if len(recent) > 1 else None

    def eta(self, counts: Counts) -> Eta | None:
        """When the rest will be done; None while that cannot be known: too early, or the work grows faster than it is done."""
        eta = self._at_this_pace(counts)
        if eta is None or self._parked:
            # How long a host is down or paused nobody knows.
            return eta and Eta(eta.early, None)
        if not self._allowed:
            return eta
        # What waits, waits for the rates; of what nobody has come to yet, as much will as of what somebody has.
        share = counts.deferred / max(1, counts.deferred + finished_of(counts))
        early, late = counts.deferred / self._allowed, (counts.deferred + share * counts.pending) / self._allowed
        return Eta(max(eta.early, early), None if eta.late is None else max(eta.late, late))

    def _at_this_pace(self, counts: Counts) -> Eta | None:
        recent = self._since(GROWTH_SECONDS)
        if self.waiting or not recent or _grows(recent[0], recent[-1]):
            return None
        rates = sorted(self._sliced_rates())
        if len(rates) < SLICES_MIN:
            return None
        slow, fast = _quantile(rates, 0.1), _quantile(rates, 0.9)
        if fast <= 0:
            # Most slices saw nothing end: the items come in batches, and only the whole of them has a pace.
            whole = _rate(self._samples[0], self._samples[-1])
            return Eta(counts.waiting / whole, None) if whole > 0 else None
        return Eta(counts.waiting / fast, counts.waiting / slow if slow > 0 else None)

    def _since(self, seconds: float) -> list[_Sample]:
        newest = self._samples[-1].at if self._samples else 0.0
        return [sample for sample in self._samples if newest - sample.at <= seconds]

    def _sliced_rates(self) -> list[float]:
        samples = list(self._samples)
        step = max(1, len(samples) // SLICES)
        marks = samples[::-1][::step][::-1]
        return [_rate(before, after) for before, after in pairwise(marks)]


def finished_of(counts: Counts) -> int:
    """Items that need nothing more: done, failed or ignored."""
    return counts.total - counts.waiting


def _rate(before: _Sample, after: _Sample) -> float:
    seconds = after.at - before.at
    return (after.finished - before.finished) / seconds if seconds > 0 else 0.0


def _grows(before: _Sample, after: _Sample) -> bool:
    return after.total - before.total > after.finished - before.finished


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]
