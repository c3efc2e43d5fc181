"""A job with links, state and an output: `python job.py ROOT PAGES [fresh]`.

It goes on where the process before stopped, or with `fresh` puts aside what that has done.
"""

from saying import begin

import outlast


async def work(root, voice, chance, pages, fresh=""):
    @outlast.job("walk", concurrency=4, store=str(root / "store"), crash_loop_limit=0)
    async def walk(page, ctx):
        voice.say(fetched=page)
        ctx.enqueue(*(n for n in (2 * page + 1, 2 * page + 2) if n < int(pages)))
        ctx.state["pages"] = ctx.state.get("pages", 0) + 1
        return {"page": page, "text": f"{page} " * (page * 37 % 400)}

    async with voice.doing("run", pages=int(pages)):
        summary = await walk.run([0], output=str(root / "pages.jsonl"), fresh=bool(fresh))
        assert summary.outcome.value == "completed", summary


begin(work)
