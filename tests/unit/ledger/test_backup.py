"""A backup is the ledger of one moment, whole and checked, and the job does not notice."""

import subprocess
import sys
import threading

import apsw
import pytest

from outlast.errors import LedgerCorruptionError, LedgerUnavailableError
from outlast.ledger import NewItem
from outlast.ledger.backup import BackedUp, backup
from outlast.ledger.image import index_path, log_path, lost_frames
from outlast.ledger.sqlfile import LedgerFile


@pytest.fixture
def target(tmp_path):
    return tmp_path / "copies" / "backup.db"


@pytest.fixture(autouse=True)
def copies(target):
    target.parent.mkdir()
    return target.parent


@pytest.fixture
def at_work(opened):
    """An open ledger: 30 items, 10 of them done, some leased; nothing of it copied out of its log."""

    def make(**how):
        one = opened(**how)
        one.do("add", [NewItem(f"key-{number}", f'{{"n":{number}}}') for number in range(30)])
        one.finish(10)
        one.do("lease", "me", 5, 0.0, 1e9)
        return one

    return make


def test_a_backup_holds_what_is_recorded_while_the_job_has_the_ledger_open(path, at_work, target, opened):
    one = at_work()
    assert backup(path, target) == BackedUp(30, 10, target.stat().st_size)
    one.finish(5)
    assert (len(one.everything()[1]), path.exists()) == (15, True)
    one.close()
    copy = type(one)(target)
    try:
        items, results = copy.everything()
        assert (len(items), len(results)) == (30, 10)
        assert copy.do("release", None) == 5
    finally:
        copy.close()


def test_a_backup_is_one_private_file_and_nothing_is_left_beside_it(path, at_work, target):
    at_work()
    backup(path, target)
    assert [each.name for each in target.parent.iterdir()] == ["backup.db"]
    assert target.stat().st_mode & 0o777 == 0o600


def test_the_backup_of_a_sealed_ledger_is_sealed_and_takes_no_key(path, at_work, target, keys):
    one = at_work(keys=keys)
    backup(path, target)
    assert not [number for number in range(30) if f'{{"n":{number}}}'.encode() in target.read_bytes()]
    copy = type(one)(target, keys=keys)
    try:
        assert copy.everything() == one.everything()
    finally:
        copy.close()


def test_a_backup_taken_between_commits_has_each_of_them_whole_or_not_at_all(path, opened, target):
    """Every item comes with a child in its commit."""
    stop = threading.Event()
    begun = threading.Event()

    def write():
        one = opened()
        for number in range(100_000):
            one.do("add", [NewItem(f"a-{number}"), NewItem(f"b-{number}")])
            begun.set()
            if stop.is_set():
                break
        one.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        begun.wait(20)
        for attempt in range(5):
            copy = target.with_name(f"{attempt}.db")
            backup(path, copy)
            db = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
            keys = {key for (key,) in db.execute("SELECT key FROM items")}
            db.close()
            assert {key[2:] for key in keys if key[0] == "a"} == {key[2:] for key in keys if key[0] == "b"}
    finally:
        stop.set()
        writer.join()


def test_a_name_that_is_taken_is_left_alone(path, at_work, target):
    at_work()
    target.write_text("mine")
    with pytest.raises(LedgerUnavailableError, match="backup.db exists: name a file that does not"):
        backup(path, target)
    assert target.read_text() == "mine"


def test_of_a_ledger_that_is_not_there_none_is_made(path, target):
    with pytest.raises(LedgerUnavailableError, match="there is no ledger"):
        backup(path, target)
    assert list(target.parent.iterdir()) == []
    assert not path.exists()


def test_a_damaged_ledger_makes_no_backup(path, at_work, target, spoil):
    at_work().close()
    spoil("UPDATE items SET payload = 'x' WHERE id = 3")
    with pytest.raises(LedgerCorruptionError, match=r"items row 3: .*nothing was written"):
        backup(path, target)
    assert list(target.parent.iterdir()) == []


def test_what_sqlite_cannot_read_makes_no_backup(path, at_work, target):
    at_work().close()
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    with pytest.raises(LedgerCorruptionError):
        backup(path, target)
    assert list(target.parent.iterdir()) == []


def test_on_a_failing_disk_there_is_no_backup_and_the_ledger_is_untouched(path, at_work, target, faulty_disk):
    one = at_work()
    probe = faulty_disk()
    backup(path, target.with_name("probe.db"), disk=probe)
    for step in range(1, len(probe.steps) + 1):
        disk = faulty_disk(fails_at=step)
        if probe.steps[step - 1] == "unlink":
            continue  # what is left aside is swept later
        with pytest.raises(LedgerUnavailableError):
            backup(path, target, disk=disk)
        assert not target.exists()
    assert len(one.everything()[0]) == 30


def leave_a_log_without_its_end(path, at_work):
    """What a kill leaves, with the last commit of the log damaged: only the index of the log knows of it."""
    one = at_work()
    kept = {each: each.read_bytes() for each in (path, log_path(path), index_path(path))}
    one.close()
    for each, blob in kept.items():
        each.write_bytes(blob)
    log = bytearray(kept[log_path(path)])
    log[-100] ^= 1
    log_path(path).write_bytes(log)


def test_a_ledger_whose_log_has_lost_its_end_makes_no_backup_and_stays_known_as_damaged(path, at_work, target):
    leave_a_log_without_its_end(path, at_work)
    for _ in range(2):
        with pytest.raises(LedgerCorruptionError, match="1 committed pages of its log are damaged or gone"):
            backup(path, target)
    assert (lost_frames(path), list(target.parent.iterdir())) == (1, [])


def test_nobody_opens_a_log_that_has_lost_its_end(path, at_work):
    leave_a_log_without_its_end(path, at_work)
    for read_only in (True, False):
        with pytest.raises(LedgerCorruptionError):
            LedgerFile(path, read_only=read_only)
    assert lost_frames(path) == 1


def test_looking_at_a_ledger_that_this_process_has_open_leaves_it_the_locks_it_has(path, at_work, target):
    one = at_work()
    backup(path, target)
    LedgerFile(path, read_only=True).close()
    # Another process that found no lock on the index of the log would begin it anew, under the one that is at work.
    locks = (
        "import fcntl, sys; file = open(sys.argv[1], 'r+b'); fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)"
    )
    found = subprocess.run([sys.executable, "-c", locks, str(index_path(path))], capture_output=True, check=False)
    assert b"BlockingIOError" in found.stderr
    one.finish(1)
