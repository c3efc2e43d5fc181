"""The contract's abort manager."""
# ruff: noqa: UP006, UP035, UP045 - the published signatures, as they are written there

from collections import OrderedDict
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Dict, Optional, Self
from urllib.parse import urlsplit

from typing_extensions import override

from outlast.abort.actions import ActionFunction
from outlast.abort.analysis import analysis_of
from outlast.abort.guard import Guard
from outlast.abort.history import History
from outlast.abort.job import WatchedJob
from outlast.abort.notify import Notifier
from outlast.abort.policies import DEFAULT, Policies
from outlast.abort.policy import AbortPolicy
from outlast.abort.ports import Checkpoints
from outlast.abort.reports import job_name, report_of
from outlast.abort.verdict import Verdict
from outlast.abort.words import Action
from outlast.contracts import IAbortManager
from outlast.errors import AbortPolicyNotFoundError, ValidationError
from outlast.events import EventBus
from outlast.failure.describe import TracebackQuota
from outlast.failure.rule import FailureRule
from outlast.runtime import Clock, Runtime

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 - the type alone

    from outlast.config import AbortConfiguration

__all__ = ["JOBS_MAX", "AbortManager"]

JOBS_MAX = 1_000
"""Jobs that are watched; of more, the one that nothing was heard of for longest is forgotten."""


class AbortManager(IAbortManager):
    """Judges jobs by what becomes of their operations, and does what their policy wants when they are aborted.

    `save_state`, `cleanup` and `shutdown` are functions that get the id of the job, async or plain (in a thread); `attach` gives a job its own.
    With `checkpoints`, a mapping that `save_state` gives is kept as a checkpoint. `notifier` is told where a policy wants `notify`.
    Nothing is left to chance here: `rng` is taken because every manager takes it. It holds nothing that must be closed.
    """

    def __init__(  # noqa: PLR0913 - collaborators, each by its name
        self,
        config: "AbortConfiguration",
        *,
        events: EventBus | None = None,
        clock: Clock | None = None,
        rng: "Random | None" = None,
        rules: tuple[FailureRule, ...] = (),
        checkpoints: Checkpoints | None = None,
        notifier: Notifier | None = None,
        save_state: ActionFunction | None = None,
        cleanup: ActionFunction | None = None,
        shutdown: ActionFunction | None = None,
    ) -> None:
        given = Runtime()
        self._config = config
        self._runtime = Runtime(
            clock=given.clock if clock is None else clock,
            roll=given.roll if rng is None else rng.random,
            bus=given.bus if events is None else events,
        )
        self._rules = tuple(rules)
        self._checkpoints = checkpoints
        self._notifier = notifier
        self._functions = _given(save_state, cleanup, shutdown)
        self._tracebacks = TracebackQuota()
        self._policies = Policies(default=config.default_policy)
        for each in config.policy:
            self._policies.keep(AbortPolicy.from_dict(each.model_dump(exclude_unset=True)))
        self._jobs: OrderedDict[str, WatchedJob] = OrderedDict()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held, so nothing is closed."""

    @override
    async def evaluate_abort_conditions(self, job_id: str, abort_policy_id: str) -> Dict[str, Any]:
        """The verdict on the job under this policy; `default` stands for the configured default policy.

        Raises `AbortPolicyNotFoundError`. A job that was to be aborted once stays so, until `forget`.
        """
        policy = self._policies.get(abort_policy_id)
        return self._job(job_id).evaluate(policy).to_dict()

    @override
    async def record_failure(self, job_id: str, failure_event: Dict[str, Any]) -> None:
        """Count a failure: an exception under `error`, or `error_type` and `message`, and whatever `FailureHandler` reads.

        A failure of the class `browser` that says `crash`, or an event with `crashed: True`, is a crash. Of one `incident_id` the
        first counts. Raises `ValidationError` for what is no failure event; a cancellation is raised as it came.
        """
        job = self._job(job_id)
        now = self._runtime.clock.now()
        job.failed(report_of(failure_event, now=now, rules=self._rules, with_traceback=self._tracebacks))

    async def record_success(self, job_id: str, n: int = 1, *, key: str | None = None, host: str = "") -> None:
        """Count so many operations that succeeded, at `host`, or at the host of `key` where that is an address."""
        if not isinstance(n, int) or isinstance(n, bool) or n < 1:
            raise ValidationError(f"n: must be a whole number above 0, not {n!r}")
        self._job(job_id).succeeded(n, host or _host_of(key))

    async def record_probe(
        self, job_id: str, *, good: bool, failure_event: Mapping[str, Any] | None = None, host: str = ""
    ) -> None:
        """Count the answer to a probe; one that is not good tells how it failed, as `record_failure` is told."""
        job = self._job(job_id)
        if good:
            job.probed(None, host)
            return
        told = failure_event or {"error_type": "ProbeFailed", "message": "the probe failed", "host": host}
        now = self._runtime.clock.now()
        job.probed(report_of(told, now=now, rules=self._rules, with_traceback=self._tracebacks), host)

    @override
    async def execute_abort_actions(self, job_id: str, abort_reason: str) -> bool:
        """Do what the policy wants under which the job is to be aborted, else the one asked for last, else the default one; whether all succeeded.

        Each action is done once for a job, until `forget`: a second call gives what the first gave, one that comes meanwhile shares it,
        and where a caller was cancelled the next goes on with what is left.
        """
        if not isinstance(abort_reason, str):
            raise ValidationError(f"abort_reason: must be a text, not {abort_reason!r}")
        job = self._job(job_id)
        return await job.execute(abort_reason, self._policies.get(job.policy_id or DEFAULT))

    @override
    async def create_abort_policy(self, policy_config: Dict[str, Any]) -> str:
        """The id of the policy: the one given, else its name. It replaces an older one; a job under it is judged anew.

        Raises `AbortConfigurationError` naming every complaint.
        """
        policy = AbortPolicy.from_dict(policy_config)
        self._policies.keep(policy)
        return policy.id

    @override
    async def get_failure_analysis(self, job_id: str, time_window: Optional[int] = None) -> Dict[str, Any]:
        """What failed, where, how much of it, whether it becomes more, and what seems to be behind it; of all time or the last seconds.

        A window is answered to five seconds where it is short, and to a few hundredths of its length where it is long (`resolution`).
        """
        if time_window is not None and (
            not isinstance(time_window, int | float) or isinstance(time_window, bool) or not time_window > 0
        ):
            raise ValidationError(f"time_window: must be a number of seconds above 0, or None, not {time_window!r}")
        name, now = job_name(job_id), self._runtime.clock.monotonic()
        history = (self._jobs.get(name) or self._new(name)).watch.history
        start = None if time_window is None else now - time_window
        return {"job_id": name, "time_window": time_window, **analysis_of(history.since(start, now))}

    # For whoever runs a job.

    def policy(self, policy_id: str = DEFAULT) -> AbortPolicy:
        """The policy as it is in force. Raises `AbortPolicyNotFoundError`."""
        return self._policies.get(policy_id)

    def guard(self, job_id: str, policy: AbortPolicy | str | None = None) -> Guard:
        """The guard of the job, to be told directly of every operation; what it is told is not in the failure analysis (`history`).

        Whoever drives it calls `evaluated` now and then, so that the verdicts are announced.
        """
        return self._job(job_id).watch.guard(self._chosen(policy))

    def evaluated(self, job_id: str, policy: AbortPolicy | str | None = None) -> Verdict:
        """The verdict on the job, announced where that is due: what `evaluate_abort_conditions` gives, as a value."""
        return self._job(job_id).evaluate(self._chosen(policy))

    def condemned(self, job_id: str, policy: AbortPolicy | str | None, reason: str) -> Verdict:
        """The verdict where somebody has decided that the job is to be aborted, for this reason; announced, whatever the evidence says."""
        return self._job(job_id).condemn(self._chosen(policy), reason)

    def acquitted(self, job_id: str, policy: AbortPolicy | str | None, reason: str) -> None:
        """Announce that somebody has decided that the job goes on, for this reason, whatever the evidence says."""
        self._job(job_id).acquit(self._chosen(policy), reason)

    def attach(
        self,
        job_id: str,
        *,
        save_state: ActionFunction | None = None,
        cleanup: ActionFunction | None = None,
        shutdown: ActionFunction | None = None,
    ) -> None:
        """Give this job functions of its own for its actions."""
        self._job(job_id).functions.update(_given(save_state, cleanup, shutdown))

    def forget(self, job_id: str) -> None:
        """Begin anew with this job, as with a new run of it: evidence, history and what was done are gone."""
        self._jobs.pop(job_name(job_id), None)

    def history(self, job_id: str) -> History:
        """What failed and succeeded in this job: whoever drives its guard keeps it, for the failure analysis."""
        return self._job(job_id).watch.history

    def hurry_actions(self, job_id: str) -> None:
        """Cut off the action that is carried out for this job now, and leave those that follow a second each."""
        self._job(job_id).actions.hurry()

    def actions_done(self, job_id: str) -> tuple[dict[str, Any], ...]:
        """What came of the actions that were carried out for this job, each with `action`, `ok` and `problem`."""
        job = self._jobs.get(job_name(job_id))
        return () if job is None else tuple(each.to_dict() for each in job.actions.done.values())

    def _chosen(self, policy: AbortPolicy | str | None) -> AbortPolicy:
        return policy if isinstance(policy, AbortPolicy) else self._policies.get(DEFAULT if policy is None else policy)

    def _job(self, job_id: str) -> WatchedJob:
        name = job_name(job_id)
        job = self._jobs.get(name)
        if job is None:
            job = self._jobs[name] = self._new(name)
            if len(self._jobs) > JOBS_MAX:
                self._jobs.popitem(last=False)
        else:
            self._jobs.move_to_end(name)
        return job

    def _new(self, name: str) -> WatchedJob:
        job = WatchedJob(
            name,
            self._runtime,
            self._config,
            functions=dict(self._functions),
            checkpoints=self._checkpoints,
            notifier=self._notifier,
        )
        try:
            job.watch.guard(self._policies.get(DEFAULT))  # it is told of everything from the beginning
        except AbortPolicyNotFoundError:
            return job  # said when somebody asks for it: it may be created until then
        return job


def _given(
    save_state: ActionFunction | None, cleanup: ActionFunction | None, shutdown: ActionFunction | None
) -> dict[Action, ActionFunction]:
    functions = {Action.SAVE_STATE: save_state, Action.CLEANUP: cleanup, Action.SHUTDOWN: shutdown}
    return {action: function for action, function in functions.items() if function is not None}


def _host_of(key: str | None) -> str:
    try:
        return urlsplit(key or "").hostname or ""
    except ValueError:
        return ""
