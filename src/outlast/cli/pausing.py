"""Standing orders of a job: given, and looked at, whether it runs or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from outlast.cli.opening import Access, key_missing, keys_at_hand, looked_into
from outlast.errors import JobError, KeyMissingError
from outlast.jobs.orders import Orders, change_orders, read_orders
from outlast.jobs.store import JobDirectory

__all__ = ["Ordered", "Paused", "no_key", "order", "order_hosts", "standing_orders"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """The orders before and after. `own_rates` are those of the job itself; `by_script`: it was started from code."""

    before: Orders
    after: Orders
    own_rates: Mapping[str, str] = field(default_factory=dict)
    by_script: bool = False

    @property
    def changed(self) -> list[str]:
        """The hosts that are paused or unpaused by it."""
        return sorted(self.before.paused ^ self.after.paused)

    @property
    def is_news(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Paused:
    """The hosts that are paused, whether the whole job is, and the rates that were ordered; or the problem with finding that out."""

    hosts: tuple[str, ...] = ()
    problem: str | None = None
    job: bool = False
    rates: Mapping[str, str] = field(default_factory=dict)


async def order(directory: JobDirectory, change: Callable[[Orders], Orders]) -> Ordered:
    """Change the orders; that is durable, and a run that goes on notices within a second.

    Raises `KeyMissingError` when the job is encrypted and its key is not at hand.
    """
    async with looked_into(directory) as access:
        if access.locked:
            raise no_key(directory, access)
        by_script = await access.ledger.get("invocation") is None
        own_rates = await access.ledger.get("rates") or {}
    before, after = change_orders(directory, change, keys_at_hand() if access.sealed else None)
    return Ordered(before=before, after=after, own_rates=own_rates, by_script=by_script)


async def order_hosts(directory: JobDirectory, change: Callable[[frozenset[str]], frozenset[str]]) -> Ordered:
    """Change which hosts are paused."""
    return await order(directory, lambda orders: replace(orders, paused=change(orders.paused)))


def standing_orders(directory: JobDirectory, access: Access) -> Paused:
    """What a job that is looked into was told; nothing is known where its key is not at hand."""
    if access.locked:
        return Paused()
    try:
        orders = read_orders(directory, keys_at_hand() if access.sealed else None)
    except JobError as error:
        return Paused(problem=error.message)
    return Paused(tuple(sorted(orders.paused)), job=orders.job_paused, rates=orders.rates)


def no_key(directory: JobDirectory, access: Access) -> KeyMissingError:
    """Which key the orders need, and which ones are there. Raises `ConfigurationError` where what is set is no key."""
    return key_missing(f"job {directory.name or directory.path.name!r}", access.locked_by, keys_at_hand())
