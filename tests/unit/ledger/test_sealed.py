"""A sealed ledger: nothing readable on the disk, and nothing readable without the key."""

import apsw
import pytest

from outlast.errors import KeyMissingError, LedgerCorruptionError, LedgerError
from outlast.ledger import Counts, ItemStatus, NewItem, Record, Remedy, Shape, SqliteLedger
from outlast.ledger.rows import identity_of, result_checksum
from outlast.storage.keys import Keyring

OTHER = Keyring.of([bytes(32)])
SECRETS = [b"secret-key", b"secret-payload", b"secret-result", b"secret-error", b"secret-child", b"secret-fact"]


async def fill(path, keys):
    ledger = await SqliteLedger.open(path, keys=keys)
    await ledger.put("job", "the job")
    await ledger.put("invocation", {"argv": ["secret-fact"]})
    await ledger.add(
        [NewItem("secret-key-1", '{"x":"secret-payload"}'), NewItem("secret-key-2"), NewItem("secret-key-3")]
    )
    one, two, three = await ledger.lease("me", 3, 0.0, 10.0)
    children = [NewItem("secret-child", '"secret-payload"'), NewItem("secret-key-2")]
    await ledger.record(Record(one, ItemStatus.DONE, 1, Shape.ONE, '"secret-result"\n', children))
    await ledger.record(Record(two, ItemStatus.FAILED, 3, error='{"message":"secret-error"}'))
    await ledger.record(Record(three, ItemStatus.DEFERRED, 1, not_before=50.0, error='{"message":"secret-error"}'))
    return ledger


def on_disk(path):
    return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))


async def test_nothing_is_readable_on_the_disk_while_it_runs_and_after(path, keys):
    ledger = await fill(path, keys)
    assert path.with_name("ledger.db-wal").stat().st_size
    for secret in SECRETS:
        assert secret not in on_disk(path)
    await ledger.close()
    for secret in SECRETS:
        assert secret not in on_disk(path)
    assert b"the job" in on_disk(path)


async def test_with_the_key_everything_is_there_again(path, keys):
    await (await fill(path, keys)).close()
    ledger = await SqliteLedger.open(path, keys=keys)
    assert [(each.key, each.lines) for each in await ledger.results(0, 9)] == [("secret-key-1", '"secret-result"\n')]
    assert [(each.key, each.error) for each in await ledger.failures(0, 9)] == [
        ("secret-key-2", '{"message":"secret-error"}')
    ]
    assert await ledger.get("invocation") == {"argv": ["secret-fact"]}
    assert await ledger.add([NewItem("secret-key-3"), NewItem("secret-child")]) == 0
    assert [(each.key, each.payload) for each in await ledger.lease("me", 9, 0.0, 10.0)] == [
        ("secret-child", '"secret-payload"')
    ]
    await ledger.close()


async def test_without_its_key_it_is_refused_with_the_key_s_id(path, keys):
    await (await fill(path, keys)).close()
    for given in (None, OTHER):
        with pytest.raises(KeyMissingError) as raised:
            await SqliteLedger.open(path, keys=given)
        assert raised.value.context["key_id"] == keys.key_ids[0]


async def test_a_refused_key_changes_nothing(path, keys):
    await (await fill(path, keys)).close()
    before = path.read_bytes()
    with pytest.raises(KeyMissingError):
        await SqliteLedger.open(path, keys=OTHER)
    assert path.read_bytes() == before


async def test_locked_its_counts_job_and_health_can_be_asked_and_nothing_else(path, keys):
    await (await fill(path, keys)).close()
    ledger = await SqliteLedger.open(path, read_only=True, locked=True)
    assert await ledger.counts() == Counts(pending=1, done=1, failed=1, deferred=1)
    assert await ledger.get("job") == "the job"
    health = await ledger.check(deep=True)
    assert (health.sound, health.items, health.results) == (True, 4, 1)
    for refused in (ledger.get("invocation"), ledger.results(0, 9), ledger.failures(0, 9), ledger.items(0, 9)):
        with pytest.raises(KeyMissingError, match="OUTLAST_ENCRYPTION_KEY"):
            await refused
    await ledger.close()


async def test_locked_with_the_key_at_hand_is_open(path, keys):
    await (await fill(path, keys)).close()
    ledger = await SqliteLedger.open(path, read_only=True, locked=True, keys=keys)
    assert len(await ledger.items(0, 9)) == 4
    await ledger.close()


async def test_a_ledger_begun_in_the_clear_is_not_taken_for_sealed(path, keys):
    await (await SqliteLedger.open(path)).close()
    with pytest.raises(LedgerError, match="begun in the clear.*--fresh"):
        await SqliteLedger.open(path, keys=keys)


async def test_a_new_key_takes_over_and_the_old_one_can_be_dropped(path, keys):
    await (await fill(path, keys)).close()
    old, new = bytes(range(32)), bytes(32)
    ledger = await SqliteLedger.open(path, keys=Keyring.of([new, old]))
    assert await ledger.rewrap() is True
    assert await ledger.rewrap() is False
    await ledger.close()
    ledger = await SqliteLedger.open(path, keys=Keyring.of([new]))
    assert len(await ledger.results(0, 9)) == 1
    await ledger.close()
    with pytest.raises(KeyMissingError):
        await SqliteLedger.open(path, keys=keys)


async def test_a_plain_ledger_has_nothing_to_wrap(path):
    ledger = await SqliteLedger.open(path)
    assert await ledger.rewrap() is False
    await ledger.close()


async def test_the_wrapped_key_is_there_twice(path, keys, spoil, swept):
    await (await fill(path, keys)).close()
    spoil("UPDATE facts SET value = 'x' WHERE name = 'sealing'")
    ledger = await SqliteLedger.open(path, keys=keys)
    assert [each.remedy for each in await swept(ledger)] == [Remedy.RESTORED]
    await ledger.close()
    spoil("DELETE FROM spare")
    ledger = await SqliteLedger.open(path, keys=keys)
    assert len(await ledger.results(0, 9)) == 1
    await ledger.close()


async def test_with_both_copies_of_the_key_damaged_it_is_damaged_and_never_begun_anew(path, keys, spoil):
    await (await fill(path, keys)).close()
    spoil("UPDATE facts SET value = 'x' WHERE name = 'sealing'")
    spoil("UPDATE spare SET value = 'x' WHERE name = 'sealing'")
    for given in (keys, None):
        with pytest.raises(LedgerCorruptionError):
            await SqliteLedger.open(path, keys=given)


async def test_a_text_moved_to_another_row_does_not_open(path, keys, swept):
    """Somebody who knows the format, but not the key, can compute checksums; the seal still tells."""
    await (await fill(path, keys)).close()
    forge(path, "UPDATE items SET payload = (SELECT payload FROM items WHERE id = 2) WHERE id = 4")
    ledger = await SqliteLedger.open(path, keys=keys)
    with pytest.raises(LedgerCorruptionError):
        await ledger.items(0, 9)
    assert await ledger.lease("me", 9, 0.0, 10.0) == []
    finding = (await ledger.damage())[-1]
    assert (finding.row, finding.remedy) == (4, Remedy.FAILED)
    assert await ledger.add([NewItem("secret-child", '"secret-payload"')]) == 1
    assert [each.key for each in await ledger.lease("me", 9, 0.0, 10.0)] == ["secret-child"]
    assert await swept(ledger) == []
    await ledger.close()


async def test_a_result_moved_to_another_item_is_done_again(path, keys, swept):
    ledger = await SqliteLedger.open(path, keys=keys)
    await ledger.add([NewItem("a"), NewItem("b")])
    for lease in await ledger.lease("me", 2, 0.0, 10.0):
        await ledger.record(Record(lease, ItemStatus.DONE, 1, Shape.ONE, f'"{lease.key}"\n'))
    await ledger.close()
    forge(path, "UPDATE results SET item = 3 - item")
    ledger = await SqliteLedger.open(path, keys=keys)
    with pytest.raises(LedgerCorruptionError):
        await ledger.results(0, 9)
    assert sorted(each.remedy for each in await swept(ledger)) == [Remedy.PENDING] * 2 + [Remedy.REMOVED] * 2
    assert await ledger.counts() == Counts(pending=2)
    await ledger.close()


async def test_damage_is_named_by_the_key_where_it_can_still_be_read(path, keys, spoil, swept):
    await (await fill(path, keys)).close()
    spoil("UPDATE items SET attempts = 8 WHERE id = 2")
    spoil("UPDATE items SET payload = x'00' WHERE id = 3")
    ledger = await SqliteLedger.open(path, keys=keys)
    first, second = await swept(ledger)
    assert (first.key, first.remedy) == ("secret-key-2", Remedy.PENDING)
    assert (second.row, second.remedy) == (3, Remedy.FAILED)
    assert "secret" not in second.key
    await ledger.close()


def forge(path, sql):
    """Change rows and give them checksums that fit."""
    db = apsw.Connection(str(path))
    db.create_scalar_function("identity_of", identity_of)
    db.create_scalar_function("result_checksum", result_checksum)
    db.execute(sql)
    db.execute("UPDATE items SET identity = identity_of(CAST(key AS BLOB), CAST(payload AS BLOB))")
    db.execute("UPDATE results SET checksum = result_checksum(item, shape, CAST(lines AS BLOB))")
    db.close()
