"""What is lent to a body of work: a page, a context or the browser, each worth nothing once it has crashed.

A crash, a restart that cannot wait any longer, or the deadline cancels the body, and the lease raises why. It raises too when the
body returned normally from a page that had crashed: what such a page answers is made up.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any

from outlast.browser.generation import Generation
from outlast.errors import BrowserTimeoutError, BrowserUnavailableError

if TYPE_CHECKING:
    from outlast.browser.keeper import Keeper

__all__ = ["Lease"]

# How many browsers may fail one after the other while something is taken from them.
TAKES_MAX = 4

_held: ContextVar[frozenset["Lease"]] = ContextVar("outlast_browser_leases", default=frozenset())


class Lease:
    """One use of the browser; an async context manager, to be entered once."""

    def __init__(self, keeper: "Keeper", deadline: float | None) -> None:
        self._keeper = keeper
        self._deadline = deadline
        self._generation: Generation | None = None
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._error: Exception | None = None
        self._is_interrupted = False
        self._timer: asyncio.TimerHandle | None = None
        self._token: Token[frozenset[Lease]] | None = None

    async def __aenter__(self) -> Any:
        assert self._generation is None, "a lease is entered once"
        thing = await self._take_one()
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self._token = _held.set(_held.get() | {self})
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
                _held.reset(self._token)
        task, self._task = self._task, None
        assert task is not None
        interrupted = self._is_interrupted and self._woken(task, error)
        generation = self._generation
        try:
            if self._error is None and (error is None or isinstance(error, Exception)):
                await self._confirm(in_doubt=error is not None)
        finally:
            await self._return(clean=error is None and self._error is None)
        if isinstance(self._error, BrowserTimeoutError) and generation is not None and generation.failure is not None:
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

    @abstractmethod
    async def _confirm(self, *, in_doubt: bool) -> None:
        """Find out whether it has failed meanwhile; `in_doubt`: the body raised something."""

    @abstractmethod
    async def _give_back(self, *, clean: bool) -> None:
        """Close what was handed out; `clean`: it ended well and may be used again."""

    async def _take_one(self) -> Any:
        """Take it from the present browser; when that fails meanwhile, from the next."""
        nested = any(not each.is_over for each in _held.get())
        for _ in range(TAKES_MAX):
            self._error = None
            generation = await self._keeper.admitted(nested=nested)
            generation.enter(self)
            self._generation = generation
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
        self._task, self._cancelling, self._is_interrupted = task, task.cancelling(), False
        error: BaseException | None = None
        try:
            return await taking
        except BaseException as raised:
            error = raised
            raise
        finally:
            interrupted, self._task, self._is_interrupted = self._is_interrupted, None, False
            if interrupted and self._woken(task, error) and self._error is not None:
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

    async def _return(self, *, clean: bool) -> None:
        generation, self._generation = self._generation, None
        if generation is None:
            return
        try:
            await self._give_back(clean=clean)
        finally:
            generation.leave(self)

    def _interrupt(self) -> None:
        # Without an error it was for what has been given back since: a page that crashed while it was being taken.
        if self._task is not None and self._error is not None:
            self._is_interrupted = True
            self._task.cancel()

    def _expire(self) -> None:
        told = {"scope": "page", "seconds": self._deadline}
        self.fail(BrowserTimeoutError(f"the work did not end within {self._deadline:g} s", context=told))

    def _woken(self, task: asyncio.Task[Any], error: BaseException | None) -> bool:
        """Take back the cancellation that `fail` asked for; whether it is ours alone that the body raised."""
        others = task.uncancel() > self._cancelling
        return isinstance(error, asyncio.CancelledError) and not others
