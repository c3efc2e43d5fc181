"""Checkpoints through faults, kills and power cuts at any step: what was acknowledged is there, whole and once."""

import pytest

SHARDS = 8


@pytest.mark.parametrize("shard", range(SHARDS))
def test_what_was_acknowledged_survives_everything(shard, campaign, checkpoint_history):
    def history(seed):
        return checkpoint_history.CheckpointHistory(seed).play()

    totals = campaign(history, 20_000, shard=shard, shards=SHARDS)
    assert totals["steps"]


def test_sealed_checkpoints_survive_it_too_and_open_with_the_newest_key_alone(campaign, checkpoint_history):
    def history(seed):
        return checkpoint_history.CheckpointHistory(seed, sealed=True).play()

    totals = campaign(history, 1_000)
    assert totals["steps"]
