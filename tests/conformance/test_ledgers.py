"""Every ledger passes the suite that ships for users' own."""

import pytest

from outlast.ledger import MemoryLedger, SqliteLedger
from outlast.testing.ledger_spec import LedgerSpec


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
