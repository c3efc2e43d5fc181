"""Every ledger passes the suite that ships for users' own."""

import gzip
from pathlib import Path

import apsw
import pytest

from outlast.ledger import MemoryLedger, SqliteLedger
from outlast.storage.keys import Keyring
from outlast.testing.ledger_spec import LedgerSpec

GOLDEN = Path(__file__).parents[1] / "golden"


class TestMemoryLedger(LedgerSpec):
    @pytest.fixture
    async def ledger(self):
        return MemoryLedger()


class TestSqliteLedger(LedgerSpec):
    @pytest.fixture
    async def ledger(self, tmp_path):
        ledger = await SqliteLedger.open(tmp_path / "ledger.db")
        yield ledger
        await ledger.close()


class TestSealedLedger(LedgerSpec):
    @pytest.fixture
    async def ledger(self, tmp_path):
        ledger = await SqliteLedger.open(tmp_path / "ledger.db", keys=Keyring.of([bytes(range(32))]))
        yield ledger
        await ledger.close()


class TestMigratedLedger(LedgerSpec):
    """One that began as version 1, and was emptied."""

    @pytest.fixture
    async def ledger(self, tmp_path):
        path = tmp_path / "ledger.db"
        path.write_bytes(gzip.decompress((GOLDEN / "ledger-1.db.gz").read_bytes()))
        await (await SqliteLedger.open(path)).close()
        db = apsw.Connection(str(path))
        db.execute(
            "DELETE FROM items; DELETE FROM results; DELETE FROM leases; DELETE FROM facts; DELETE FROM spare; UPDATE counts SET n = 0"
        )
        db.close()
        ledger = await SqliteLedger.open(path)
        yield ledger
        await ledger.close()
