"""A site on loopback that fails as sites do: 503s, resets, hangs, `Retry-After`, outages; the same ones for the same seed.

It needs an ordinary event loop and the standard library. What it served is kept for assertions.
"""

import asyncio
import math
import socket
import struct
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum, auto
from typing import NamedTuple, assert_never

from typing_extensions import override

from outlast.testing.faults import Availability, Fault, Faults, Outage, OutageMode
from outlast.testing.http1 import Answer, MalformedRequest, Request, read_request, render_head
from outlast.testing.listening import Site
from outlast.testing.throttle import Throttle, Turnstile

__all__ = ["Faults", "FlakySite", "Outage", "Pages", "Throttle", "Visit"]

VISITS_KEPT_MAX = 1_000_000
READ_BYTES = 65_536
LOGIN = "/login"

Pages = Mapping[str, tuple[str, bytes]] | Callable[[str], bytes | None]


class Visit(NamedTuple):
    """One request: when it came (`time.monotonic`), and the status it was answered; 0 where it got no whole answer."""

    time: float
    path: str
    status: int


class FlakySite(Site):
    """`async with FlakySite(pages, Faults()) as site:` serves `pages` at `site.url` until the block ends.

    `pages` maps a path to its content type and body, or is a function from a path to HTML (None: there is no such page). A path
    with a query that has no page of its own gets the page of the path. An error that the function raises closes the connection
    and is raised again when the block ends.
    """

    def __init__(self, pages: Pages, faults: Faults | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(host, port)
        self.pages = pages
        self.faults = faults or Faults()
        self.served: Counter[str] = Counter()
        """How many GETs of each path were answered 200 with the page itself, and its last byte sent."""
        self.requests: deque[Visit] = deque(maxlen=VISITS_KEPT_MAX)
        self.requests_while_down = 0
        self._availability = Availability(self.faults.outages)
        self._tried: set[str] = set()
        self._turnstile = None if self.faults.throttle is None else Turnstile(self.faults.throttle)
        self.walled = self.faults.wall
        """Whether pages are kept behind a block page; it may be set."""

    @property
    def down(self) -> bool:
        return self._availability.mode_at(time.monotonic()) is not None

    @property
    def throttled(self) -> int:
        """How many requests were answered 429 for the sake of `Faults.throttle`."""
        return 0 if self._turnstile is None else self._turnstile.throttled

    @property
    def asked_too_early(self) -> int:
        """How many of them came before the time that the `Retry-After` before had named."""
        return 0 if self._turnstile is None else self._turnstile.too_early

    def outage(self, mode: OutageMode = "503", seconds: float = math.inf) -> None:
        """Go down, until `restore()` or for so many seconds. Any thread may call it."""
        self._availability.fail(mode, time.monotonic() + seconds)

    def restore(self) -> None:
        """Be up again. Requests that hang go on hanging, as on a real site."""
        self._availability.restore()

    @override
    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether another may follow."""
        try:
            request = await read_request(reader)
        except MalformedRequest as error:
            return await _deliver(writer, _Plan(Answer(400, str(error).encode())), None)
        if request is None:
            return False
        plan = self._plan(request)
        await asyncio.sleep(self.faults.latency)
        if plan.ending is _Ending.HANG:
            return await _hang(reader, self.faults.hang_seconds)
        return await self._send(writer, plan, request) and request.keep_alive

    async def _send(self, writer: asyncio.StreamWriter, plan: "_Plan", request: Request) -> bool:
        is_page = request.method == "GET" and plan.answer.status == 200 and plan.answer is not _WALL
        page = Counter((request.path,) if is_page else ())
        # Counted before and, where it fails, taken back: a client that has its page must find it counted, on any thread.
        self.served.update(page)
        sent = False
        try:
            sent = await _deliver(writer, plan, request)
        finally:
            if not sent:
                self.served -= page
        return sent

    def _plan(self, request: Request) -> "_Plan":
        now = time.monotonic()
        mode = self._availability.mode_at(now)
        if mode is not None:
            self.requests_while_down += 1
            plan = _WHILE_DOWN[mode]
        else:
            plan = self._plan_at_the_door(request, now) or self._plan_while_up(request)
            self._availability.count_answer(now)
        status = plan.answer.status if plan.ending is _Ending.WHOLE else 0
        self.requests.append(Visit(now, request.path, status))
        return plan

    def _plan_at_the_door(self, request: Request, now: float) -> "_Plan | None":
        turnstile, throttle = self._turnstile, self.faults.throttle
        if turnstile is not None and throttle is not None and not turnstile.lets_in(now):
            return _Plan(Answer(429, b"later", headers={"Retry-After": str(throttle.retry_after)}))
        if self.faults.wall and request.path == LOGIN:
            self.walled = False
            return _Plan(Answer(200, b"welcome"))
        return _Plan(_WALL) if self.walled else None

    def _plan_while_up(self, request: Request) -> "_Plan":
        path, faults = request.path, self.faults
        if request.method not in {"GET", "HEAD"}:
            return _Plan(Answer(405, b"GET and HEAD only", headers={"Allow": "GET, HEAD"}))
        if path in faults.broken:
            return _Plan(Answer(500, b"broken"))
        page = None if path in faults.gone else self._page(path)
        if page is None:
            return _Plan(Answer(404, b"no such page"))
        fault = None if path in self._tried else faults.first_try(path)
        self._tried.add(path)
        return _plan_first_try(fault, page, faults.retry_after_status(path))

    def _page(self, path: str) -> Answer | None:
        for name in dict.fromkeys((path, path.partition("?")[0])):
            if callable(self.pages):
                html = self.pages(name)
                page = None if html is None else ("text/html; charset=utf-8", html)
            else:
                page = self.pages.get(name)
            if page is not None:
                return Answer(200, page[1], page[0])
        return None


class _Ending(Enum):
    WHOLE = auto()
    CUT = auto()
    REFUSED = auto()
    HANG = auto()


class _Plan(NamedTuple):
    answer: Answer
    ending: _Ending = _Ending.WHOLE


_WALL = Answer(
    200,
    b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>"
    b"<noscript>Enable JavaScript and cookies to continue</noscript>"
    b"<script src='/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1'></script></body></html>",
    "text/html; charset=utf-8",
)
_UNAVAILABLE = Answer(503, b"unavailable")
_WHILE_DOWN: Mapping[OutageMode, _Plan] = {
    "503": _Plan(_UNAVAILABLE),
    "refuse": _Plan(_UNAVAILABLE, _Ending.REFUSED),
    "hang": _Plan(_UNAVAILABLE, _Ending.HANG),
}


def _plan_first_try(fault: Fault | None, page: Answer, retry_after_status: int) -> _Plan:
    match fault:
        case None:
            return _Plan(page)
        case Fault.UNAVAILABLE:
            return _Plan(_UNAVAILABLE)
        case Fault.RESET:
            return _Plan(page, _Ending.CUT)
        case Fault.HANG:
            return _Plan(page, _Ending.HANG)
        case Fault.RETRY_AFTER:
            return _Plan(Answer(retry_after_status, b"later", headers={"Retry-After": "1"}))
        case unreachable:
            assert_never(unreachable)


async def _deliver(writer: asyncio.StreamWriter, plan: _Plan, request: Request | None) -> bool:
    """Send what is planned; whether all of it was sent. A client that has gone is nothing unusual."""
    if plan.ending is _Ending.REFUSED:
        return _reset(writer)
    head = render_head(plan.answer, keep_alive=request is not None and request.keep_alive)
    body = b"" if request is not None and request.method == "HEAD" else plan.answer.body
    if plan.ending is _Ending.CUT:
        head, body = (head, body[: len(body) // 2]) if body else (head[: len(head) // 2], b"")
    try:
        writer.write(head + body)
        await writer.drain()
    except OSError:
        return False
    return _reset(writer) if plan.ending is _Ending.CUT else request is not None


async def _hang(reader: asyncio.StreamReader, seconds: float) -> bool:
    with suppress(OSError):  # TimeoutError is one
        async with asyncio.timeout(seconds):
            while await reader.read(READ_BYTES):
                continue
    return False


def _reset(writer: asyncio.StreamWriter) -> bool:
    # A socket closed with a linger time of 0 sends RST instead of FIN.
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    return False
