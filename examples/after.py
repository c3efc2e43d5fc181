"""The titles of some pages, as a job: run it again and it goes on where it was, whatever stopped it."""

import asyncio
import sys

import outlast


@outlast.job("titles", browser="chromium", concurrency=4, output="titles.jsonl")
async def scrape(url, page):
    await page.goto(url)
    return {"url": url, "title": await page.title()}


asyncio.run(scrape.run(sys.argv[1:]))
