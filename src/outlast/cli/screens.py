"""Where progress is shown while a run goes on: a line now and then, a live view, or nowhere."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from typing_extensions import override

from outlast.cli.options import Settings
from outlast.cli.printing import colored, is_live, say
from outlast.cli.progress import REDRAW_SECONDS, View, plain_line

__all__ = ["MuteScreen", "PlainScreen", "Screen", "SilentScreen", "chosen_progress", "screen"]

LINE_SECONDS = 30.0


class Screen(Protocol):
    """Shows a view when it is given one, `every` so many seconds; `say` writes a line that stays."""

    every: float

    def show(self, view: View, /) -> None: ...

    def say(self, line: str, /) -> None: ...


class SilentScreen:
    """Shows nothing but what is said."""

    every = REDRAW_SECONDS

    def show(self, view: View, /) -> None:
        """Nothing is shown."""

    def say(self, line: str, /) -> None:
        say(line)


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


def chosen_progress(settings: Settings, *, live: bool) -> str:
    """`live`, `plain` or `off`; `live` says whether standard error is a terminal that can be redrawn."""
    asked = settings.progress or "auto"
    if asked != "auto":
        return asked
    if settings.json or settings.quiet:
        return "off"
    return "live" if live else "plain"


@contextmanager
def screen(settings: Settings, title: str) -> Iterator[Screen]:
    """The screen that the settings and the terminal ask for, while the block runs."""
    match chosen_progress(settings, live=is_live(sys.stderr, os.environ)):
        case "live":
            from outlast.cli.live import live_screen  # noqa: PLC0415 - rich is loaded only when something is drawn

            with live_screen(title, color=colored(settings.color, sys.stderr)) as shown:
                yield shown
        case "plain":
            yield PlainScreen()
        case _:
            yield MuteScreen() if settings.json else SilentScreen()
