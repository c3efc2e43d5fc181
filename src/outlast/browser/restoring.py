"""Puts back what a session held: its context with cookies and storage, its lasting pages, and the proof that they are there."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from json import dumps
from typing import Any

from outlast.browser.calls import Calls
from outlast.browser.capture import PAGE_SCRIPT
from outlast.browser.policy import Deadlines
from outlast.browser.state import missing_after
from outlast.runtime import Clock

__all__ = ["Restoring", "close_late"]

# Runs before the page's own scripts. It acts for a short while only: a page that clears its storage later is not overruled.
SESSION_STORAGE_SCRIPT = """(() => {{
  if (window.top !== window || location.origin !== {origin} || Date.now() > {until}) return;
  for (const [key, value] of {entries}) sessionStorage.setItem(key, value);
}})()"""
SCROLL_SCRIPT = "([x, y]) => window.scrollTo(x, y)"

REFUSED = "setting storage state"
"""What Playwright says when a context cannot be given its storage."""

# Without this a browser keeps every download as a file; who wants them says so in the options.
DEFAULT_OPTIONS: Mapping[str, Any] = {"accept_downloads": False}


class Restoring:
    """Makes contexts and pages as they were."""

    def __init__(self, calls: Calls, deadlines: Deadlines, clock: Clock, options: Mapping[str, Any]) -> None:
        self._calls = calls
        self._deadlines = deadlines
        self._clock = clock
        self._options = {**DEFAULT_OPTIONS, **options}

    async def context(
        self, browser: Any, state: Mapping[str, Any] | None, *, lenient: bool = False
    ) -> tuple[Any, list[str]]:
        """A new context that holds the state's cookies and storage, and what of it the browser did not take.

        `lenient`: storage that it refuses is left out, rather than having no context at all. Cookies never are.
        """
        if state is None:
            return await self._new(browser, None), []
        whole = state["storage_state"]
        ways = [(whole, list[str]()), *(_lesser(whole) if lenient else ())]
        for number, (storage, lost) in enumerate(ways, 1):
            try:
                return await self._new(browser, storage), lost
            except Exception as error:
                # Any other error may be gone the next time, and with less of the state that would be lost for good.
                if number == len(ways) or REFUSED not in str(error):
                    raise
        raise AssertionError("the last way returns or raises")  # pragma: no cover

    async def _new(self, browser: Any, storage: Mapping[str, Any] | None) -> Any:
        options = dict(self._options)
        if storage is not None:
            options["storage_state"] = storage
        call = browser.new_context(**options)
        return await self._calls.wait(call, self._deadlines.new_context, "browser.new_context", late=close_late)

    async def page(self, context: Any) -> Any:
        """A new page."""
        return await self._calls.wait(context.new_page(), self._deadlines.new_page, "context.new_page", late=close_late)

    async def reopened(self, context: Any, recorded: Mapping[str, Any]) -> tuple[Any, list[str]]:
        """A page where a recorded one stood, and what of it could not be restored."""
        page = await self.page(context)
        url, missing = str(recorded["url"]), []
        script = await self._session_storage(page, recorded)
        if url and url != "about:blank":
            wait = self._deadlines.goto
            call = page.goto(url, wait_until="domcontentloaded", timeout=wait * 1_000)
            if not await self._calls.tried(call, wait + 1, "page.goto"):
                missing.append(f"page {recorded['name']}")
            elif not await self._has_session_storage(page, recorded):
                missing.append(f"session storage of page {recorded['name']}")
        if hasattr(script, "close"):  # newer versions of Playwright take a script back
            await self._calls.tried(script.close(), self._deadlines.probe, "init_script.close")
        scroll = list(recorded.get("scroll") or [0, 0])
        if scroll != [0, 0]:
            await self._calls.tried(page.evaluate(SCROLL_SCRIPT, scroll), self._deadlines.probe, "page.evaluate")
        return page, missing

    async def lacking(self, context: Any, state: Mapping[str, Any], *, whole: bool) -> list[str]:
        """What of the state's cookies the context does not hold; `whole`: of its local storage too, which takes a page for it."""
        wanted = state["storage_state"]
        if whole and wanted.get("origins"):
            call = context.storage_state()
            found = await self._calls.wait(call, self._deadlines.verify, "context.storage_state")
            return missing_after(wanted, found, self._clock.now().timestamp())
        if not wanted.get("cookies"):
            return []
        found = {"cookies": await self._calls.wait(context.cookies(), self._deadlines.probe, "context.cookies")}
        return missing_after({"cookies": wanted["cookies"]}, found, self._clock.now().timestamp())

    async def _has_session_storage(self, page: Any, recorded: Mapping[str, Any]) -> bool:
        """Whether all of its keys are there; the values may be others by now, for the page is at work already."""
        wanted = {key for key, _ in recorded.get("session_storage") or []}
        if not wanted:
            return True
        with suppress(Exception):  # it does not answer, or talks nonsense
            found = await self._calls.wait(page.evaluate(PAGE_SCRIPT), self._deadlines.probe, "page.evaluate")
            return wanted <= {key for key, _ in found["session_storage"]}
        return False

    async def _session_storage(self, page: Any, recorded: Mapping[str, Any]) -> Any:
        entries = recorded.get("session_storage") or []
        if not entries:
            return None
        until = self._clock.now() + timedelta(seconds=self._deadlines.goto)
        script = SESSION_STORAGE_SCRIPT.format(
            origin=_for_script(recorded.get("origin", "")),
            until=int(until.timestamp() * 1_000),
            entries=_for_script([list(each) for each in entries]),
        )
        return await self._calls.wait(page.add_init_script(script), self._deadlines.probe, "page.add_init_script")


def _lesser(storage: Mapping[str, Any]) -> list[tuple[dict[str, Any], list[str]]]:
    """Less and less of a storage state, and what each of these lacks."""
    plain = [{key: value for key, value in each.items() if key != "indexedDB"} for each in storage.get("origins", [])]
    ways = [({**storage, "origins": plain}, ["indexed_db"])] if plain != storage.get("origins", []) else []
    return [*ways, ({**storage, "origins": []}, ["storage"])] if plain else []


async def close_late(thing: Any) -> None:
    """Close what arrived after nobody waited for it any more."""
    await thing.close()


def _for_script(value: object) -> str:
    # JSON is JavaScript but for what would end the script's tag, were it in one.
    return dumps(value).replace("</", "<\\/")
