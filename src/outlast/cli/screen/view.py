"""What a progress view shows at one moment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from outlast.cli.hosts import Down
from outlast.cli.screen.happened import Happened
from outlast.cli.screen.pace import Eta, Pace, finished_of
from outlast.jobs import Progress
from outlast.jobs.causes import Cause
from outlast.jobs.host import Reason
from outlast.jobs.progress import Trouble
from outlast.ledger.port import Counts

__all__ = ["WAITS", "InTrouble", "LastShown", "View", "hosts_waiting", "in_trouble", "seen"]

HOSTS_KEPT_MAX = 10
# A clock that was late this time may be early the next.
TOLERANCE = 0.01

# The first ones are the ones to be told where there is no room for all.
WAITS = (Reason.PARKED, Reason.PAUSED, Reason.ASKED_TO_WAIT, Reason.RATE)
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class InTrouble:
    """A host whose items wait: why, since when, and in how many seconds it is asked again, as far as that is known."""

    host: str
    reason: Reason
    since: datetime | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a progress view shows at one moment.

    `hosts` are the first of the `hosts_waiting` whose items wait. `suspended` says why nobody but probes may go; empty: anybody may;
    `trouble` are the numbers of it. `job_paused`: the whole job waits for whoever paused it. `causes`: why items fail, the most frequent
    first. `memory_mb` is what the job holds, where that is known, of `memory_limit_mb`; `memory_trend` is how that went since the run
    began, and `pages_max` how many pages memory is enough for, where those are fewer than were asked for.
    """

    now: datetime
    elapsed: float
    counts: Counts
    in_flight: int
    rate: float | None
    eta: Eta | None
    concurrency: int | None = None
    stopping: bool = False
    hosts: tuple[InTrouble, ...] = ()
    hosts_waiting: int = 0
    suspended: str = ""
    job_paused: bool = False
    trouble: Trouble | None = None
    causes: tuple[Cause, ...] = ()
    happened: Happened = field(default_factory=Happened)
    memory_mb: float | None = None
    memory_limit_mb: float | None = None
    memory_trend: tuple[float, ...] = ()
    pages_max: int | None = None

    @property
    def finished(self) -> int:
        return finished_of(self.counts)

    @property
    def facts(self) -> "View":
        """What is new when it differs: the view without what time alone changes."""
        hosts = tuple(replace(each, seconds=None) for each in self.hosts)
        trouble = (
            None if self.trouble is None else replace(self.trouble, seconds=None, next_probe_in=None, gives_up_in=None)
        )
        return replace(
            self,
            now=_EPOCH,
            elapsed=0.0,
            rate=None,
            eta=None,
            hosts=hosts,
            suspended="" if not self.suspended else "yes",
            trouble=trouble,
            memory_mb=None,
            memory_trend=(),
        )


class LastShown:
    """What was shown last, and when a view is to be shown after it: one with news after `news` seconds, any after `any_other`."""

    def __init__(self, *, news: float, any_other: float) -> None:
        self._news = news
        self._any_other = any_other
        self._at: datetime | None = None
        self._facts: View | None = None

    def gives_way_to(self, view: View) -> bool:
        """Whether this one is to be shown now; then it is the last one."""
        facts = view.facts
        if self._at is not None:
            wait = self._any_other if facts == self._facts else self._news
            # A clock that was put back says nothing of how long it has been.
            if 0 <= (view.now - self._at).total_seconds() < wait - TOLERANCE:
                return False
        self._at, self._facts = view.now, facts
        return True


def seen(
    progress: Progress,
    pace: Pace,
    now: datetime,
    elapsed: float,
    *,
    stopping: bool,
    down: Sequence[Down] = (),
    allowed: float = 0.0,
) -> View:
    """Note in `pace` where a run stands, and what there is to show of it; `allowed`: see there, where `progress` does not tell."""
    hosts = in_trouble(progress, down)
    waits = any(each.reason is not Reason.RATE for each in hosts) or bool(progress.suspended) or progress.paused
    allowed = allowed or sum(each.per_second for each in progress.waiting)
    pace.note(progress.counts, elapsed, parked=waits, allowed=allowed)
    return View(
        now=now,
        elapsed=elapsed,
        counts=progress.counts,
        in_flight=progress.in_flight,
        # Probes are no pace, and nobody knows when the rest goes on.
        rate=0.0 if progress.suspended or progress.paused else pace.rate(),
        eta=None if progress.suspended or progress.paused else pace.eta(progress.counts),
        stopping=stopping or progress.stopping,
        hosts=hosts,
        hosts_waiting=hosts_waiting(progress),
        suspended=progress.suspended,
        job_paused=progress.paused,
        trouble=progress.trouble,
        causes=progress.causes,
        memory_mb=progress.memory_mb,
        memory_limit_mb=progress.memory_limit_mb,
        pages_max=progress.pages_max,
    )


def in_trouble(progress: Progress, down: Iterable[Down]) -> tuple[InTrouble, ...]:
    """The hosts whose items wait, those that are down first; of each reason the first `HOSTS_KEPT_MAX`."""
    since = {each.host: each.since for each in down}
    waiting = {(each.host, each.reason): each.seconds for each in progress.waiting}
    hosts = {reason: [each.host for each in progress.waiting if each.reason is reason] for reason in WAITS}
    # A parked host that nobody wanted to ask of late is down all the same.
    hosts[Reason.PARKED] = list(progress.parked)
    return tuple(
        InTrouble(
            host=host,
            reason=reason,
            seconds=waiting.get((host, reason)),
            since=since.get(host) if reason is Reason.PARKED else None,
        )
        for reason in WAITS
        for host in hosts[reason][:HOSTS_KEPT_MAX]
    )


def hosts_waiting(progress: Progress) -> int:
    """How many hosts there are whose items wait."""
    parked = sum(each.reason is Reason.PARKED for each in progress.waiting)
    return len(progress.parked) + sum(each.reason in WAITS for each in progress.waiting) - parked
