"""What an operator tells a job is kept in a file that a run looks at."""

import json
import os

import pytest

from outlast.errors import JobError, KeyMissingError, ValidationError
from outlast.jobs.orders import PAUSED_MAX, Orders, Watch, read_orders, rewrap_orders, write_orders
from outlast.jobs.store import job_directory
from outlast.storage.keys import Keyring

OLD, NEW = bytes(32), bytes(range(32))
SHOP = Orders(frozenset({"shop.example", "127.0.0.1:80"}))


@pytest.fixture
def directory(tmp_path):
    return job_directory(tmp_path, "a job")


@pytest.mark.parametrize("keys", [None, Keyring.of([NEW])], ids=["clear", "sealed"])
def test_what_was_told_is_read_back(directory, keys):
    assert read_orders(directory, keys) == Orders()
    write_orders(directory, SHOP, keys)
    assert read_orders(directory, keys) == SHOP
    write_orders(directory, Orders(), keys)
    assert read_orders(directory, keys) == Orders()
    assert [path.name for path in directory.path.iterdir()] == ["ORDERS"]


def test_in_clear_it_is_plain_json_that_anybody_can_write(directory):
    write_orders(directory, SHOP, None)
    assert json.loads(directory.orders.read_bytes()) == {"version": 1, "paused": ["127.0.0.1:80", "shop.example"]}


def test_hosts_are_written_as_items_have_them(directory):
    write_orders(directory, Orders(frozenset({"Shop.Example"})), None)
    assert read_orders(directory, None).paused == {"shop.example"}


def test_too_many_hosts_are_refused():
    with pytest.raises(ValidationError, match=str(PAUSED_MAX)):
        Orders.pausing(f"{n}.example" for n in range(PAUSED_MAX + 1))


def test_sealed_orders_do_not_show_a_host(directory):
    write_orders(directory, SHOP, Keyring.of([NEW]))
    assert b"shop" not in directory.orders.read_bytes()


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


@pytest.mark.parametrize(
    "blob",
    [b"", b"[]", b"{", b'{"version":1}', b'{"version":2,"paused":[]}', b'{"version":1,"paused":"a"}',
     b'{"version":1,"paused":[1]}'],
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


def test_where_there_are_none_nothing_is_sealed_anew(directory):
    assert not rewrap_orders(directory, Keyring.of([NEW]))
    assert not directory.path.exists()


def test_a_watch_tells_the_orders_once_and_again_when_they_change(directory):
    watch = Watch(directory, None)
    assert watch.look() == Orders()
    assert watch.look() is None
    write_orders(directory, SHOP, None)
    assert watch.look() == SHOP
    assert watch.look() is None
    times = directory.orders.stat()
    write_orders(directory, Orders(frozenset({"shop.exampel", "127.0.0.1:80"})), None)
    os.utime(directory.orders, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert watch.look() is not None  # same size and time, and yet another file
    directory.orders.unlink()
    assert watch.look() == Orders()


def test_a_damaged_file_is_told_once(directory):
    watch = Watch(directory, None)
    directory.path.mkdir(parents=True)
    directory.orders.write_bytes(b"{")
    with pytest.raises(JobError):
        watch.look()
    assert watch.look() is None


def test_a_fresh_start_puts_them_aside_with_the_rest(directory):
    write_orders(directory, SHOP, None)
    directory.put_aside("before")
    assert read_orders(directory, None) == Orders()
    assert (directory.old / "before" / "ORDERS").exists()
