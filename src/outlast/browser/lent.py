"""Whose is what a body of work opens, and what may it close?

Playwright's own objects are lent, with a few of their methods replaced: what is opened belongs to who opened it, and `close` closes
what is one's own and nothing that others use. Who calls is told by a context variable: the tasks that a body starts are the body,
and calls of the lifecycle itself are run where nothing is held.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial, wraps
from typing import Any, Protocol

__all__ = ["Belongings", "Holder", "held"]


class Holder(Protocol):
    """Whoever holds something of a browser, until it `is_over`."""

    @property
    def is_over(self) -> bool: ...

    @property
    def belongings(self) -> "Belongings": ...


_LENT = "is_lent_by_outlast"

held: ContextVar[tuple[Holder, ...]] = ContextVar("outlast_browser_holders", default=())
"""Those for whom the current task works, the innermost last."""


class Belongings:
    """What one body has in a browser: contexts and pages that it opened or was lent, and the windows that these pages open.

    `opened` is told of each page that it opens itself; `closed` closes what it closes itself; `crashed` hears of each of the pages that crashes; `dispose` closes windows above `windows_max`, and what is opened too late.
    """

    def __init__(
        self,
        browser: Any,
        windows_max: int,
        *,
        opened: Callable[[], None],
        closed: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
        crashed: Callable[[Any], None],
        dispose: Callable[[Any], None],
    ) -> None:
        self.browser = browser
        self.lent_context: Any = None
        self.contexts: list[Any] = []
        self.pages: list[Any] = []
        self._windows: list[Any] = []
        self._windows_max = windows_max
        self._opened = opened
        self.closed = closed
        self._crashed = crashed
        self._dispose = dispose
        self._let_go: set[Any] = set()
        self._is_ended = False
        _lend_browser(browser)

    def lend(self, context: Any) -> None:
        """It is lent this context, together with others."""
        self.lent_context = context
        _lend_context(context)

    def bring(self, context: Any) -> None:
        """It has opened this context."""
        if self._is_ended:
            self._dispose(context)
        elif context not in self.contexts:
            self.contexts.append(context)
            # What is over is not kept: a body may last as long as the job, and open one for each item.
            context.on("close", self._left)
            _lend_context(context)

    def adopt(self, page: Any) -> None:
        """It is lent this page."""
        if page not in self.pages and self._follow(page):
            self.pages.append(page)
            page.on("close", self._forget)

    def open(self, page: Any) -> None:
        """It has opened this page."""
        if page not in self.pages:
            self._opened()
            self.adopt(page)

    def has(self, context: Any) -> bool:
        return context is self.lent_context or context in self.contexts

    @property
    def lost(self) -> list[Any]:
        """The pages that somebody else closed. Windows close themselves now and then: they are none of these."""
        return [page for page in self.pages if page.is_closed() and page not in self._let_go]

    @property
    def in_lent_context(self) -> list[Any]:
        """The pages and windows that do not end with a context of its own."""
        return [page for page in (*self.pages, *self._windows) if page.context not in self.contexts]

    async def leave(self, context: Any) -> bool:
        """It needs this context no longer, nor what it has in it. Whether it is its own, and to be closed with that."""
        self._let_go.update(page for page in self.pages if page.context is context and not page.is_closed())
        if context in self.contexts:
            return True
        for page in self.in_lent_context:
            await page.close()
        return False

    async def close(self) -> None:
        """Close all that it has."""
        for context in (self.lent_context, *self.contexts):
            if context is not None:
                await context.close()

    def end(self) -> None:
        """Nothing that happens from now on concerns it."""
        self._is_ended = True
        for page in (*self.pages, *self._windows):
            page.remove_listener("crash", self._crash)
            page.remove_listener("popup", self._popped)
            del page.close

    def _follow(self, page: Any) -> bool:
        if self._is_ended:
            self._dispose(page)
            return False
        page.on("crash", self._crash)
        page.on("popup", self._popped)
        page.close = self._closing(page, page.close)
        return True

    def _closing(self, page: Any, close: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(close)
        async def closed(*args: Any, **options: Any) -> None:
            holders = _holders(self.browser)
            if self not in holders and holders:
                return
            if not page.is_closed():  # else somebody else was first
                self._let_go.add(page)
            if holders:
                await self.closed(partial(close, *args, **options))
            else:
                await close(*args, **options)

        return closed

    def _left(self, context: Any) -> None:
        if not self._is_ended:
            self.contexts.remove(context)

    def _forget(self, page: Any) -> None:
        # One that somebody else closed stays: it is `lost`.
        if page in self._let_go and not self._is_ended:
            self._let_go.remove(page)
            self.pages.remove(page)

    def _crash(self, page: Any) -> None:
        self._crashed(page)

    def _popped(self, window: Any) -> None:
        self._windows = [each for each in self._windows if not each.is_closed()]
        if self._follow(window):
            self._windows.append(window)
            if len(self._windows) > self._windows_max:
                self._dispose(window)


def _holders(browser: Any) -> list[Belongings]:
    """What those have in this browser for whom the current task works, the innermost first."""
    return [each.belongings for each in reversed(held.get()) if each.belongings.browser is browser]


def _lend_browser(browser: Any) -> None:
    if hasattr(browser, _LENT):
        return
    setattr(browser, _LENT, True)
    new_context, new_page, close = browser.new_context, browser.new_page, browser.close

    @wraps(new_context)
    async def brought(*args: Any, **options: Any) -> Any:
        context = await new_context(*args, **options)
        for holder in _holders(browser)[:1]:
            holder.bring(context)
        return context

    @wraps(new_page)
    async def opened(*args: Any, **options: Any) -> Any:
        page = await new_page(*args, **options)
        for holder in _holders(browser)[:1]:
            holder.bring(page.context)
            holder.open(page)
        return page

    @wraps(close)
    async def closed(*args: Any, **options: Any) -> None:
        holders = _holders(browser)
        await (holders[0].close() if holders else close(*args, **options))

    browser.new_context, browser.new_page, browser.close = brought, opened, closed


def _lend_context(context: Any) -> None:
    if hasattr(context, _LENT):
        return
    setattr(context, _LENT, True)
    new_page, close, browser = context.new_page, context.close, context.browser

    @wraps(new_page)
    async def opened(*args: Any, **options: Any) -> Any:
        page = await new_page(*args, **options)
        for holder in [each for each in _holders(browser) if each.has(context)][:1]:
            holder.open(page)
        return page

    @wraps(close)
    async def closed(*args: Any, **options: Any) -> None:
        holders = _holders(browser)
        if not holders:
            await close(*args, **options)
        # It may be others' too; what the caller has in it is closed.
        for holder in [each for each in holders if each.has(context)][:1]:
            if await holder.leave(context):
                await holder.closed(partial(close, *args, **options))

    context.new_page, context.close = opened, closed
