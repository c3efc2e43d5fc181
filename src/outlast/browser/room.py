"""One context in one browser: who is in it, and what it has served."""

from typing import Any

from outlast.browser.generation import Generation
from outlast.browser.recycling import Limits
from outlast.browser.vacancy import Vacancy

__all__ = ["Room"]


class Room:
    """A context and its users. `lasting` are the pages that stay open between leases.

    `is_broken`: nobody else is let in, for its context was closed, or a page of it does not close.
    `is_going`: somebody sees to it that it is closed when everybody has left.
    """

    def __init__(self, context: Any, generation: Generation, opened_at: float, limits: Limits) -> None:
        self.context = context
        self.generation = generation
        self.opened_at = opened_at
        self.limits = limits
        self.pages = 0
        self.is_broken = False
        self.is_going = False
        self.has_answered = False
        self.lasting: dict[str, Any] = {}
        self._users = 0
        self._vacancy = Vacancy()
        context.on("close", self._closed)

    @property
    def users(self) -> int:
        return self._users

    def enter(self) -> None:
        self.pages += 1
        self._users += 1
        self._vacancy.note(self._users)

    def leave(self) -> None:
        self._users -= 1
        self._vacancy.note(self._users)

    async def emptied(self, seconds: float | None) -> bool:
        """Whether everybody left within `seconds`; None: they are waited for as long as it takes."""
        return await self._vacancy.comes_within(seconds)

    def is_due(self, now: float) -> bool:
        """Whether it has served enough."""
        return self.limits.reached(pages=self.pages, age=now - self.opened_at) is not None

    def put_off(self, now: float) -> None:
        """Somebody keeps it for long: it is due another time."""
        self.pages, self.opened_at = 0, now

    def _closed(self, *_: Any) -> None:
        self.is_broken = True
