"""`outlast status --watch`: where a job stands, again and again, until its run ends or somebody has seen enough."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from outlast.cli.options import Settings
from outlast.cli.printing import colored, is_live, put
from outlast.cli.reading import JobRecord
from outlast.cli.screen.jsonlines import object_line
from outlast.cli.screen.looks import Looks
from outlast.cli.screen.progress import plain_line, status_object
from outlast.cli.screen.view import LastShown, View
from outlast.runtime import Runtime

__all__ = ["LookLines", "look_on"]

LOOK_SECONDS = 1.0
CHANGED_SECONDS = 5.0
UNCHANGED_SECONDS = 30.0
KEYS = ("Ctrl-C: look away. The job goes on.", "Ctrl-C: look away")


class _Shows(Protocol):
    """Shows a view; False when nobody looks any more."""

    def __call__(self, view: View, /) -> bool: ...


class LookLines:
    """A line, or an object, when something has changed, every few seconds at most; and every half minute in any case."""

    def __init__(self, job: str, *, as_json: bool) -> None:
        self._job = job
        self._as_json = as_json
        self._last = LastShown(news=CHANGED_SECONDS, any_other=UNCHANGED_SECONDS)

    def __call__(self, view: View, /) -> bool:
        if not self._last.gives_way_to(view):
            return True
        line = (
            object_line("status", {"job_id": self._job, **status_object(view)}) if self._as_json else plain_line(view)
        )
        return put(f"{line}\n")


async def look_on(record: JobRecord, settings: Settings, runtime: Runtime) -> JobRecord | None:
    """Show where the job stands until its run ends, or a signal comes: then the job as it was last. None: its reader has left."""
    enough = asyncio.Event()
    looks = await Looks.at(record.directory, runtime)
    with looks, _signals(enough), _shown(record, settings) as show:
        while True:
            look = await looks.look()
            if look.record.running is None or enough.is_set():
                return look.record
            if not show(look.view):
                return None
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await enough.wait()


@contextmanager
def _signals(enough: asyncio.Event) -> Iterator[None]:
    """Whoever has seen enough gets the terminal back in order."""
    loop = asyncio.get_running_loop()
    kinds = (signal.SIGINT, signal.SIGTERM)
    for kind in kinds:
        loop.add_signal_handler(kind, enough.set)
    try:
        yield
    finally:
        for kind in kinds:
            loop.remove_signal_handler(kind)


@contextmanager
def _shown(record: JobRecord, settings: Settings) -> Iterator[_Shows]:
    """A live view where standard output is a terminal, else lines on it: it is what was asked for."""
    asked = settings.progress or "auto"
    as_json = settings.json or asked == "json"
    drawable = asked in {"auto", "live"} and is_live(sys.stdout, os.environ)
    if asked == "off":
        yield lambda _: True
        return
    if as_json or not drawable:
        yield LookLines(record.name, as_json=as_json)
        return
    from outlast.cli.screen.live import live_screen  # noqa: PLC0415 - rich is loaded only when something is drawn

    color = colored(settings.color, sys.stdout)
    with live_screen(record.name, color=color, stream=sys.stdout, foot=KEYS) as screen:

        def draw(view: View) -> bool:
            screen.show(view)
            return not screen.is_gone

        yield draw
