"""The three kinds of lease: of a page, of a session's context, of the whole browser."""

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from outlast.browser.generation import Generation
from outlast.browser.lease import Lease
from outlast.browser.room import Room

if TYPE_CHECKING:
    import asyncio

    from outlast.browser.keeper import Keeper
    from outlast.browser.sessions import Session

__all__ = ["BrowserLease", "ContextLease", "PageLease"]


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
        self.belongings.lend(room.context)
        return room

    @override
    async def _close_page(self, page: Any) -> None:
        assert self._room is not None, "its pages stand in its context"
        await self._keeper.close_page(page, self._room)

    @override
    async def _give_back(self) -> None:
        room, self._room = self._room, None
        if room is None:
            return
        if self._session is None:
            await self._keeper.close_context(room)
            return
        room.leave()
        generation = room.generation
        if not room.users and not room.is_broken and generation.failure is None and not generation.is_leaving:
            # Nobody's: windows whose opener had gone when they were told of, pages of calls that were cut short.
            for page in set(room.context.pages) - set(room.lasting.values()):
                self._keeper.close_page_soon(page, room)


class PageLease(_RoomLease):
    """A page of its own, or with a `name` one that stays open from lease to lease and through restarts."""

    def __init__(
        self, keeper: "Keeper", session: "Session | None", deadline: float | None, name: str | None = None
    ) -> None:
        super().__init__(keeper, session, deadline)
        self._name = name
        self._turn: asyncio.Lock | None = None
        self._page: Any = None

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
        self._keeper.count_page(generation)
        generation.answered = self._keeper.now()
        self.belongings.adopt(page)
        self._page = page
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
    def _kept(self, *, clean: bool) -> Any:
        room, page = self._room, self._page
        if self._name is None or room is None:
            return None
        room.lasting.pop(self._name, None)
        if not clean or page is None or page.is_closed():
            return None
        room.lasting[self._name] = page
        return page

    @override
    async def _give_back(self) -> None:
        try:
            await super()._give_back()
        finally:
            turn, self._turn = self._turn, None
            if turn is not None:
                turn.release()


class ContextLease(_RoomLease):
    """A session's context. The pages that its body opens in it are closed when it ends."""

    @override
    async def _taken(self, generation: Generation, *, nested: bool) -> Any:
        return (await self._enter(generation, nested=nested)).context


class BrowserLease(Lease):
    """The browser itself. The contexts that its body opens are closed when it ends."""

    @override
    async def _taken(self, generation: Generation, *, nested: bool) -> Any:
        return generation.browser
