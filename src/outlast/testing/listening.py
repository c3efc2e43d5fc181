"""A server on loopback that leaves nothing behind: a task for each connection, all of them ended when it closes."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import Self

__all__ = ["Exchange", "Listener", "Site"]

ERRORS_KEPT_MAX = 100

Exchange = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


class Listener:
    """Calls `exchange` for each connection, again and again until it says that no other request may follow.

    An error that `exchange` raises closes its connection and is kept in `errors`.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.errors: deque[BaseException] = deque(maxlen=ERRORS_KEPT_MAX)
        self._exchange = exchange
        self._server: asyncio.Server | None = None
        self._closing = False
        self._conversations: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int) -> int:
        """Listen; the port, which is a free one for 0."""
        self._server = await asyncio.start_server(self._accept, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self, failed: str, error: BaseException | None) -> None:
        """Stop listening, and end every conversation where it stands.

        Raises a `BaseExceptionGroup` called `failed` of what `exchange` has raised, unless there is an `error` to be told already.
        """
        assert self._server is not None
        self._closing = True
        await _stop_listening(self._server)
        self._server.close()
        for conversation in self._conversations:
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        await self._server.wait_closed()
        if self.errors and error is None:
            raise BaseExceptionGroup(failed, list(self.errors))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closing:
            writer.transport.abort()
            return
        # Without a buffer of its own, `drain` returns when the kernel has all of the answer.
        writer.transport.set_write_buffer_limits(high=0)
        conversation = asyncio.get_running_loop().create_task(self._converse(reader, writer))
        self._conversations.add(conversation)
        conversation.add_done_callback(partial(self._conversation_ended, writer))

    def _conversation_ended(self, writer: asyncio.StreamWriter, conversation: asyncio.Task[None]) -> None:
        # Not in the conversation itself: one that is cancelled before its first step never gets to a `finally`.
        writer.transport.abort()
        self._conversations.discard(conversation)
        if not conversation.cancelled() and (error := conversation.exception()) is not None:
            self.errors.append(error)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await self._exchange(reader, writer):
            continue


class Site(ABC):
    """Is there while an `async with` block lasts, and raises at its end what its answers have raised."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._listener = Listener(self._exchange)

    @property
    def url(self) -> str:
        """Where the site is, without a slash at the end: `http://127.0.0.1:PORT`."""
        return f"http://{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        self._port = await self._listener.open(self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.close("the site failed", error)

    @abstractmethod
    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether another may follow."""


async def _stop_listening(server: asyncio.Server) -> None:
    # asyncio accepts a connection in two turns of the loop, and leaks its socket when the server is closed between them.
    for listener in server.sockets:
        asyncio.get_running_loop().remove_reader(listener.fileno())
    await asyncio.sleep(0)
