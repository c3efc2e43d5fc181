"""Browsers by Playwright (extra `browser`): a launcher for `BrowserLifecycle`."""

import asyncio
import os
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from importlib.util import find_spec
from inspect import signature
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from outlast.browser.finding import find_browser
from outlast.browser.launched import Launched
from outlast.browser.processes import Process, is_alive, look, remove_temporary
from outlast.errors import BrowserError, BrowserUnavailableError, ConfigurationError
from outlast.failure.checks import nearest
from outlast.runtime import new_id

if TYPE_CHECKING:
    from playwright.async_api import Playwright

__all__ = ["PlaywrightLauncher", "playwright_launcher"]

ARTIFACTS = "playwright-artifacts-"
OWNER = "--outlast-owner="
"""The browser's switch that says whose it is; Chromium ignores what it does not know."""

# A terminal sends Ctrl-C to every process of the job. What is in flight is to end, so the browser must not go at once.
_OURS_TO_HANDLE = {"handle_sigint": False, "handle_sigterm": False, "handle_sighup": False}

_driver_pid: ContextVar[list[int]] = ContextVar("_driver_pid")
"""Set while a driver is being started: takes its pid."""


class PlaywrightLauncher:
    """Launches browsers one after the other, from one driver for as long as that works. `owner` marks them as its own."""

    def __init__(
        self,
        engine: str = "chromium",
        *,
        executable: str | os.PathLike[str] | None = None,
        args: Sequence[str] = (),
        headless: bool = True,
        owner: str | None = None,
        **launch_options: Any,
    ) -> None:
        self.engine = engine
        self.owner = owner or new_id()
        self._executable = executable
        self._args = tuple(args)
        self._headless = headless
        self._options = launch_options
        self._playwright: Playwright | None = None
        self._driver: Process | None = None
        self._starting = asyncio.Lock()

    async def __call__(self) -> Launched:
        """A new browser.

        Raises `BrowserUnavailableError` when there is none on this machine, or no Playwright; `BrowserError`, which names the
        program, when it does not start.
        """
        found = await asyncio.to_thread(find_browser, self.engine, self._executable, headless=self._headless)
        async with self._starting:
            playwright = await self._started()
            driver = self._driver
        marker = f"{OWNER}{self.owner}" if self.engine == "chromium" else ""
        launch = getattr(playwright, self.engine).launch
        options = {**_OURS_TO_HANDLE, **self._options}
        directories: tuple[str, ...] = ()
        if "artifacts_dir" not in options:
            # Made here so that it is known, and removed, whatever becomes of the driver; and with nothing awaited between.
            options["artifacts_dir"] = mkdtemp(prefix=ARTIFACTS)
            directories = (options["artifacts_dir"],)
        try:
            browser = await launch(
                executable_path=found.path,
                headless=self._headless,
                args=[*self._args, *([marker] if marker else [])],
                **options,
            )
        except BaseException as error:
            remove_temporary(directories)
            if isinstance(error, Exception):
                raise BrowserError(f"{found.path}: {error}", context={"scope": "browser"}) from error
            raise
        return Launched(browser, self.stop, None if driver is None else driver.pid, marker, directories)

    def refuse_unknown(self, context_options: Iterable[str]) -> None:
        """Raises `ConfigurationError` for an option that no context of Playwright's takes; without Playwright none is known."""
        if not (given := set(context_options)) or find_spec("playwright") is None:
            return
        from playwright.async_api import Browser  # noqa: PLC0415 - an extra, and slow to import

        known = signature(Browser.new_context).parameters.keys() - {"self"}
        for name in sorted(given - known):
            raise ConfigurationError(f"browser.context: Playwright's contexts have no {name!r}{nearest(name, known)}")

    async def stop(self) -> None:
        """End the driver; the next launch starts a new one."""
        playwright, self._playwright, self._driver = self._playwright, None, None
        if playwright is not None:
            await playwright.stop()

    async def _started(self) -> "Playwright":
        if self._playwright is not None and (self._driver is None or is_alive(self._driver)):
            return self._playwright
        try:
            from playwright.async_api import async_playwright  # noqa: PLC0415 - an extra, and slow to import
        except ImportError as error:
            raise BrowserUnavailableError(
                "browsers need Playwright: pip install 'outlast[browser]'", context={"scope": "browser"}
            ) from error
        manager, pids = async_playwright(), list[int]()
        _note_processes(asyncio.get_running_loop())
        token = _driver_pid.set(pids)
        try:
            self._playwright = await manager.start()
        finally:
            _driver_pid.reset(token)
        _hear_of_its_end(manager)
        self._driver = look(pids[0]) if pids else None
        return self._playwright


def playwright_launcher(
    engine: str = "chromium",
    executable: str | os.PathLike[str] | None = None,
    args: Sequence[str] = (),
    *,
    headless: bool = True,
    owner: str | None = None,
    **launch_options: Any,
) -> PlaywrightLauncher:
    """A launcher of Playwright's browsers. `launch_options` go to Playwright's `launch` as they are.

    `executable` is the browser's program; without one it is looked for. `owner` is what marks the browser's process as ours.
    """
    return PlaywrightLauncher(
        engine, executable=executable, args=args, headless=headless, owner=owner, **launch_options
    )


def _hear_of_its_end(manager: object) -> None:
    """Take note of the error that Playwright keeps for when its driver dies and asks for no more: asyncio would print it, each time."""
    # Newer versions, then older ones; of another there is nothing to take note of.
    for name in ("_client", "_connection"):
        transport = getattr(getattr(manager, name, None), "_transport", None)
        ended = getattr(transport, "on_error_future", None)
        if isinstance(ended, asyncio.Future):
            ended.add_done_callback(lambda done: done.cancelled() or done.exception())


def _note_processes(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop tell which driver is whose, and start it in a session of its own: signals for the job's group are not for it.

    Playwright tells neither its driver's pid nor takes options for it. Whatever else the loop starts is started as ever.
    """
    start = loop.subprocess_exec
    if hasattr(start, "notes_drivers"):
        return

    async def noting(*args: Any, **options: Any) -> Any:
        pids = _driver_pid.get(None)
        # Playwright goes on in this context, and so do the callbacks that it calls: what those start is none of its drivers.
        if pids is None or pids:
            return await start(*args, **options)
        transport, protocol = await start(*args, **{**options, "start_new_session": True})
        pids.append(transport.get_pid())
        return transport, protocol

    noting.notes_drivers = True  # type: ignore[attr-defined] # told from the loop's own, so that it is put there once
    loop.subprocess_exec = noting  # type: ignore[method-assign] # on this loop alone
