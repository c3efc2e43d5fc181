"""Who asked for it is told how a run ended, or that it was not let begin."""

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from outlast.abort import Notice, Notifier
from outlast.jobs.outcome import ExitCode, Outcome, Summary
from outlast.runtime import Clock

if TYPE_CHECKING:
    from outlast.config import JobConfiguration

__all__ = ["Notices"]

FAILED = "failed"
ERROR_SHOWN_MAX = 500
SUMMARY_SHOWN_MAX = 500

_ASKED_FOR = frozenset({ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.ABORTED})
"""How a run ends that somebody has stopped, or whose hosts somebody has paused."""

_log = logging.getLogger("outlast.job")


class Notices:
    """The notices of one run, by the section `notify` of its configuration. That somebody cannot be told is logged, and no more.

    Of an abort its action `notify` tells, as the policy wants it.
    """

    def __init__(self, job: str, config: "JobConfiguration", clock: Clock) -> None:
        self._job = job
        self._on = frozenset(config.notify.on)
        self._notifier = Notifier(config.notify, redact=config.logging.redact)
        self._clock = clock

    def check(self) -> None:
        """Raise `ConfigurationError` when somebody could not be told: that is to be known now, and not when there is something to tell."""
        self._notifier.check()

    async def ended(self, summary: Summary) -> None:
        """The run has ended like this."""
        outcome = summary.outcome
        if outcome is Outcome.ABORTED:
            return
        # With no more failures than are allowed it is a success, whoever wants to know more.
        is_success = summary.exit_code == ExitCode.FINISHED and outcome.value not in self._on
        told = f"{outcome.value.replace('_', ' ')}: {summary.done} of {summary.total} done, {summary.failed} failed"
        left = f", {summary.deferred} still to do" if summary.deferred else ""
        # Some who are told see no more than the first line.
        unmet = f"; not as expected: {'; '.join(summary.unmet)}" if summary.unmet else ""
        occasion = Outcome.COMPLETED.value if is_success else outcome.value
        if outcome is Outcome.STOPPED and summary.exit_code not in _ASKED_FOR and outcome.value not in self._on:
            occasion = FAILED
        details = "\n".join(filter(None, (summary.reason, *summary.unmet)))
        await self._tell(occasion, f"{self._job}: {told}{left}{unmet}"[:SUMMARY_SHOWN_MAX], details, asdict(summary))

    async def broke(self, error: BaseException) -> None:
        """The run has ended with an error."""
        said = f"{type(error).__name__}: {error}"[:ERROR_SHOWN_MAX]
        await self._tell(FAILED, f"{self._job} ended with an error: {said}", said, {"error": said})

    async def stalled(self, reason: str) -> None:
        """The run works, and has given nothing new for longer than was expected."""
        await self._tell("stalled", f"{self._job} has stalled: {reason}", reason, {"reason": reason})

    async def held(self, reason: str) -> None:
        """The job is held, and was not begun."""
        await self._tell("held", f"{self._job} is on hold", reason, {"reason": reason})

    async def _tell(self, occasion: str, summary: str, details: str, data: dict[str, Any]) -> None:
        if not self._notifier.wants(occasion):
            return
        notice = Notice(
            occasion=occasion, job_id=self._job, summary=summary, details=details, at=self._clock.now(), data=data
        )
        for delivery in await self._notifier.notify(notice):
            if not delivery.ok:
                _log.warning("job %r: %s could not be told: %s", self._job, delivery.target, delivery.problem)
