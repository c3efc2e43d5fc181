"""What an operator tells a job is kept in a file that a run looks at."""

import errno
import fcntl
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from outlast.errors import JobError, KeyMissingError, ValidationError
from outlast.jobs import notefile, orders
from outlast.jobs.answers import ANSWERS_KEPT_MAX, Answers, answered_in
from outlast.jobs.command import REASON_MAX, Answer, Command, Word
from outlast.jobs.orders import (
    COMMANDS_MAX,
    PAUSED_MAX,
    RATES_MAX,
    Orders,
    Watch,
    change_orders,
    give,
    read_orders,
    rewrap_orders,
    spacings_of,
    tidy_orders,
    write_orders,
)
from outlast.jobs.store import job_directory
from outlast.storage.keys import Keyring

OLD, NEW = bytes(32), bytes(range(32))
SHOP = Orders(frozenset({"shop.example", "127.0.0.1:80"}))
STOP = Command(id="C1", run="R", word=Word.STOP, after=30.0)
ABORT = Command(id="C2", run="R", word=Word.ABORT, reason="wrong prices\x1b[31m")
ALL = Orders(frozenset({"a"}), job_paused=True, rates={"*": "none", "b": "30/min"}, commands=(STOP, ABORT))


@pytest.fixture
def directory(tmp_path):
    return job_directory(tmp_path, "a job")


@pytest.mark.parametrize("keys", [None, Keyring.of([NEW])], ids=["clear", "sealed"])
def test_what_was_told_is_read_back(directory, keys):
    assert read_orders(directory, keys) == Orders()
    write_orders(directory, SHOP, keys)
    assert read_orders(directory, keys) == SHOP
    write_orders(directory, ALL, keys)
    assert read_orders(directory, keys) == ALL
    write_orders(directory, Orders(), keys)
    assert read_orders(directory, keys) == Orders()
    assert [path.name for path in directory.path.iterdir()] == ["ORDERS"]


def test_in_clear_it_is_plain_json_that_anybody_can_write(directory):
    write_orders(directory, SHOP, None)
    assert json.loads(directory.orders.read_bytes()) == {
        "version": 2,
        "paused": ["127.0.0.1:80", "shop.example"],
        "job_paused": False,
        "rates": {},
        "commands": [],
    }


def test_orders_of_the_first_version_are_read(directory):
    directory.path.mkdir(parents=True)
    directory.orders.write_text('{"version": 1, "paused": ["127.0.0.1:80", "shop.example"]}')
    assert read_orders(directory, None) == SHOP


def test_hosts_are_written_as_items_have_them(directory):
    write_orders(directory, Orders(frozenset({"Shop.Example"})), None)
    assert read_orders(directory, None).paused == {"shop.example"}


def test_too_many_hosts_are_refused():
    with pytest.raises(ValidationError, match=str(PAUSED_MAX)):
        Orders.pausing(f"{n}.example" for n in range(PAUSED_MAX + 1))


def test_rates_are_by_host_as_items_have_them_and_have_to_be_rates():
    assert Orders().checked(paused=(), rates={"B": "2/s", "a": "none"}).rates == {"a": "none", "b": "2/s"}
    assert spacings_of({"a": "none", "b": "2/s"}) == {"a": None, "b": 0.5}
    with pytest.raises(ValidationError, match="the rate of 'b' should be a rate such as"):
        Orders().checked(paused=(), rates={"b": "often"})
    with pytest.raises(ValidationError, match=str(RATES_MAX)):
        Orders().checked(paused=(), rates={f"{n}.example": "1/s" for n in range(RATES_MAX + 1)})


def test_sealed_orders_do_not_show_a_host_nor_a_reason(directory):
    write_orders(directory, replace(ALL, paused=SHOP.paused), Keyring.of([NEW]))
    assert b"shop.example" not in directory.orders.read_bytes()
    assert b"prices" not in directory.orders.read_bytes()


def test_what_several_say_at_the_same_time_is_all_kept(directory):
    write_orders(directory, Orders(), None)

    def tell(number):
        change_orders(directory, lambda orders: replace(orders, paused=orders.paused | {f"{number}.example"}), None)
        give(directory, Command(id=f"C{number}", run="R", word=Word.STOP), None)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(tell, range(24)))
    orders = read_orders(directory, None)
    assert orders.paused == {f"{number}.example" for number in range(24)}
    assert {each.id for each in orders.commands} == {f"C{number}" for number in range(24)}


async def test_what_is_answered_and_what_was_for_another_run_makes_room(directory):
    write_orders(directory, replace(ALL, commands=(STOP, ABORT, replace(STOP, id="C0", run="before"))), None)
    await Answers(directory, "R", None).give(Answer(id="C1", obeyed=True, says="stopping"))
    give(directory, replace(STOP, id="C3"), None)
    assert [each.id for each in read_orders(directory, None).commands] == ["C2", "C3"]


def test_more_commands_than_anybody_answers_are_refused(directory):
    directory.path.mkdir(parents=True)
    for number in range(COMMANDS_MAX):
        give(directory, replace(STOP, id=f"C{number}"), None)
    with pytest.raises(JobError, match="it does not answer"):
        give(directory, ABORT, None)
    give(directory, replace(ABORT, run="the next"), None)
    assert [each.id for each in read_orders(directory, None).commands] == ["C2"]


@pytest.mark.parametrize(
    ("word", "more"),
    [
        (Word.STOP, {"after": -1.0}),
        (Word.STOP, {"after": float("inf")}),
        (Word.STOP, {"reason": "none is asked for"}),
        (Word.ABORT, {}),
        (Word.ABORT, {"reason": " \n"}),
        (Word.ABORT, {"reason": "x" * (REASON_MAX + 1)}),
    ],
)
def test_what_is_no_command_is_refused(word, more):
    with pytest.raises(ValidationError):
        Command(id="C", run="R", word=word, **more)


@pytest.mark.parametrize("keys", [None, Keyring.of([NEW])], ids=["clear", "sealed"])
async def test_answers_are_kept_and_the_oldest_forgotten(directory, keys):
    directory.path.mkdir(parents=True)
    answers = Answers(directory, "R", keys)
    for number in range(ANSWERS_KEPT_MAX + 1):
        await answers.give(Answer(id=f"C{number}", obeyed=False, says="not now", facts={"within": 2.5}))
    found = answered_in(directory, keys)
    assert len(found) == ANSWERS_KEPT_MAX
    assert "C0" not in found
    assert found["C1"] == Answer(id="C1", obeyed=False, says="not now", facts={"within": 2.5})
    assert (b"not now" in directory.answers.read_bytes()) is (keys is None)


@pytest.mark.parametrize(
    "blob", [b"", b"{", b'{"version":1}', b'{"version":1,"answers":[{"id":1}]}', b'{"version":9,"answers":[]}']
)
def test_what_cannot_be_read_answers_nothing(directory, blob):
    directory.path.mkdir(parents=True)
    directory.answers.write_bytes(blob)
    assert answered_in(directory, None) == {}
    assert answered_in(directory, Keyring.of([NEW])) == {}


@pytest.mark.parametrize("keys", [None, Keyring.of([OLD])], ids=["no key", "another key"])
def test_sealed_orders_without_their_key_are_not_damaged(directory, keys):
    write_orders(directory, SHOP, Keyring.of([NEW]))
    with pytest.raises(KeyMissingError):
        read_orders(directory, keys)


def test_orders_in_clear_are_not_obeyed_by_an_encrypted_job(directory):
    write_orders(directory, SHOP, None)
    with pytest.raises(JobError, match="in clear"):
        read_orders(directory, Keyring.of([NEW]))


def test_the_orders_of_another_job_are_not_obeyed(directory, tmp_path):
    keys = Keyring.of([NEW])
    write_orders(directory, SHOP, keys)
    other = job_directory(tmp_path, "another")
    other.path.mkdir(parents=True)
    other.orders.write_bytes(directory.orders.read_bytes())
    with pytest.raises(JobError, match="damaged"):
        read_orders(other, keys)


def _with(**fields):
    return json.dumps({"version": 2, "paused": [], "job_paused": False, "rates": {}, "commands": [], **fields}).encode()


def test_the_blob_that_the_damaged_ones_are_made_of_is_sound(directory):
    directory.path.mkdir(parents=True)
    directory.orders.write_bytes(_with())
    assert read_orders(directory, None) == Orders()


@pytest.mark.parametrize(
    "blob",
    [b"", b"[]", b"{", b'{"version":1}', b'{"version":2,"paused":[]}', b'{"version":1,"paused":"a"}',
     b'{"version":1,"paused":[1]}', _with(job_paused=1), _with(rates={"a": "often"}), _with(rates={"a": 1}),
     _with(commands=[{"id": "C", "run": "R", "word": "dance"}]), _with(commands=[{"id": "C", "word": "stop"}]),
     _with(commands=[{"id": "C", "run": "R", "word": "stop", "after": True}]), _with(commands=[1]), _with(version=3)],
)  # fmt: skip
def test_damaged_orders_are_an_error_not_an_absence(directory, blob):
    directory.path.mkdir(parents=True)
    directory.orders.write_bytes(blob)
    with pytest.raises(JobError, match="damaged"):
        read_orders(directory, None)


@pytest.mark.parametrize("place", range(0, 300, 7))
def test_a_flipped_bit_of_sealed_orders_is_noticed(directory, place):
    keys = Keyring.of([NEW])
    write_orders(directory, SHOP, keys)
    blob = bytearray(directory.orders.read_bytes())
    blob[place % len(blob)] ^= 0x01
    directory.orders.write_bytes(blob)
    try:
        assert read_orders(directory, keys) == SHOP  # the version in clear is the only part that does not matter
    except (JobError, KeyMissingError):
        pass


def test_a_directory_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "jobs").write_text("a file")
    with pytest.raises(JobError, match="cannot be written"):
        write_orders(job_directory(tmp_path, "a job"), SHOP, None)


def test_orders_that_cannot_be_read_are_said(directory):
    directory.orders.mkdir(parents=True)
    with pytest.raises(JobError, match="cannot be read"):
        read_orders(directory, None)


def test_another_key_in_charge_seals_them_anew(directory):
    write_orders(directory, SHOP, Keyring.of([OLD]))
    assert rewrap_orders(directory, Keyring.of([NEW, OLD]))
    assert read_orders(directory, Keyring.of([NEW])) == SHOP
    assert not rewrap_orders(directory, Keyring.of([NEW]))


async def test_what_was_answered_is_sealed_anew_too_and_what_nobody_can_read_goes(directory):
    directory.path.mkdir(parents=True)
    await Answers(directory, "R", Keyring.of([OLD])).give(Answer(id="C1", obeyed=True, says="stopping"))
    assert rewrap_orders(directory, Keyring.of([NEW, OLD]))
    assert set(answered_in(directory, Keyring.of([NEW]))) == {"C1"}
    assert not rewrap_orders(directory, Keyring.of([OLD]))
    assert not directory.answers.exists()


def test_where_there_are_none_nothing_is_sealed_anew(directory):
    assert not rewrap_orders(directory, Keyring.of([NEW]))
    assert not directory.path.exists()


def test_a_watch_tells_the_orders_once_and_again_when_they_change(directory):
    watch = Watch(directory, None)
    assert watch.look()
    assert not watch.look()
    write_orders(directory, SHOP, None)
    assert watch.look()
    assert watch.orders == SHOP
    assert not watch.look()
    times = directory.orders.stat()
    write_orders(directory, Orders(frozenset({"shop.exampel", "127.0.0.1:80"})), None)
    os.utime(directory.orders, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert watch.look()  # same size and time, and yet another file
    directory.orders.unlink()
    assert watch.look()
    assert watch.orders == Orders()


def test_a_damaged_file_is_told_once(directory):
    watch = Watch(directory, None)
    directory.path.mkdir(parents=True)
    directory.orders.write_bytes(b"{")
    with pytest.raises(JobError):
        watch.look()
    assert not watch.look()


def test_what_the_disk_did_not_give_this_time_is_asked_for_again(directory, monkeypatch):
    watch = Watch(directory, None)
    watch.look()
    write_orders(directory, SHOP, None)

    def no_more(self, *_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch, pytest.raises(JobError, match="Too many open files"):
        patch.setattr(Path, "open", no_more)
        watch.look()
    assert watch.look()
    assert watch.orders == SHOP


def test_who_changes_the_orders_and_never_ends_keeps_nobody_waiting_forever(directory, monkeypatch):
    """As one does that was stopped by Ctrl-Z."""
    monkeypatch.setattr(orders, "LOCK_TRY_SECONDS", 0)
    write_orders(directory, SHOP, None)
    held = os.open(directory.path, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(JobError, match="by another command"):
            give(directory, STOP, None)
        with pytest.raises(JobError, match="by another command"):
            rewrap_orders(directory, Keyring.of([NEW]))
    finally:
        os.close(held)
    assert read_orders(directory, None) == SHOP
    give(directory, STOP, None)


def test_what_is_too_long_to_be_orders_is_neither_read_nor_written(directory, monkeypatch):
    monkeypatch.setattr(notefile, "SIZE_MAX", 1_000)
    directory.path.mkdir(parents=True)
    directory.orders.write_bytes(_with().ljust(1_001))
    with pytest.raises(JobError, match="longer than 1000 bytes"):
        read_orders(directory, None)
    write_orders(directory, SHOP, None)
    for host, why in (("h" * 1_000, "too many"), ("\udcff", "lone surrogate")):
        with pytest.raises(ValidationError, match=f"that cannot be ordered: .*{why}"):
            write_orders(directory, Orders(frozenset({host})), None)
    assert read_orders(directory, None) == SHOP


def test_what_root_says_can_be_read_by_whoever_the_job_belongs_to(directory, monkeypatch):
    given = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", lambda *to: given.append(to))
    write_orders(directory, SHOP, None)
    owner = directory.path.stat()
    assert given == [(directory.orders, owner.st_uid, owner.st_gid)]
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    write_orders(directory, SHOP, None)
    assert len(given) == 1


def test_what_the_killed_have_left_is_removed_and_what_is_being_written_is_not(directory):
    write_orders(directory, SHOP, None)
    left, held = (directory.path / f".outlast-{digit * 16}.tmp" for digit in "ab")
    left.touch()
    with held.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        tidy_orders(directory)
    assert {path.name for path in directory.path.iterdir()} == {"ORDERS", held.name}


def test_a_fresh_start_puts_them_aside_with_the_rest(directory):
    write_orders(directory, SHOP, None)
    directory.answers.write_bytes(b"{}")
    directory.put_aside("before")
    assert (directory.old / "before" / "ANSWERS").exists()
    assert read_orders(directory, None) == Orders()
    assert (directory.old / "before" / "ORDERS").exists()
