"""A site on loopback for real browsers: pages that hold what only their visitor can know, and pages that mistreat the browser."""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from typing_extensions import override

from outlast.testing import browser_pages
from outlast.testing.browser_tricks import TRICKS, Trick, script_of
from outlast.testing.http1 import Answer, MalformedRequest, Request, read_request, render_head
from outlast.testing.listening import Site

__all__ = ["BrowserSite", "PageFault", "Trick"]

BODY_MAX = 65_536
SECONDS_MAX = 600.0
SECONDS = 5.0
DOWNLOAD_BYTES = 262_144
USER, PASSWORD = "ann", "correct horse"
_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class PageFault:
    """The first `times` requests of page `page` meet `trick`."""

    page: int
    trick: Trick | str
    times: int = 1

    def __post_init__(self) -> None:
        if self.trick not in set(Trick):
            raise ValueError(f"{self.trick!r} is no trick; there are {', '.join(Trick)}")


class BrowserSite(Site):
    """`async with BrowserSite(pages=80) as site:` serves `site.url` until the block ends.

    `/page/N` holds a token that nobody can guess (`record(N)` tells what a visitor reads), and `/` links to all of them. `faults` says
    which page does what to its first visitors. The rest is there to be visited by name; the reference lists it.
    """

    def __init__(
        self,
        pages: int = 80,
        faults: Iterable[PageFault] = (),
        *,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        super().__init__(host, port)
        self.pages = pages
        self.seed = seed
        self.requests: Counter[str] = Counter()
        """How often each path was asked for, its query left out."""
        self.logins = 0
        self._faults: dict[int, PageFault] = {fault.page: fault for fault in faults}
        self._tricked: Counter[str] = Counter()
        self._sessions: set[str] = set()

    @property
    def urls(self) -> list[str]:
        """The address of every page."""
        return [f"{self.url}/page/{number}" for number in range(self.pages)]

    def record(self, number: int) -> dict[str, object]:
        """What a visitor reads on page `number`: `page`, `title`, `token`, and `made`, which only a running script puts there."""
        return browser_pages.record(number, self.seed)

    def fail(self, fault: PageFault) -> None:
        """From now on, instead of what was planned for that page. Any thread may call it."""
        self._tricked.pop(f"/page/{fault.page}", None)
        self._faults[fault.page] = fault

    def log_everyone_out(self) -> None:
        """Forget every session, as a site does that is restarted. Any thread may call it."""
        self._sessions.clear()

    @override
    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            request = await read_request(reader)
            body = b"" if request is None else await _body(reader, request)
        except (MalformedRequest, OSError, asyncio.IncompleteReadError):
            return False
        if request is None:
            return False
        visit = _visit(request, body)
        self.requests[visit.path] += 1
        return await _deliver(reader, writer, self._answer(visit), request) and request.keep_alive

    def _answer(self, visit: "_Visit") -> "_Plan":
        first, _, rest = visit.path[1:].partition("/")
        try:
            if first in _BY_NUMBER:
                return _BY_NUMBER[first](self, _number(rest), visit)
            if not rest and first in _BY_NAME:
                return _BY_NAME[first](self, visit)
            if not rest and first in set(Trick):
                return self._trick(Trick(first), visit)
        except ValueError as error:
            return _Plan(Answer(400, str(error).encode()))
        return _NO_SUCH_PAGE

    def _page(self, number: int, visit: "_Visit") -> "_Plan":
        fault = self._faults.get(number)
        if fault is None or self._tricked[visit.path] >= fault.times:
            return self._item(number)
        self._tricked[visit.path] += 1
        return self._item(number, Trick(fault.trick))

    def _crash_once(self, number: int, visit: "_Visit") -> "_Plan":
        self._tricked[visit.path] += 1
        return self._item(number, Trick.CRASH if self._tricked[visit.path] == 1 else None, root="/crash-once")

    def _item(self, number: int, trick: Trick | None = None, root: str = "/page") -> "_Plan":
        if number >= self.pages:
            return _NO_SUCH_PAGE
        if trick is not None and trick not in TRICKS:
            return _served_badly(trick, browser_pages.item(number, self.pages, self.seed), SECONDS)
        script = "" if trick is None else script_of(trick)
        return _Plan(Answer(200, browser_pages.item(number, self.pages, self.seed, script, root=root), _HTML))

    def _trick(self, trick: Trick, visit: "_Visit") -> "_Plan":
        numbers = {name: float(value) for name, value in visit.query.items()}
        if trick not in TRICKS:
            page = browser_pages.document(trick, f"<p id='token'>{trick}</p>")
            return _served_badly(trick, page, numbers.get("seconds", 0.0 if trick is Trick.DOWNLOAD else SECONDS))
        body = f"<p id='trick'>{trick}</p>"
        return _Plan(Answer(200, browser_pages.document(trick, body, script_of(trick, numbers)), _HTML))

    def _cookie(self, visit: "_Visit") -> "_Plan":
        sets = visit.query.get("set") != "no"
        headers = {"Set-Cookie": browser_pages.HIDDEN_COOKIE} if sets else {}
        return _Plan(Answer(200, browser_pages.cookies(visit.cookies, sets=sets), _HTML, headers))

    def _login(self, visit: "_Visit") -> "_Plan":
        onward = _within(visit.query.get("next"))
        if visit.method != "POST":
            return _page(browser_pages.login(wrong=False, onward=onward))
        form = dict(parse_qsl(visit.body.decode(errors="replace")))
        if (form.get("user"), form.get("password")) != (USER, PASSWORD):
            return _page(browser_pages.login(wrong=True, onward=_within(form.get("next"))))
        self.logins += 1
        session = f"s{self.seed}-{self.logins}"
        self._sessions.add(session)
        headers = {"Location": _within(form.get("next")), "Set-Cookie": f"session={session}; Path=/; HttpOnly"}
        return _Plan(Answer(303, headers=headers))

    def _member(self, number: int, visit: "_Visit") -> "_Plan":
        if visit.cookies.get("session") not in self._sessions:
            return _Plan(Answer(303, headers={"Location": f"/login?next={visit.path}"}))
        return _page(browser_pages.item(number, self.pages, self.seed, root="/members"))


class _Visit(NamedTuple):
    method: str
    path: str
    query: Mapping[str, str]
    cookies: Mapping[str, str]
    body: bytes


class _Plan(NamedTuple):
    """An answer, and the seconds before it and in the middle of it; `silent`: none at all, `reset`: half of one."""

    answer: Answer
    before: float = 0.0
    amid: float = 0.0
    silent: bool = False
    reset: bool = False


_NO_SUCH_PAGE = _Plan(Answer(404, b"no such page"))
_BY_NUMBER: Mapping[str, Callable[[BrowserSite, int, _Visit], _Plan]] = {
    "page": BrowserSite._page,  # noqa: SLF001 - the table of its own routes
    "crash-once": BrowserSite._crash_once,  # noqa: SLF001
    "members": BrowserSite._member,  # noqa: SLF001
    "popup": lambda _site, number, _visit: _page(browser_pages.popup(number)),
}
_BY_NAME: Mapping[str, Callable[[BrowserSite, _Visit], _Plan]] = {
    "": lambda site, _visit: _page(browser_pages.index(site.pages)),
    "cookie": BrowserSite._cookie,  # noqa: SLF001
    "login": BrowserSite._login,  # noqa: SLF001
    "storage": lambda _site, _visit: _page(browser_pages.storage()),
    "tall": lambda _site, _visit: _page(browser_pages.tall()),
    "favicon.ico": lambda _site, _visit: _Plan(Answer(204)),
}


def _page(body: bytes) -> _Plan:
    return _Plan(Answer(200, body, _HTML))


def _within(target: str | None) -> str:
    """Where to go after the login: a page of this site, and nothing that would end the header."""
    return target if target and target.startswith("/") and target.isascii() and target.isprintable() else "/members/0"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is no number of a page")
    return int(text)


def _served_badly(trick: Trick, page: bytes, seconds: float) -> _Plan:
    if not 0 <= seconds <= SECONDS_MAX:
        raise ValueError(f"seconds is {seconds:g}; it must be between 0 and {SECONDS_MAX:g}")
    whole = Answer(200, page, _HTML)
    headers = {"Content-Disposition": "attachment; filename=big.bin"}
    plans = {
        Trick.DOWNLOAD: _Plan(Answer(200, bytes(DOWNLOAD_BYTES), "application/octet-stream", headers), amid=seconds),
        Trick.SILENT: _Plan(whole, silent=True),
        Trick.SLOW: _Plan(whole, before=seconds),
        Trick.RESET: _Plan(whole, reset=True),
        Trick.ERROR: _Plan(Answer(500, b"broken")),
    }
    return plans[trick]


def _visit(request: Request, body: bytes) -> _Visit:
    target = urlsplit(request.path)
    pairs = (pair.partition("=") for pair in request.headers.get("cookie", "").split(";"))
    cookies = {name.strip(): value for name, _, value in pairs if name.strip()}
    return _Visit(request.method, target.path, dict(parse_qsl(target.query)), cookies, body)


async def _body(reader: asyncio.StreamReader, request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or int(length) > BODY_MAX:
        raise MalformedRequest(f"a body of {length} bytes")
    return await reader.readexactly(int(length))


async def _deliver(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, plan: _Plan, request: Request) -> bool:
    """Send what is planned; whether all of it was sent. A browser that has gone is nothing unusual."""
    await asyncio.sleep(plan.before)
    if plan.silent:
        with suppress(OSError):
            while await reader.read(BODY_MAX):
                continue
        return False
    head = render_head(plan.answer, keep_alive=request.keep_alive)
    body = b"" if request.method == "HEAD" else plan.answer.body
    half = len(body) // 2
    try:
        writer.write(head + body[:half])
        await writer.drain()
        if plan.reset:
            return _reset(writer)
        await asyncio.sleep(plan.amid)
        writer.write(body[half:])
        await writer.drain()
    except OSError:
        return False
    return True


def _reset(writer: asyncio.StreamWriter) -> bool:
    # A socket closed with a linger time of 0 sends RST instead of FIN.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False
