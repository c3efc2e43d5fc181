"""Opening a job's ledger with the keys that are at hand, where it needs any."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from outlast.errors import ConfigurationError, KeyMissingError
from outlast.jobs.store import JobDirectory
from outlast.ledger import SqliteLedger
from outlast.storage.keys import FILE_VARIABLE, KEY_VARIABLE, Keyring, keyring

__all__ = ["Access", "key_missing", "keys_at_hand", "keys_if_good", "looked_into", "opened"]


def keys_at_hand(environ: Mapping[str, str] = os.environ) -> Keyring | None:
    """The keys of the environment; None without any. Raises `ConfigurationError` for what is set and is no key."""
    told = any(environ.get(name, "").strip() for name in (KEY_VARIABLE, FILE_VARIABLE))
    return keyring(environ=environ) if told else None


def keys_if_good(environ: Mapping[str, str] = os.environ) -> Keyring | None:
    """The same for whoever can do without: what is set and is no key counts as none."""
    try:
        return keys_at_hand(environ)
    except ConfigurationError:
        return None


def key_missing(what: str, key_id: str | None, keys: Keyring | None) -> KeyMissingError:
    """The error that says which key `what` needs, and where it belongs."""
    where = f"those of {KEY_VARIABLE} and {FILE_VARIABLE}"
    lack = f"not at hand: set {KEY_VARIABLE}" if keys is None else f"not among {where} ({', '.join(keys.key_ids)})"
    context = {"key_id": key_id, "at_hand": [] if keys is None else list(keys.key_ids)}
    return KeyMissingError(f"{what} is encrypted by the key {key_id}, which is {lack}", context=context)


@dataclass(frozen=True, slots=True)
class Access:
    """A job's ledger. `sealed`: it needs a key; `locked_by` is that key, not at hand, so that what its rows say cannot be read."""

    ledger: SqliteLedger
    sealed: bool = False
    locked_by: str | None = None

    @property
    def locked(self) -> bool:
        return self.locked_by is not None


@asynccontextmanager
async def opened(directory: JobDirectory, *, read_only: bool = True) -> AsyncIterator[SqliteLedger]:
    """A job's ledger. Read only, a job that is running is not disturbed.

    A ledger in the clear needs no keys, whatever the environment says; one that is sealed by a key which is not at hand is
    `KeyMissingError`.
    """
    if not read_only:
        await asyncio.to_thread(directory.refuse_emptied)
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
    except KeyMissingError as error:
        key_id, lacking = str(error.context.get("key_id")), error
    keys = keys_if_good() if locked else keys_at_hand()
    if keys is not None:
        try:
            return Access(await SqliteLedger.open(directory.ledger, read_only=read_only, keys=keys), sealed=True)
        except KeyMissingError as error:
            lacking = error
    if not locked:
        raise key_missing(f"job {directory.name or directory.path.name!r}", key_id, keys) from lacking
    ledger = await SqliteLedger.open(directory.ledger, read_only=True, locked=True)
    return Access(ledger, sealed=True, locked_by=key_id)
