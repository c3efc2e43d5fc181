"""Damaged rows: found, named, mended; never handed out."""

import apsw
import pytest

from outlast.errors import LedgerCorruptionError
from outlast.ledger import Counts, ItemStatus, NewItem, Record, Remedy, Shape, SqliteLedger


def told(findings):
    return sorted((each.table, each.key, each.remedy) for each in findings)


async def leased(ledger, count=10):
    return {lease.key: lease for lease in await ledger.lease("me", count, 0.0, 1e9)}


async def do_all(ledger):
    while leases := await ledger.lease("me", 10, 100.0, 1e9):
        for lease in leases:
            line = f'{{"again":"{lease.key}"}}\n'
            await ledger.record(Record(lease, ItemStatus.DONE, lease.attempts + 1, Shape.ONE, line))


DONE_AGAIN = ("items", "a", Remedy.PENDING)


class TestLeasing:
    async def test_an_item_whose_status_is_damaged_is_mended_and_then_leased(self, filled, path, spoil):
        await filled()
        spoil("UPDATE items SET attempts = 77 WHERE key = 'e'")
        ledger = await SqliteLedger.open(path)
        leases = await leased(ledger)
        assert (leases["e"].attempts, set(leases)) == (0, {"e", "f"})
        assert told(await ledger.damage()) == [("items", "e", Remedy.PENDING)]
        assert await ledger.damage() == []
        await ledger.close()

    async def test_an_item_without_a_trustworthy_payload_is_given_up(self, filled, path, spoil):
        await filled()
        spoil("""UPDATE items SET payload = '{"of":"g"}' WHERE key = 'f'""")
        ledger = await SqliteLedger.open(path)
        assert set(await leased(ledger)) == {"e"}
        assert told(await ledger.damage()) == [("items", "f", Remedy.FAILED)]
        assert await ledger.counts() == Counts(leased=1, done=2, failed=2, deferred=1)
        [_, failure] = await ledger.failures(0, 10)
        assert failure.key == "f"
        assert "lost to damage" in failure.error
        await ledger.close()

    async def test_what_is_done_is_not_leased_when_rot_says_that_it_waits(self, filled, path, spoil):
        await filled()
        spoil("UPDATE items SET status = 0 WHERE key = 'a'")
        ledger = await SqliteLedger.open(path)
        assert set(await leased(ledger)) == {"e", "f"}
        assert told(await ledger.damage()) == [("items", "a", Remedy.DONE)]
        assert (await ledger.counts()).done == 2
        await ledger.close()

    async def test_an_index_that_calls_for_what_does_not_wait_is_built_anew(self, filled, path, spoil, look):
        await filled()
        spoil_index(path)
        assert look("SELECT id FROM items INDEXED BY items_pending WHERE status = 0") == [(1,), (2,)]
        ledger = await SqliteLedger.open(path)
        assert set(await leased(ledger)) == {"e", "f"}
        assert ("items", None, Remedy.RESTORED) in told(await ledger.damage())
        assert (await ledger.counts()) == Counts(leased=2, done=2, failed=1, deferred=1)
        await ledger.close()
        assert look("PRAGMA integrity_check") == [("ok",)]

    async def test_a_damaged_deferred_item_is_not_signed_anew(self, filled, path, spoil):
        await filled()
        spoil("UPDATE items SET attempts = 9, not_before = 1.0 WHERE key = 'd'")
        ledger = await SqliteLedger.open(path)
        leases = {lease.key: lease for lease in await ledger.lease("me", 10, 40.0, 1e9)}
        assert leases["d"].attempts == 0
        assert told(await ledger.damage()) == [("items", "d", Remedy.PENDING)]
        await ledger.close()

    async def test_a_retry_does_not_touch_what_may_have_been_done(self, filled, path, spoil, swept):
        await filled()
        spoil("UPDATE items SET status = 3 WHERE key = 'a'")
        ledger = await SqliteLedger.open(path)
        assert await ledger.retry() == 1
        assert set(await leased(ledger)) == {"c", "e", "f"}
        assert told(await swept(ledger)) == [("items", "a", Remedy.DONE)]
        await ledger.close()


class TestReading:
    @pytest.mark.parametrize(
        ("spoiled", "keys"),
        [
            ("UPDATE results SET lines = 'wrong' WHERE item = 1", ["a"]),
            ("UPDATE results SET item = 2 WHERE item = 1", ["b"]),
            ("UPDATE results SET shape = 2", ["a", "b"]),
            ("UPDATE items SET key = 'z' WHERE key = 'a'", ["z"]),
            ("UPDATE items SET status = 5 WHERE key = 'a'", ["a"]),
            ("UPDATE items SET attempts = 9 WHERE key = 'a'", ["a"]),
            ("UPDATE items SET status = 0, attempts = 0, state = NULL WHERE key = 'a'", ["a"]),
            ("UPDATE results SET checksum = NULL WHERE item = 2", ["b"]),
            ("DELETE FROM items WHERE key = 'a'", []),
        ],
    )
    async def test_a_damaged_result_is_an_error_with_its_key(self, filled, path, spoil, spoiled, keys):
        await filled()
        spoil(spoiled)
        ledger = await SqliteLedger.open(path, read_only=True)
        with pytest.raises(LedgerCorruptionError) as raised:
            await ledger.results(0, 10)
        assert raised.value.context["keys"] == keys
        assert await ledger.damage() == []
        await ledger.close()

    async def test_the_pages_without_damage_can_be_read(self, filled, path, spoil):
        await filled()
        spoil("UPDATE results SET lines = 'wrong' WHERE item = 2")
        ledger = await SqliteLedger.open(path, read_only=True)
        assert [result.key for result in await ledger.results(0, 1)] == ["a"]
        await ledger.close()

    async def test_a_damaged_failure_is_an_error_with_its_key(self, filled, path, spoil):
        await filled()
        spoil("""UPDATE items SET error = '{"type":"F"}' WHERE key = 'c'""")
        ledger = await SqliteLedger.open(path, read_only=True)
        with pytest.raises(LedgerCorruptionError, match=r"items row 3 \(c\)") as raised:
            await ledger.failures(0, 10)
        assert raised.value.context["keys"] == ["c"]
        with pytest.raises(LedgerCorruptionError):
            await ledger.items(0, 10)
        await ledger.close()

    async def test_a_damaged_fact_is_an_error_not_an_absence(self, filled, path, spoil):
        await filled()
        spoil("""UPDATE facts SET value = '{"kept":false}' WHERE name = 'fact'""")
        ledger = await SqliteLedger.open(path, read_only=True)
        with pytest.raises(LedgerCorruptionError, match="'fact'") as raised:
            await ledger.get("fact")
        assert raised.value.context["facts"] == ["fact"]
        await ledger.close()

    async def test_the_job_is_known_from_its_second_copy(self, filled, path, spoil):
        await filled()
        spoil("UPDATE facts SET value = 'nonsense' WHERE name = 'job'")
        ledger = await SqliteLedger.open(path, read_only=True)
        assert await ledger.get("job") == "spoiled"
        await ledger.close()

    async def test_one_who_asks_for_damage_does_not_spoil_the_commit_of_others(self, filled, path, spoil):
        await filled()
        spoil("UPDATE results SET lines = 'wrong'")
        ledger = await SqliteLedger.open(path)
        reading, adding = ledger.results(0, 10), ledger.add([NewItem("g")])
        with pytest.raises(LedgerCorruptionError):
            await reading
        assert await adding == 1
        await ledger.close()

    async def test_counts_that_cannot_be_right_are_counted_anew(self, filled, path, spoil):
        await filled()
        spoil("DELETE FROM counts WHERE status = 2")
        ledger = await SqliteLedger.open(path, read_only=True)
        assert await ledger.counts() == Counts(pending=2, done=2, failed=1, deferred=1)
        await ledger.close()

    async def test_text_that_is_no_text_any_more_is_damage(self, filled, path, overwrite):
        await filled()
        overwrite(b'{"record":"a"}', b'\xff\xfe\xff"cord":"a"}')
        ledger = await SqliteLedger.open(path, read_only=True)
        with pytest.raises(LedgerCorruptionError) as raised:
            await ledger.results(0, 10)
        assert raised.value.context["keys"] == ["a"]
        await ledger.close()


def spoil_index(path):
    """Let the index of what waits name what is done in its place."""
    for spoiled, told in (("status = 2", "status = 0"), ("status = 0", "status = 2")):
        db = apsw.Connection(str(path))
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'items_pending'", (told, spoiled))
        db.close()
        if spoiled == "status = 2":
            db = apsw.Connection(str(path))
            db.execute("REINDEX items_pending")
            db.close()
