"""As much HTTP/1.1 as a test site needs: requests without bodies, answers with a Content-Length, keep-alive."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

__all__ = ["Answer", "MalformedRequest", "Request", "parse_head", "read_request", "render_head"]

_HEAD_END = b"\r\n\r\n"


class MalformedRequest(ValueError):  # noqa: N818 - what was received, not what went wrong here
    """What came is no HTTP/1 request, or its head is too long."""


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is the target as it was sent, with its query. `keep_alive`: the client wants to send another one.

    The names of `headers` are in lower case.
    """

    method: str
    path: str
    keep_alive: bool
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send: a status, a body and its type, and further header lines."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection; None when the client has gone. Raises `MalformedRequest`."""
    try:
        head = await reader.readuntil(_HEAD_END)
    except (asyncio.IncompleteReadError, OSError):
        return None
    except asyncio.LimitOverrunError as error:
        raise MalformedRequest("the head of the request is too long") from error
    return parse_head(head)


def parse_head(head: bytes) -> Request:
    """The request that starts with these bytes. Raises `MalformedRequest`."""
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] not in {"HTTP/1.1", "HTTP/1.0"}:
        raise MalformedRequest(f"not a request line: {first[:100]!r}")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    connection = headers.get("connection", "keep-alive" if words[2] == "HTTP/1.1" else "close").lower()
    # What follows a head that announces a body is not the next request.
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return Request(words[0], words[1], "close" not in connection and not has_body, headers)


def render_head(answer: Answer, *, keep_alive: bool) -> bytes:
    """The head of the answer, up to and with the empty line."""
    headers = {
        "Content-Type": answer.content_type,
        "Content-Length": str(len(answer.body)),
        "Connection": "keep-alive" if keep_alive else "close",
        **answer.headers,
    }
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + _HEAD_END
