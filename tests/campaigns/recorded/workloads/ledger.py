"""A ledger at work: `python ledger.py ROOT STEPS [NORMAL]`; a key in the environment seals it. It is not always closed.

`NORMAL` is how eagerly SQLite is to sync; left out, it is as the ledger wants it.
"""

import asyncio
import os
from contextlib import suppress

import apsw
from saying import begin

from outlast.errors import LedgerUnavailableError
from outlast.ledger import SqliteLedger
from outlast.ledger.port import ItemStatus, NewItem, Record, Shape

LATER = 1e12


def keys():
    if "OUTLAST_ENCRYPTION_KEY" not in os.environ:
        return {}
    from outlast.storage.keys import keyring

    return {"keys": keyring()}


def new_items(chance, count):
    return [
        NewItem(f"k{chance.getrandbits(48):x}", f'{{"weight":"{"w" * chance.choice([3, 40, 900])}"}}')
        for _ in range(count)
    ]


def told(items):
    return [[item.key, item.payload] for item in items]


async def add(ledger, voice, chance):
    items = new_items(chance, chance.choice([1, 4, 30]))
    async with voice.doing("add", items=told(items)):
        await ledger.add(items)


async def record(ledger, voice, chance, lease):
    status = chance.choices([ItemStatus.DONE, ItemStatus.FAILED, ItemStatus.DEFERRED], [8, 2, 1])[0]
    children = new_items(chance, chance.choice([0, 0, 2]))
    # Unlike any other: a record that was begun and not acknowledged is known by it.
    mark = f"{chance.getrandbits(48):x}"
    lines = f'{{"mark":"{mark}","text":"{"t" * chance.choice([5, 100, 5000])}"}}\n' if status is ItemStatus.DONE else ""
    error = f'{{"mark":"{mark}"}}' if status is ItemStatus.FAILED else None
    fate = {"status": status.value, "lines": lines, "error": error, "attempts": lease.attempts + 1}
    async with voice.doing("record", key=lease.key, children=told(children), **fate):
        await ledger.record(
            Record(
                lease,
                status,
                lease.attempts + 1,
                Shape.ONE if lines else Shape.NOTHING,
                lines,
                children,
                LATER if status is ItemStatus.DEFERRED else None,
                error,
            )
        )


async def put(ledger, voice, chance):
    value = {"number": chance.getrandbits(32)}
    async with voice.doing("put", value=value):
        await ledger.put("note", value)


async def step(ledger, voice, chance):
    roll = chance.random()
    if roll < 0.15:
        await add(ledger, voice, chance)
    elif roll < 0.3:
        await put(ledger, voice, chance)
    elif roll < 0.35:
        async with voice.doing("retry"):
            await ledger.retry(ItemStatus.FAILED)
    else:
        leases = await ledger.lease("me", chance.choice([1, 1, 3, 8]), 1.0, 1e9)
        await asyncio.gather(*(record(ledger, voice, chance, lease) for lease in leases))


async def work(root, voice, chance, steps, synchronous=""):
    connections = []
    apsw.connection_hooks.append(connections.append)
    ledger = await SqliteLedger.open(root / "ledger.db", **keys())
    voice.say(n=-1, do="open", done={})
    if synchronous:
        connections[-1].execute(f"PRAGMA synchronous = {synchronous}")
    await ledger.release()
    for _ in range(int(steps)):
        # After an error the rest is tried all the same: what is acknowledged then has to hold as well.
        with suppress(LedgerUnavailableError):
            await step(ledger, voice, chance)
    if chance.random() < 0.5:
        os._exit(0)
    await ledger.close()


begin(work)
