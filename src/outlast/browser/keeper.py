"""Keeps a browser at hand: starts it at the first need, notices when it has failed, and lets nobody wait for ever."""

import asyncio
from collections.abc import Callable
from typing import Any

from outlast.browser.budget import Budget
from outlast.browser.calls import Calls
from outlast.browser.gate import Gate
from outlast.browser.generation import Generation
from outlast.browser.health import Health
from outlast.browser.policy import BrowserPolicy
from outlast.browser.restart import Cause, Kind, Restart
from outlast.browser.room import Room
from outlast.errors import BrowserUnavailableError
from outlast.events import EventType
from outlast.runtime import Runtime

__all__ = ["Keeper"]


Crashed = Callable[[str, str], None]


class Keeper:
    """The browser of a lifecycle. One start, restart or renewal is under way at a time, and all wait for that one."""

    def __init__(
        self,
        policy: BrowserPolicy,
        runtime: Runtime,
        calls: Calls,
        *,
        restart: Restart,
        job_id: str,
        on_crash: Crashed | None,
    ) -> None:
        self.policy = policy
        self.runtime = runtime
        self.calls = calls
        self.sessions = restart.sessions
        self.generation: Generation | None = None
        self.pages_served = 0
        self._restart = restart
        self._limits = restart.limits()
        self._health = Health(policy, runtime, calls)
        self._budget = Budget(policy.restarts_max, policy.restart_window)
        self._gate = Gate()
        self._job_id = job_id
        self._on_crash = on_crash
        self.is_wanted: Callable[[], bool] = lambda: True
        """Whether a browser that is lost is to be replaced before anybody asks for one."""
        self._work: asyncio.Task[bool] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._was_started = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def restarts_left(self) -> int:
        return self._budget.left(self.now())

    def now(self) -> float:
        return self.runtime.clock.monotonic()

    async def admitted(self, *, nested: bool = False) -> Generation:
        """A browser that works; waits while one is being started. Raises `BrowserUnavailableError` when there will be none.

        `nested`: who asks uses the browser already; a restart that waits for it must not make it wait.
        """
        while True:
            self._refuse_if_closed()
            generation = self.generation
            if generation is not None and generation.look() and (self._gate.is_open or nested):
                # A probe takes its time: what was true before it is asked again.
                if not self._is_fresh(generation):
                    await self.healthy(generation)
                # At a quick pace this cannot wait until it is looked at next.
                elif self._limits[0].reached(pages=generation.pages) is None or not self.plan("pages"):
                    return generation
                continue
            if self._work is None:
                self._start()
            await self._gate.passed()

    async def healthy(self, generation: Generation) -> bool:
        """Whether it answers; one that does not has failed by then."""
        return await self._health.healthy(generation)

    async def suspect(self, generation: Generation) -> None:
        """Something took too long: find out whether it is the browser."""
        if generation.failure is None:
            await self.healthy(generation)

    async def asked(self, cause: Cause) -> bool:
        """Restart it; whoever asks while one is under way gets what comes of that one."""
        if self._closing is not None or not self._restart.is_possible:
            return False
        if self._work is None:
            if self._was_started and not self._budget.spend(self.now()):
                self.runtime.emit(EventType.BROWSER_UNAVAILABLE, self._job_id, reason=str(self._spent()))
                return False
            self._was_started = True
            self._begin(cause if self.generation is not None else Cause(Kind.START, cause.reason))
        work = self._work
        assert work is not None
        # Not awaited itself: who gives up does not end it, and its end by `close` is no cancellation of who asked.
        await asyncio.wait({work})
        return not work.cancelled() and work.result()

    def plan(self, reason: str) -> bool:
        """Renew it when nothing else is under way: it works, and has done enough. Whether that was begun."""
        is_possible = self.policy.restart_enabled and self._restart.is_possible and self._closing is None
        if not is_possible or self._work is not None or self.generation is None:
            return False
        self._begin(Cause(Kind.PLANNED, reason))
        return True

    def adopt(self, generation: Generation) -> None:
        """Use a browser that somebody else launched."""
        self._was_started = True
        generation.watch(self._failed, self.runtime.new_id)
        self._use(generation)
        if generation.failure is None:
            self._gate.open()

    def count_page(self, generation: Generation) -> None:
        """One more page has been opened in it."""
        generation.pages += 1
        self.pages_served += 1

    async def close(self) -> None:
        """End everything, in order; whoever waits or works is told. It goes on when who waits for its end gives up."""
        if self._closing is None:
            self._closing = self.calls.start(self._close())
        await asyncio.shield(self._closing)

    async def close_page(self, page: Any, room: Room) -> None:
        """Close a page; when that does not work, its context is given up too, and the browser is asked whether it lives."""
        deadlines = self.policy.deadlines
        if page.is_closed() or await self.calls.closed(page, deadlines.close_page, "page.close"):
            return
        self.sessions.give_up(room)
        await self.suspect(room.generation)

    def close_page_soon(self, page: Any, room: Room) -> None:
        self.calls.spawn(self.close_page(page, room))

    async def close_context(self, room: Room) -> None:
        """Close a context; when that does not work, the browser is asked whether it lives."""
        if not await self.close_stray_context(room.context):
            room.generation.is_tainted = True
            await self.suspect(room.generation)

    async def close_stray_context(self, context: Any) -> bool:
        """Close a context; whether that worked."""
        return await self.calls.closed(context, self.policy.deadlines.close_context, "context.close")

    async def _close(self) -> None:
        gone = BrowserUnavailableError("the browser was closed", context={"scope": "browser"})
        if (work := self._work) is not None:
            work.cancel()
            await asyncio.wait({work})
        generation = self.generation
        self._gate.fail(gone)
        self._stop_watching()
        if generation is not None:
            generation.retire()
            generation.fail_leases(gone)
            await generation.drained(self.policy.deadlines.close_context)
        self.generation = None
        await self._restart.close(generation)
        await self.calls.end(self.policy.deadlines.stop)

    def _is_fresh(self, generation: Generation) -> bool:
        return self.now() - generation.answered <= self.policy.idle_before_probe

    def _start(self) -> None:
        """Start the first browser, or one after starting failed; only the first is free."""
        self._refuse_if_closed()
        if not self._restart.is_possible:
            raise _no_launcher()
        if self._was_started and not self._budget.spend(self.now()):
            raise self._spent()
        self._was_started = True
        self._begin(Cause(Kind.START, "the first need"))

    def _failed(self, generation: Generation) -> None:
        failure = generation.failure
        assert failure is not None
        is_wanted = self.is_wanted()
        self._tell_crash(failure.incident, failure.reason, generation.number, replaced=is_wanted)
        # A restart that is under way finds it out by itself.
        if self._work is None and self._closing is None and generation is self.generation:
            if is_wanted:
                self._replace(failure.reason)
            else:
                # Whoever asks for one all the same is given one.
                self._gate.close()

    def _replace(self, reason: str) -> None:
        self._gate.close()
        if not self._restart.is_possible:
            self._give_up(_no_launcher())
        elif not self._budget.spend(self.now()):
            self._give_up(self._spent())
        else:
            self._begin(Cause(Kind.CRASH, reason))

    def _begin(self, cause: Cause) -> None:
        self._gate.close()
        self._stop_watching()
        self._work = self.calls.start(self._run(cause))

    async def _run(self, cause: Cause) -> bool:
        """Whatever becomes of it, the gate is opened or those who wait are sent away."""
        try:
            if self.generation is not None:
                # One that does not answer is ended at once, instead of being asked for everything that a restart keeps.
                await self.healthy(self.generation)
            generation = await self._restart.run(cause, self.generation, self._failed)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            self.generation, self._work = None, None
            self._give_up(error)
            return False
        except BaseException:
            self._work = None
            self._gate.fail(BrowserUnavailableError("the browser was closed", context={"scope": "browser"}))
            raise
        self._work = None
        self._use(generation)
        if generation.failure is not None:
            self._replace(generation.failure.reason)
            return False
        self._gate.open()
        return True

    def _use(self, generation: Generation) -> None:
        self.generation = generation
        self._stop_watching()
        self._limits = self._restart.limits()
        self._watching = self.calls.start(self._watch(generation))

    async def _watch(self, generation: Generation) -> None:
        """Ask it now and then, keep what its sessions hold, and say when it has done enough."""
        snapshot_at = self.now() + self.policy.snapshot_interval
        while generation.failure is None:
            await self.runtime.clock.sleep(min(self.policy.health_interval, self.policy.snapshot_interval))
            if not await self.healthy(generation):
                return
            if self.now() >= snapshot_at:
                await self._restart.snapshot(generation)
                snapshot_at = self.now() + self.policy.snapshot_interval
            if self._health.is_slow:
                self.plan("slow")
            elif generation.is_tainted:
                self.plan("a context that does not close")
            elif (reason := await self._restart.due(generation, self._limits)) is not None:
                self.plan(reason)

    def _stop_watching(self) -> None:
        watching, self._watching = self._watching, None
        if watching is not None and watching is not asyncio.current_task():
            watching.cancel()

    def _give_up(self, error: Exception) -> None:
        told = error
        if not isinstance(error, BrowserUnavailableError):
            told = BrowserUnavailableError(f"the browser cannot be started: {error}", context={"scope": "browser"})
            told.__cause__ = error
        self.runtime.emit(EventType.BROWSER_UNAVAILABLE, self._job_id, reason=str(told))
        self._gate.fail(told)

    def _spent(self) -> BrowserUnavailableError:
        wait = self._budget.next_at(self.now())
        told = {"scope": "browser", "restarts_max": self.policy.restarts_max, "retry_after": wait}
        return BrowserUnavailableError(
            f"the browser was restarted {self.policy.restarts_max} times within {self.policy.restart_window:g} s, "
            f"which is all that is allowed; the next restart is allowed in {wait:.0f} s",
            context=told,
        )

    def _refuse_if_closed(self) -> None:
        if self._closing is not None:
            raise BrowserUnavailableError("the browser was closed", context={"scope": "browser"})

    def _tell_crash(self, incident: str, reason: str, number: int, *, replaced: bool) -> None:
        told = {"incident_id": incident, "reason": reason, "generation": number, "replaced": replaced}
        self.runtime.emit(EventType.BROWSER_CRASHED, self._job_id, **told)
        if self._on_crash is not None:
            # Later, by itself: what goes wrong in it must not stop the browser from being replaced.
            asyncio.get_running_loop().call_soon(self._on_crash, incident, reason)


def _no_launcher() -> BrowserUnavailableError:
    return BrowserUnavailableError("there is no browser, and no launcher to start one", context={"scope": "browser"})
