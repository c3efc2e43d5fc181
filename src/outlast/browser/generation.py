"""One browser from its launch to its end: who uses it, and whether it has failed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from outlast.browser.calls import Calls
from outlast.browser.deathwatch import Deathwatch
from outlast.browser.launched import Launched
from outlast.browser.processes import Process, is_alive
from outlast.browser.vacancy import Vacancy
from outlast.errors import BrowserCrashedError

__all__ = ["Failure", "Generation", "Leased"]

GC_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a browser is no more: one incident, however many pages it takes along."""

    incident: str
    reason: str

    def error(self, generation: int) -> BrowserCrashedError:
        told = {"scope": "browser", "incident_id": self.incident, "generation": generation, "reason": self.reason}
        return BrowserCrashedError(f"the browser is gone: {self.reason}", context=told)


class Leased(Protocol):
    """What is handed out of a browser, and is worth nothing once the browser has failed."""

    def fail(self, error: Exception, /) -> None: ...


class Generation:
    """A launched browser. `failed` is called once, when it has failed."""

    def __init__(
        self,
        number: int,
        launched: Launched,
        born: float,
        *,
        process: Process | None = None,
        driver: Process | None = None,
        directories: tuple[str, ...] = (),
    ) -> None:
        self.number = number
        self.launched = launched
        self.born = born
        self.answered = born
        self.process = process
        self.driver = driver
        self.directories = directories
        self.pages = 0
        self.is_ended = False
        self.is_tainted = False
        self.is_leaving = False
        self.failure: Failure | None = None
        self._leases: dict[Leased, None] = {}  # in the order in which they were lent
        self._vacancy = Vacancy()
        self._deathwatch = Deathwatch()
        self._failed: Callable[[Generation], None] | None = None
        self._new_incident: Callable[[], str] = str

    @property
    def browser(self) -> Any:
        return self.launched.browser

    @property
    def leases(self) -> int:
        return len(self._leases)

    def watch(self, failed: "Callable[[Generation], None]", new_incident: Callable[[], str]) -> None:
        """Notice its end from now on."""
        self._failed, self._new_incident = failed, new_incident
        self.browser.on("disconnected", self._disconnected)
        for process, name in ((self.driver, "its driver died"), (self.process, "its process died")):
            if process is not None:
                self._deathwatch.watch(process, lambda name=name: self.fail(name))  # type: ignore[misc] # bound now
        self.look()

    def retire(self) -> None:
        """Its end is wanted: do not take it for a failure."""
        self._failed = None
        self._deathwatch.end()

    def look(self) -> bool:
        """Whether it still lives, as far as can be told without asking it."""
        if self.failure is None:
            if self.driver is not None and not is_alive(self.driver):
                self.fail("its driver died")
            elif self.process is not None and not is_alive(self.process):
                self.fail("its process died")
            elif not self.browser.is_connected():
                self.fail("it disconnected")
        return self.failure is None

    def fail(self, reason: str) -> None:
        """It is no more: fail everything that was handed out of it."""
        if self.failure is not None:
            return
        self.failure = Failure(self._new_incident(), reason)
        self._deathwatch.end()
        self.fail_leases(self.failure.error(self.number))
        if self._failed is not None:
            self._failed(self)

    def fail_leases(self, error: Exception) -> int:
        """Fail what is still handed out; how many there were."""
        leases = tuple(self._leases)
        for each in leases:
            each.fail(error)
        return len(leases)

    def enter(self, lease: Leased) -> None:
        self._leases[lease] = None
        self._vacancy.note(len(self._leases))

    def leave(self, lease: Leased) -> None:
        self._leases.pop(lease, None)
        self._vacancy.note(len(self._leases))

    async def drained(self, seconds: float) -> bool:
        """Whether everything handed out came back within `seconds`."""
        return await self._vacancy.comes_within(seconds)

    def _disconnected(self, *_: Any) -> None:
        self.fail("it disconnected")

    async def collect_garbage(self, calls: Calls) -> None:
        """Let every page give back what it no longer needs."""
        pages = [page for context in tuple(self.browser.contexts) for page in tuple(context.pages)]
        await asyncio.gather(*(_collect(each, calls) for each in pages if hasattr(each, "request_gc")))


async def _collect(page: Any, calls: Calls) -> None:
    # The call is made here, and not before: what is cancelled before it begins would leave a call that nobody awaits.
    await calls.tried(page.request_gc(), GC_SECONDS, "page.request_gc")
