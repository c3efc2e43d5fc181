"""Takes down what a session holds: cookies, storage, and where its lasting pages stand."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from outlast.browser.calls import Calls
from outlast.browser.policy import Deadlines
from outlast.browser.state import VERSION, can_be_restored, empty
from outlast.errors import BrowserTimeoutError

__all__ = ["PAGE_SCRIPT", "Capture"]

PAGE_SCRIPT = """() => ({
  url: location.href, origin: location.origin, scroll: [window.scrollX, window.scrollY],
  session_storage: (() => { try { return Object.entries(sessionStorage) } catch (error) { return [] } })(),
})"""


class Capture:
    """Reads states. Each call has its deadline: a page that is stuck in a script makes a whole context's storage unreadable."""

    def __init__(self, calls: Calls, deadlines: Deadlines) -> None:
        self._calls = calls
        self._deadlines = deadlines

    async def taken(
        self, context: Any, named: Mapping[str, Any], last_good: Mapping[str, Any] | None, *, closing_hung: bool
    ) -> dict[str, Any]:
        """The state, without who and when it is of. What could not be read is in `missing`, and then it is `partial`.

        `closing_hung`: pages that do not answer are closed to get at the rest.
        """
        missing: list[str] = []
        cookies = await self._cookies(context, missing)
        storage = await self._storage(context, missing, last_good, closing_hung=closing_hung)
        source = "live"
        if storage is None:
            kept = (last_good or empty(""))["storage_state"]
            storage = {**kept, "cookies": kept["cookies"] if cookies is None else cookies}
            source = "last_good"
        before = {each["name"]: each for each in (last_good or empty(""))["pages"]}
        reading = (self._page(name, page, missing, before.get(name)) for name, page in tuple(named.items()))
        pages = await asyncio.gather(*reading)
        return {
            "version": VERSION,
            "storage_state": storage,
            "pages": [each for each in pages if each is not None],
            "partial": bool(missing),
            "missing": missing,
            "source": source,
        }

    async def _cookies(self, context: Any, missing: list[str]) -> list[dict[str, Any]] | None:
        try:
            found = await self._calls.wait(context.cookies(), self._deadlines.probe, "context.cookies")
        except Exception:  # noqa: BLE001 - what cannot be read is said to be missing
            missing.append("cookies")
            return None
        return [dict(each) for each in found]

    async def _storage(
        self, context: Any, missing: list[str], last_good: Mapping[str, Any] | None, *, closing_hung: bool
    ) -> dict[str, Any] | None:
        call = self._calls.start(self._storage_state(context))
        for is_last in (False, True) if closing_hung else (True,):
            try:
                found, lost = await self._calls.wait(call, self._deadlines.snapshot, "context.storage_state")
            except BrowserTimeoutError:
                # Playwright goes to every site that the context has seen: where no page hangs, that takes its time and comes to an end.
                if not is_last and await self._close_hung(context):
                    call = self._calls.start(self._storage_state(context))
            except Exception:  # noqa: BLE001 - what cannot be read is said to be missing
                break
            else:
                missing += lost
                return _with_databases(found, last_good or empty("")) if lost else found
        missing.append("storage")
        return None

    async def _storage_state(self, context: Any) -> tuple[dict[str, Any], list[str]]:
        try:
            return dict(await context.storage_state(indexed_db=True)), []
        except Exception:  # noqa: BLE001 - what IndexedDB holds may be more than can be written down; the rest may not
            return dict(await context.storage_state()), ["indexed_db"]

    async def _close_hung(self, context: Any) -> bool:
        """Close the pages that do not answer; whether there were any."""
        return any(await asyncio.gather(*(self._closed_if_hung(each) for each in tuple(context.pages))))

    async def _closed_if_hung(self, page: Any) -> bool:
        if await self._calls.tried(page.evaluate("0"), self._deadlines.probe, "page.evaluate"):
            return False
        await self._calls.tried(page.close(), self._deadlines.close_page, "page.close")
        return True

    async def _page(
        self, name: str, page: Any, missing: list[str], before: Mapping[str, Any] | None
    ) -> dict[str, Any] | None:
        if page.is_closed():
            missing.append(f"page {name}")
            return None
        with suppress(Exception):
            found = await self._calls.wait(page.evaluate(PAGE_SCRIPT), self._deadlines.probe, "page.evaluate")
            if can_be_restored(recorded := {"name": name, **found}):
                return recorded
        # A page that does not answer, or talks nonsense, still has its address.
        missing.append(f"session storage of page {name}")
        if before is not None and before["url"] == page.url:
            return dict(before)
        return {"name": name, "url": page.url, "origin": "", "session_storage": [], "scroll": [0, 0]}


def _with_databases(storage: dict[str, Any], last_good: Mapping[str, Any]) -> dict[str, Any]:
    """A storage state that was read without IndexedDB, with those of the last one that was read with it."""
    origins = {each["origin"]: each for each in storage["origins"]}
    for each in last_good["storage_state"].get("origins", []):
        if each.get("indexedDB"):
            now = origins.get(each["origin"], {"origin": each["origin"], "localStorage": []})
            origins[each["origin"]] = {**now, "indexedDB": each["indexedDB"]}
    return {**storage, "origins": list(origins.values())}
