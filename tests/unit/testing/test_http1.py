"""The little HTTP that the test site speaks."""

import asyncio

import pytest

from outlast.testing.http1 import Answer, MalformedRequest, Request, parse_head, read_request, render_head


@pytest.mark.parametrize(
    ("head", "request_read"),
    [
        (b"GET /a?b=1 HTTP/1.1\r\nHost: x\r\n\r\n", Request("GET", "/a?b=1", keep_alive=True)),
        (b"GET / HTTP/1.1\r\nCONNECTION:  Close\r\n\r\n", Request("GET", "/", keep_alive=False)),
        (b"GET / HTTP/1.0\r\n\r\n", Request("GET", "/", keep_alive=False)),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", Request("GET", "/", keep_alive=True)),
        (b"HEAD / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", Request("HEAD", "/", keep_alive=True)),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", Request("POST", "/", keep_alive=False)),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", Request("PUT", "/", keep_alive=False)),
    ],
)
def test_a_head_is_understood(head, request_read):
    assert parse_head(head) == request_read


@pytest.mark.parametrize(
    "head", [b"\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"\x16\x03\x01 hello\r\n\r\n"]
)
def test_what_is_not_a_request_is_said_to_be_none(head):
    with pytest.raises(MalformedRequest, match="not a request line"):
        parse_head(head)


async def test_requests_are_read_one_after_the_other_until_the_end():
    reader = asyncio.StreamReader()
    reader.feed_data(b"GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /unfin")
    reader.feed_eof()
    paths = [request.path for request in [await read_request(reader), await read_request(reader)]]
    assert paths == ["/1", "/2"]
    assert await read_request(reader) is None


async def test_a_connection_that_broke_has_no_further_request():
    reader = asyncio.StreamReader()
    reader.set_exception(ConnectionResetError())
    assert await read_request(reader) is None


async def test_an_endless_head_is_refused():
    reader = asyncio.StreamReader(limit=1_000)
    reader.feed_data(b"GET / HTTP/1.1\r\n" + b"x" * 3_000)
    with pytest.raises(MalformedRequest, match="too long"):
        await read_request(reader)


def test_a_head_announces_its_body():
    answer = Answer(503, b"later", headers={"Retry-After": "1"})
    assert render_head(answer, keep_alive=False) == (
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Length: 5\r\nConnection: close\r\nRetry-After: 1\r\n\r\n"
    )
