"""The last word on a run: its summary, announced and noted for whoever asks later."""

from collections.abc import Iterable

from outlast.events import EVENTS, EventType
from outlast.jobs.abortion import Abortion
from outlast.jobs.expecting import Judged
from outlast.jobs.outcome import Allowed, Ending, Summary, judge, reason_for
from outlast.jobs.session import Session

__all__ = ["concluded"]


async def concluded(  # noqa: PLR0913 - all that a summary is made of
    session: Session,
    ending: Ending,
    judged: Judged,
    abortion: Abortion,
    *,
    allowed: Allowed,
    unread: bool,
    retries: int,
    paused: Iterable[str],
) -> Summary:
    """The summary of a run that ended so and is judged so; `unread`: not all of its source was read."""
    counts, unmet, lost = judged.counts, judged.unmet, session.scrub.lost
    outcome, exit_code = judge(
        ending, counts, allowed, unread=unread, lost=lost, unmet=bool(unmet), barren=judged.barren
    )
    by_itself = session.told.why if ending is Ending.ABORTED else session.reason
    summary = Summary(
        job_id=session.job_id,
        run_id=session.run_id,
        outcome=outcome,
        total=counts.total,
        done=counts.done,
        failed=counts.failed,
        deferred=counts.waiting,
        retries=retries,
        repeated=session.repeated,
        damaged=session.scrub.damaged,
        exit_code=int(exit_code),
        paused=tuple(sorted(paused)) if ending is Ending.PAUSED else (),
        reason=reason_for(outcome, ending, counts, by_itself),
        records=judged.records,
        taken_back=abortion.taken_back,
        untried=len(abortion.suspension.regrets.untried),
        unmet=tuple(map(str, unmet)),
    )
    told = {name: getattr(summary, name) for name in EVENTS[EventType.RUN_ENDED].data}
    session.runtime.emit(EventType.RUN_ENDED, session.job_id, **told)
    more = {} if summary.reason is None else {"reason": summary.reason}
    await session.ended(outcome.value, int(exit_code), **more)
    return summary
