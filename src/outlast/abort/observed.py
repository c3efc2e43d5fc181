"""What has been seen of one job: everything that a verdict rests on, in memory that does not grow with the job."""

from collections import OrderedDict
from collections.abc import Callable

from outlast.abort.crashes import Crashes
from outlast.abort.evidence import Evidence
from outlast.abort.hosts import Hosts
from outlast.abort.patterns import Pattern, Patterns
from outlast.abort.policy import AbortPolicy
from outlast.abort.recent import Recent
from outlast.abort.window import Window
from outlast.abort.words import Kind
from outlast.failure.model import FailureClass

__all__ = ["Observed"]

INCIDENTS_MAX = 1_024
RATE_WINDOW = 100

_BROWSER = FailureClass.BROWSER.value


class Observed:
    """The counts of one job under one policy. `on_pattern` is called with each surge of a kind of failure."""

    __slots__ = (
        "_ignored",
        "_incidents",
        "_on_pattern",
        "_patterns",
        "_policy",
        "_row",
        "crashes",
        "evidence",
        "failed_at",
        "hosts",
        "in_a_row",
        "recent",
        "window",
    )

    def __init__(self, policy: AbortPolicy, on_pattern: Callable[[Pattern], None] | None) -> None:
        is_windowed = policy.kind is Kind.WINDOWED
        self._policy = policy
        self._on_pattern = on_pattern
        self._patterns = Patterns()
        self._incidents: OrderedDict[str, None] = OrderedDict()
        self._ignored = 0
        self.evidence = Evidence(policy.false_alarm_bound, policy.rate_healthy, policy.rate_failing)
        self.hosts = Hosts(self.evidence.up, self.evidence.down)
        self.window = Window(
            policy.window_size if is_windowed else RATE_WINDOW, policy.window_duration if is_windowed else None
        )
        self.crashes = Crashes(
            in_a_row=policy.consecutive_crashes,
            row_window=policy.crash_window,
            many=policy.crashes_max,
            many_window=policy.crashes_window,
        )
        self._row = self.crashes.row
        self.recent = Recent()
        self.in_a_row = 0
        """Successes since the last failure."""
        self.failed_at = 0.0
        """When something last failed."""

    def failed(self, now: float, host: str, failure_class: str, signature: str) -> bool:
        """Count a failure. Whether it counts against the job: a class that the policy ignores is looked at as a pattern only."""
        counts = failure_class not in self._policy.ignored_classes
        if counts:
            self.weigh(now, host, failure_class, signature)
        else:
            self._ignored += 1
        operation = self.evidence.operations + self._ignored
        found = self._patterns.failed(now, operation, signature or failure_class, failure_class, host)
        if found is not None and self._on_pattern is not None:
            self._on_pattern(found)
        return counts

    def weigh(self, now: float, host: str | None, failure_class: str, signature: str) -> None:
        """Count a failure; without a host (a probe, the crash of a process) against the job alone."""
        if not self.evidence.value:
            # An excursion begins: what was before is made up for, and not the cause of what comes.
            self.hosts.reset()
            self.recent.clear()
        self.evidence.failed()
        if host is not None:
            self.hosts.failed(host, self.evidence.threshold)
        self.window.add(now, True)
        self.recent.add(failure_class, signature)
        self.in_a_row, self.failed_at = 0, now

    def succeeded(self, now: float, host: str, n: int) -> None:
        # The way of every item that works: nothing is done here that it does not need.
        evidence = self.evidence
        evidence.operations += n
        if evidence.value:
            evidence.weaken(n)
        self.hosts.succeeded(host, n)
        if self._row:
            self.crashes.completed()
        self.in_a_row += n
        if n == 1:
            self.window.add(now, False)
        else:
            for _ in range(min(n, self.window.size)):
                self.window.add(now, False)

    def answered(self, now: float) -> None:
        """A probe was good: that is an operation, and says nothing about those before it."""
        self.evidence.operations += 1
        self.window.add(now, False)

    def crashed(self, now: float, incident: str | None) -> str | None:
        """Count a crash, once for its incident; which rule it has fulfilled, in words."""
        if incident is not None and self.is_known(f"\0{incident}"):
            return None
        rule = self.crashes.crashed(now)
        if incident is None or not self.is_known(incident):
            self.weigh(now, None, _BROWSER, "")
        return rule

    def is_known(self, incident: str) -> bool:
        """Whether it was seen before; afterwards it is."""
        if incident in self._incidents:
            return True
        self._incidents[incident] = None
        if len(self._incidents) > INCIDENTS_MAX:
            self._incidents.popitem(last=False)
        return False

    def is_full_of_failures(self, min_operations: int) -> bool:
        """Whether the window has enough in it, and enough of that failed."""
        window, threshold = self.window, self._policy.failure_rate_threshold
        is_full = window.count >= min(window.size, max(1, min_operations))
        return is_full and window.failures >= threshold * window.count

    def is_against_the_job(self) -> bool:
        """Whether there is enough evidence, and not against one host alone."""
        evidence = self.evidence
        return evidence.is_enough and self.hosts.is_everywhere(evidence.threshold)

    def told(self) -> str:
        """How much failed since it began, in words."""
        window, evidence = self.window, self.evidence
        if self._policy.kind is Kind.WINDOWED:
            return f"{window.failures} of the last {window.count} operations failed"
        return f"{evidence.failures} of the last {evidence.operations - evidence.began + 1} operations failed"

    def forget(self) -> None:
        """Begin anew: nothing of the past is held against the job."""
        self.evidence.reset()
        self.hosts.reset()
        self.crashes.reset()
        self.recent.clear()
