"""The browser of a run: started when it is first needed, lent to one attempt at a time, closed at the end in order."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from outlast.browser import BrowserLifecycle
from outlast.errors import BrowserUnavailableError, ValidationError
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
        self._lifecycle = lifecycle
        self._session = session
        self._name = None if fresh else SHARED
        self._seconds = seconds
        self._stop: Callable[[Ending], None] | None = None
        self.is_used = False

    async def open(self, stack: AsyncExitStack) -> None:
        """Be ready to lend; closed with the stack. No browser is started by that."""
        await stack.enter_async_context(self._lifecycle)
        stack.push_async_callback(self._part)
        self._session.look_at_browser = self._look
        state = self._session.browser_state
        if self._name is not None and state is not None:
            await self._restore(self._name, state)

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
    def pages(self) -> int:
        """How many are lent now."""
        return self._lifecycle.leases

    @property
    def uptime(self) -> float | None:
        """Seconds that the browser has been up; None without one."""
        return self._lifecycle.uptime

    def roots(self) -> Iterable[tuple[int, float]]:
        """The main processes of the browser, for whoever measures them."""
        return self._lifecycle.roots()

    async def _called(self, call: Call, asked: frozenset[str], item: Any, given: Mapping[str, Any]) -> Any:
        async with self._lent(asked) as lent:
            return await call(item, {**given, **lent})

    async def _called_named(self, call: Named, asked: frozenset[str], given: Mapping[str, Any]) -> Any:
        async with self._lent(asked) as lent:
            return await call({**given, **lent})

    @asynccontextmanager
    async def _lent(self, asked: frozenset[str]) -> AsyncIterator[dict[str, Any]]:
        self.is_used = True
        try:
            async with self._lease(asked) as thing:
                yield {name: each for name, each in _parts(asked, thing).items() if name in asked}
        except BrowserUnavailableError as error:
            self._end(error)
            raise

    def _lease(self, asked: frozenset[str]) -> Any:
        if "page" in asked:
            return self._lifecycle.page(self._name, deadline=self._seconds)
        if "context" in asked:
            return self._lifecycle.context(self._name, deadline=self._seconds)
        return self._lifecycle.browser(deadline=self._seconds)

    def _end(self, error: BrowserUnavailableError) -> None:
        """There will be no browser: no item is to blame, and none can be done."""
        if self._stop is None or self._session.reason is not None:
            return
        self._session.reason = error.message
        self._stop(Ending.RESOURCE_LIMIT if self._lifecycle.generation else Ending.NO_BROWSER)

    async def _restore(self, name: str, state: dict[str, Any]) -> None:
        try:
            await self._lifecycle.restore_browser_state(name, state)
        except ValidationError:  # of a later version, or none: begin without it rather than not at all
            self._session.browser_state = None

    async def _look(self) -> None:
        if self.is_used and self._name is not None:
            self._session.browser_state = await self._lifecycle.get_browser_state(self._name)

    async def _part(self) -> None:
        try:
            await self._look()
        finally:
            self._session.look_at_browser = None


def _parts(asked: frozenset[str], thing: Any) -> dict[str, Any]:
    if "page" in asked:
        return {"page": thing, "context": thing.context, "browser": thing.context.browser}
    if "context" in asked:
        return {"context": thing, "browser": thing.browser}
    return {"browser": thing}
