"""What every ledger must do: one suite for SQLite, memory, and the store you write yourself.

Derive from `LedgerSpec` in your tests and give it your ledger::

    class TestMyLedger(LedgerSpec):
        @pytest.fixture
        async def ledger(self):
            ledger = await MyLedger.open(...)
            yield ledger
            await ledger.close()
"""

import asyncio
from collections.abc import Sequence

import pytest

from outlast.errors import StaleLeaseError, ValidationError
from outlast.ledger.port import Counts, ItemStatus, Lease, Ledger, NewItem, Record, Shape

__all__ = ["LedgerSpec"]

NOW = 1_000.0
LATER = 2_000.0


class LedgerSpec:
    """Behaviour that does not depend on where a ledger keeps its items. The tests want pytest-asyncio's auto mode."""

    async def test_an_item_is_added_once(self, ledger: Ledger) -> None:
        assert await ledger.add(_items("a", "b")) == 2
        assert await ledger.add(_items("b", "c", "c")) == 1
        assert await ledger.counts() == Counts(pending=3)

    async def test_the_first_payload_of_a_key_stays(self, ledger: Ledger) -> None:
        await ledger.add([NewItem("a", '{"n":1}')])
        await ledger.add([NewItem("a", '{"n":2}')])
        [lease] = await _lease(ledger, 5)
        assert (lease.key, lease.payload) == ("a", '{"n":1}')

    async def test_items_are_leased_in_the_order_they_came(self, ledger: Ledger) -> None:
        await ledger.add(_items("c", "a", "b"))
        assert [lease.key for lease in await _lease(ledger, 2)] == ["c", "a"]
        assert [lease.key for lease in await _lease(ledger, 2)] == ["b"]
        assert await _lease(ledger, 2) == []
        assert await ledger.counts() == Counts(leased=3)

    async def test_a_later_lease_has_a_larger_token(self, ledger: Ledger) -> None:
        await ledger.add(_items("a"))
        [first] = await _lease(ledger)
        await ledger.release()
        [second] = await _lease(ledger)
        assert second.token > first.token

    async def test_a_result_and_the_children_come_with_the_status(self, ledger: Ledger) -> None:
        await ledger.add(_items("a"))
        [lease] = await _lease(ledger)
        await ledger.record(_done(lease, '{"n":1}\n', children=_items("a", "b", "c")))
        assert await ledger.counts() == Counts(pending=2, done=1)
        [result] = await ledger.results(0, 10)
        assert (result.key, result.shape, result.lines) == ("a", Shape.ONE, '{"n":1}\n')

    async def test_a_record_with_a_stale_token_is_refused_and_leaves_nothing(self, ledger: Ledger) -> None:
        await ledger.add(_items("a"))
        [stale] = await _lease(ledger)
        await ledger.release()
        [current] = await _lease(ledger)
        with pytest.raises(StaleLeaseError):
            await ledger.record(_done(stale, "1\n", children=_items("b")))
        assert await ledger.counts() == Counts(leased=1)
        await ledger.record(_done(current, "2\n"))
        assert [result.lines for result in await ledger.results(0, 10)] == ["2\n"]

    async def test_an_item_is_recorded_once(self, ledger: Ledger) -> None:
        await ledger.add(_items("a"))
        [lease] = await _lease(ledger)
        outcomes = await asyncio.gather(_recorded(ledger, _done(lease, "1\n")), _recorded(ledger, _done(lease, "2\n")))
        assert sorted(outcomes) == [False, True]
        assert (await ledger.counts()).done == 1
        assert len(await ledger.results(0, 10)) == 1

    async def test_one_stale_record_does_not_take_its_neighbours_with_it(self, ledger: Ledger) -> None:
        await ledger.add(_items("a", "b"))
        [stale, _] = await _lease(ledger, 2)
        await ledger.release()
        leases = await _lease(ledger, 2)
        outcomes = await asyncio.gather(
            _recorded(ledger, _done(stale)), *(_recorded(ledger, _done(lease)) for lease in leases)
        )
        assert outcomes == [False, True, True]

    async def test_an_expired_lease_is_given_to_the_next_who_asks(self, ledger: Ledger) -> None:
        await ledger.add(_items("a"))
        [lost] = await ledger.lease("one", 1, NOW, NOW + 10)
        assert await ledger.lease("two", 1, NOW + 9, LATER) == []
        [taken] = await ledger.lease("two", 1, NOW + 10, LATER)
        with pytest.raises(StaleLeaseError):
            await ledger.record(_done(lost))
        await ledger.record(_done(taken))

    async def test_a_renewed_lease_does_not_expire(self, ledger: Ledger) -> None:
        await ledger.add(_items("a", "b"))
        await ledger.lease("one", 1, NOW, NOW + 10)
        await ledger.lease("two", 1, NOW, NOW + 10)
        assert await ledger.renew("one", LATER) == 1
        assert [lease.key for lease in await ledger.lease("three", 5, NOW + 10, LATER)] == ["b"]

    async def test_only_the_owner_s_leases_are_released(self, ledger: Ledger) -> None:
        await ledger.add(_items("a", "b", "c"))
        await ledger.lease("one", 2, NOW, LATER)
        await ledger.lease("two", 1, NOW, LATER)
        assert await ledger.release("one") == 2
        assert await ledger.counts() == Counts(pending=2, leased=1)
        assert await ledger.release() == 1

    async def test_a_deferred_item_comes_back_at_its_time(self, ledger: Ledger) -> None:
        await ledger.add(_items("a", "b"))
        [lease, _] = await _lease(ledger, 2)
        await ledger.record(_deferred(lease, until=NOW + 30, attempts=1))
        assert await ledger.counts() == Counts(leased=1, deferred=1)
        assert await ledger.next_due() == NOW + 30
        assert await ledger.lease("x", 5, NOW + 29, LATER) == []
        [again] = await ledger.lease("x", 5, NOW + 30, LATER)
        assert (again.key, again.attempts) == ("a", 1)
        assert await ledger.next_due() is None

    async def test_failures_are_listed_and_can_be_retried(self, ledger: Ledger) -> None:
        await ledger.add([NewItem("a", '{"n":1}'), NewItem("b")])
        for lease in await _lease(ledger, 2):
            await ledger.record(Record(lease=lease, status=ItemStatus.FAILED, attempts=3, error='{"type":"E"}'))
        [first] = await ledger.failures(0, 1)
        [second] = await ledger.failures(first.item, 10)
        assert [(each.key, each.attempts, each.error, each.payload) for each in (first, second)] == [
            ("a", 3, '{"type":"E"}', '{"n":1}'),
            ("b", 3, '{"type":"E"}', None),
        ]
        assert await ledger.results(0, 10) == []
        assert await ledger.retry() == 2
        assert await ledger.counts() == Counts(pending=2)
        assert [lease.attempts for lease in await _lease(ledger, 2)] == [0, 0]

    async def test_results_are_read_in_pages_and_in_order(self, ledger: Ledger) -> None:
        await ledger.add(_items(*"abcde"))
        leases = await _lease(ledger, 5)
        for number, lease in enumerate(reversed(leases)):
            await ledger.record(_done(lease, f"{number}\n"))
        page = await ledger.results(0, 3)
        rest = await ledger.results(page[-1].position, 3)
        assert [result.key for result in [*page, *rest]] == list("edcba")
        assert await ledger.position() == rest[-1].position
        assert [result.position for result in [*page, *rest]] == sorted({result.position for result in [*page, *rest]})

    async def test_an_empty_ledger_says_so(self, ledger: Ledger) -> None:
        assert await ledger.counts() == Counts()
        assert await ledger.results(0, 10) == []
        assert await ledger.failures(0, 10) == []
        assert await ledger.position() == 0
        assert await ledger.next_due() is None
        assert await _lease(ledger) == []

    async def test_facts_are_kept_beside_the_items(self, ledger: Ledger) -> None:
        assert await ledger.get("job") is None
        await ledger.put("job", {"name": "docs", "n": [1, None]})
        await ledger.put("job", {"name": "täglich/€"})
        assert await ledger.get("job") == {"name": "täglich/€"}

    async def test_what_is_done_is_not_tried_again(self, ledger: Ledger) -> None:
        await ledger.add(_items("a"))
        for lease in await _lease(ledger):
            await ledger.record(_done(lease, "1\n"))
        for status in (ItemStatus.DONE, ItemStatus.PENDING, ItemStatus.LEASED):
            with pytest.raises(ValidationError):
                await ledger.retry(status)
        assert await ledger.counts() == Counts(done=1)

    async def test_a_deferred_item_can_be_tried_at_once(self, ledger: Ledger) -> None:
        await ledger.add(_items("a"))
        for lease in await _lease(ledger):
            await ledger.record(_deferred(lease, until=LATER, attempts=2))
        assert await ledger.retry(ItemStatus.DEFERRED) == 1
        assert [lease.attempts for lease in await _lease(ledger)] == [0]

    async def test_of_the_failed_only_those_that_are_named_are_tried_again(self, ledger: Ledger) -> None:
        done, first, second, third, waiting = await _given_up(ledger)
        assert await ledger.retry(ItemStatus.FAILED, [third, done, waiting, first, first, 999, -1]) == 2
        assert await ledger.retry(ItemStatus.FAILED, []) == 0
        assert await ledger.counts() == Counts(pending=2, done=1, failed=1, deferred=1)
        assert [each.item for each in await ledger.failures(0, 9)] == [second]
        assert [(lease.item, lease.attempts) for lease in await _lease(ledger, 9)] == [(first, 0), (third, 0)]

    async def test_what_is_ignored_is_no_failure_and_comes_back_only_when_asked_for(self, ledger: Ledger) -> None:
        done, first, second, third, waiting = await _given_up(ledger)
        assert await ledger.ignore([first, second, second, done, waiting, 999]) == 2
        assert await ledger.ignore([first]) == 0
        assert await ledger.counts() == Counts(done=1, failed=1, deferred=1, ignored=2)
        assert [each.item for each in await ledger.failures(0, 9)] == [third]
        kept = await ledger.failures(first, 9, ItemStatus.IGNORED)
        assert [(each.item, each.key, each.attempts, each.error) for each in kept] == [(second, "c", 3, '{"type":"E"}')]
        assert await ledger.retry() == 1
        assert await ledger.retry(ItemStatus.IGNORED, [first, third]) == 1
        assert await ledger.retry(ItemStatus.IGNORED) == 1
        assert await ledger.counts() == Counts(pending=3, done=1, deferred=1)

    async def test_many_are_given_back_and_ignored_while_others_ask(self, ledger: Ledger) -> None:
        keys = [f"k{number}" for number in range(5_000)]
        await ledger.add(_items(*keys))
        leases = await _lease(ledger, 5_000)
        failed = [Record(lease, ItemStatus.FAILED, 1, error="{}") for lease in leases]
        await asyncio.gather(*map(ledger.record, failed))
        ignored, added = await asyncio.gather(ledger.ignore([each.item for each in leases]), ledger.add(_items("x")))
        assert (ignored, added, await ledger.counts()) == (5_000, 1, Counts(pending=1, ignored=5_000))
        assert await ledger.retry(ItemStatus.IGNORED) == 5_000
        assert await ledger.counts() == Counts(pending=5_001)

    async def test_items_are_listed_as_they_stand(self, ledger: Ledger) -> None:
        await ledger.add([NewItem("a", '{"n":1}'), *_items("b", "c", "d", "e")])
        a, b, c, _ = await _lease(ledger, 4)
        await ledger.record(_done(a, "1\n"))
        await ledger.record(Record(lease=b, status=ItemStatus.FAILED, attempts=3, error='{"type":"E"}'))
        await ledger.record(_deferred(c, until=LATER, attempts=1))
        listed = [*await ledger.items(0, 2), *await ledger.items(a.item + 1, 100)]
        assert [(each.key, each.status, each.attempts, each.not_before, each.error) for each in listed] == [
            ("a", ItemStatus.DONE, 1, None, None),
            ("b", ItemStatus.FAILED, 3, None, '{"type":"E"}'),
            ("c", ItemStatus.DEFERRED, 1, LATER, "{}"),
            ("d", ItemStatus.PENDING, 0, None, None),
            ("e", ItemStatus.PENDING, 0, None, None),
        ]
        assert [each.payload for each in listed] == ['{"n":1}', None, None, None, None]
        assert not any(each.lost for each in listed)

    async def test_a_sound_ledger_is_examined_to_its_end_and_nothing_is_found(self, ledger: Ledger) -> None:
        await ledger.add(_items(*"abcdefgh"))
        for lease in (await _lease(ledger, 8))[:5]:
            await ledger.record(_done(lease, "1\n"))
        after: int | None = 0
        slices = 0
        while after is not None:
            examined = await ledger.examine(after, 3)
            assert examined.findings == ()
            after = examined.next
            slices += 1
            assert slices < 100
        assert await ledger.damage() == []
        assert await ledger.counts() == Counts(leased=3, done=5)

    async def test_any_text_comes_back_as_it_went_in(self, ledger: Ledger) -> None:
        keys = ["", "0", "a\x00b", "täglich/€", "'; DROP TABLE items; --", "x" * 10_000, "{items}"]
        await ledger.add([NewItem(key, f'["{number}"]') for number, key in enumerate(keys)])
        assert await ledger.add(_items(*keys)) == 0
        leases = await _lease(ledger, 100)
        assert [(lease.key, lease.payload) for lease in leases] == [(k, f'["{n}"]') for n, k in enumerate(keys)]
        for lease in leases:
            await ledger.record(_done(lease, f'"€ {lease.item}"\n'))
        results = await ledger.results(0, 100)
        assert [result.key for result in results] == keys
        assert [result.lines for result in results] == [f'"€ {lease.item}"\n' for lease in leases]

    async def test_many_askers_at_once_get_each_item_once(self, ledger: Ledger) -> None:
        keys = [f"k{number}" for number in range(300)]
        await asyncio.gather(*(ledger.add(_items(*keys[start : start + 60])) for start in range(0, 300, 50)))
        assert (await ledger.counts()).total == 300
        taken = await asyncio.gather(*(ledger.lease(f"o{n}", 40, NOW, LATER) for n in range(10)))
        assert sorted(lease.key for leases in taken for lease in leases) == sorted(keys)


def _items(*keys: str) -> list[NewItem]:
    return [NewItem(key) for key in keys]


async def _lease(ledger: Ledger, count: int = 1) -> list[Lease]:
    return await ledger.lease("me", count, NOW, LATER)


async def _given_up(ledger: Ledger) -> list[int]:
    """Five items: one done, three failed, one deferred."""
    await ledger.add(_items("a", "b", "c", "d", "e"))
    leases = await _lease(ledger, 5)
    await ledger.record(_done(leases[0], "1\n"))
    for lease in leases[1:4]:
        await ledger.record(Record(lease=lease, status=ItemStatus.FAILED, attempts=3, error='{"type":"E"}'))
    await ledger.record(_deferred(leases[4], until=LATER, attempts=1))
    return [lease.item for lease in leases]


def _done(lease: Lease, lines: str = "", children: Sequence[NewItem] = ()) -> Record:
    shape = Shape.ONE if lines else Shape.NOTHING
    return Record(lease=lease, status=ItemStatus.DONE, attempts=1, shape=shape, lines=lines, children=children)


def _deferred(lease: Lease, *, until: float, attempts: int) -> Record:
    return Record(lease=lease, status=ItemStatus.DEFERRED, attempts=attempts, not_before=until, error="{}")


async def _recorded(ledger: Ledger, record: Record) -> bool:
    try:
        await ledger.record(record)
    except StaleLeaseError:
        return False
    return True
