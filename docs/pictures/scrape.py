"""The scraper of the pictures: three shops, whose names lead to this machine."""

import json
import os
import re
import socket

import aiohttp
import outlast
from aiohttp.abc import AbstractResolver

SHOPS = json.loads(os.environ["SHOPS"])


class ToThisMachine(AbstractResolver):
    async def resolve(self, host, port=0, family=socket.AF_INET):
        at = {
            "hostname": host,
            "host": "127.0.0.1",
            "port": SHOPS[host],
            "family": socket.AF_INET,
            "proto": 0,
            "flags": 0,
        }
        return [at]

    async def close(self):
        pass


def session():
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=ToThisMachine()))


@outlast.job("shops", concurrency=12, timeout="5s", resources={"http": session})
async def scrape(url, http):
    async with http.get(url, raise_for_status=True) as response:
        page = await response.text()
    outlast.refuse_blocked(response, page)
    price = re.search(r'class="price">(.*?)<', page)
    if price is None:
        raise LookupError("no '.price' on the page")
    return {"url": url, "price": price[1]}
