"""What is done and what is waiting: the port, SQLite, memory."""

from outlast.ledger.memory import MemoryLedger
from outlast.ledger.port import Counts, ItemStatus, Lease, Ledger, NewItem, Record, Result, Shape, StoredFailure
from outlast.ledger.sqlite import SqliteLedger

__all__ = [
    "Counts",
    "ItemStatus",
    "Lease",
    "Ledger",
    "MemoryLedger",
    "NewItem",
    "Record",
    "Result",
    "Shape",
    "SqliteLedger",
    "StoredFailure",
]
