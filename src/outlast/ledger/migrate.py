"""The schema of a file: made where there is none, brought from an older version to this one, refused when it is newer."""

from collections.abc import Mapping
from pathlib import Path

import apsw

from outlast.errors import LedgerCorruptionError, LedgerError
from outlast.ledger.rows import fact_checksum
from outlast.ledger.schema import APPLICATION_ID, SCHEMA, SCHEMA_VERSION, STATUSES

__all__ = ["keep_fact", "prepare"]

_PRISTINE = "status = 0 AND attempts = 0 AND not_before IS NULL AND error IS NULL"
_IDENTITY = "identity_of(CAST(key AS BLOB), CAST(payload AS BLOB))"
_STATE = f"iif({_PRISTINE}, NULL, state_of(id, status, attempts, not_before, CAST(error AS BLOB)))"
_RESULT = "result_checksum(item, shape, CAST(lines AS BLOB))"
_FACT = "fact_checksum(CAST(name AS BLOB), CAST(value AS BLOB))"

# ruff: noqa: S608 - all of it is ours
_FROM_1 = f"""
ALTER TABLE items ADD COLUMN identity INTEGER;
ALTER TABLE items ADD COLUMN state INTEGER;
ALTER TABLE results ADD COLUMN checksum INTEGER;
ALTER TABLE facts ADD COLUMN checksum INTEGER;
UPDATE items SET identity = {_IDENTITY}, state = {_STATE};
UPDATE results SET checksum = {_RESULT};
UPDATE facts SET checksum = {_FACT};
CREATE INDEX items_lost ON items(id) WHERE payload = x'';
CREATE TABLE spare (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER) WITHOUT ROWID;
INSERT INTO spare SELECT * FROM facts WHERE name = 'job';
"""
_STEPS = {1: _FROM_1}

# A ledger of version 1 is read as if it had the columns that it has not; its rows always fit what is computed from them.
_VIEWS_ON_1 = f"""
CREATE TEMP VIEW items AS SELECT *, {_IDENTITY} AS identity, {_STATE} AS state FROM main.items;
CREATE TEMP VIEW results AS SELECT *, {_RESULT} AS checksum FROM main.results;
CREATE TEMP VIEW facts AS SELECT *, {_FACT} AS checksum FROM main.facts;
CREATE TEMP VIEW spare AS SELECT * FROM facts WHERE name = 'job';
"""
_VIEWS = {1: _VIEWS_ON_1}


def prepare(db: apsw.Connection, path: Path, *, read_only: bool, facts: Mapping[str, str]) -> int:
    """Let the tables be those of this version, and return the version that the file has now.

    A new file gets `facts` in the transaction that makes it. An older one is migrated in one transaction; opened for reading it
    stays as it is. Raises `LedgerCorruptionError` for a file that is no ledger, `LedgerError` for one of a later version.
    """
    if read_only:
        _view(db, _checked_version(db, path))
    else:
        db.execute("BEGIN IMMEDIATE")
        try:
            _bring_up(db, path, facts)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    version: int = db.pragma("user_version")
    return version


def keep_fact(db: apsw.Connection, table: str, name: str, value: str | bytes) -> None:
    """Write a fact into `facts` or `spare`, in place of the one before."""
    db.execute(
        f"INSERT INTO {table} VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value, checksum = excluded.checksum",
        (name, value, fact_checksum(name, value)),
    )


def _bring_up(db: apsw.Connection, path: Path, facts: Mapping[str, str]) -> None:
    if db.pragma("user_version") == 0 and not db.execute("SELECT 1 FROM sqlite_schema").fetchone():
        _create(db, facts)
    version = _checked_version(db, path)
    for step in range(version, SCHEMA_VERSION):
        db.execute(_STEPS[step])
    if version != SCHEMA_VERSION:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _create(db: apsw.Connection, facts: Mapping[str, str]) -> None:
    db.execute(SCHEMA)
    db.executemany("INSERT INTO counts VALUES (?, 0)", [(number,) for number in range(len(STATUSES))])
    db.execute("INSERT INTO fence VALUES (0)")
    for name, value in facts.items():
        keep_fact(db, "facts", name, value)
        keep_fact(db, "spare", name, value)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _view(db: apsw.Connection, version: int) -> None:
    if version in _VIEWS:
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute(_VIEWS[version])


def _checked_version(db: apsw.Connection, path: Path) -> int:
    version: int = db.pragma("user_version")
    if db.pragma("application_id") != APPLICATION_ID:
        raise LedgerCorruptionError(f"{path} is not a ledger of outlast", context={"path": str(path)})
    if not 1 <= version <= SCHEMA_VERSION:
        raise LedgerError(
            f"{path} was written by another version (schema {version}; this one reads 1 to {SCHEMA_VERSION})",
            context={"path": str(path), "version": version},
        )
    return version
