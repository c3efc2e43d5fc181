"""One job under watch: its guards, its history, and what is announced of them."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from outlast.abort.guard import Guard
from outlast.abort.history import History
from outlast.abort.patterns import Pattern
from outlast.abort.policy import AbortPolicy
from outlast.abort.states import Decision
from outlast.abort.verdict import Verdict
from outlast.failure.describe import Failure

__all__ = ["Report", "Watch"]

LOG_MAX = 1_000
GUARDS_MAX = 8
INCIDENTS_MAX = 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One failure as the abort wing hears of it. `is_crash`: a browser or a worker process died of it."""

    failure: Failure
    at: datetime
    host: str = ""
    key: str = ""
    incident: str | None = None
    category: str = ""
    severity: str = "error"
    is_crash: bool = False


class _Entry(NamedTuple):
    """What happened, as a guard that is made later is told of it."""

    at: float
    host: str
    successes: int
    report: Report | None


@dataclass(slots=True)
class _Judged:
    guard: Guard
    decision: Decision | None = None
    evaluated_at: float = 0.0
    is_announced: bool = False


@dataclass(slots=True)
class Watch:
    """A job is judged under a policy by a guard, one for each policy that is asked for; at most `GUARDS_MAX`.

    A guard that is made later is told of the last `LOG_MAX` entries first. `new_guard` makes one for a policy.
    """

    new_guard: Callable[[AbortPolicy, Callable[[Pattern], None]], Guard]
    on_pattern: Callable[[Pattern], None]
    history: History = field(default_factory=History)
    policy_id: str | None = None
    """The policy under which the job is to be aborted, else the one that was asked for last."""
    _judged: OrderedDict[str, _Judged] = field(default_factory=OrderedDict, init=False)
    _log: deque[_Entry] = field(default_factory=lambda: deque(maxlen=LOG_MAX), init=False)
    _surges: OrderedDict[str, float] = field(default_factory=OrderedDict, init=False)
    _is_replaying: bool = field(default=False, init=False)
    _incidents: OrderedDict[str, None] = field(default_factory=OrderedDict, init=False)

    def guard(self, policy: AbortPolicy) -> Guard:
        """The guard under `policy`; a policy that was replaced is not taken for the one it replaced."""
        return self._under(policy).guard

    def failed(self, now: float, report: Report) -> None:
        """Tell the guards, and keep it in the history; of one incident the first counts."""
        if self._is_new(now, report.incident):
            self._keep(now, report)
        elif not report.is_crash:  # a crash may be told of after what died of it
            return
        entry = _Entry(now, report.host, 0, report)
        self._log.append(entry)
        for judged in self._judged.values():
            _tell(judged.guard, entry)

    def succeeded(self, now: float, *, host: str = "", n: int = 1) -> None:
        self.history.succeeded(now, host, n)
        log = self._log
        if log and log[-1].report is None and log[-1].host == host:
            log[-1] = _Entry(log[-1].at, host, log[-1].successes + n, None)
        else:
            log.append(_Entry(now, host, n, None))
        for judged in self._judged.values():
            judged.guard.succeeded(now, host=host, n=n)

    def probed(self, now: float, report: Report | None, *, host: str = "") -> None:
        """A probe was answered, well or by the failure that is told."""
        if report is None:
            self.history.succeeded(now, host, 1)
        else:
            self._keep(now, report)
        for judged in self._judged.values():
            if report is None:
                judged.guard.probed(now, good=True, host=host)
            else:
                failure = report.failure
                kind, signature = failure.failure_class.value, failure.signature
                judged.guard.probed(now, good=False, host=report.host, failure_class=kind, signature=signature)

    def evaluate(self, now: float, policy: AbortPolicy, interval: float) -> tuple[Verdict, bool, bool]:
        """The verdict; whether it is time to announce it: at a change of the decision, else once in `interval`; whether it is the abort.

        A job that is to be aborted stays so.
        """
        judged = self._under(policy)
        verdict = judged.guard.look(now)
        if verdict.decision is Decision.ABORT:
            judged.guard.settle(now)
        is_news = verdict.decision is not judged.decision or now - judged.evaluated_at >= interval
        is_abort = verdict.decision is Decision.ABORT and not judged.is_announced
        if is_news:
            judged.decision, judged.evaluated_at = verdict.decision, now
        judged.is_announced = judged.is_announced or is_abort
        if verdict.decision is Decision.ABORT or not any(each.is_announced for each in self._judged.values()):
            self.policy_id = policy.id
        return verdict, is_news, is_abort

    def _keep(self, now: float, report: Report) -> None:
        failure = report.failure
        self.history.failed(
            now,
            failure,
            host=report.host,
            key=report.key,
            at=report.at,
            category=report.category,
            severity=report.severity,
        )

    def _under(self, policy: AbortPolicy) -> _Judged:
        judged = self._judged.get(policy.id)
        if judged is None or judged.guard.policy != policy:
            judged = _Judged(self.new_guard(policy, self._hear))
            self._is_replaying = True
            for entry in self._log:
                _tell(judged.guard, entry)
            self._is_replaying = False
            self._judged[policy.id] = judged
            if len(self._judged) > GUARDS_MAX:
                self._judged.popitem(last=False)
        return judged

    def _hear(self, pattern: Pattern) -> None:
        """A surge is found by every guard: the first that says so is heard."""
        is_known = self._surges.get(pattern.signature) == pattern.first
        self._surges[pattern.signature] = pattern.first
        if len(self._surges) > LOG_MAX:
            self._surges.popitem(last=False)
        if not is_known and not self._is_replaying:
            self.on_pattern(pattern)

    def _is_new(self, now: float, incident: str | None) -> bool:
        if incident is None:
            return True
        is_first = incident not in self._incidents
        self.history.incident(now, is_first=is_first)
        self._incidents[incident] = None
        if len(self._incidents) > INCIDENTS_MAX:
            self._incidents.popitem(last=False)
        return is_first


def _tell(guard: Guard, entry: _Entry) -> None:
    report = entry.report
    if report is None:
        guard.succeeded(entry.at, host=entry.host, n=entry.successes)
    elif report.is_crash:
        guard.crashed(entry.at, incident=report.incident)
    else:
        failure = report.failure
        guard.failed(
            entry.at,
            host=entry.host,
            failure_class=failure.failure_class.value,
            signature=failure.signature,
            incident=report.incident,
        )
