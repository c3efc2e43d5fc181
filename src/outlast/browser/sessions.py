"""The sessions: each has a context of its own, which lives as long as the browser or is renewed with all that it holds."""

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from typing import Any

from outlast.browser.calls import Calls
from outlast.browser.capture import Capture
from outlast.browser.generation import Generation
from outlast.browser.policy import BrowserPolicy
from outlast.browser.recycling import Limits
from outlast.browser.restoring import Restoring
from outlast.browser.room import Room
from outlast.browser.state import empty, reduced
from outlast.runtime import Runtime

__all__ = ["Session", "Sessions"]


class Session:
    """One session: its context in the present browser, and the last state that was known to be good.

    Its room is open; or it is being left: who holds `leaving` waits until it is empty, and newcomers wait for that; or it is changed:
    under `opening` alone it is closed and opened, and its state replaced. Nobody waits for users with that one in hand, so who is in
    the browser already goes past the first and always gets the second.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.room: Room | None = None
        self.state: dict[str, Any] | None = None
        self.missing: list[str] = []
        self.was_open = False
        self.leaving = asyncio.Lock()
        self.opening = asyncio.Lock()
        self._turns: dict[str, asyncio.Lock] = {}

    def turn(self, name: str) -> asyncio.Lock:
        """Whose turn it is with the lasting page of this name."""
        return self._turns.setdefault(name, asyncio.Lock())

    def room_in(self, generation: Generation) -> Room | None:
        """Its context in this browser, if there is one that can be used."""
        room = self.room
        return room if room is not None and room.generation is generation and not room.is_broken else None


class Sessions:
    """All of them, by name."""

    def __init__(self, calls: Calls, policy: BrowserPolicy, runtime: Runtime, options: Mapping[str, Any]) -> None:
        self._calls = calls
        self._policy = policy
        self._runtime = runtime
        self._known: dict[str, Session] = {}
        self._limits = Limits(policy.context_pages, policy.context_age)
        self._capture = Capture(calls, policy.deadlines)
        self.restoring = Restoring(calls, policy.deadlines, runtime.clock, options)

    def of(self, name: str) -> Session:
        """The session of this name, which begins now if there was none."""
        return self._known.setdefault(name, Session(name))

    def get(self, name: str) -> Session | None:
        return self._known.get(name)

    def open_in(self, generation: Generation) -> list[Session]:
        return [each for each in self._known.values() if each.room_in(generation) is not None]

    def to_restore(self) -> list[Session]:
        """Those that have something to lose with the browser."""
        return [each for each in self._known.values() if each.was_open]

    async def enter(self, session: Session, generation: Generation, *, nested: bool) -> Room:
        """The session's context in this browser, for one more user; it is opened, restored or renewed first where need be.

        `nested`: the one who asks uses the browser already, and must not wait for itself.
        """
        async with nullcontext() if nested else session.leaving:
            room = session.room_in(generation)
            if room is not None and room.is_due(self._now()) and not nested:
                await self._renew(session, room)
            async with session.opening:
                room = session.room_in(generation) or await self._open(session, generation)
                room.enter()
                return room

    async def alone(self, generation: Generation) -> Room:
        """A context that belongs to no session."""
        context, _ = await self.restoring.context(generation.browser, None)
        room = Room(context, generation, self._now(), Limits())
        room.is_going = True  # its one user closes it
        room.enter()
        return room

    def give_up(self, room: Room) -> None:
        """Let nobody else in. Others may still be in it: it is closed when the last of them has left."""
        room.is_broken = True
        if not room.is_going:
            room.is_going = True
            self._calls.spawn(self._close_when_left(room))

    async def renew_idle(self, generation: Generation) -> int:
        """Renew the contexts that nobody uses; how many."""
        renewed = 0
        for session in self.open_in(generation):
            async with session.opening:
                room = session.room_in(generation)
                if room is not None and not room.users:
                    # What cannot be opened now is opened at the next need, or fails there.
                    with suppress(Exception):
                        await self._reopen(session, room)
                        renewed += 1
        return renewed

    async def take(self, session: Session, generation: Generation, *, closing_hung: bool = False) -> dict[str, Any]:
        """What the session holds now. It is remembered: in place of what could not be read stands what was read last."""
        room = session.room_in(generation)
        if room is None:
            return session.state or empty(session.name)
        taken = await self._capture.taken(room.context, room.lasting, session.state, closing_hung=closing_hung)
        browser = generation.browser
        state = {
            **empty(session.name),
            **taken,
            "captured_at": self._runtime.clock.now().isoformat(),
            "generation": generation.number,
            "engine": _engine(browser),
            "engine_version": str(getattr(browser, "version", "")) or None,
        }
        if session.room_in(generation) is not room:
            # Another has taken its place meanwhile: what was in there is not what the session holds.
            return session.state or state
        session.state = state
        return state

    async def replace(self, session: Session, generation: Generation, state: dict[str, Any]) -> list[str]:
        """Let the session hold this state instead of its own; what of it is not there afterwards."""
        wanted = reduced(state, _engine(generation.browser) or "")
        async with session.leaving:
            room = session.room_in(generation)
            if room is not None:
                await room.emptied(self._policy.deadlines.drain)
            async with session.opening:
                session.state = wanted
                await self._open(session, generation, whole=True)
                return [*wanted["missing"], *session.missing]

    async def restore(self, session: Session, generation: Generation) -> list[str]:
        """Open the session in a new browser as it was; what of it is not there afterwards."""
        async with session.opening:
            if session.room_in(generation) is None:
                await self._open(session, generation)
            known = [] if session.state is None else session.state["missing"]
            return [*known, *session.missing]

    async def _open(self, session: Session, generation: Generation, *, whole: bool = False) -> Room:
        """`whole`: all of the state is compared with what is there afterwards.

        What the browser refuses of a state that somebody brought is an error, and of one that it gave itself is left out.
        """
        old = session.room
        if old is not None and old.generation is generation:
            session.room = None
            self.give_up(old)
        state = session.state
        context, missing = await self.restoring.context(generation.browser, state, lenient=whole or session.was_open)
        limits = self._limits.spread(self._policy.jitter, self._runtime.roll())
        room = Room(context, generation, self._now(), limits)
        try:
            missing += await self._filled(room, state, whole=whole)
        except BaseException:
            # Nobody else knows of it.
            self._calls.spawn(self._close(room))
            raise
        session.room, session.missing, session.was_open = room, missing, True
        return room

    async def _filled(self, room: Room, state: Mapping[str, Any] | None, *, whole: bool) -> list[str]:
        """Open the lasting pages where they stood; what of the state is not there afterwards."""
        if state is None:
            return []
        missing: list[str] = []
        for recorded in state["pages"]:
            room.lasting[recorded["name"]], lost = await self.restoring.reopened(room.context, recorded)
            missing += lost
        # Playwright puts storage back by a page that goes to each of the origins.
        room.has_answered = bool(state["storage_state"].get("origins"))
        return missing + await self.restoring.lacking(room.context, state, whole=whole)

    async def _renew(self, session: Session, room: Room) -> None:
        if not await room.emptied(self._policy.deadlines.drain):
            room.put_off(self._now())
            return
        async with session.opening:
            if session.room_in(room.generation) is room and not room.users:
                await self._reopen(session, room)

    async def _reopen(self, session: Session, room: Room) -> None:
        await self.take(session, room.generation)
        await self._open(session, room.generation)

    async def _close(self, room: Room) -> None:
        if not await self._calls.closed(room.context, self._policy.deadlines.close_context, "context.close"):
            room.generation.is_tainted = True

    async def _close_when_left(self, room: Room) -> None:
        await room.emptied(None)
        await self._close(room)

    def _now(self) -> float:
        return self._runtime.clock.monotonic()


def _engine(browser: Any) -> str | None:
    name = getattr(getattr(browser, "browser_type", None), "name", None)
    return str(name) if name else None
