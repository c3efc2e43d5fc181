"""pytest fixtures: `pytest_plugins = "outlast.testing.fixtures"` in your `conftest.py` brings them.

For virtual time under pytest-asyncio, let the hook `pytest_asyncio_loop_factories` answer `{"virtual": VirtualTimeLoop}`.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import pytest

from outlast.testing.browser_site import BrowserSite, PageFault
from outlast.testing.faults import Faults
from outlast.testing.flaky_site import FlakySite, Pages
from outlast.testing.virtual_time import VirtualClock

__all__ = ["browser_site", "flaky_site", "virtual_clock"]


_Site = TypeVar("_Site", FlakySite, BrowserSite)


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """A clock that tells the time of the loop the test runs on."""
    return VirtualClock()


@pytest.fixture
def flaky_site() -> Iterator[Callable[..., FlakySite]]:
    """A function that starts a site from its pages and, if given, its `Faults` and its port.

    Each site runs on a thread of its own until the test ends, so it serves plain tests, async ones and subprocesses alike.
    """
    with ExitStack() as running:

        def start(pages: Pages, faults: Faults | None = None, *, port: int = 0) -> FlakySite:
            return running.enter_context(_on_a_thread(FlakySite(pages, faults, port=port)))

        yield start


@pytest.fixture
def browser_site() -> Iterator[Callable[..., BrowserSite]]:
    """A function that starts a site for real browsers, as `flaky_site` does: the number of its pages, and its `PageFault`s."""
    with ExitStack() as running:

        def start(pages: int = 80, faults: Iterable[PageFault] = (), *, port: int = 0) -> BrowserSite:
            return running.enter_context(_on_a_thread(BrowserSite(pages, faults, port=port)))

        yield start


@contextmanager
def _on_a_thread(site: _Site) -> Iterator[_Site]:
    started: Future[Callable[[], object]] = Future()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="site") as thread:
        serving = thread.submit(asyncio.run, _serve(site, started))
        either: tuple[Future[Any], ...] = (started, serving)
        wait(either, return_when=FIRST_COMPLETED)
        if serving.done():
            serving.result()
        try:
            yield site
        finally:
            started.result()()
            serving.result()


async def _serve(site: FlakySite | BrowserSite, started: "Future[Callable[[], object]]") -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    async with site:
        started.set_result(lambda: loop.call_soon_threadsafe(stop.set))
        await stop.wait()
