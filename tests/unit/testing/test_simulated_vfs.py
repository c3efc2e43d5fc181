"""SQLite on the simulated disk: it works as on a real one, and loses what a power cut may take."""

import errno
from random import Random

import apsw
import pytest

from outlast.testing.simulated_disk import DiskModel, PowerCutError
from outlast.testing.simulated_vfs import SimulatedVfs

PATH = "/d/x.db"


@pytest.fixture
def model():
    return DiskModel.from_image({}, ["/d"])


@pytest.fixture
def opened():
    """Open a connection on a model; at the end all are closed."""
    made = []

    def open_on(model, faults=None, mode="wal"):
        name = f"test-{len(made)}"
        vfs = SimulatedVfs(name, model, faults, chance=Random(1))
        db = apsw.Connection(PATH, vfs=name)
        made.append((vfs, db))
        if mode == "wal":
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            assert db.pragma("journal_mode", "wal") == "wal"
        # Without a log FULL leaves the end of a transaction to a name that is not durable; EXTRA does not.
        db.execute(f"PRAGMA synchronous = {'FULL' if mode == 'wal' else 'EXTRA'}")
        return vfs, db

    yield open_on
    for vfs, db in made:
        vfs.die()
        try:
            db.close()
        except apsw.Error:
            assert vfs.dead
        vfs.unregister()


def rows(db):
    return [row[0] for row in db.execute("SELECT a FROM t ORDER BY a")]


def filled(db, many=3):
    db.execute("CREATE TABLE t (a, b)")
    for number in range(many):
        db.execute("INSERT INTO t VALUES (?, ?)", (number, "x" * 3000))


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_database_is_written_and_read(model, opened, mode):
    _, db = opened(model, mode=mode)
    filled(db)
    assert rows(db) == [0, 1, 2]
    assert db.pragma("integrity_check") == "ok"
    db.execute("DELETE FROM t")
    db.execute("VACUUM")
    db.close()
    assert list(model.image()) == [PATH]
    assert rows(opened(model, mode=mode)[1]) == []


@pytest.mark.parametrize("powersafe", [True, False])
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_what_was_committed_survives_every_power_cut(model, opened, mode, powersafe):
    model.powersafe = powersafe
    _, db = opened(model, mode=mode)
    filled(db)
    for seed in range(40):
        _, after = opened(model.crash(Random(seed)), mode=mode)
        assert rows(after) == [0, 1, 2]
        assert after.pragma("integrity_check") == "ok"


def test_what_was_not_committed_is_gone_after_a_kill(model, opened):
    vfs, db = opened(model)
    filled(db)
    db.execute("BEGIN")
    db.execute("INSERT INTO t VALUES (9, '')")
    vfs.die()
    with pytest.raises(apsw.IOError):
        db.execute("COMMIT")
    assert rows(opened(model)[1]) == [0, 1, 2]


def test_a_power_cut_is_an_error_and_the_last_thing_that_happens(model, opened):
    def cut(step):
        if step == "fsync" and armed:
            raise PowerCutError

    armed = False
    vfs, db = opened(model, cut)
    filled(db)
    armed = True
    with pytest.raises(apsw.IOError, match="power is gone"):
        db.execute("INSERT INTO t VALUES (9, '')")
    assert vfs.dead
    before = model.image()
    with pytest.raises(apsw.Error):
        db.execute("INSERT INTO t VALUES (10, '')")
    assert model.image() == before


def test_a_failed_fsync_is_told_and_its_bytes_may_be_lost_for_good(model, opened):
    failing = [False]
    _, db = opened(model, lambda step: errno.EIO if failing[0] and step == "fsync" else None)
    filled(db)
    failing[0] = True
    with pytest.raises(apsw.IOError) as caught:
        db.execute("INSERT INTO t VALUES (9, '')")
    assert caught.value.extendedresult == apsw.SQLITE_IOERR_FSYNC
    model.file(f"{PATH}-wal").sync()
    assert rows(opened(model.crash(Random(0)))[1]) in ([0, 1, 2], [0, 1, 2, 9])


def test_a_full_disk_is_told_and_takes_back_the_transaction(model, opened):
    _, db = opened(model)
    filled(db)
    model.capacity = sum(map(len, model.image().values())) + 5000
    with pytest.raises(apsw.FullError):
        db.execute("INSERT INTO t VALUES (9, ?)", ("y" * 50_000,))
    assert rows(db) == [0, 1, 2]
    model.capacity = None
    db.execute("INSERT INTO t VALUES (9, ?)", ("y" * 50_000,))
    assert rows(db) == [0, 1, 2, 9]


def test_a_failed_fsync_of_the_directory_goes_unnoticed_as_on_unix(model, opened):
    _, db = opened(model, lambda step: errno.EIO if step == "sync_directory" else None)
    filled(db)
    found = {f"{PATH}-wal" in model.crash(Random(seed)).image() for seed in range(20)}
    assert False in found or not model.image().get(f"{PATH}-wal"), "the name of the log is not durable"


def test_two_connections_exclude_each_other(model, opened):
    _, first = opened(model, mode="delete")
    filled(first, 1)
    _, second = opened(model, mode="delete")
    first.execute("BEGIN IMMEDIATE")
    with pytest.raises(apsw.BusyError):
        second.execute("BEGIN IMMEDIATE")
    assert rows(second) == [0]
    first.execute("ROLLBACK")
    second.execute("BEGIN IMMEDIATE")
    second.execute("ROLLBACK")


def test_a_file_that_is_not_there_is_not_made_for_a_reader(model):
    vfs = SimulatedVfs("test-reader", model)
    with pytest.raises(apsw.CantOpenError):
        apsw.Connection(PATH, flags=apsw.SQLITE_OPEN_READONLY, vfs="test-reader")
    with pytest.raises(apsw.CantOpenError):
        apsw.Connection("/none/x.db", vfs="test-reader")
    vfs.unregister()
    assert model.image() == {}
