"""`kill -9` at random moments of a crawl by links, the same command again each time: nothing lost, nothing doubled."""

import asyncio
import json
import os
import random
import signal
import sys
import textwrap
from collections import Counter

import pytest
from aiohttp import web

PAGES = 1_000
KILLS = 20
CONCURRENCY = 16
LATENCY = 0.08

CRAWL = """
    import asyncio, re, sys, outlast

    @outlast.job("tree", concurrency=16, crash_loop_limit=0, poison_after=0)
    async def crawl(url, http, ctx):
        async with http.get(url, raise_for_status=True) as response:
            text = await response.text()
        base = url.rpartition("/")[0]
        ctx.enqueue(*(f"{base}/{link}" for link in re.findall(r'href="(\\d+)"', text)))
        ctx.state["pages"] = ctx.state.get("pages", 0) + 1
        return {"url": url, "text": text}

    print("ready", flush=True)
    summary = asyncio.run(crawl.run([sys.argv[1]], output="pages.jsonl"))
    print(summary.done, summary.outcome.value, flush=True)
"""


class Tree:
    """Pages that link to the two below them; counts the answers it has sent."""

    def __init__(self):
        self.served = Counter()

    async def page(self, request):
        number = int(request.match_info["number"])
        await asyncio.sleep(LATENCY)
        links = [f'<a href="{n}">' for n in (2 * number + 1, 2 * number + 2) if n < PAGES]
        self.served[number] += 1
        return web.Response(text=f"page {number} {' '.join(links)}")


@pytest.fixture
async def tree():
    tree = Tree()
    app = web.Application()
    app.router.add_get("/{number}", tree.page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    tree.url = f"http://127.0.0.1:{runner.addresses[0][1]}/0"
    yield tree
    await runner.cleanup()


async def run(tmp_path, url, *, kill_after=None):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "crawl.py", url, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    assert await process.stdout.readline() == b"ready\n"
    if kill_after is not None:
        await asyncio.sleep(kill_after)
        if process.returncode is None:
            # Not `send_signal`: that reaps a child that has just ended, and its exit code with it.
            os.kill(process.pid, signal.SIGKILL)
    out = await process.stdout.read()
    return await process.wait(), out.decode().split()


@pytest.mark.real_time
async def test_a_crawl_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path, tree):
    (tmp_path / "crawl.py").write_text(textwrap.dedent(CRAWL))
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    kills = 0
    for _ in range(KILLS):
        code, _ = await run(tmp_path, tree.url, kill_after=chance.uniform(0.2, 0.7))
        kills += code == -signal.SIGKILL
    code, ended = await run(tmp_path, tree.url)
    assert (code, ended) == (0, [str(PAGES), "completed"]), f"seed {seed}"

    with (tmp_path / "pages.jsonl").open() as file:
        urls = Counter(json.loads(line)["url"] for line in file)
    assert len(urls) == PAGES, f"seed {seed}: {PAGES - len(urls)} lost"
    assert set(urls.values()) == {1}, f"seed {seed}: doubled"
    again = sum(tree.served.values()) - PAGES
    assert again <= CONCURRENCY * kills, f"seed {seed}: {again} fetched again after {kills} kills"
    assert kills >= KILLS // 2, f"seed {seed}: only {kills} runs were killed before they ended"
