"""Whose items are left? A look at all that is not done yet."""

from collections.abc import Collection

from outlast.jobs.items import host_of
from outlast.ledger.port import ItemStatus, Ledger, StoredItem
from outlast.storage.strictjson import decode

__all__ = ["only_of"]

SLICE = 500
_LEFT = frozenset({ItemStatus.PENDING, ItemStatus.DEFERRED})


async def only_of(hosts: Collection[str], ledger: Ledger) -> bool:
    """Whether every item that still has to be done is one of these hosts."""
    after = 0
    while items := await ledger.items(after, SLICE):
        if any(_host_of(item) not in hosts for item in items if item.status in _LEFT):
            return False
        after = items[-1].item
    return True


def _host_of(item: StoredItem) -> str:
    return host_of(item.key if item.payload is None else decode(item.payload))
