"""What an item is: its key, its payload in the ledger, the host it is asked from."""

import asyncio
import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any

from outlast.errors import ValidationError
from outlast.ledger.port import Lease, NewItem
from outlast.storage.strictjson import decode, encode

__all__ = ["Items", "KeyFunction", "batches", "host_of", "item_of", "key_function", "new_item"]

# RFC 3986, 3.2: what stands between "//" and the path, without user and password. urlsplit takes ten times as long.
_AUTHORITY = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^/?#@]*@)?([^/?#]*)")

PAUSE_SECONDS = 0.1

KeyFunction = Callable[[Any], str]
Items = Iterable[Any] | AsyncIterable[Any]


def new_item(value: Any, key: KeyFunction | None = None) -> NewItem:
    """The ledger's form of an item. Without `key`, a string is its own key and any other value is known by its JSON.

    Raises `ValidationError` when the value is not JSON, or its key is not a string.
    """
    if key is None:
        if type(value) is str:
            return NewItem(value)
        payload = encode(value).decode()
        return NewItem(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")), payload)
    chosen = key(value)
    if type(chosen) is not str:
        raise ValidationError(
            f"the key of an item must be a string, not {chosen!r}", context={"item": repr(value)[:200]}
        )
    return NewItem(chosen, encode(value).decode())


def item_of(lease: Lease) -> Any:
    """The item as the user gave it."""
    return lease.key if lease.payload is None else decode(lease.payload)


def host_of(item: Any) -> str:
    """The host that an item is asked from: of the URL it is, or has under "url". Items without one share the host ""."""
    url = item.get("url") if isinstance(item, dict) else item
    if not isinstance(url, str):
        return ""
    match = _AUTHORITY.match(url)
    return match[1].lower() if match else ""


def key_function(key: "KeyFunction | str | None") -> "KeyFunction | None":
    """A key function as it is; for the name of a field, one that takes the key from it, and text items as they are."""
    return partial(_field_of, key) if isinstance(key, str) else key


def _field_of(name: str, item: Any) -> str:
    if isinstance(item, str):
        return item
    value = item.get(name) if isinstance(item, dict) else None
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValidationError(f"an item has no key: {name!r} is not text or a whole number in {repr(item)[:200]}")
    return str(value)


async def batches(items: Items, size: int) -> AsyncIterator[list[Any]]:
    """The items in lists of at most `size`; an iterable is never loaded whole."""
    if isinstance(items, AsyncIterable):
        async for batch in _as_they_come(items, size):
            yield batch
        return
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


async def _as_they_come(items: AsyncIterable[Any], size: int) -> AsyncIterator[list[Any]]:
    """Full batches of a quick source; of a slow one, what has come when nothing more did for `PAUSE_SECONDS`."""
    iterator = aiter(items)
    batch: list[Any] = []
    following = asyncio.ensure_future(anext(iterator))
    try:
        while True:
            if batch and not (await asyncio.wait([following], timeout=PAUSE_SECONDS))[0]:
                yield batch
                batch = []
            try:
                batch.append(await following)
            except StopAsyncIteration:
                break
            following = asyncio.ensure_future(anext(iterator))
            if len(batch) == size:
                yield batch
                batch = []
    finally:
        following.cancel()
    if batch:
        yield batch
