"""Failures are read from a ledger and counted, in bounded memory."""

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from outlast.cli.failures.acting import ignored, tried_again
from outlast.cli.failures.choice import Choice, GroupNotFoundError, group_name
from outlast.cli.failures.failed import failed_items
from outlast.cli.failures.grouping import failure_groups
from outlast.cli.opening import looked_into
from outlast.cli.pausing import order_hosts, standing_orders
from outlast.errors import JobLockedError, KeyMissingError
from outlast.failure.groups import GROUPS_MAX
from outlast.jobs.store import job_directory
from outlast.ledger import Counts, ItemStatus, NewItem, Record, SqliteLedger
from outlast.storage.keys import KEY_VARIABLE, Keyring

pytestmark = pytest.mark.real_time

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def directory(tmp_path):
    found = job_directory(tmp_path, "docs")
    found.path.mkdir(parents=True)
    return found


@pytest.fixture
def fill(directory):
    """A job with these failures, an item each."""

    async def filled(errors, *, keys=None, payloads=None):
        ledger = await SqliteLedger.open(directory.ledger, keys=keys)
        names = [f"https://{'ab'[number % 2]}.de/{number}" for number in range(len(errors))]
        await ledger.add([NewItem(name, payload) for name, payload in zip(names, payloads or [None] * len(names))])
        for lease, error in zip(await ledger.lease("me", len(errors), 0.0, 9e9), errors, strict=True):
            await ledger.record(Record(lease=lease, status=ItemStatus.FAILED, attempts=2, error=json.dumps(error)))
        await ledger.close()

    return filled


def failure(signature, **more):
    return {"type": "E", "message": f"{signature}!", "signature": signature, "class": "timeout", **more}


async def counts(directory):
    async with looked_into(directory) as access:
        return await access.ledger.counts()


async def test_failures_of_one_signature_are_one_group_the_largest_first(directory, fill):
    times = ("2026-11-23T02:00:00+00:00", "2026-11-23T01:00:00+00:00")
    await fill([failure("b"), failure("a", at=times[0]), failure("a", at=times[1]), {"type": "Plain"}])
    grouped = await failure_groups(directory, "docs")
    assert [(each.count, each.group.signature, each.example) for each in grouped.groups] == [
        (2, "a", "https://b.de/1"),
        (1, "b", "https://a.de/0"),
        (1, "Plain", "https://b.de/3"),
    ]
    first = grouped.groups[0].group
    assert (first.seen.first, first.seen.last) == (
        datetime(2026, 11, 23, 1, tzinfo=UTC),
        datetime(2026, 11, 23, 2, tzinfo=UTC),
    )
    assert {host: seen.count for host, seen in first.hosts.items()} == {"b.de": 1, "a.de": 1}


async def test_causes_without_number_do_not_fill_the_memory(directory, fill):
    await fill([failure(f"s{number}") for number in range(GROUPS_MAX + 5)])
    grouped = await failure_groups(directory, "docs")
    assert len(grouped.groups) == GROUPS_MAX + 1
    assert (grouped.groups[0].count, grouped.groups[0].name) == (5, "other")
    assert grouped.total == GROUPS_MAX + 5
    # Each of them can be named all the same.
    beyond = Choice(groups=(group_name(f"s{GROUPS_MAX + 1}"),))
    assert (await tried_again(directory, "docs", beyond, ItemStatus.FAILED, dry_run=False)).changed == 1


async def test_of_more_than_a_page_of_failures_each_is_seen_once(directory, fill):
    await fill([failure("a")] * 2_500)
    async with looked_into(directory) as access:
        keys = [failed.key async for failed in failed_items(access.ledger)]
    assert len(keys) == len(set(keys)) == 2_500


async def test_retry_and_ignore_change_what_a_dry_run_has_told(directory, fill):
    await fill([failure("a"), failure("b"), failure("a"), failure("b")])
    choice = Choice(groups=(group_name("a"),))
    told = await ignored(directory, "docs", choice, dry_run=True)
    assert (told.changed, told.skipped, told.left, len(told.groups)) == (2, 0, 2, 1)
    assert await counts(directory) == Counts(failed=4)
    done = await ignored(directory, "docs", choice, dry_run=False)
    assert (done.changed, done.skipped, done.left) == (2, 0, 2)
    assert await counts(directory) == Counts(failed=2, ignored=2)
    with pytest.raises(GroupNotFoundError):
        await tried_again(directory, "docs", choice, ItemStatus.FAILED, dry_run=False)
    of_host = Choice(hosts=("b.de",))
    assert (await tried_again(directory, "docs", of_host, ItemStatus.FAILED, dry_run=False)).changed == 2
    everything = await tried_again(directory, "docs", Choice(), ItemStatus.IGNORED, dry_run=False)
    assert (everything.changed, everything.skipped, everything.left) == (2, 0, 0)
    assert await counts(directory) == Counts(pending=4)


async def test_what_damage_took_is_skipped_and_a_dry_run_knows(directory, fill):
    await fill([failure("a"), failure("a")], payloads=['{"n":1}', '{"n":2}'])
    spoiled = await SqliteLedger.open(directory.ledger)
    await spoiled.close()
    import apsw

    db = apsw.Connection(str(directory.ledger))
    db.execute("UPDATE items SET payload = 'x' WHERE id = 1")
    db.close()
    mended = await SqliteLedger.open(directory.ledger)
    after = 0
    while after is not None:
        after = (await mended.examine(after, 100)).next
    await mended.close()
    for choice in (Choice(), Choice(hosts=("a.de", "b.de", ""))):
        told = await tried_again(directory, "docs", choice, ItemStatus.FAILED, dry_run=True)
        assert (told.changed, told.skipped, told.left) == (1, 1, 0)
    done = await tried_again(directory, "docs", Choice(), ItemStatus.FAILED, dry_run=False)
    assert (done.changed, done.skipped, done.left) == (1, 1, 0)
    again = await tried_again(directory, "docs", Choice(hosts=("a.de",)), ItemStatus.FAILED, dry_run=False)
    assert (again.changed, again.skipped) == (0, 1)


async def test_a_job_that_is_held_is_not_changed_and_can_be_asked(directory, fill):
    await fill([failure("a")])
    lock = directory.lock("docs", "now")
    for act in (
        tried_again(directory, "docs", Choice(), ItemStatus.FAILED, dry_run=False),
        ignored(directory, "docs", Choice(classes=("timeout",)), dry_run=False),
    ):
        with pytest.raises(JobLockedError):
            await act
    told = await ignored(directory, "docs", Choice(classes=("timeout",)), dry_run=True)
    assert (told.changed, await counts(directory)) == (1, Counts(failed=1))
    lock.close()


async def test_hosts_are_paused_and_unpaused_and_nothing_is_written_for_nothing(directory, fill):
    await fill([failure("a")])
    done = await order_hosts(directory, lambda paused: paused | {"b.de", "c.fr"})
    assert (done.changed, done.by_script) == (["b.de", "c.fr"], True)
    written = directory.orders.stat().st_mtime_ns
    assert (await order_hosts(directory, lambda paused: paused | {"b.de"})).changed == []
    assert directory.orders.stat().st_mtime_ns == written
    assert (await order_hosts(directory, lambda paused: paused - {"b.de"})).changed == ["b.de"]
    async with looked_into(directory) as access:
        assert standing_orders(directory, access).hosts == ("c.fr",)
    directory.orders.write_bytes(b"{")
    async with looked_into(directory) as access:
        assert "damaged" in standing_orders(directory, access).problem


async def test_two_who_pause_at_the_same_time_do_not_undo_each_other(directory, fill):
    await fill([failure("a")])
    begun, go_on = threading.Event(), threading.Event()

    def slowly(paused):
        begun.set()
        assert go_on.wait(10)
        return paused | {"b.de"}

    def ordered(change):
        return asyncio.run(order_hosts(directory, change))

    with ThreadPoolExecutor() as threads:
        first = threads.submit(ordered, slowly)
        assert begun.wait(10)
        second = threads.submit(ordered, lambda paused: paused | {"c.fr"})
        time.sleep(0.2)
        assert not second.done()
        go_on.set()
        assert first.result(10).after.paused == {"b.de"}
        assert second.result(10).after.paused == {"b.de", "c.fr"}


async def test_the_orders_of_an_encrypted_job_are_encrypted_and_want_its_key(directory, fill, monkeypatch):
    await fill([failure("a")], keys=Keyring.of([b"0123456789abcdef0123456789abcdef"]))
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(KeyMissingError, match=KEY_VARIABLE):
        await order_hosts(directory, lambda paused: paused | {"secret.de"})
    assert not directory.orders.exists()
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    assert (await order_hosts(directory, lambda paused: paused | {"secret.de"})).after.paused == {"secret.de"}
    assert b"secret" not in directory.orders.read_bytes()
    async with looked_into(directory) as access:
        assert standing_orders(directory, access).hosts == ("secret.de",)
    monkeypatch.delenv(KEY_VARIABLE)
    async with looked_into(directory) as access:
        assert standing_orders(directory, access).hosts == ()
