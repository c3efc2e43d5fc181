"""A run tells what the guard of its job thinks while it works, and does what is to be done when the guard gives up.

What the ledger keeps of it: `suspended`, while nobody but probes may go, and `aborted`, why the last run that was aborted was.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from outlast.abort import Guard, Kind, Verdict, shipped_policies
from outlast.jobs.outcome import Ending
from outlast.jobs.session import Session
from outlast.jobs.suspension import Suspension
from outlast.jobs.throttle import Throttle

if TYPE_CHECKING:
    from outlast.config import JobConfiguration

__all__ = ["ABORTED", "SUSPENDED", "Abortion"]

SUSPENDED = "suspended"
ABORTED = "aborted"
NOTE_SECONDS = 1.0
HOSTS_NOTED_MAX = 20


class Abortion:
    """The guard of one run: what stands between its items and who hands them out, and what is told and done about it.

    Evidence begins afresh with every run.
    """

    def __init__(self, session: Session, config: "JobConfiguration", throttle: Throttle) -> None:
        policy = {each.id: each for each in shipped_policies()}[config.abort.default_policy]
        guard = Guard(policy.within(config.patience), enabled=config.abort.enabled)
        aborts = config.abort.enabled and policy.kind is not Kind.NEVER
        self.suspension = Suspension(
            guard, throttle, concurrency=config.concurrency, patience=config.patience, aborts=aborts
        )
        self._session = session
        self._clock = session.runtime.clock
        self._noted: dict[str, Any] | None = None

    async def follow(self) -> None:
        """Note in the ledger where the job stands while it is suspended, until cancelled."""
        while True:
            await self._clock.sleep(NOTE_SECONDS)
            verdict = self.suspension.verdict(self._clock.monotonic())
            note = None if verdict is None else self._note(verdict)
            if note != self._noted:
                await self._session.ledger.put(SUSPENDED, note)
                self._noted = note

    def told(self) -> str:
        """Why nobody but probes may go, and when the next will; empty: anybody may."""
        suspension = self.suspension
        verdict = suspension.verdict(self._clock.monotonic()) if suspension.suspended else None
        return "" if verdict is None else verdict.reason

    async def conclude(self, ending: Ending) -> None:
        """The run is over: when it is because going on is pointless, keep why, and do what is to be done then."""
        if ending is not Ending.ABORTED:
            return
        now = self._clock.monotonic()
        verdict = self.suspension.verdict(now)
        assert verdict is not None, "nobody gives up what nobody suspects"
        note = {**self._note(verdict), "reason": verdict.reason, "at": self._moment(now), "verdict": verdict.to_dict()}
        await self._session.ledger.put(ABORTED, note)

    def _note(self, verdict: Verdict) -> dict[str, Any]:
        why, _, _ = verdict.reason.rpartition("; ")
        return {
            "run": self._session.run_id,
            "since": self._moment(verdict.since),
            "reason": why,
            "silence": self.suspension.is_silence,
            "next_probe": self._moment(verdict.next_probe_at),
            "gives_up": self._moment(verdict.gives_up_at),
            "hosts": list(verdict.hosts[:HOSTS_NOTED_MAX]),
            "hosts_seen": verdict.hosts_seen,
            "cause": verdict.dominant_signature,
            "failure_class": verdict.dominant_class,
        }

    def _moment(self, at: float | None) -> str | None:
        """A monotonic time as one of the calendar."""
        if at is None:
            return None
        when = self._clock.now() + timedelta(seconds=round(at - self._clock.monotonic()))
        return when.replace(microsecond=0).isoformat()
