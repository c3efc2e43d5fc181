"""How a ledger file is opened: made or migrated, and its seal opened, if it has one."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from outlast.errors import LedgerCorruptionError, LedgerError, SealError
from outlast.ledger.changes import put
from outlast.ledger.connection import connect, copy_log
from outlast.ledger.migrate import prepare
from outlast.ledger.reading import fact
from outlast.ledger.sealing import ABOUT, Clear, Locked, Sealed, Sealing, key_missing
from outlast.ledger.tables import Tables
from outlast.storage.disk import Disk, OsDisk
from outlast.storage.strictjson import encode

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = ["open_tables", "rewrap", "sealing_of"]

_SEALING = "sealing"


def open_tables(
    path: Path,
    *,
    read_only: bool,
    keys: "Keyring | None",
    locked: bool,
    vfs: str | None,
    disk: Disk | None,
    at_rest: bool = False,
) -> Tables:
    """The tables of the ledger at `path`; unless `read_only`, one is made where there is none: sealed, when keys are given.

    `at_rest`: see `connect`.
    """
    on_disk = disk is not None or vfs is None
    db = connect(path, read_only=read_only, vfs=vfs, disk=disk, at_rest=at_rest)
    try:
        prepare(db, path, read_only=read_only, facts=_wrapped(keys))
        if on_disk and not read_only:
            # The log is there now, and with it all commits to come. SQLite syncs its name too, and does not look whether it could.
            (disk or OsDisk()).sync_directory(path.parent)
        if not read_only:
            # What an earlier process left in the log may be in the memory of the system alone, after a sync that failed. Copied
            # from there into the ledger and synced, it is durable; a later commit must not stand on anything that is not.
            copy_log(db)
        tables = Tables(db, Clear(), writable=not read_only)
        tables.sealing = sealing_of(tables, path, keys, locked=locked)
    except BaseException:
        db.close()
        raise
    return tables


def rewrap(tables: Tables, keys: "Keyring") -> bool:
    """Let the first of the keys wrap the data key; whether it did not yet."""
    from outlast.storage.keys import WrappedKey  # noqa: PLC0415 - the cryptography package is loaded where it is used

    wrapped = WrappedKey.from_json(fact(tables, _SEALING))
    if keys.is_current(wrapped):
        return False
    anew = keys.wrap(keys.unwrap(wrapped, ABOUT), ABOUT)
    put(tables, _SEALING, encode(anew.to_json()).decode())
    return True


def _wrapped(keys: "Keyring | None") -> Mapping[str, str]:
    if keys is None:
        return {}
    from outlast.storage.cipher import new_data_key  # noqa: PLC0415

    return {_SEALING: encode(keys.wrap(new_data_key(), ABOUT).to_json()).decode()}


def sealing_of(tables: Tables, path: Path, keys: "Keyring | None", *, locked: bool) -> Sealing:
    """How the ledger's texts are stored, by its facts."""
    stored = fact(tables, _SEALING)
    if stored is None:
        if keys is not None:
            raise LedgerError(
                f"{path} was begun in the clear: start over with --fresh, or switch encryption off",
                context={"path": str(path)},
            )
        return Clear()
    from outlast.storage.cipher import Cipher  # noqa: PLC0415
    from outlast.storage.keys import WrappedKey  # noqa: PLC0415

    try:
        wrapped = WrappedKey.from_json(stored)
        if keys is None and not locked:
            raise key_missing(wrapped.key_id)
        if keys is None or (locked and wrapped.key_id not in keys.key_ids):
            return Locked(wrapped.key_id)
        return Sealed(Cipher(keys.unwrap(wrapped, ABOUT)))
    except SealError as error:
        message = f"the ledger {path} is damaged: its wrapped key does not open"
        raise LedgerCorruptionError(message, context={"path": str(path)}) from error
