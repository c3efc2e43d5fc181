"""One job of the abort manager: judged, announced, and its actions carried out."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from outlast.abort.actions import ActionFunction, Actions, called
from outlast.abort.analysis import analysis_of
from outlast.abort.guard import Guard
from outlast.abort.notify import Notice, Notifier
from outlast.abort.patterns import Pattern
from outlast.abort.policy import AbortPolicy
from outlast.abort.ports import Checkpoints
from outlast.abort.states import Decision
from outlast.abort.verdict import Verdict
from outlast.abort.watch import Report, Watch
from outlast.abort.words import Action
from outlast.errors import AbortExecutionError
from outlast.events import EventType
from outlast.failure.flights import Flights
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.config import AbortConfiguration

__all__ = ["WatchedJob"]

FLIGHT = "abort"


class WatchedJob:
    """A job of this id, under this configuration. `functions` are its own to change."""

    def __init__(
        self,
        job_id: str,
        runtime: Runtime,
        config: "AbortConfiguration",
        *,
        functions: dict[Action, ActionFunction],
        checkpoints: Checkpoints | None,
        notifier: Notifier | None,
    ) -> None:
        self.functions = functions
        self.actions = Actions()
        self.watch = Watch(self._guard, self._announce_pattern)
        self._job_id = job_id
        self._runtime = runtime
        self._config = config
        self._checkpoints = checkpoints
        self._notifier = notifier
        self._flights = Flights()
        self._executed: bool | None = None

    @property
    def policy_id(self) -> str | None:
        """The policy that it was judged by last."""
        return self.watch.policy_id

    def failed(self, report: Report) -> None:
        self.watch.failed(self._now(), report)

    def succeeded(self, n: int, host: str) -> None:
        self.watch.succeeded(self._now(), host=host, n=n)

    def probed(self, report: Report | None, host: str) -> None:
        self.watch.probed(self._now(), report, host=host)

    def evaluate(self, policy: AbortPolicy) -> Verdict:
        """The verdict, announced where that is due."""
        verdict, is_news, is_abort = self.watch.evaluate(self._now(), policy, self._config.evaluation_interval)
        if is_news:
            self._announce(EventType.ABORT_EVALUATED, verdict)
        if is_abort:
            self._announce(EventType.ABORT_TRIGGERED, verdict)
        return verdict

    def condemn(self, policy: AbortPolicy, reason: str) -> Verdict:
        """The verdict of whoever decides instead of the evidence, announced."""
        found, _, _ = self.watch.evaluate(self._now(), policy, self._config.evaluation_interval)
        verdict = found._replace(decision=Decision.ABORT, reason=reason, reasons=(reason,), hosts=())
        self._announce(EventType.ABORT_TRIGGERED, verdict)
        return verdict

    def acquit(self, policy: AbortPolicy, reason: str) -> None:
        """Announce that it goes on, whatever the evidence says, as whoever runs it has decided."""
        found = self.watch.guard(policy).look(self._now())
        verdict = found._replace(decision=Decision.CONTINUE, reason=reason, reasons=(reason,), hosts=())
        self._announce(EventType.ABORT_EVALUATED, verdict)

    async def execute(self, reason: str, policy: AbortPolicy) -> bool:
        """Carry out the actions of the policy, once; whether all of them succeeded."""
        if self._executed is None:
            await self._flights.share(FLIGHT, lambda: self._execute(reason, policy))
        assert self._executed is not None, "it has landed"
        return self._executed

    async def _execute(self, reason: str, policy: AbortPolicy) -> None:
        if self._executed is not None:
            return
        # Who keeps a list of those to be told, and has nobody on it, wants nobody told.
        is_nobody = self._notifier is not None and not self._notifier and Action.NOTIFY not in self.functions
        is_quiet = is_nobody or not self._config.abort_notification_enabled
        wanted = tuple(each for each in policy.abort_actions if not (is_quiet and each is Action.NOTIFY))
        done = await self.actions.carry_out(self._job_id, wanted, self._acting(reason), policy.action_timeout)
        self._executed = all(each.ok for each in done)
        self._runtime.emit(
            EventType.ABORT_EXECUTED,
            self._job_id,
            reason=reason,
            actions=[each.to_dict() for each in done],
            policy_id=policy.id,
            succeeded=self._executed,
        )

    def _acting(self, reason: str) -> dict[Action, ActionFunction]:
        analysis = analysis_of(self.watch.history.since(None, self._now()))
        acting: dict[Action, ActionFunction] = {
            **self.functions,
            Action.LOG_EVENT: partial(self._log, reason, analysis),
        }
        if Action.SAVE_STATE in acting:
            acting[Action.SAVE_STATE] = self._save
        if self._notifier:
            acting[Action.NOTIFY] = partial(self._notify, reason, analysis)
        return acting

    async def _save(self, job_id: str) -> Any:
        state = await called(self.functions[Action.SAVE_STATE], job_id)
        if isinstance(state, dict) and self._checkpoints is not None:
            await self._checkpoints.create_checkpoint(job_id, state)
        return state is not False

    async def _notify(self, reason: str, analysis: dict[str, Any], _: str) -> None:
        assert self._notifier is not None
        if not self._notifier.wants("aborted"):
            return
        notice = Notice(
            occasion="aborted",
            job_id=self._job_id,
            summary=f"{self._job_id} was aborted: {reason}",
            details=f"{reason}\n{analysis['cause']}",
            at=self._runtime.clock.now(),
            data=analysis,
        )
        failed = [each for each in await self._notifier.notify(notice) if not each.ok]
        if failed:
            raise AbortExecutionError("; ".join(f"{each.target}: {each.problem}" for each in failed))

    async def _log(self, reason: str, analysis: dict[str, Any], _: str) -> None:
        self._runtime.emit(EventType.ABORT_ANALYSED, self._job_id, reason=reason, analysis=analysis)

    def _guard(self, policy: AbortPolicy, on_pattern: Callable[[Pattern], None]) -> Guard:
        config = self._config
        least = config.min_operations_before_eval
        return Guard(policy, min_operations=least, enabled=config.enabled, on_pattern=on_pattern)

    def _announce(self, kind: EventType, verdict: Verdict) -> None:
        self._runtime.emit(
            kind,
            self._job_id,
            policy_id=verdict.policy_id,
            decision=verdict.decision.value,
            reason=verdict.reason,
            failure_rate=verdict.failure_rate,
            operations=verdict.operations,
        )

    def _announce_pattern(self, pattern: Pattern) -> None:
        last = self._runtime.clock.now()
        self._runtime.emit(
            EventType.FAILURE_PATTERN_DETECTED,
            self._job_id,
            signature=pattern.signature,
            share=pattern.share,
            hosts=list(pattern.hosts),
            failure_class=pattern.failure_class,
            failures=pattern.failures,
            operations=pattern.operations,
            first_seen=(last - timedelta(seconds=pattern.last - pattern.first)).isoformat(),
            last_seen=last.isoformat(),
            example=self.watch.history.example(pattern.signature),
        )

    def _now(self) -> float:
        return self._runtime.clock.monotonic()
