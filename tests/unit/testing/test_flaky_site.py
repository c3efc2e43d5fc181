"""The flaky site, visited over real sockets."""

import asyncio
import socket
import time
import urllib.request
from contextlib import suppress
from urllib.error import HTTPError

import aiohttp
import pytest

from outlast.testing.faults import Faults, Outage
from outlast.testing.flaky_site import FlakySite

pytestmark = pytest.mark.real_time

FINE = Faults(unavailable=0, reset=0, hang=0)
PAGES = {"/": ("text/html", b"<p>home"), "/a": ("text/plain", b"alpha"), "/a?page=2": ("text/plain", b"second")}
BIG = {"/big": ("application/octet-stream", b"x" * 30_000_000)}


def only(fault, **more):
    return Faults(**{"unavailable": 0.0, "reset": 0.0, "hang": 0.0, fault: 1.0, **more})


@pytest.fixture
async def visit():
    """Fetches one page: its status, body and headers."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:

        async def fetch(url, method="GET", **options):
            async with session.request(method, url, **options) as response:
                return response.status, await response.read(), response.headers

        yield fetch


async def talk(site, *sent):
    """Sends raw bytes; what comes back until the site closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
    try:
        for each in sent:
            writer.write(each)
        async with asyncio.timeout(60):
            return await reader.read()
    finally:
        writer.close()


async def test_a_page_comes_with_its_type(visit):
    async with FlakySite(PAGES, FINE) as site:
        status, body, headers = await visit(f"{site.url}/a")
    assert (status, body, headers["Content-Type"], headers["Content-Length"]) == (200, b"alpha", "text/plain", "5")


async def test_pages_may_be_a_function(visit):
    async with FlakySite(lambda path: path.encode() if path != "/none" else None, FINE) as site:
        assert (await visit(f"{site.url}/some"))[:2] == (200, b"/some")
        assert (await visit(f"{site.url}/none"))[0] == 404


async def test_a_query_has_its_own_page_or_that_of_its_path(visit):
    async with FlakySite(PAGES, FINE) as site:
        assert (await visit(f"{site.url}/a?page=2"))[1] == b"second"
        assert (await visit(f"{site.url}/a?page=3"))[1] == b"alpha"


async def test_head_has_no_body_and_is_not_a_page_served(visit):
    async with FlakySite(PAGES, FINE) as site:
        status, body, headers = await visit(f"{site.url}/a", "HEAD")
        assert (status, body, headers["Content-Length"]) == (200, b"", "5")
        assert not site.served
        assert (await visit(f"{site.url}/a"))[1] == b"alpha"


async def test_other_methods_are_refused(visit):
    async with FlakySite(PAGES, FINE) as site:
        status, _, headers = await visit(f"{site.url}/a", "POST", data=b"x")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


async def test_a_connection_serves_many_requests():
    async with FlakySite(PAGES, FINE) as site:
        answer = await talk(
            site, b"GET / HTTP/1.1\r\n\r\n", b"GET /a HTTP/1.1\r\n\r\n", b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n"
        )
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert site.served == {"/": 1, "/a": 2}


async def test_noise_is_answered_400():
    async with FlakySite(PAGES, FINE) as site:
        assert (await talk(site, b"hello\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_an_unavailable_page_is_there_on_the_second_try(visit):
    async with FlakySite(PAGES, only("unavailable")) as site:
        assert [(await visit(f"{site.url}/a"))[0] for _ in range(3)] == [503, 200, 200]
        assert [(path, status) for _, path, status in site.requests] == [("/a", 503), ("/a", 200), ("/a", 200)]


async def test_the_order_of_requests_does_not_change_the_faults(visit):
    paths = [f"/{number}" for number in range(60)]

    async def first_answers(order):
        async with FlakySite(lambda _: b"x", Faults(unavailable=0.5, reset=0, hang=0)) as site:
            return {path: (await visit(site.url + path))[0] for path in order}

    there, back = await first_answers(paths), await first_answers(paths[::-1])
    assert there == back
    assert set(there.values()) == {200, 503}


async def test_a_reset_comes_in_the_middle_of_the_answer():
    async with FlakySite({"/long": ("text/plain", b"x" * 1_000)}, only("reset")) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
        writer.write(b"GET /long HTTP/1.1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Content-Length: 1000" in head
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1_000)
        writer.close()
        assert not site.served
        assert site.requests[0].status == 0


async def test_a_reset_page_is_there_on_the_second_try(visit):
    async with FlakySite(PAGES, only("reset")) as site:
        with pytest.raises(aiohttp.ClientError):
            await visit(f"{site.url}/a")
        assert (await visit(f"{site.url}/a"))[1] == b"alpha"


async def test_an_answer_without_a_body_is_reset_in_its_head():
    async with FlakySite(PAGES, only("reset")) as site:
        with pytest.raises(ConnectionResetError):
            await talk(site, b"HEAD /a HTTP/1.1\r\n\r\n")


async def test_a_hanging_page_says_nothing(visit):
    async with FlakySite(PAGES, only("hang")) as site:
        with pytest.raises(TimeoutError):
            await visit(f"{site.url}/a", timeout=aiohttp.ClientTimeout(total=0.05))
        assert site.requests[0].status == 0
        assert (await visit(f"{site.url}/a"))[1] == b"alpha"


async def test_a_hanging_connection_is_closed_in_the_end():
    async with FlakySite(PAGES, only("hang", hang_seconds=0.05)) as site:
        assert await talk(site, b"GET /a HTTP/1.1\r\n\r\n", b"more") == b""


async def test_retry_after_says_when_to_come_back(visit):
    async with FlakySite(lambda _: b"x", only("retry_after")) as site:
        answers = [await visit(f"{site.url}/{number}") for number in range(12)]
        assert {(status, headers["Retry-After"]) for status, _, headers in answers} == {(503, "1"), (429, "1")}
        assert (await visit(f"{site.url}/0"))[0] == 200


async def test_gone_and_broken_pages_stay_so(visit):
    async with FlakySite(PAGES, only("unavailable", gone=frozenset({"/"}), broken=frozenset({"/a"}))) as site:
        assert [(await visit(f"{site.url}/"))[0] for _ in range(2)] == [404, 404]
        assert [(await visit(f"{site.url}/a"))[0] for _ in range(2)] == [500, 500]


async def test_latency_delays_every_answer(visit):
    async with FlakySite(PAGES, Faults(unavailable=0, reset=0, hang=0, latency=0.05)) as site:
        began = time.monotonic()
        await visit(f"{site.url}/a")
        assert time.monotonic() - began >= 0.05


async def test_an_outage_after_so_many_requests_ends_after_its_seconds(visit):
    faults = Faults(unavailable=0, reset=0, hang=0, outages=(Outage(after_requests=3, seconds=2.0),))
    async with FlakySite(PAGES, faults) as site:
        assert [(await visit(f"{site.url}/a"))[0] for _ in range(5)] == [200, 200, 200, 503, 503]
        assert (site.down, site.requests_while_down) == (True, 2)
        while site.down:
            await asyncio.sleep(0.02)
        assert (await visit(f"{site.url}/a"))[0] == 200


async def test_an_outage_is_not_the_first_try_of_a_page(visit):
    async with FlakySite(PAGES, only("unavailable")) as site:
        site.outage()
        assert (await visit(f"{site.url}/a"))[0] == 503
        site.restore()
        assert [(await visit(f"{site.url}/a"))[0] for _ in range(2)] == [503, 200]


async def test_an_outage_may_refuse(visit):
    async with FlakySite(PAGES, FINE) as site:
        site.outage("refuse")
        with pytest.raises(ConnectionResetError):
            await talk(site, b"GET /a HTTP/1.1\r\n\r\n")
        assert site.requests_while_down == 1


async def test_an_outage_may_hang(visit):
    async with FlakySite(PAGES, FINE) as site:
        site.outage("hang", seconds=60)
        with pytest.raises(TimeoutError):
            await visit(f"{site.url}/a", timeout=aiohttp.ClientTimeout(total=0.05))
        site.restore()
        assert (await visit(f"{site.url}/a"))[0] == 200


async def test_a_page_that_was_not_wholly_sent_was_not_served():
    async with FlakySite(BIG, FINE) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
        writer.write(b"GET /big HTTP/1.1\r\n\r\n")
        await reader.readexactly(1_000)
        writer.transport.abort()
        await asyncio.sleep(0.05)
        assert not site.served
        assert len(site.requests) == 1


async def test_closing_does_not_wait_for_anybody():
    async with FlakySite({**PAGES, **BIG}, only("hang")) as site:
        port = int(site.url.rpartition(":")[2])
        writers = [(await asyncio.open_connection("127.0.0.1", port, limit=1_000))[1] for _ in range(3)]
        writers[0].write(b"GET /a HTTP/1.1\r\n\r\n")  # hangs
        writers[1].write(b"HEAD /big HTTP/1.1\r\n\r\n" * 2)  # hangs, too
        await asyncio.sleep(0.05)
        began = time.monotonic()
    assert time.monotonic() - began < 20
    for writer in writers:
        writer.close()


async def test_closing_does_not_wait_for_a_client_that_does_not_read():
    async with FlakySite(BIG, FINE) as site:
        port = int(site.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
        writer.write(b"GET /big HTTP/1.1\r\n\r\n")
        await asyncio.sleep(0.05)
        began = time.monotonic()
    assert time.monotonic() - began < 20
    writer.close()


async def test_a_closed_site_is_not_there():
    async with FlakySite(PAGES, FINE) as site:
        pass
    with pytest.raises(ConnectionRefusedError):
        await talk(site, b"GET / HTTP/1.1\r\n\r\n")


async def test_an_error_in_the_pages_is_raised_at_the_end(visit):
    def pages(path):
        raise KeyError(path)

    with pytest.raises(ExceptionGroup) as caught:
        async with FlakySite(pages, FINE) as site:
            with pytest.raises(aiohttp.ClientError):
                await visit(f"{site.url}/a")
    assert caught.group_contains(KeyError)


async def test_an_error_in_the_pages_does_not_hide_the_error_of_the_test(visit):
    def pages(path):
        raise KeyError(path)

    with pytest.raises(aiohttp.ClientError):
        async with FlakySite(pages, FINE) as site:
            await visit(f"{site.url}/a")


async def test_a_port_may_be_chosen(unused_tcp_port):
    async with FlakySite(PAGES, FINE, port=unused_tcp_port) as site:
        assert site.url == f"http://127.0.0.1:{unused_tcp_port}"


def test_the_fixture_serves_plain_tests(flaky_site):
    site = flaky_site(PAGES, only("unavailable"))
    with pytest.raises(HTTPError):
        urllib.request.urlopen(f"{site.url}/a").close()
    with urllib.request.urlopen(f"{site.url}/a") as response:
        assert response.read() == b"alpha"
    assert site.served["/a"] == 1


async def test_the_fixture_serves_async_tests_and_many_sites(flaky_site, visit):
    one, other = flaky_site(PAGES, FINE), flaky_site(PAGES, only("unavailable"))
    assert (await visit(f"{one.url}/a"))[0] == 200
    assert (await visit(f"{other.url}/a"))[0] == 503


def test_a_site_that_cannot_start_says_why(flaky_site):
    taken = int(flaky_site(PAGES).url.rpartition(":")[2])
    with pytest.raises(OSError, match=str(taken)):
        flaky_site(PAGES, port=taken)


@pytest.mark.parametrize("moments", range(6))
async def test_a_client_that_comes_while_the_site_closes_leaves_nothing_behind(moments):
    async with FlakySite(PAGES, FINE) as site:
        client = socket.create_connection(("127.0.0.1", int(site.url.rpartition(":")[2])), timeout=5)
        for _ in range(moments):
            await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with client, suppress(ConnectionResetError):
        assert client.recv(1) == b""
