"""Hosts paused and unpaused: orders that a job keeps, whether it runs or not."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from outlast.cli.opening import Access, keys_at_hand, looked_into
from outlast.errors import JobError, KeyMissingError
from outlast.jobs.orders import Orders, read_orders, write_orders
from outlast.jobs.store import JobDirectory
from outlast.storage.keys import KEY_VARIABLE

__all__ = ["Ordered", "Paused", "order_hosts", "paused_hosts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """The paused hosts before and after. `by_script`: the job was started from code."""

    before: frozenset[str]
    after: frozenset[str]
    by_script: bool = False

    @property
    def changed(self) -> list[str]:
        return sorted(self.before ^ self.after)


@dataclass(frozen=True, slots=True)
class Paused:
    """The hosts that are paused, or the problem with finding that out."""

    hosts: tuple[str, ...] = ()
    problem: str | None = None


async def order_hosts(directory: JobDirectory, change: Callable[[frozenset[str]], frozenset[str]]) -> Ordered:
    """Change which hosts are paused; it is durable, and a run that goes on notices within a second.

    Raises `KeyMissingError` when the job is encrypted and its key is not at hand.
    """
    async with looked_into(directory) as access:
        if access.locked:
            raise KeyMissingError(
                f"the orders of this job are encrypted, and its key is not at hand: set {KEY_VARIABLE}"
            )
        by_script = await access.ledger.get("invocation") is None
    keys = keys_at_hand() if access.sealed else None
    with _alone(directory.path):
        before = read_orders(directory, keys).paused
        orders = Orders.pausing(change(before))
        if orders.paused != before:
            write_orders(directory, orders, keys)
    return Ordered(before=before, after=orders.paused, by_script=by_script)


def paused_hosts(directory: JobDirectory, access: Access) -> Paused:
    """The paused hosts of a job that is looked into; none are known where its key is not at hand."""
    if access.locked:
        return Paused()
    try:
        return Paused(tuple(sorted(read_orders(directory, keys_at_hand() if access.sealed else None).paused)))
    except JobError as error:
        return Paused(problem=error.message)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    # Two who change the orders at the same time must not undo what the other has said. Nobody else locks the directory.
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
