"""How fast a job goes and when it will be done: from samples of its counts, nothing else."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from outlast.cli.phrases import MEBIBYTE, clock_face, moment, percent, plainly, rate, safe, size
from outlast.ledger.port import Counts

__all__ = [
    "JOB_PAUSED",
    "REDRAW_SECONDS",
    "Eta",
    "Pace",
    "View",
    "counted",
    "finished_of",
    "plain_line",
    "suspended_text",
    "told_eta",
]

REDRAW_SECONDS = 0.25
SAMPLE_SECONDS = 1.0
WINDOW_SECONDS = 900
RECENT_SECONDS = 30.0
GROWTH_SECONDS = 10.0
WAITED_SECONDS = 5.0
SLICES = 20
SLICES_MIN = 4
HOSTS_SHOWN_MAX = 3
SUSPENDED_WIDTH_MAX = 240
JOB_PAUSED = "paused: nothing is begun until the job is unpaused"


@dataclass(frozen=True, slots=True)
class Eta:
    """Seconds until the job is done at its faster and at its slower recent rate. `late` is None: not at the slower one."""

    early: float
    late: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a progress view shows at one moment.

    `parked` are the hosts that are down and waited for, `paused` those that somebody has paused, `asked_to_wait` those that have
    asked for a pause themselves. `suspended` says why nobody but probes may go; empty: anybody may. `job_paused`: the whole job waits for whoever paused it. `memory_mb` is what the job holds,
    where that is known, and `pages_max` how many pages memory is enough for, where those are fewer than were asked for.
    """

    now: datetime
    elapsed: float
    counts: Counts
    in_flight: int
    parked: tuple[str, ...]
    rate: float | None
    eta: Eta | None
    stopping: bool = False
    paused: tuple[str, ...] = ()
    asked_to_wait: tuple[str, ...] = ()
    suspended: str = ""
    job_paused: bool = False
    memory_mb: float | None = None
    pages_max: int | None = None

    @property
    def finished(self) -> int:
        return finished_of(self.counts)


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

    def note(self, counts: Counts, at: float, *, parked: bool) -> None:
        """Take a sample of the counts at the monotonic time `at`; `parked`: some host is waited for."""
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


def counted(view: View) -> dict[str, str]:
    """The numbers of a view, under the names they are shown by."""
    numbers = {
        "ok": str(view.counts.done),
        "retrying": str(view.counts.deferred),
        "failed": str(view.counts.failed),
        "in_flight": str(view.in_flight),
    }
    if view.memory_mb is not None:
        numbers["memory"] = size(int(view.memory_mb * MEBIBYTE)).replace(" ", "")
    if view.pages_max is not None:
        numbers["pages_max"] = str(view.pages_max)
    waiting = {"parked": view.parked, "paused": view.paused, "asked_to_wait": view.asked_to_wait}
    return numbers | {name: _hosts(hosts) for name, hosts in waiting.items() if hosts}


def _hosts(hosts: tuple[str, ...]) -> str:
    more = ["..."] if len(hosts) > HOSTS_SHOWN_MAX else []
    names = [safe(host, 60) for host in hosts[:HOSTS_SHOWN_MAX]]
    return ",".join([name.replace(" ", "") or "(no host)" for name in names] + more)


def told_eta(eta: Eta | None) -> str:
    if eta is None:
        return "unknown"
    return f"{clock_face(eta.early)}-{'?' if eta.late is None else clock_face(eta.late)}"


def plain_line(view: View) -> str:
    """The progress in one line, for logs: `2026-11-23T00:18:04Z INFO 4612/12480 37.0% 264/s ok=4600 ...`."""
    total = view.counts.total
    numbers = " ".join(f"{name}={value}" for name, value in counted(view).items())
    share = percent(view.finished, total)
    line = (
        f"{moment(view.now)} INFO {view.finished}/{total} {share} {rate(view.rate)} {numbers} eta={told_eta(view.eta)}"
    )
    if view.job_paused:
        return f"{line} {JOB_PAUSED}"
    return f"{line} {suspended_text(view.suspended)}" if view.suspended else line


def suspended_text(reason: str) -> str:
    """Why nobody but probes may go, in a line."""
    return safe(f"suspended: {plainly(reason)}", SUSPENDED_WIDTH_MAX)


def _rate(before: _Sample, after: _Sample) -> float:
    seconds = after.at - before.at
    return (after.finished - before.finished) / seconds if seconds > 0 else 0.0


def _grows(before: _Sample, after: _Sample) -> bool:
    return after.total - before.total > after.finished - before.finished


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]
