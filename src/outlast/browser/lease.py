"""What is lent to a body of work: a page, a context or the browser, each worth nothing once it has crashed.

A crash, a restart that cannot wait any longer, or the deadline cancels the body, and the lease raises why. It raises too when the
body returned normally from a page that had crashed: what such a page answers is made up.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from outlast.browser.generation import Generation
from outlast.browser.lent import Belongings, Holder, held
from outlast.errors import BrowserCrashedError, BrowserTimeoutError, BrowserUnavailableError

if TYPE_CHECKING:
    from contextvars import Token

    from outlast.browser.keeper import Keeper

__all__ = ["Lease"]

# How many browsers may fail one after the other while something is taken from them.
TAKES_MAX = 4

# The longest wait for an answer of a page whose body has failed already.
DOUBT_SECONDS = 0.5

# How long a body that was interrupted may take over its own end, before it is interrupted once more.
INTERRUPT_SECONDS = 10.0

CRASHED = "crashed"
"""What stands in the error of every call to a page that has crashed: "Target crashed", "Page crashed"."""


class Lease:
    """One use of the browser; an async context manager, to be entered once."""

    def __init__(self, keeper: "Keeper", deadline: float | None) -> None:
        self._keeper = keeper
        self._deadline = deadline
        self._generation: Generation | None = None
        self._has: Belongings | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._error: Exception | None = None
        self._interrupts = 0
        self._again: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._token: Token[tuple[Holder, ...]] | None = None

    async def __aenter__(self) -> Any:
        assert self._generation is None, "a lease is entered once"
        thing = await self._take_one()
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self._token = held.set((*held.get(), self))
        if self._deadline is not None:
            self._timer = asyncio.get_running_loop().call_later(self._deadline, self._expire)
        return thing

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._token is not None:
            with suppress(ValueError):  # entered in another context, as fixtures are
                held.reset(self._token)
        task, self._task = self._task, None
        assert task is not None
        interrupted = self._woken(task, error)
        generation = self._generation
        assert generation is not None
        try:
            if self._error is None and (error is None or isinstance(error, Exception)):
                await self._confirm(generation, in_doubt=error is not None)
        finally:
            await self._return(clean=error is None and self._error is None)
        if isinstance(self._error, BrowserTimeoutError) and generation.failure is not None:
            # The page took so long because nothing of this browser answers any more.
            self._error = generation.failure.error(generation.number)
        if self._error is not None and (interrupted or error is None or isinstance(error, Exception)):
            raise self._error from error

    def fail(self, error: Exception, /) -> None:
        """It is worth nothing any more, for this reason; the first reason counts."""
        if self._error is None:
            self._error = error
            if self._task is not None:
                # Not at once: the body itself may be what found out, and a task that cancels itself is hit where it waits next.
                asyncio.get_running_loop().call_soon(self._interrupt)

    @abstractmethod
    async def _taken(self, generation: Generation, *, nested: bool) -> Any:
        """What is handed out of this browser."""

    def _kept(self, *, clean: bool) -> Any:  # noqa: ARG002 - for those who keep something
        """What of the body's stays open; `clean`: it ended well, and what was lent may be used again."""
        return None

    async def _close_page(self, page: Any) -> None:
        """Close a page that stands in what was lent."""

    async def _give_back(self) -> None:
        """Give back what was lent."""

    async def _take_one(self) -> Any:
        """Take it from the present browser; when that fails meanwhile, from the next."""
        nested = any(not each.is_over for each in held.get())
        for _ in range(TAKES_MAX):
            self._error = None
            generation = await self._keeper.admitted(nested=nested)
            generation.enter(self)
            self._generation = generation
            self._has = Belongings(
                generation.browser,
                self._keeper.policy.popups_max,
                opened=partial(self._keeper.count_page, generation),
                closed=self._closed,
                crashed=self._crash,
                dispose=self._dispose,
            )
            try:
                thing = await self._interruptible(self._taken(generation, nested=nested))
            except BaseException as error:
                await self._return(clean=False)
                if not isinstance(error, Exception) or not await self._is_worth_another(generation, error):
                    raise
            else:
                if not self.is_over:
                    return thing
                await self._return(clean=False)
        raise BrowserUnavailableError(
            f"{TAKES_MAX} browsers failed one after the other before one of them could be used",
            context={"scope": "browser"},
        )

    async def _interruptible(self, taking: Coroutine[Any, Any, Any]) -> Any:
        """Take something; when its browser fails meanwhile, at once the reason instead of what may never come."""
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        error: BaseException | None = None
        try:
            return await taking
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._task = None
            if self._woken(task, error) and self._error is not None:
                raise self._error from None

    async def _is_worth_another(self, generation: Generation, error: Exception) -> bool:
        """Whether it failed because the browser did, and the next one may do better."""
        if self._error is not None or not generation.look():
            return True
        if isinstance(error, BrowserTimeoutError):
            await self._keeper.suspect(generation)
        return generation.failure is not None

    @property
    def is_over(self) -> bool:
        """Whether it is not, or no longer, lent."""
        return self._generation is None or self._error is not None

    @property
    def belongings(self) -> Belongings:
        """What its body has in the browser."""
        assert self._has is not None, "it has been entered"
        return self._has

    def _crash(self, page: Any, reason: str = "the page crashed") -> None:
        told = {"scope": "page", "incident_id": self._keeper.runtime.new_id(), "reason": reason}
        told["url"] = str(getattr(page, "url", ""))
        self.fail(BrowserCrashedError(f"{reason}, so nothing that came from it counts", context=told))

    async def _confirm(self, generation: Generation, *, in_doubt: bool) -> None:
        """Find out whether it has failed meanwhile; `in_doubt`: the body raised something."""
        seconds = self._keeper.policy.deadlines.probe
        wait = min(DOUBT_SECONDS, seconds) if in_doubt else seconds
        await asyncio.gather(*(self._ask(page, wait) for page in self.belongings.pages if not page.is_closed()))
        if generation.look() and self.belongings.lost:
            # Perhaps they went with their browser, and that is about to be told.
            await self._keeper.suspect(generation)
            self._crash(self.belongings.lost[0], "the page was closed while it was in use, and not by whoever used it")

    async def _ask(self, page: Any, seconds: float) -> None:
        # Whatever happened to the page before it answers this has been told by then.
        try:
            await self._keeper.calls.wait(page.evaluate("0"), seconds, "page.evaluate")
        except Exception as error:  # noqa: BLE001 - a page may be busy or on its way elsewhere; only a crash counts
            if CRASHED in str(error):
                self._crash(page)  # the event came before anybody listened

    async def _return(self, *, clean: bool) -> None:
        generation, self._generation = self._generation, None
        if generation is None:
            return
        kept = self._kept(clean=clean)
        self.belongings.end()
        try:
            # A browser that has failed is killed, and one that waits for its last pages ends with them.
            if generation.failure is None and not (clean and generation.is_leaving):
                await self._close(generation, kept)
        finally:
            try:
                await self._give_back()
            finally:
                generation.leave(self)

    async def _closed(self, close: Callable[[], Awaitable[None]]) -> None:
        """The body closes something of its own. What has crashed may never answer: the lease ends what is still there then."""
        if self._error is None:
            with suppress(BrowserTimeoutError):
                await self._keeper.calls.wait(close(), self._keeper.policy.deadlines.close_page, "close")

    async def _close(self, generation: Generation, kept: Any) -> None:
        """Close what the body has, but for what is `kept`."""
        pages = [page for page in self.belongings.in_lent_context if page is not kept]
        async with asyncio.TaskGroup() as closing:
            for page in pages:
                closing.create_task(self._close_page(page))
            for context in self.belongings.contexts:
                closing.create_task(self._close_context(context, generation))

    async def _close_context(self, context: Any, generation: Generation) -> None:
        if not await self._keeper.close_stray_context(context):
            generation.is_tainted = True

    def _dispose(self, thing: Any) -> None:
        calls, seconds = self._keeper.calls, self._keeper.policy.deadlines.close_page
        calls.spawn(calls.closed(thing, seconds, "close"))

    def _interrupt(self) -> None:
        # Without an error it was for what has been given back since: a page that crashed while it was being taken.
        if self._task is not None and self._error is not None:
            self._interrupts += 1
            self._task.cancel()
            # What it waits for at its end may never come either, and nobody else would end it.
            self._again = asyncio.get_running_loop().call_later(INTERRUPT_SECONDS, self._interrupt)

    def _expire(self) -> None:
        told = {"scope": "page", "seconds": self._deadline}
        self.fail(BrowserTimeoutError(f"the work did not end within {self._deadline:g} s", context=told))

    def _woken(self, task: asyncio.Task[Any], error: BaseException | None) -> bool:
        """Take back the cancellations that `fail` asked for; whether it is one of these alone that the body raised."""
        interrupts, self._interrupts = self._interrupts, 0
        if self._again is not None:
            self._again.cancel()
        for _ in range(interrupts):
            task.uncancel()
        return interrupts > 0 and isinstance(error, asyncio.CancelledError) and task.cancelling() <= self._cancelling
