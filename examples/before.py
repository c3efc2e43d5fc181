"""The titles of some pages, with Playwright alone: one failure ends it, and then it begins anew."""

import asyncio
import os
import sys

from playwright.async_api import async_playwright


async def scrape(url, page):
    await page.goto(url)
    return {"url": url, "title": await page.title()}


async def main(urls):
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=os.environ.get("OUTLAST_CHROMIUM"))
        page = await browser.new_page()
        for url in urls:
            print(await scrape(url, page))


asyncio.run(main(sys.argv[1:]))
