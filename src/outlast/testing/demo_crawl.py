"""A crawl by links, as a user would write it."""

import re

import outlast

__all__ = ["crawl"]


@outlast.job("demo", concurrency=16, timeout="4s")
async def crawl(url, http, ctx):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - a user's file
    async with http.get(url, raise_for_status=True) as response:
        html = await response.text()
    base = url.rpartition("/")[0]
    ctx.enqueue(*(f"{base}/{page}" for page in re.findall(r'href="([\w.]+\.html)', html)))
    title = re.search(r"<title>(.*?)</title>", html)
    return {"url": url, "title": title[1] if title else None, "length": len(html)}
