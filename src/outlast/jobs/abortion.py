"""A run tells what the guard of its job thinks while it works, and does what is to be done when the guard gives up.

What the ledger keeps of it: `suspended`, while nobody but probes may go, and `aborted`, why the last run that was aborted was.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from outlast.abort import AbortManager, AbortPolicy, Kind, Verdict
from outlast.errors import AbortPolicyNotFoundError, ConfigurationError
from outlast.failure.describe import Failure
from outlast.failure.occurrence import CATEGORY
from outlast.jobs.athand import Task
from outlast.jobs.outcome import Ending
from outlast.jobs.progress import Trouble, let_go_words
from outlast.jobs.session import Session
from outlast.jobs.suspension import Suspension
from outlast.jobs.throttle import Throttle

if TYPE_CHECKING:
    from outlast.config import JobConfiguration

__all__ = ["ABORTED", "SUSPENDED", "Abortion", "abort_policy_of"]

SUSPENDED = "suspended"
ABORTED = "aborted"
LOOK_SECONDS = 1.0
CAREFUL = "careful"
FEW = 4
"""Of a job whose last run was aborted no more are in flight until the first is done: it may be the same wall."""
HOSTS_NOTED_MAX = 20
GROUPS_NOTED_MAX = 5
NO_ANSWER = "no host answers"


class Abortion:
    """The guard of one run: what stands between its items and who hands them out, and what is told and done about it.

    Evidence begins afresh with every run. `stop` stops the run, in order. Failures that count are kept by `keep`, so that
    `get_failure_analysis` knows them.
    """

    def __init__(
        self, session: Session, config: "JobConfiguration", throttle: Throttle, *, stop: Callable[[], None]
    ) -> None:
        job, manager = session.job_id, session.resilience.abort
        self._policy = policy = abort_policy_of(config)
        manager.forget(job)
        _attach(session, stop, saves=config.checkpoint.enabled)
        self.suspension = Suspension(
            manager.guard(job, policy),
            throttle,
            concurrency=config.concurrency,
            patience=policy.patience,
            aborts=config.abort.enabled and policy.kind is not Kind.NEVER,
        )
        throttle.bound(CAREFUL, FEW if session.follows_abort else None)
        self._session = session
        self._throttle = throttle
        self._job = job
        self._manager = manager
        self._history = manager.history(job)
        self._clock = session.runtime.clock
        self._interval = config.abort.evaluation_interval
        self.taken_back = 0
        """How many items that were given up are to be done after all, since the run was aborted."""
        self._noted: dict[str, Any] | None = None
        self._told = ""
        self._has_let_go = False

    def keep(self, task: Task, failure: dict[str, Any]) -> None:
        """A failure that counts, for the analysis."""
        kept = Failure.from_dict(failure)
        self._history.failed(
            self._clock.monotonic(),
            replace(kept, traceback=""),
            host=task.host,
            key=task.lease.key,
            at=self._clock.now(),
            category=CATEGORY[kept.failure_class],
            severity="error",
        )

    async def follow(self) -> None:
        """Announce the verdicts, and note in the ledger where the job stands while it is suspended, until cancelled."""
        evaluated, was_suspended = self._clock.monotonic(), False
        # A run that was killed while it was suspended has left its note: that is over.
        self._noted = await self._session.ledger.get(SUSPENDED)
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            self._count_successes()
            self._tell_let_go()
            now, suspended = self._clock.monotonic(), self.suspension.suspended
            verdict = self.suspension.verdict(now)
            # Whether what the guard gives up is an abort, or the last few items are let go, is known at the end of the run.
            is_undecided = self._has_let_go or (verdict is not None and verdict.should_abort)
            if not is_undecided and (suspended != was_suspended or now - evaluated >= self._interval):
                evaluated, was_suspended = now, suspended
                self._manager.evaluated(self._job, self._policy)
            # What is noted would be another moment every second, of a job that stands still.
            if not self._throttle.is_shut:
                await self._note_standing(verdict)
            await self.suspension.regrets.note(self._session.ledger)

    def told(self) -> str:
        """Why nobody but probes may go, and when the next will; empty: anybody may. An abort is told as one, and adds nothing here."""
        suspension = self.suspension
        verdict = suspension.verdict(self._clock.monotonic()) if suspension.suspended else None
        if verdict is None or not verdict.should_abort:
            self._told = "" if verdict is None else verdict.reason
        elif self._told:
            self._told = verdict.reason  # nobody probes any more
        return self._told

    def trouble(self) -> Trouble | None:
        """What is being waited out; None: nothing is."""
        suspension, now = self.suspension, self._clock.monotonic()
        verdict = suspension.verdict(now)
        if verdict is None or verdict.should_abort:
            return None
        # In a silence each host is probed for itself, and in a pause none is.
        is_still = suspension.is_silence or self._throttle.is_shut
        return Trouble(
            reason=_why(verdict, silence=suspension.is_silence),
            seconds=_seconds(now, verdict.since),
            probes=suspension.turns.probes,
            good_probes=suspension.turns.good_probes,
            next_probe_in=None if is_still else _seconds(verdict.next_probe_at, now),
            gives_up_in=_seconds(verdict.gives_up_at, now) if suspension.aborts else None,
        )

    async def conclude(self, ending: Ending) -> None:
        """The run is over: when it is because going on is pointless, keep why, and do what is to be done then."""
        self._count_successes()
        self._tell_let_go()
        await self._note_standing(None)
        ledger, regrets = self._session.ledger, self.suspension.regrets
        await regrets.note(ledger)
        # Who stops a job in trouble loses nothing by it either.
        if ending is Ending.ABORTED or self.suspension.suspended:
            self.taken_back = await regrets.take_back(ledger)
        if ending is not Ending.ABORTED:
            return
        now, ordered = self._clock.monotonic(), self._session.told.why
        verdict = self._final_verdict(now) if ordered is None else self._ordered_verdict(ordered)
        analysis = await self._manager.get_failure_analysis(self._job)
        groups = analysis["top_groups"][:GROUPS_NOTED_MAX]
        note = {
            **self._note(verdict),
            "at": self._moment(now),
            "reason": verdict.reason,
            "silence": ordered is None and (self.suspension.is_silence or verdict.reason == NO_ANSWER),
            "ordered": ordered is not None,
            "taken_back": self.taken_back,
            "verdict": verdict.to_dict(),
            "analysis": {**analysis, "top_groups": groups},
        }
        await ledger.put(ABORTED, note)
        # A run that is told to abort ends all that it is given to do like this, and does what is to be done about it once.
        if ordered is None or not self._session.told.has_acted:
            self._session.told.has_acted = ordered is not None
            await self._manager.execute_abort_actions(self._job, verdict.reason)

    def hurry(self) -> None:
        """Somebody wants the process to end: it ends an aborted run all the same, with what is done about it cut short."""
        self._manager.hurry_actions(self._job)

    def _tell_let_go(self) -> None:
        left = self.suspension.let_go
        if left is not None and not self._has_let_go:
            self._has_let_go = True
            self._manager.acquitted(self._job, self._policy, let_go_words(left))

    def _final_verdict(self, now: float) -> Verdict:
        # Once the last few items were let go nobody suspects anything, and yet there may be nobody who answers.
        evaluated = self._manager.evaluated(self._job, self._policy)
        return self.suspension.verdict(now) or evaluated._replace(reason=NO_ANSWER)

    def _ordered_verdict(self, reason: str) -> Verdict:
        return self._manager.condemned(self._job, self._policy, reason)

    def _count_successes(self) -> None:
        now = self._clock.monotonic()
        found = self.suspension.successes(now)
        for host, count in found.items():
            self._history.succeeded(now, host, count)
        if found or self.suspension.let_go is not None:
            self._throttle.bound(CAREFUL, None)

    async def _note_standing(self, verdict: Verdict | None) -> None:
        note = None if verdict is None else self._note(verdict)
        if note != self._noted:
            await self._session.ledger.put(SUSPENDED, note)
            self._noted = note

    def _note(self, verdict: Verdict) -> dict[str, Any]:
        return {
            "run": self._session.run_id,
            "since": self._moment(verdict.since),
            "reason": _why(verdict, silence=self.suspension.is_silence),
            "silence": self.suspension.is_silence,
            "probes": self.suspension.turns.probes,
            "good_probes": self.suspension.turns.good_probes,
            "next_probe": self._moment(verdict.next_probe_at),
            "gives_up": self._moment(verdict.gives_up_at),
            "hosts": list(verdict.hosts[:HOSTS_NOTED_MAX]),
            "hosts_seen": verdict.hosts_seen,
            "cause": verdict.dominant_signature,
            "failure_class": verdict.dominant_class,
        }

    def _moment(self, at: float | None) -> str | None:
        """A monotonic time as one of the calendar, to the second."""
        if at is None:
            return None
        when = self._clock.now() + timedelta(seconds=at - self._clock.monotonic())
        # Two clocks are never read at the same time.
        return (when + timedelta(milliseconds=1)).replace(microsecond=0).isoformat()


def _attach(session: Session, stop: Callable[[], None], *, saves: bool) -> None:
    # All of them async: a plain function would be called in a thread, and these belong to the event loop.
    async def save(_: str) -> None:
        await session.save("abort")

    async def release(_: str) -> None:
        await session.ledger.release(session.run_id)

    async def shutdown(_: str) -> None:
        stop()

    session.resilience.abort.attach(
        session.job_id, save_state=save if saves else None, cleanup=release, shutdown=shutdown
    )


def _why(verdict: Verdict, *, silence: bool) -> str:
    # What failed last says nothing of those that do not answer.
    return NO_ANSWER if silence else verdict.reason.rpartition("; ")[0]


def _seconds(until: float | None, since: float | None) -> float | None:
    return None if until is None or since is None else max(0.0, until - since)


def abort_policy_of(config: "JobConfiguration") -> AbortPolicy:
    """The policy of a job, with the patience that the job asks for. Raises `ConfigurationError` when there is none of that name."""
    try:
        policy = AbortManager(config.abort).policy()
    except AbortPolicyNotFoundError as error:
        raise ConfigurationError(f"abort.default_policy: {error.message}", context=error.context) from error
    return policy if config.patience is None else policy.waiting(config.patience)
