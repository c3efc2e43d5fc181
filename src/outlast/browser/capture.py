"""Takes down what a session holds: cookies, storage, and where its lasting pages stand."""

from collections.abc import Mapping
from typing import Any

from outlast.browser.calls import Calls
from outlast.browser.policy import Deadlines
from outlast.browser.state import VERSION, empty
from outlast.errors import BrowserTimeoutError

__all__ = ["Capture"]

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
        storage = await self._storage(context, missing, closing_hung=closing_hung)
        source = "live"
        if storage is None:
            kept = (last_good or empty(""))["storage_state"]
            storage = {**kept, "cookies": kept["cookies"] if cookies is None else cookies}
            source = "last_good"
        before = {each["name"]: each for each in (last_good or empty(""))["pages"]}
        pages = [await self._page(name, page, missing, before.get(name)) for name, page in named.items()]
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

    async def _storage(self, context: Any, missing: list[str], *, closing_hung: bool) -> dict[str, Any] | None:
        tries = 2 if closing_hung else 1
        for number in range(tries):
            try:
                return await self._storage_state(context, missing)
            except BrowserTimeoutError:
                if number + 1 < tries:
                    await self._close_hung(context)
            except Exception:  # noqa: BLE001 - what cannot be read is said to be missing
                break
        missing.append("storage")
        return None

    async def _storage_state(self, context: Any, missing: list[str]) -> dict[str, Any]:
        try:
            call = context.storage_state(indexed_db=True)
            return dict(await self._calls.wait(call, self._deadlines.snapshot, "context.storage_state"))
        except BrowserTimeoutError:
            raise
        except Exception:  # noqa: BLE001 - what IndexedDB holds may be more than can be written down; the rest may not
            found = await self._calls.wait(context.storage_state(), self._deadlines.snapshot, "context.storage_state")
            missing.append("indexed_db")
            return dict(found)

    async def _close_hung(self, context: Any) -> None:
        for page in tuple(context.pages):
            if not await self._calls.tried(page.evaluate("0"), self._deadlines.probe, "page.evaluate"):
                await self._calls.tried(page.close(), self._deadlines.close_page, "page.close")

    async def _page(
        self, name: str, page: Any, missing: list[str], before: Mapping[str, Any] | None
    ) -> dict[str, Any] | None:
        if page.is_closed():
            missing.append(f"page {name}")
            return None
        try:
            found = await self._calls.wait(page.evaluate(PAGE_SCRIPT), self._deadlines.probe, "page.evaluate")
        except Exception:  # noqa: BLE001 - a page that does not answer still has its address
            missing.append(f"session storage of page {name}")
            if before is not None and before["url"] == page.url:
                return dict(before)
            return {"name": name, "url": page.url, "origin": "", "session_storage": [], "scroll": [0, 0]}
        return {"name": name, **found}
