"""The three kinds of lease: of a page, of a session's context, of the whole browser."""

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from outlast.browser.generation import Generation
from outlast.browser.lease import Lease
from outlast.browser.room import Room
from outlast.errors import BrowserCrashedError

if TYPE_CHECKING:
    import asyncio

    from outlast.browser.keeper import Keeper
    from outlast.browser.sessions import Session

__all__ = ["BrowserLease", "ContextLease", "PageLease"]

# The longest wait for an answer of a page whose body has failed already.
DOUBT_SECONDS = 0.5

CRASHED = "crashed"
"""What stands in the error of every call to a page that has crashed: "Target crashed", "Page crashed"."""


class _RoomLease(Lease):
    """Something in a session's context; without a session in a context of its own."""

    def __init__(self, keeper: "Keeper", session: "Session | None", deadline: float | None) -> None:
        super().__init__(keeper, deadline)
        self._session = session
        self._room: Room | None = None

    async def _enter(self, generation: Generation, *, nested: bool) -> Room:
        sessions = self._keeper.sessions
        if self._session is None:
            room = await sessions.alone(generation)
        else:
            room = await sessions.enter(self._session, generation, nested=nested)
        self._room = room
        return room

    async def _leave(self) -> None:
        room, self._room = self._room, None
        if room is None:
            return
        try:
            if self._session is None:
                await self._keeper.close_context(room)
        finally:
            room.leave()

    def _crash(self, page: Any) -> None:
        told = {"scope": "page", "incident_id": self._keeper.runtime.new_id(), "reason": "the page crashed"}
        told["url"] = str(getattr(page, "url", ""))
        self.fail(BrowserCrashedError("the page crashed, so nothing that came from it counts", context=told))

    @override
    async def _confirm(self, *, in_doubt: bool) -> None:
        generation = self._generation
        if generation is not None:
            generation.look()


class PageLease(_RoomLease):
    """A page of its own, or with a `name` one that stays open from lease to lease and through restarts."""

    def __init__(
        self, keeper: "Keeper", session: "Session | None", deadline: float | None, name: str | None = None
    ) -> None:
        super().__init__(keeper, session, deadline)
        self._name = name
        self._turn: asyncio.Lock | None = None
        self._page: Any = None
        self._popups: list[Any] = []

    @override
    async def _taken(self, generation: Generation, *, nested: bool) -> Any:
        if self._session is not None and self._name is not None:
            turn = self._session.turn(self._name)
            await turn.acquire()
            self._turn = turn
        room = await self._enter(generation, nested=nested)
        page = await self._lasting(room)
        if page is None:
            page = await self._keeper.sessions.restoring.page(room.context)
        self._page = page
        room.leased.add(page)
        generation.pages += 1
        generation.answered = self._keeper.now()
        self._keeper.pages_served += 1
        page.on("crash", self._crash)
        page.on("popup", self._popped)
        return page

    async def _lasting(self, room: Room) -> Any:
        """The page of this name that stands open. One that crashed or hangs since it was lent last is closed instead."""
        if self._name is None or (page := room.lasting.get(self._name)) is None or page.is_closed():
            return None
        if await self._keeper.calls.tried(page.evaluate("0"), self._keeper.policy.deadlines.probe, "page.evaluate"):
            return page
        room.lasting.pop(self._name, None)
        await self._keeper.close_page(page, room)
        return None

    @override
    async def _confirm(self, *, in_doubt: bool) -> None:
        # Whatever happened to the page before it answers this has been told by then.
        page, seconds = self._page, self._keeper.policy.deadlines.probe
        if page is not None and not page.is_closed():
            wait = min(DOUBT_SECONDS, seconds) if in_doubt else seconds
            try:
                await self._keeper.calls.wait(page.evaluate("0"), wait, "page.evaluate")
            except Exception as error:  # noqa: BLE001 - a page may be busy or on its way elsewhere; only a crash counts
                if CRASHED in str(error):
                    self._crash(page)  # the event came before anybody listened
        await super()._confirm(in_doubt=in_doubt)

    @override
    async def _give_back(self, *, clean: bool) -> None:
        page, self._page = self._page, None
        room = self._room
        try:
            if page is not None and room is not None:
                page.remove_listener("crash", self._crash)
                page.remove_listener("popup", self._popped)
                room.leased.discard(page)
                await self._put_away(page, room, clean=clean)
        finally:
            try:
                await self._leave()
            finally:
                self._end_turn()

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.release()

    async def _put_away(self, page: Any, room: Room, *, clean: bool) -> None:
        for each in self._popups:
            self._keeper.close_page_soon(each, room)
        if self._name is not None:
            room.lasting.pop(self._name, None)
            if clean and not page.is_closed():
                room.lasting[self._name] = page
                return
        if clean and room.generation.is_leaving:
            return  # the browser is waiting for its last pages, to end with them
        await self._keeper.close_page(page, room)

    def _popped(self, popup: Any) -> None:
        room = self._room
        self._popups = [each for each in self._popups if not each.is_closed()]
        if room is None or len(self._popups) >= self._keeper.policy.popups_max:
            self._keeper.close_page_soon(popup, room)
        else:
            self._popups.append(popup)


class ContextLease(_RoomLease):
    """A session's context. Pages that were opened in it are closed when the last such lease ends."""

    @override
    async def _taken(self, generation: Generation, *, nested: bool) -> Any:
        room = await self._enter(generation, nested=nested)
        room.whole_users += 1
        room.context.on("page", self._opened)
        return room.context

    @override
    async def _give_back(self, *, clean: bool) -> None:
        room = self._room
        try:
            if room is not None:
                room.context.remove_listener("page", self._opened)
                room.whole_users -= 1
                if not room.whole_users:
                    await self._close_strays(room)
        finally:
            await self._leave()

    async def _close_strays(self, room: Room) -> None:
        kept = {*room.leased, *room.lasting.values()}
        for page in tuple(room.context.pages):
            if page not in kept:
                await self._keeper.close_page(page, room)

    def _opened(self, page: Any) -> None:
        page.on("crash", self._page_crashed)

    def _page_crashed(self, page: Any) -> None:
        room = self._room
        if room is not None and page not in room.leased:
            self._crash(page)


class BrowserLease(Lease):
    """The browser itself. Contexts that were opened in it are closed when the last such lease ends."""

    def __init__(self, keeper: "Keeper", deadline: float | None) -> None:
        super().__init__(keeper, deadline)
        self._entered: Generation | None = None

    @override
    async def _taken(self, generation: Generation, *, nested: bool) -> Any:
        self._entered = generation
        generation.whole_users += 1
        return generation.browser

    @override
    async def _confirm(self, *, in_doubt: bool) -> None:
        if self._generation is not None:
            self._generation.look()

    @override
    async def _give_back(self, *, clean: bool) -> None:
        generation = self._entered
        if generation is None:
            return
        generation.whole_users -= 1
        if not generation.whole_users and not generation.opening and generation.failure is None:
            for context in set(generation.browser.contexts) - generation.contexts:
                await self._keeper.close_stray_context(context)
