"""What is done and what is waiting: the port, SQLite, memory."""

from outlast.ledger.connection import sqlite_version
from outlast.ledger.health import Examined, Finding, Health, Remedy
from outlast.ledger.memory import MemoryLedger
from outlast.ledger.port import (
    Counts,
    ItemStatus,
    Lease,
    Ledger,
    NewItem,
    Record,
    Result,
    Shape,
    Sizes,
    StoredFailure,
    StoredItem,
)
from outlast.ledger.sqlite import SqliteLedger

__all__ = [
    "Counts",
    "Examined",
    "Finding",
    "Health",
    "ItemStatus",
    "Lease",
    "Ledger",
    "MemoryLedger",
    "NewItem",
    "Record",
    "Remedy",
    "Result",
    "Shape",
    "Sizes",
    "SqliteLedger",
    "StoredFailure",
    "StoredItem",
    "sqlite_version",
]
