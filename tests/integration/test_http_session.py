"""The session that `outlast[http]` provides, against a real site."""

import aiohttp
import pytest

from outlast.integrations.aiohttp import http_session
from outlast.testing import Faults, FlakySite

pytestmark = pytest.mark.real_time

WELL = Faults(unavailable=0, reset=0, hang=0, latency=0)


async def get(session, url):
    async with session.get(url) as response:
        return await response.read()


async def test_what_breaks_off_is_asked_once_and_is_a_lost_connection():
    async with FlakySite(lambda path: b"x", WELL) as site, http_session() as session:
        assert await get(session, f"{site.url}/1") == b"x"
        site.outage("refuse")
        with pytest.raises(aiohttp.ClientConnectionResetError) as caught:
            await get(session, f"{site.url}/2")
        assert isinstance(caught.value, aiohttp.ClientError | ConnectionResetError)
        assert site.requests_while_down == 1
        site.restore()
        assert await get(session, f"{site.url}/2") == b"x"


async def test_that_nobody_listens_is_told_as_it_is():
    async with FlakySite(lambda path: b"x", WELL) as site:
        url = site.url
    async with http_session() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await get(session, url)
