"""The log is read as SQLite reads it; and where SQLite would drop committed work without a word, that is told."""

import threading
import time

import apsw
import pytest

from outlast.errors import LedgerCorruptionError
from outlast.ledger.frames import FRAME_HEADER, INDEX_HEADER, LOG_HEADER, lost_without_log, read_log
from outlast.ledger.image import Image, index_path, log_path, lost_frames, refuse_damaged_log

FRAME = FRAME_HEADER + 4096
COMMITS = 20


class Logged:
    """A log of some commits, as a kill leaves it, and how many of them SQLite sees after damage."""

    def __init__(self, directory):
        self.path = directory / "a.db"
        db = apsw.Connection(str(self.path))
        db.pragma("journal_mode", "wal")
        db.pragma("wal_autocheckpoint", 0)
        db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b)")
        for _ in range(COMMITS):
            db.execute("INSERT INTO t (b) VALUES (?)", ("x" * 3_000,))
        self.log = log_path(self.path).read_bytes()
        self.index = index_path(self.path).read_bytes()[:INDEX_HEADER]
        self.main = self.path.read_bytes()
        db.close()
        self.whole = (len(self.log) - LOG_HEADER) // FRAME

    def read(self, log=None, *, index=True):
        log = self.log if log is None else log
        return read_log(lambda at, size: log[at : at + size], len(log), 4096, self.index if index else b"")

    def flipped(self, at):
        log = bytearray(self.log)
        log[at] ^= 4
        return bytes(log)

    def seen_by_sqlite(self, directory, log):
        path = directory / "copy.db"
        path.write_bytes(self.main)
        log_path(path).write_bytes(log)
        db = apsw.Connection(str(path))
        try:
            return db.execute("SELECT count(*) FROM t").fetchall()[0][0]
        except apsw.SQLError:
            return 0  # not even the table
        finally:
            db.close()


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    return Logged(tmp_path_factory.mktemp("log"))


@pytest.mark.parametrize("index", [True, False])
def test_a_whole_log_has_lost_nothing(logged, index):
    log = logged.read(index=index)
    assert (len(log.frames), log.lost, log.page_size) == (logged.whole, 0, 4096)
    assert log.frames[0].at == LOG_HEADER + FRAME_HEADER


@pytest.mark.parametrize("place", [0, 4, 8, 16, 24, 100, 4000])
@pytest.mark.parametrize("index", [True, False])
def test_a_damaged_frame_before_whole_commits_is_told_and_the_others_are_read(logged, tmp_path, place, index):
    damaged = logged.flipped(LOG_HEADER + 9 * FRAME + place)
    log = logged.read(damaged, index=index)
    assert log.lost == logged.whole - 9
    # What stands behind a frame is linked to its header: with that goes the next frame too.
    assert len(log.frames) == logged.whole - (2 if 16 <= place < 24 else 1)
    assert logged.seen_by_sqlite(tmp_path, damaged) < COMMITS


@pytest.mark.parametrize("place", [0, 5, 9, 17, 30])
def test_a_damaged_header_hides_the_whole_log_from_sqlite_and_is_told(logged, tmp_path, place):
    damaged = logged.flipped(place)
    assert logged.seen_by_sqlite(tmp_path, damaged) == 0
    assert logged.read(damaged, index=False).lost == logged.whole
    assert len(logged.read(damaged).frames) == logged.whole - 1


@pytest.mark.parametrize("index", [True, False])
@pytest.mark.parametrize("size", [LOG_HEADER + FRAME_HEADER, FRAME, 3 * FRAME])
def test_the_frames_are_known_by_their_salts_where_the_header_and_the_first_of_them_are_gone(logged, index, size):
    for rubbish in (bytes(size), b"\xa5" * size):
        log = logged.read(rubbish + logged.log[size:], index=index)
        assert log.lost == logged.whole
        assert len(log.frames) >= logged.whole - 4


def test_damage_in_the_last_commit_looks_like_a_tear_but_the_index_tells(logged):
    damaged = logged.flipped(len(logged.log) - 100)
    assert logged.read(damaged, index=False).lost == 0
    assert logged.read(damaged).lost == 1


@pytest.mark.parametrize("cut", [LOG_HEADER + 5 * FRAME, LOG_HEADER + 5 * FRAME + 77])
def test_a_log_that_was_cut_off_looks_like_its_end_but_the_index_tells(logged, cut):
    assert logged.read(logged.log[:cut], index=False).lost == 0
    assert logged.read(logged.log[:cut]).lost == logged.whole - 5


def test_a_power_cut_tears_the_last_commit_and_that_is_no_damage(tmp_path):
    """Of the last commit, which nobody has been told of, any of the frames may be missing."""
    path = tmp_path / "a.db"
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "wal")
    db.pragma("wal_autocheckpoint", 0)
    db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b)")
    db.execute("INSERT INTO t (b) VALUES ('x')")
    before = log_path(path).stat().st_size
    index = index_path(path).read_bytes()
    with db:
        db.executemany("INSERT INTO t (b) VALUES (?)", [("y" * 3_000,)] * 10)
    whole = log_path(path).read_bytes()
    db.close()
    for missing in range(before, len(whole), FRAME):
        torn = whole[:missing] + bytes(FRAME) + whole[missing + FRAME :]
        log = read_log(lambda at, size, torn=torn: torn[at : at + size], len(torn), 4096, index)
        assert log.lost == 0
        assert log.frames[-1].at < before


def test_frames_that_nobody_committed_are_left_out(logged):
    log = logged.log + logged.log[-FRAME:]
    assert len(logged.read(log).frames) == logged.whole
    assert logged.read(log).lost == 0


def test_what_an_earlier_turn_of_the_log_left_behind_is_no_damage(tmp_path):
    path = tmp_path / "a.db"
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "wal")
    db.pragma("wal_autocheckpoint", 0)
    db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b)")
    for _ in range(30):
        db.execute("INSERT INTO t (b) VALUES (?)", ("x" * 3_000,))
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
    for _ in range(3):
        db.execute("INSERT INTO t (b) VALUES (?)", ("x" * 3_000,))
    assert lost_frames(path) == 0
    with Image(path) as image:
        assert 3 <= len(image.log.frames) < 12
    refuse_damaged_log(path)
    db.close()


def test_an_index_without_its_log_tells_how_much_was_not_yet_in_the_file(logged):
    assert lost_without_log(logged.index) == logged.whole
    assert lost_without_log(logged.index[:-4] + (logged.whole - 3).to_bytes(4, "little")) == 3
    assert lost_without_log(bytes(INDEX_HEADER)) == 0
    spoiled = bytearray(logged.index)
    spoiled[16] ^= 1
    assert lost_without_log(bytes(spoiled)) == 0


def test_any_bytes_make_a_log_of_nothing():
    for blob in (b"", b"x", bytes(5_000), b"\x37\x7f\x06\x82" * 3_000):
        assert read_log(lambda at, size, blob=blob: blob[at : at + size], len(blob), 4096).frames == ()


def test_a_log_that_ends_before_its_size_says_is_read_as_far_as_it_goes(logged):
    short = logged.log[: LOG_HEADER + 3 * FRAME + 100]
    log = read_log(lambda at, size: short[at : at + size], len(logged.log), 4096)
    assert len(log.frames) == 3


def lay_out(logged, directory, *, main=True, log=None, index=True):
    path = directory / "ledger.db"
    if main:
        path.write_bytes(logged.main)
    if log is not None:
        log_path(path).write_bytes(log)
    if index:
        index_path(path).write_bytes(logged.index)
    return path


def test_a_damaged_log_is_refused_before_sqlite_makes_it_look_whole(logged, tmp_path):
    path = lay_out(logged, tmp_path, log=logged.flipped(9 * FRAME))
    with pytest.raises(LedgerCorruptionError, match="committed pages of its log are damaged or gone"):
        refuse_damaged_log(path)


def test_a_log_that_is_gone_is_missed_while_its_index_is_there(logged, tmp_path):
    path = lay_out(logged, tmp_path)
    with pytest.raises(LedgerCorruptionError, match="outlast repair"):
        refuse_damaged_log(path)


def test_a_log_without_its_file_is_refused(logged, tmp_path):
    path = lay_out(logged, tmp_path, main=False, log=logged.log)
    with pytest.raises(LedgerCorruptionError, match="its file is gone, and its log is still there"):
        refuse_damaged_log(path)


def test_a_whole_log_and_none_at_all_are_welcome(logged, tmp_path):
    refuse_damaged_log(lay_out(logged, tmp_path, log=logged.log))
    refuse_damaged_log(tmp_path / "none.db")


def test_a_running_job_whose_log_grows_and_ends_under_the_look_is_not_called_damaged(tmp_path):
    """The moments are short, so the same question is asked as often as can be."""
    path, stop = tmp_path / "ledger.db", threading.Event()

    def work():
        while not stop.is_set():
            db = apsw.Connection(str(path))
            db.pragma("journal_mode", "wal")
            db.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER PRIMARY KEY, b)")
            for _ in range(30):
                db.execute("INSERT INTO t (b) VALUES (?)", ("x" * 3_000,))
            db.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        end = time.perf_counter() + 1.5
        while time.perf_counter() < end:
            refuse_damaged_log(path)
    finally:
        stop.set()
        worker.join()


@pytest.fixture
def copied(tmp_path):
    """A ledger whose log was copied into it and synced, and is about to be begun anew; its path."""
    path = tmp_path / "a.db"
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "wal")
    db.pragma("wal_autocheckpoint", 0)
    db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b)")
    for _ in range(COMMITS):
        db.execute("INSERT INTO t (b) VALUES (?)", ("x" * 3_000,))
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    main, log = path.read_bytes(), log_path(path).read_bytes()
    db.close()
    path.write_bytes(main)
    log_path(path).write_bytes(log)
    return path


def torn_header(path):
    """Of a log that is begun anew the first thing written is its header, with other salts; here the power went."""
    log = bytearray(log_path(path).read_bytes())
    log[12:24] = bytes(range(12))
    log_path(path).write_bytes(log)


def test_a_log_that_was_copied_and_is_torn_when_it_is_begun_anew_has_lost_nothing(copied):
    torn_header(copied)
    assert lost_frames(copied) == 0
    refuse_damaged_log(copied)


@pytest.mark.parametrize("frame", [1, COMMITS])
def test_where_the_file_lacks_anything_of_it_a_torn_header_is_a_loss(copied, frame):
    torn_header(copied)
    number = int.from_bytes(log_path(copied).read_bytes()[LOG_HEADER + frame * FRAME :][:4], "big")
    main = bytearray(copied.read_bytes())
    main[(number - 1) * 4096 + 4000] ^= 1
    copied.write_bytes(bytes(main))
    assert lost_frames(copied) > 0
