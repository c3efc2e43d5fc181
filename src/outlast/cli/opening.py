"""Opening a job's ledger with the keys that are at hand, where it needs any."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from outlast.errors import KeyMissingError
from outlast.jobs.store import JobDirectory
from outlast.ledger import SqliteLedger
from outlast.storage.keys import FILE_VARIABLE, KEY_VARIABLE, Keyring, keyring

__all__ = ["Access", "keys_at_hand", "looked_into", "opened"]


def keys_at_hand(environ: Mapping[str, str] = os.environ) -> Keyring | None:
    """The keys of the environment; None without any. Raises `ConfigurationError` for what is set and is no key."""
    told = any(environ.get(name, "").strip() for name in (KEY_VARIABLE, FILE_VARIABLE))
    return keyring(environ=environ) if told else None


@dataclass(frozen=True, slots=True)
class Access:
    """A job's ledger. `sealed`: it needs a key; `locked`: that key is not at hand, so what its rows say cannot be read."""

    ledger: SqliteLedger
    sealed: bool = False
    locked: bool = False


@asynccontextmanager
async def opened(directory: JobDirectory, *, read_only: bool = True) -> AsyncIterator[SqliteLedger]:
    """A job's ledger. Read only, a job that is running is not disturbed.

    A ledger in the clear needs no keys, whatever the environment says; one that is sealed by a key which is not at hand is
    `KeyMissingError`.
    """
    access = await _open(directory, read_only=read_only, locked=False)
    try:
        yield access.ledger
    finally:
        await access.ledger.close()


@asynccontextmanager
async def looked_into(directory: JobDirectory) -> AsyncIterator[Access]:
    """A job's ledger, read only, also when its key is not at hand: then its name and counts can be read, and its rows checked."""
    access = await _open(directory, read_only=True, locked=True)
    try:
        yield access
    finally:
        await access.ledger.close()


async def _open(directory: JobDirectory, *, read_only: bool, locked: bool) -> Access:
    try:
        return Access(await SqliteLedger.open(directory.ledger, read_only=read_only))
    except KeyMissingError:
        keys = keys_at_hand()
        if keys is None and not locked:
            raise
    if keys is not None:
        try:
            return Access(await SqliteLedger.open(directory.ledger, read_only=read_only, keys=keys), sealed=True)
        except KeyMissingError:
            if not locked:
                raise
    return Access(await SqliteLedger.open(directory.ledger, read_only=True, locked=True), sealed=True, locked=True)
