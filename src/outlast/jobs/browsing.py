"""The browser of a run: started when it is first needed, lent to one attempt at a time, closed at the end in order."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from outlast.browser import BrowserLifecycle
from outlast.errors import BrowserUnavailableError, ResilienceException
from outlast.jobs.bind import BROWSER_NAMES, Call, Named
from outlast.jobs.outcome import Ending
from outlast.jobs.session import Session

__all__ = ["SHARED", "Browsing"]

SHARED = "default"
"""The one session that all pages of a job share, unless each has its own."""


class Browsing:
    """Lends what a handler asks for: `page`, `context`, `browser`.

    `fresh`: each lease has a session of its own, which nobody keeps. `seconds` is how long a lease may last, from when it begins.
    """

    def __init__(self, lifecycle: BrowserLifecycle, session: Session, *, fresh: bool, seconds: float | None) -> None:
        self._session = session
        self._shared = None if fresh else SHARED
        self._seconds = seconds
        self._stop: Callable[[Ending], None] | None = None
        self.lifecycle = lifecycle
        self.name = "browser"
        self.pages = 0
        """How many leases there are now."""
        self._is_used = False

    async def open(self, stack: AsyncExitStack) -> None:
        """Be ready to lend; closed with the stack. No browser is started by that."""
        await stack.enter_async_context(self.lifecycle)
        stack.push_async_callback(self._part)
        self._session.look_at_browser = self._look
        if self._shared is not None and (state := await self._newest(self._session.browser_state)) is not None:
            self.lifecycle.prime(self._shared, state)

    def stops(self, stop: Callable[[Ending], None]) -> None:
        """What ends the run when there is no browser any more."""
        self._stop = stop

    def lending(self, call: Call, names: Collection[str]) -> Call:
        """A handler's call that is given what it asks for of the browser, for as long as it takes."""
        asked = frozenset(names) & frozenset(BROWSER_NAMES)
        return partial(self._called, call, asked) if asked else call

    def lending_named(self, call: Named, names: Collection[str]) -> Named:
        """The same for a function that takes no item."""
        asked = frozenset(names) & frozenset(BROWSER_NAMES)
        return partial(self._called_named, call, asked) if asked else call

    @property
    def uptime(self) -> float | None:
        """Seconds that the browser has been up; None without one."""
        return self.lifecycle.uptime

    def roots(self) -> Iterable[tuple[int, float]]:
        """The processes that the browser's descend from, for whoever measures them."""
        return self.lifecycle.roots()

    async def clean(self, level: int, /) -> None:
        """Give memory back; the levels are those of `outlast.resource.Cleaner`."""
        await self.lifecycle.relieve(level)

    async def _called(self, call: Call, asked: frozenset[str], item: Any, given: Mapping[str, Any]) -> Any:
        async with self._lent(asked) as lent:
            return await call(item, {**given, **lent})

    async def _called_named(self, call: Named, asked: frozenset[str], given: Mapping[str, Any]) -> Any:
        async with self._lent(asked) as lent:
            return await call({**given, **lent})

    @asynccontextmanager
    async def _lent(self, asked: frozenset[str]) -> AsyncIterator[dict[str, Any]]:
        try:
            async with AsyncExitStack() as stack:
                thing = await self._entered(stack, asked)
                self._is_used = True
                self.pages += 1
                try:
                    yield {name: each for name, each in _parts(asked, thing).items() if name in asked}
                finally:
                    self.pages -= 1
        except BrowserUnavailableError as error:
            self._end(error)
            raise

    async def _entered(self, stack: AsyncExitStack, asked: frozenset[str]) -> Any:
        """What is lent. What nobody was lent yet, and twice cannot be had of a browser that works, is how it was set up, and no item's fault."""
        for is_last in (False, True):
            try:
                return await stack.enter_async_context(self._lease(asked))
            except ResilienceException:
                raise
            except Exception as error:
                if self._is_used:
                    raise
                if is_last:
                    raise BrowserUnavailableError(
                        f"no page can be opened with these settings ([browser]): {error}", context={"scope": "browser"}
                    ) from error
        raise AssertionError("the last one returns or raises")

    def _lease(self, asked: frozenset[str]) -> Any:
        if "page" in asked:
            return self.lifecycle.page(self._shared, deadline=self._seconds)
        if "context" in asked:
            return self.lifecycle.context(self._shared, deadline=self._seconds)
        return self.lifecycle.browser(deadline=self._seconds)

    def _end(self, error: BrowserUnavailableError) -> None:
        """There will be no browser: no item is to blame, and none can be done."""
        if self._stop is None or self._session.reason is not None:
            return
        self._session.reason = _in_short(error.message)
        self._stop(Ending.RESOURCE_LIMIT if self._is_used else Ending.NO_BROWSER)

    async def _newest(self, state: dict[str, Any] | None) -> dict[str, Any] | None:
        """The state to begin with: the checkpoint's, or what the browser wing has written down since; None: there is none.

        The session of a file has not been captured by the job, so one that has been is newer.
        """
        try:
            kept = await self.lifecycle.kept_state(SHARED)
        except ResilienceException:  # its key is gone, or it is torn: the checkpoint's will do
            return state
        return kept if _captured(kept) > _captured(state) else state

    async def _look(self) -> None:
        if self._is_used and self._shared is not None:
            self._session.browser_state = await self.lifecycle.get_browser_state(self._shared)

    async def _part(self) -> None:
        try:
            await self._look()
        finally:
            self._session.look_at_browser = None


def _captured(state: Mapping[str, Any] | None) -> str:
    return "" if state is None else str(state.get("captured_at") or "")


def _in_short(message: str) -> str:
    """What a launch failed with, without the pages of its command line: the first line, and the last of what the browser itself has said."""
    first, *rest = message.splitlines() or [message]
    said = [line.partition("[err]")[2].strip() for line in rest if "[err]" in line]
    return f"{first} ({said[-1]})" if said and said[-1] else first


def _parts(asked: frozenset[str], thing: Any) -> dict[str, Any]:
    if "page" in asked:
        return {"page": thing, "context": thing.context, "browser": thing.context.browser}
    if "context" in asked:
        return {"context": thing, "browser": thing.browser}
    return {"browser": thing}
