"""The restart protocol: drain, take down the state, save it, end the old browser, launch, restore, prove.

Each step has its deadline, and none depends on another having worked: a browser that is gone loses what was not known of it yet,
and nothing more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from outlast.browser.calls import Calls
from outlast.browser.custody import Custody
from outlast.browser.ending import Ending
from outlast.browser.generation import Generation
from outlast.browser.launched import Launched, Launcher
from outlast.browser.launching import Launching
from outlast.browser.policy import BrowserPolicy
from outlast.browser.processes import group, memory
from outlast.browser.recycling import Limits
from outlast.browser.report import Report
from outlast.browser.sessions import Session, Sessions
from outlast.errors import BrowserCrashedError, BrowserUnavailableError
from outlast.events import EventType
from outlast.runtime import Runtime

__all__ = ["Cause", "Kind", "Restart", "Saver", "Verify"]

Verify = Callable[[Any], Awaitable[bool]]
"""The user's own proof that a restored page is as it should be: logged in, say."""

Failed = Callable[[Generation], None]
T = TypeVar("T")

AT_ONCE = 4


class Kind(StrEnum):
    """Why a browser is launched."""

    START = "start"
    CRASH = "crash"
    ASKED = "asked"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why, in a word for us and in words for people; `drain` is how long the pages in use are waited for, None: the policy's."""

    kind: Kind
    reason: str
    drain: float | None = None


class Saver(Protocol):
    """Keeps the states of the sessions before a browser is ended: the checkpoint manager, or anything like it."""

    async def create_checkpoint(
        self, job_id: str, data: dict[str, Any], metadata: dict[str, Any] | None = None
    ) -> str: ...


class Restart:
    """Carries the protocol out."""

    def __init__(  # noqa: PLR0913 - what it is made of, each by its name
        self,
        policy: BrowserPolicy,
        runtime: Runtime,
        *,
        calls: Calls,
        sessions: Sessions,
        launcher: Launcher | None,
        custody: Custody,
        job_id: str,
        checkpoints: Saver | None,
        verify: Verify | None,
        keep: Callable[[Mapping[str, Any]], Awaitable[None]],
    ) -> None:
        self._policy = policy
        self._runtime = runtime
        self._calls = calls
        self.sessions = sessions
        self._launching = Launching(launcher, policy, runtime, calls=calls, custody=custody)
        self._ending = Ending(policy, runtime, calls=calls, launching=self._launching, custody=custody)
        self._custody = custody
        self._job_id = job_id
        self._checkpoints = checkpoints
        self._verify = verify
        self._keep = keep
        self._number = 0
        self._latest: Generation | None = None

    @property
    def is_possible(self) -> bool:
        return self._launching.is_possible

    def limits(self) -> tuple[Limits, Limits]:
        """What the present browser and its driver may reach before they are renewed."""
        policy, roll = self._policy, self._runtime.roll
        browser = Limits(policy.browser_pages, policy.browser_age, policy.browser_memory)
        driver = Limits(None, policy.driver_age, policy.driver_memory)
        return browser.spread(policy.jitter, roll()), driver.spread(policy.jitter, roll())

    async def due(self, generation: Generation, limits: tuple[Limits, Limits]) -> str | None:
        """Why the browser is to be renewed; None: it is not."""
        of_browser, of_driver = limits
        used = await self._memory(generation) if of_browser.memory is not None else None
        reason = of_browser.reached(pages=generation.pages, age=self._now() - generation.born, memory=used)
        if reason is not None:
            return reason
        driver = generation.driver
        used = None if driver is None else await asyncio.to_thread(memory, [driver])
        reason = of_driver.reached(age=self._now() - self._launching.driver_since, memory=used)
        if reason is not None and driver is not None:
            self._ending.renew_driver()
            return f"driver {reason}"
        return None

    async def run(self, cause: Cause, old: Generation | None, failed: Failed) -> Generation:
        """The next browser. Raises `BrowserUnavailableError` when there is none to be had."""
        report = Report(cause.reason, self._now(), planned=cause.kind is Kind.PLANNED)
        if old is not None:
            await self._part(old, cause, report)
            began = self._now()
            report.forced = not await self._ending.end(old)
            report.close = self._now() - began
        for _ in range(self._policy.launch_attempts):
            generation = await self._launch(failed, report)
            await self._restore(generation, report)
            if generation.look():
                self._tell(generation, report)
                return generation
            await self._ending.end(generation)
        raise BrowserUnavailableError(
            f"{self._policy.launch_attempts} browsers failed one after the other while they were made ready",
            context={"scope": "browser"},
        )

    def adopted(self, launched: Launched) -> Generation:
        """A browser that somebody else launched."""
        self._number += 1
        return Generation(self._number, launched, self._now())

    async def close(self, generation: Generation | None) -> None:
        """End the browser, if there is one, and the driver."""
        # A restart that was cut short may have left two: the old one and the one that was to follow.
        open_ones = [each for each in dict.fromkeys((generation, self._latest)) if each and not each.is_ended]
        ended = [await self._ended(each) for each in open_ones]
        await self._launching.close()
        if all(ended):
            await self._custody.close()

    async def _ended(self, generation: Generation) -> bool:
        """Whether it could be ended. What could not stays written down and guarded, for the shell and the next start."""
        try:
            await self._ending.end(generation)
        except BrowserUnavailableError as error:
            self._runtime.emit(EventType.BROWSER_UNAVAILABLE, self._job_id, reason=str(error))
            return False
        return True

    async def snapshot(self, generation: Generation, *, closing_hung: bool = False) -> dict[str, Any]:
        """The states of all sessions, kept as the last good ones."""
        sessions = self.sessions.open_in(generation)
        taken = await self._each(sessions, lambda session: self._take(session, generation, closing_hung=closing_hung))
        states = {session.name: state for session, state in zip(sessions, taken, strict=True) if state is not None}
        try:
            await self._keep(states)
        except Exception as error:  # noqa: BLE001 - the states are still held here, and everything goes on without the file
            self._runtime.emit(EventType.CHECKPOINT_FAILED, self._job_id, reason=f"the browser's state: {error}")
        return states

    async def _take(self, session: Session, generation: Generation, *, closing_hung: bool) -> dict[str, Any] | None:
        try:
            return await self.sessions.take(session, generation, closing_hung=closing_hung)
        except Exception as error:  # noqa: BLE001 - one session must not take the browser from all
            reason = f"the browser's state: {type(error).__name__}"
            self._runtime.emit(EventType.CHECKPOINT_FAILED, self._job_id, reason=reason)
            return session.state

    async def _part(self, old: Generation, cause: Cause, report: Report) -> None:
        """Let the work end, and take down what the sessions hold."""
        began = self._now()
        deadlines = self._policy.deadlines
        if not old.look():
            return  # its pages have been told already, and it answers no more
        old.is_leaving = True
        report.memory_before = await self._memory(old)
        if not await old.drained(deadlines.drain if cause.drain is None else cause.drain):
            told = {"scope": "browser", "generation": old.number, "reason": cause.reason}
            report.redone = old.fail_leases(
                BrowserCrashedError(f"the browser is restarted and cannot wait: {cause.reason}", context=told)
            )
            await old.drained(deadlines.close_page + deadlines.probe)
        report.drain = self._now() - began
        if old.look():
            began = self._now()
            states = await self.snapshot(old, closing_hung=True)
            report.snapshot = self._now() - began
            await self._save(states, cause)

    async def _save(self, states: dict[str, Any], cause: Cause) -> None:
        if self._checkpoints is None or not states:
            return
        data = {"browser_state": states}
        try:
            async with asyncio.timeout(self._policy.deadlines.save):
                await self._checkpoints.create_checkpoint(self._job_id, data, {"reason": cause.reason})
        except Exception as error:  # noqa: BLE001 - the states are still held here, and the restart is needed all the same
            self._runtime.emit(EventType.CHECKPOINT_FAILED, self._job_id, reason=str(error))

    async def _launch(self, failed: Failed, report: Report) -> Generation:
        began = self._now()
        self._number += 1
        generation = await self._launching.launched(self._number)
        self._latest = generation
        generation.watch(failed, self._runtime.new_id)
        report.generation, report.launch = self._number, report.launch + self._now() - began
        return generation

    async def _restore(self, generation: Generation, report: Report) -> None:
        """Every session as it was. What cannot be restored is said, and does not keep the browser from being used."""
        began = self._now()
        report.missing, report.pages = [], 0
        await self._each(self.sessions.to_restore(), lambda session: self._restore_one(session, generation, report))
        report.restore += self._now() - began
        report.memory_after = await self._memory(generation)

    async def _restore_one(self, session: Session, generation: Generation, report: Report) -> None:
        if not generation.look():
            return
        try:
            report.missing += await self.sessions.restore(session, generation)
            report.pages += len(session.state["pages"]) if session.state is not None else 0
            report.missing += await self._proven(session, generation)
        except Exception as error:  # noqa: BLE001 - one session must not take the browser from all
            report.missing.append(f"session {session.name}: {type(error).__name__}")

    async def _each(self, sessions: list[Session], step: Callable[[Session], Awaitable[T]]) -> list[T]:
        """The step for each session, a few at a time: one that hangs does not hold up all, and all at once would take too long each."""
        few = asyncio.Semaphore(AT_ONCE)

        async def one(session: Session) -> T:
            async with few:
                return await step(session)

        async with asyncio.TaskGroup() as steps:
            tasks = [steps.create_task(one(each)) for each in sessions]
        return [each.result() for each in tasks]

    async def _proven(self, session: Session, generation: Generation) -> list[str]:
        """A page has opened in the session's context and answered; the user's own proof, when there is one, holds on another."""
        room, deadlines = session.room_in(generation), self._policy.deadlines
        if room is None or (room.has_answered and self._verify is None):
            return []
        page = await self.sessions.restoring.page(room.context)
        try:
            await self._calls.wait(page.evaluate("0"), deadlines.probe, "page.evaluate")
            if self._verify is not None and not await self._calls.wait(self._verify(page), deadlines.verify, "verify"):
                return [f"session {session.name}: not verified"]
        finally:
            if not await self._calls.closed(page, deadlines.close_page, "page.close"):
                self.sessions.give_up(room)
        return []

    def _tell(self, generation: Generation, report: Report) -> None:
        if generation.number > 1:
            told = report.told(self._now())
            self._runtime.emit(EventType.BROWSER_RESTARTED, self._job_id, **told)

    async def _memory(self, generation: Generation) -> float | None:
        leader = generation.process
        return None if leader is None else await asyncio.to_thread(lambda: memory(group(leader)))

    def _now(self) -> float:
        return self._runtime.clock.monotonic()
