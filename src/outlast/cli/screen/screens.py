"""Where progress is shown while a run goes on: a line now and then, a live view, objects for programs, or nowhere."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from typing_extensions import override

from outlast.cli.options import Settings
from outlast.cli.printing import colored, is_live, say
from outlast.cli.screen.jsonlines import event_object, put_object
from outlast.cli.screen.notices import told
from outlast.cli.screen.progress import plain_line, status_object
from outlast.cli.screen.view import View
from outlast.events import ResilienceEvent

__all__ = ["JsonScreen", "MuteScreen", "PlainScreen", "Screen", "SilentScreen", "chosen_progress", "screen"]

LOOK_SECONDS = 0.25
LINE_SECONDS = 30.0


class Screen(Protocol):
    """Shows a view when it is given one, `every` so many seconds.

    `say` writes a line that stays, `tell` one about an event, with what another verb needs to find the store.
    """

    every: float

    def show(self, view: View, /) -> None: ...

    def say(self, line: str, /) -> None: ...

    def tell(self, event: ResilienceEvent, hint: str = "", /) -> None: ...


class SilentScreen:
    """Shows nothing but what is said."""

    every = LOOK_SECONDS

    def show(self, view: View, /) -> None:
        """Nothing is shown."""

    def say(self, line: str, /) -> None:
        say(line)

    def tell(self, event: ResilienceEvent, hint: str = "", /) -> None:
        self.say(told(event, hint))


class MuteScreen(SilentScreen):
    """Shows nothing at all: the answer is a document, and so is an error."""

    @override
    def say(self, line: str, /) -> None:
        """Nothing is said."""


class PlainScreen(SilentScreen):
    """One line every half minute, for logs."""

    def __init__(self) -> None:
        self._shown_at = 0.0

    @override
    def show(self, view: View, /) -> None:
        if view.elapsed - self._shown_at >= LINE_SECONDS:
            self._shown_at = view.elapsed
            say(plain_line(view))


class JsonScreen:
    """An object a line, for programs: where the run stands, and events.

    Where it stands is told at its beginning, every half minute, and at once when it is stopped, suspended or paused, or goes on.
    """

    every = LOOK_SECONDS

    def __init__(self, job: str) -> None:
        self._job = job
        self._shown_at = 0.0
        self._shown: tuple[bool, ...] | None = None

    def show(self, view: View, /) -> None:
        standing = (view.stopping, bool(view.suspended), view.job_paused)
        if standing != self._shown or view.elapsed - self._shown_at >= LINE_SECONDS:
            self._shown_at, self._shown = view.elapsed, standing
            put_object("status", {"job_id": self._job, **status_object(view)})

    def say(self, line: str, /) -> None:
        """What is said in words is in the objects too."""

    def tell(self, event: ResilienceEvent, hint: str = "", /) -> None:
        put_object("event", event_object(event, hint))


def chosen_progress(settings: Settings, *, live: bool, drawable: bool = True) -> str:
    """`live`, `plain`, `json` or `off`; `live` says whether standard error is a terminal that can be redrawn.

    What cannot be redrawn at all, not being `drawable`, gets lines, whatever was asked for.
    """
    asked = settings.progress or "auto"
    if asked != "auto":
        return "plain" if asked == "live" and not drawable else asked
    if settings.json or settings.quiet:
        return "off"
    return "live" if live else "plain"


@contextmanager
def screen(settings: Settings, title: str) -> Iterator[Screen]:
    """The screen that the settings and the terminal ask for, while the block runs."""
    live, drawable = is_live(sys.stderr, os.environ), os.environ.get("TERM") != "dumb"
    match chosen_progress(settings, live=live, drawable=drawable):
        case "live":
            from outlast.cli.screen.live import live_screen  # noqa: PLC0415 - rich is loaded only when something is drawn

            with live_screen(title, color=colored(settings.color, sys.stderr)) as shown:
                yield shown
        case "plain":
            yield PlainScreen()
        case "json":
            yield JsonScreen(title)
        case _:
            yield MuteScreen() if settings.json else SilentScreen()
