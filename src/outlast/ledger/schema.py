"""The tables of the SQLite ledger, and the numbers that stand in its columns.

`leases` is a small table of its own, so that leasing an item does not rewrite its row and recording it writes each row once.
Keys are indexed when an item is added, never when it is recorded: what a commit costs follows what changed in it.

`identity`, `state` and `checksum` prove the row they stand in (`outlast.ledger.rows`). `spare` is a second copy, on a page of its
own, of the facts without which the rest cannot be named or read: the job, and the wrapped key of a sealed ledger.
"""

from outlast.ledger.port import ItemStatus, Shape

__all__ = [
    "APPLICATION_ID",
    "DEFERRED",
    "DONE",
    "FAILED",
    "IGNORED",
    "NOBODY",
    "PENDING",
    "SCHEMA",
    "SCHEMA_VERSION",
    "SHAPES",
    "SHAPE_NUMBER",
    "SPARED",
    "STATUSES",
    "STATUS_NUMBER",
]

SCHEMA_VERSION = 2
APPLICATION_ID = 0x6F75_746C  # "outl"

SCHEMA = """
CREATE TABLE items (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  payload TEXT,
  status INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  not_before REAL,
  error TEXT,
  identity INTEGER,
  state INTEGER
);
CREATE INDEX items_pending ON items(id) WHERE status = 0;
CREATE INDEX items_due ON items(not_before) WHERE status = 4;
CREATE INDEX items_failed ON items(id) WHERE status = 3;
CREATE INDEX items_lost ON items(id) WHERE payload = x'';
CREATE TABLE leases (
  item INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,
  expires REAL NOT NULL,
  token INTEGER NOT NULL
);
CREATE TABLE fence (token INTEGER NOT NULL);
CREATE TABLE results (
  position INTEGER PRIMARY KEY,
  item INTEGER NOT NULL,
  shape INTEGER NOT NULL,
  lines TEXT NOT NULL,
  checksum INTEGER
);
CREATE TABLE counts (status INTEGER PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER) WITHOUT ROWID;
CREATE TABLE spare (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER) WITHOUT ROWID;
"""

SPARED = frozenset({"job", "sealing"})
"""The facts that stay in the clear in a sealed ledger, and of which `spare` has a second copy."""

NOBODY = 0
"""The `item` of a result that was taken out. Its row stays, so that its position is never given again."""

# The partial indexes above name these numbers: never renumber, only append.
STATUSES = (
    ItemStatus.PENDING,
    ItemStatus.LEASED,
    ItemStatus.DONE,
    ItemStatus.FAILED,
    ItemStatus.DEFERRED,
    ItemStatus.IGNORED,
)
SHAPES = (Shape.NOTHING, Shape.ONE, Shape.MANY)
STATUS_NUMBER = {status: number for number, status in enumerate(STATUSES)}
SHAPE_NUMBER = {shape: number for number, shape in enumerate(SHAPES)}
PENDING = STATUS_NUMBER[ItemStatus.PENDING]
DONE = STATUS_NUMBER[ItemStatus.DONE]
FAILED = STATUS_NUMBER[ItemStatus.FAILED]
DEFERRED = STATUS_NUMBER[ItemStatus.DEFERRED]
IGNORED = STATUS_NUMBER[ItemStatus.IGNORED]
