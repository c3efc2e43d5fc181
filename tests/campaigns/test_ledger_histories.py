"""A ledger through faults, kills and power cuts at any step: a batch is there when it was acknowledged, and never in part."""

import pytest

SHARDS = 4


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_acknowledged_batch_survives_and_every_other_is_whole_or_absent(shard, campaign, ledger_history):
    def history(seed):
        return ledger_history.LedgerHistory(seed).play()

    totals = campaign(history, 2_000, shard=shard, shards=SHARDS)
    assert totals["steps"]
