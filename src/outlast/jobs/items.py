"""What an item is: its key, its payload in the ledger, the host it is asked from."""

import asyncio
import json
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from enum import Enum
from functools import partial
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
        if isinstance(value, str) and not isinstance(value, Enum):
            return NewItem(_text(str.__str__(value)))
        payload = encode(value).decode()
        return NewItem(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")), payload)
    chosen = key(value)
    if type(chosen) is not str:
        raise ValidationError(
            f"the key of an item must be a string, not {chosen!r}", context={"item": repr(value)[:200]}
        )
    return NewItem(_text(chosen), encode(value).decode())


def _text(key: str) -> str:
    if not key.isascii():
        try:
            key.encode()
        except UnicodeEncodeError as error:
            raise ValidationError(f"$: {ascii(key)[:200]} is not JSON: it has a lone surrogate") from error
    return key


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
    else:
        for batch in _in_slices(items, size, asyncio.get_running_loop()):
            yield batch


def _in_slices(items: Iterable[Any], size: int, loop: asyncio.AbstractEventLoop) -> Iterator[list[Any]]:
    """Full batches of a quick source; one that takes its time holds up the loop, so the loop gets what came every so often."""
    began = loop.time()
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size or loop.time() - began >= PAUSE_SECONDS:
            yield batch
            batch, began = [], loop.time()
    if batch:
        yield batch


async def _as_they_come(items: AsyncIterable[Any], size: int) -> AsyncIterator[list[Any]]:
    """Full batches of a quick source; of a slow one, what has come within `PAUSE_SECONDS`."""
    iterator, loop = aiter(items), asyncio.get_running_loop()
    began = 0.0
    batch: list[Any] = []
    following = asyncio.ensure_future(anext(iterator))
    try:
        while True:
            if batch and not (await asyncio.wait([following], timeout=began + PAUSE_SECONDS - loop.time()))[0]:
                yield batch
                batch = []
            try:
                item = await following
            except StopAsyncIteration:
                break
            if not batch:
                began = loop.time()
            batch.append(item)
            following = asyncio.ensure_future(anext(iterator))
            if len(batch) == size:
                yield batch
                batch = []
    finally:
        following.cancel()
    if batch:
        yield batch
