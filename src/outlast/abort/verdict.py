"""What the guard of a job says: its decision, and the numbers that it rests on."""

from typing import Any, NamedTuple

from outlast.abort.states import Decision, State

__all__ = ["Share", "Verdict"]


class Share(NamedTuple):
    """Of the last `operations`, so many as the window has room for, `failures` failed."""

    operations: int
    failures: int
    size: int


class Verdict(NamedTuple):
    """A reading of the guard. Times are its caller's monotonic seconds; `evidence` and `threshold` are nats.

    `since`: when the trouble began that is being waited out. `false_alarm_bound`: the chance that a job that is well is ever suspected;
    None where the policy's rule has no such bound.
    """

    decision: Decision
    state: State
    reason: str
    reasons: tuple[str, ...]
    failure_rate: float | None
    operations: int
    window: Share
    dominant_signature: str | None
    dominant_class: str | None
    hosts: tuple[str, ...]
    hosts_seen: int
    evidence: float
    threshold: float
    policy_id: str
    since: float | None
    next_probe_at: float | None
    gives_up_at: float | None
    false_alarm_bound: float | None

    @property
    def should_abort(self) -> bool:
        return self.decision is Decision.ABORT

    def to_dict(self) -> dict[str, Any]:
        """The contract's keys, and ours."""
        plain = self._asdict()
        return {
            "should_abort": self.should_abort,
            **plain,
            "decision": self.decision.value,
            "state": self.state.value,
            "reasons": list(self.reasons),
            "window": self.window._asdict(),
            "hosts": list(self.hosts),
        }
