"""A browser of nothing but Python, with Playwright's interface: the whole lifecycle runs on it, in virtual time and without a process.

It crashes, freezes and fails as it is told to, and counts what was left open.
"""

import asyncio
import json
import re
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

from outlast.browser.launched import Launched

__all__ = ["HANG", "FakeBrowser", "FakeBrowserError", "FakeContext", "FakeLauncher", "FakePage"]

HANG = "hang"
"""A fault: the call never answers, until its browser is gone."""

CALL_SECONDS = 0.01

# The one script that the lifecycle runs before those of a page.
_STORING = re.compile(r"origin !== (?P<origin>\".*?\").* of (?P<entries>\[.*\])\) sessionStorage\.setItem", re.DOTALL)

CLOSED = "Target page, context or browser has been closed"


class FakeBrowserError(Exception):
    """What a call to a fake browser raises; its messages are Playwright's."""


class _Emitter:
    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[..., Any]]] = defaultdict(list)

    def on(self, event: str, listener: Callable[..., Any]) -> None:
        self._listeners[event].append(listener)

    def remove_listener(self, event: str, listener: Callable[..., Any]) -> None:
        self._listeners[event].remove(listener)

    def emit(self, event: str, *values: Any) -> None:
        for each in tuple(self._listeners[event]):
            each(*values)


class FakeLauncher:
    """Launches fake browsers. `next` and `always` say what goes wrong: `HANG`, an exception, or the seconds that a call takes.

    The calls are `launch`, `stop`, and by the names of their methods `new_context`, `new_page`, `close` (of a browser),
    `context.close`, `page.close`, `cookies`, `storage_state`, `goto`, `evaluate`, `title`, `add_init_script`.
    """

    def __init__(self) -> None:
        self.browsers: list[FakeBrowser] = []
        self.drivers_stopped = 0
        self._next: dict[str, deque[Any]] = defaultdict(deque)
        self._always: dict[str, Any] = {}

    async def __call__(self) -> Launched:
        await self.step("launch", None)
        browser = FakeBrowser(self)
        self.browsers.append(browser)
        return Launched(browser, self._stop, kill=browser.crash)

    def next(self, call: str, *faults: Any) -> None:
        """What happens to the next calls of this name, one each; None: nothing does."""
        self._next[call].extend(faults)

    def always(self, call: str, fault: Any) -> None:
        """What happens to every call of this name from now on; None: nothing any more."""
        self._always[call] = fault

    def heal(self) -> None:
        """Nothing goes wrong any more that was ordered."""
        self._next.clear()
        self._always.clear()

    @property
    def browser(self) -> "FakeBrowser":
        """The one that was launched last."""
        return self.browsers[-1]

    @property
    def open_browsers(self) -> int:
        return sum(each.is_connected() for each in self.browsers)

    @property
    def open_contexts(self) -> int:
        return sum(len(each.contexts) for each in self.browsers if each.is_connected())

    @property
    def open_pages(self) -> int:
        return sum(len(one.pages) for each in self.browsers if each.is_connected() for one in each.contexts)

    async def step(self, call: str, browser: "FakeBrowser | None") -> None:
        """One call: it takes its time, and what was ordered for it happens."""
        fault = self._next[call].popleft() if self._next[call] else self._always.get(call)
        seconds = fault if isinstance(fault, int | float) else CALL_SECONDS
        frozen = browser is not None and browser.is_frozen
        if fault == HANG or frozen:
            await (asyncio.Event().wait() if browser is None else browser.gone.wait())
            raise FakeBrowserError(CLOSED)
        await asyncio.sleep(seconds)
        if isinstance(fault, BaseException):
            raise fault
        if browser is not None and not browser.is_connected():
            raise FakeBrowserError(CLOSED)

    async def _stop(self) -> None:
        await self.step("stop", None)
        self.drivers_stopped += 1


class FakeBrowser(_Emitter):
    """The browser. `crash` ends it as a SIGKILL would, `freeze` lets no call answer any more."""

    version = "1.0"

    def __init__(self, launcher: FakeLauncher) -> None:
        super().__init__()
        self.launcher = launcher
        self.contexts: list[FakeContext] = []
        self.gone = asyncio.Event()
        self.is_frozen = False
        self.browser_type = SimpleNamespace(name="fake")

    def is_connected(self) -> bool:
        return not self.gone.is_set()

    def crash(self) -> None:
        if self.is_connected():
            self.gone.set()
            self.emit("disconnected", self)

    def freeze(self) -> None:
        self.is_frozen = True

    async def new_context(self, **options: Any) -> "FakeContext":
        await self.launcher.step("new_context", self)
        context = FakeContext(self, options)
        self.contexts.append(context)
        return context

    async def new_page(self, **options: Any) -> "FakePage":
        return await (await self.new_context(**options)).new_page()

    async def close(self) -> None:
        await self.launcher.step("close", self)
        self.crash()


class FakeContext(_Emitter):
    """A context: its cookies and storage are plain data."""

    def __init__(self, browser: FakeBrowser, options: dict[str, Any]) -> None:
        super().__init__()
        self.browser = browser
        self.options = options
        self.pages: list[FakePage] = []
        given = options.get("storage_state")
        self.storage: dict[str, Any] = deepcopy(given) if isinstance(given, dict) else {"cookies": [], "origins": []}

    async def new_page(self) -> "FakePage":
        await self._step("new_page")
        page = FakePage(self)
        self.pages.append(page)
        self.emit("page", page)
        return page

    async def add_cookies(self, cookies: list[dict[str, Any]]) -> None:
        self.storage["cookies"] += deepcopy(cookies)

    async def cookies(self) -> list[dict[str, Any]]:
        await self._step("cookies")
        return deepcopy(self.storage["cookies"])

    async def storage_state(self, *, indexed_db: bool = False) -> dict[str, Any]:
        await self._step("storage_state")
        if any(page.is_hung for page in self.pages):
            await self.browser.gone.wait()
        found: dict[str, Any] = deepcopy(self.storage)
        if not indexed_db:
            for origin in found["origins"]:
                origin.pop("indexedDB", None)
        return found

    async def close(self) -> None:
        await self.browser.launcher.step("context.close", self.browser)
        if self in self.browser.contexts:
            self.browser.contexts.remove(self)
            for page in tuple(self.pages):
                page.shut()
            self.emit("close", self)

    async def _step(self, call: str) -> None:
        await self.browser.launcher.step(call, self.browser)
        if self not in self.browser.contexts:
            raise FakeBrowserError(CLOSED)


class FakePage(_Emitter):
    """A page. `crash` ends its renderer: like Playwright's it then has an empty title and says nothing of it. `hang` is an endless script."""

    def __init__(self, context: FakeContext) -> None:
        super().__init__()
        self.context = context
        self.url = "about:blank"
        self.scroll = [0, 0]
        self.session_storage: list[list[str]] = []
        self.scripts: list[str] = []
        self.is_hung = False
        self._is_crashed = False
        self._is_closed = False

    def is_closed(self) -> bool:
        return self._is_closed or not self.context.browser.is_connected()

    def crash(self) -> None:
        self._is_crashed = True
        self.emit("crash", self)

    def hang(self) -> None:
        self.is_hung = True

    def popup(self) -> "FakePage":
        """Let the page open a window."""
        page = FakePage(self.context)
        self.context.pages.append(page)
        self.emit("popup", page)
        return page

    async def goto(self, url: str, **_: Any) -> None:
        await self._step("goto")
        self.url = url
        for stored in filter(None, map(_STORING.search, self.scripts)):
            if json.loads(stored["origin"]) == _origin(url):
                self.session_storage += json.loads(stored["entries"])

    async def title(self) -> str:
        # Of a page that is closed meanwhile it is empty, and no error: so is Playwright's.
        await self._step("title", tells_end=self._is_closed)
        return "" if self._is_crashed or self._is_closed else f"title of {self.url}"

    async def evaluate(self, expression: str, argument: Any = None) -> Any:
        await self._step("evaluate")
        if self._is_crashed:
            raise FakeBrowserError("Page.evaluate: Target crashed")
        if "scrollTo" in expression:
            self.scroll = list(argument)
        if "session_storage" in expression:
            where = {"url": self.url, "origin": _origin(self.url), "scroll": list(self.scroll)}
            return {**where, "session_storage": deepcopy(self.session_storage)}
        return None

    async def add_init_script(self, script: str) -> None:
        await self._step("add_init_script")
        self.scripts.append(script)

    async def request_gc(self) -> None:
        await self._step("request_gc")

    async def wait_for_timeout(self, milliseconds: float) -> None:
        """Work for so long, unless the browser goes meanwhile."""
        await _either(asyncio.sleep(milliseconds / 1_000), self.context.browser.gone.wait())
        await self._step("wait_for_timeout")

    async def close(self) -> None:
        await self.context.browser.launcher.step("page.close", self.context.browser)
        self.shut()

    def shut(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self.context.pages.remove(self)
            self.emit("close", self)

    async def _step(self, call: str, *, tells_end: bool = True) -> None:
        if self.is_hung:
            await self.context.browser.gone.wait()
        await self.context.browser.launcher.step(call, self.context.browser)
        if self._is_closed and tells_end:
            raise FakeBrowserError(CLOSED)


def _origin(url: str) -> str:
    return "/".join(url.split("/")[:3])


async def _either(*calls: Awaitable[Any]) -> None:
    tasks = [asyncio.ensure_future(each) for each in calls]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in tasks:
            each.cancel()
