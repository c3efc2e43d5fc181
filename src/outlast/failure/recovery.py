"""Carrying out what was decided about a failure, through the parts that are at hand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, assert_never

from outlast.failure.actions import Action, Decision
from outlast.failure.facts import text_of
from outlast.failure.flights import Flights
from outlast.failure.model import Remedy
from outlast.failure.occurrence import Occurrence
from outlast.failure.ports import Aborts, Browser, Checkpoints, RemedyFunction, Resources, Retries
from outlast.runtime import Clock

__all__ = ["Done", "Parts", "carry_out"]

POLICY = "default"
DETAIL_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a failure handler was given to work with."""

    retry: Retries | None = None
    checkpoints: Checkpoints | None = None
    resources: Resources | None = None
    abort: Aborts | None = None
    browser: Browser | None = None
    remedies: Mapping[str, RemedyFunction] = field(default_factory=dict)
    flights: Flights = field(default_factory=Flights)


@dataclass(slots=True)
class Done:
    """What was done. `resolved`: the action was carried out to its end. `more`: what it has brought."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    resolved: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    async def step(self, name: str, call: Callable[[], Any], *, may_refuse: bool = False) -> tuple[bool, Any]:
        """Do one thing and note it; whether it was done, and what it gave. Who may refuse does so by False."""
        try:
            given = call()
            given = await given if isawaitable(given) else given
        except Exception as error:  # noqa: BLE001 - a part that fails while a failure is handled must not hide that failure
            self.steps.append(_step(name, f"{type(error).__qualname__}: {text_of(error)}", done=False))
            return False, None
        done = not may_refuse or given is not False
        self.steps.append(_step(name, "" if done else "refused", done=done))
        return done, given


async def carry_out(decision: Decision, occurrence: Occurrence, parts: Parts, clock: Clock) -> Done:
    """Do what was decided. Where the part for it is missing nothing is done, and it stays a recommendation."""
    done = Done()
    match decision.action:
        case Action.RETRY:
            await _retry(done, decision, occurrence, parts, clock)
        case Action.ROTATE:
            await _rotate(done, decision, occurrence, parts)
        case Action.RESTART_BROWSER:
            await _restart(done, decision, occurrence, parts)
        case Action.PAUSE:
            await _checkpoint(done, occurrence, parts)
            if parts.resources is not None:
                _, done.more["metrics"] = await done.step("measure", parts.resources.get_current_metrics)
        case Action.ABORT:
            await _abort(done, decision, occurrence, parts)
        case Action.DEFER | Action.SKIP:
            return done  # both are for whoever holds the item
        case unreachable:
            assert_never(unreachable)
    return done


async def _retry(done: Done, decision: Decision, occurrence: Occurrence, parts: Parts, clock: Clock) -> None:
    retry, operation = parts.retry, occurrence.context.get("operation")
    if retry is None or not callable(operation):
        return
    if decision.delay:
        await clock.sleep(decision.delay)
    policy = str(occurrence.context.get("retry_policy_id") or POLICY)
    done.resolved, result = await done.step("retry", lambda: retry.execute_with_retry(operation, policy))
    if done.resolved:
        done.more["result"] = result


async def _rotate(done: Done, decision: Decision, occurrence: Occurrence, parts: Parts) -> None:
    natural = occurrence.classification.remedy
    remedy = decision.remedy or (natural if natural is Remedy.REFRESH_SESSION else Remedy.ROTATE_PROXY)
    function = parts.remedies.get(remedy)
    if function is not None:
        done.resolved, _ = await done.step(
            remedy.value, lambda: parts.flights.share(remedy.value, function), may_refuse=True
        )


async def _restart(done: Done, decision: Decision, occurrence: Occurrence, parts: Parts) -> None:
    browser = parts.browser
    if browser is None:
        return
    await _checkpoint(done, occurrence, parts)
    context = {**occurrence.context, "job_id": occurrence.job_id, "signature": occurrence.failure.signature}
    name = Remedy.RESTART_BROWSER.value
    done.resolved, _ = await done.step(
        name,
        lambda: parts.flights.share(name, lambda: browser.on_browser_restart_required(decision.reason, context)),
        may_refuse=True,
    )


async def _abort(done: Done, decision: Decision, occurrence: Occurrence, parts: Parts) -> None:
    abort = parts.abort
    await _checkpoint(done, occurrence, parts)
    if abort is not None:
        done.resolved, _ = await done.step(
            "abort", lambda: abort.execute_abort_actions(occurrence.job_id, decision.reason), may_refuse=True
        )


async def _checkpoint(done: Done, occurrence: Occurrence, parts: Parts) -> None:
    """Keep what the caller has told of the job's state, and the browser's, before it is lost."""
    checkpoints, browser, context = parts.checkpoints, parts.browser, occurrence.context
    if checkpoints is None or not occurrence.job_id:
        return
    state = context.get("state")
    data = dict(state) if isinstance(state, Mapping) else {}
    session = context.get("session_id")
    if browser is not None and isinstance(session, str):
        read, found = await done.step("read_browser_state", lambda: browser.get_browser_state(session))
        data |= {"browser_state": found} if read else {}
    if data:
        saved, checkpoint_id = await done.step(
            "checkpoint", lambda: checkpoints.create_checkpoint(occurrence.job_id, data)
        )
        if saved:
            done.more["checkpoint_id"] = checkpoint_id


def _step(name: str, detail: str, *, done: bool) -> dict[str, Any]:
    return {"action": name, "done": done, "detail": detail[:DETAIL_MAX]}
