"""A site of small pages, as fast as asyncio serves them, in a process of its own: what is measured is the crawler."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from typing_extensions import override

__all__ = ["served"]

PAGE = '<html><head><title>Page {number}</title></head><body>{text}<a href="/page/{next}">next</a></body></html>'
TEXT = "<p>Nothing to see here, and it takes a line to say so.</p>\n" * 20


@contextmanager
def served() -> Iterator[str]:
    """The site's URL, without a slash at the end, while the block lasts."""
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.pages"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.kill()
        server.wait()


class _Site(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, GET without a body: no more than the crawlers here send."""

    def __init__(self) -> None:
        self._received = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        *requests, self._received = (self._received + data).split(b"\r\n\r\n")
        for request in requests:
            number = int(request.split(b" ", 2)[1].rpartition(b"/")[2])
            body = PAGE.format(number=number, next=number + 1, text=TEXT).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
            self._transport.write(head.encode() + body)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Site, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
