"""A disk that fails: nothing acknowledged is lost, and nothing is acknowledged that may be."""

import apsw
import pytest

from outlast.errors import LedgerUnavailableError, ValidationError
from outlast.ledger import Counts, ItemStatus, NewItem, Record, Shape, SqliteLedger
from outlast.ledger.connection import LOG_BYTES_KEPT, LOG_PAGES_MAX
from outlast.ledger.port import Sizes
from outlast.ledger.sqlfile import LedgerFile, Read, Write
from outlast.storage.disk import OsDisk


class FailingVfs(apsw.VFS):
    """The system's files, but for one kind of step, which fails while `error` is set."""

    def __init__(self):
        self.name, self.step, self.error, self.failed, self.calls = "failing", "", None, 0, []
        super().__init__(self.name, "")

    def xOpen(self, name, flags):
        return FailingFile(self, name, flags)

    def attempt(self, step, file):
        self.calls.append((step, file))
        if self.error is not None and self.step == f"{step} {file}":
            self.failed += 1
            error = getattr(apsw, self.error[0])(f"injected: {self.error[0]}")
            error.extendedresult = getattr(apsw, self.error[1])
            raise error


class FailingFile(apsw.VFSFile):
    def __init__(self, vfs, name, flags):
        self.vfs, self.kind = vfs, "log" if flags[0] & apsw.SQLITE_OPEN_WAL else "ledger"
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        self.vfs.attempt("write", self.kind)
        super().xWrite(data, offset)

    def xSync(self, flags):
        self.vfs.attempt("sync", self.kind)
        super().xSync(flags)


EIO_WRITE = ("IOError", "SQLITE_IOERR_WRITE")
EIO_SYNC = ("IOError", "SQLITE_IOERR_FSYNC")
FULL = ("FullError", "SQLITE_FULL")


@pytest.fixture
def vfs():
    vfs = FailingVfs()
    yield vfs
    vfs.unregister()


def records(leases, text="1\n"):
    return [Record(lease, ItemStatus.DONE, 1, Shape.ONE, text) for lease in leases]


def begun(path, vfs):
    file = LedgerFile(path, read_only=False, vfs=vfs.name)
    file.apply([Write(lambda: file.add([NewItem(str(n)) for n in range(10)]))])
    [leases] = file.apply([Write(lambda: file.lease("me", 10, 0.0, 1e9))])
    assert file.apply(records(leases[:3])) == [None] * 3
    return file, leases


@pytest.mark.parametrize(("step", "error"), [("write log", EIO_WRITE), ("sync log", EIO_SYNC)])
def test_an_io_error_in_a_commit_is_the_last_thing_it_does(path, vfs, step, error, look):
    file, leases = begun(path, vfs)
    vfs.step, vfs.error = step, error
    outcomes = file.apply([Read(file.position), *records(leases[3:5])])
    assert outcomes[0] == 3
    assert all(isinstance(outcome, LedgerUnavailableError) for outcome in outcomes[1:])
    vfs.error = None
    vfs.calls.clear()
    for again in ([Read(file.counts)], records(leases[5:6])):
        with pytest.raises(LedgerUnavailableError, match=f"earlier error.*injected: {error[0]}.*open it again"):
            file.apply(again)
    file.close()
    assert [call for call in vfs.calls if call[0] == "sync"] == []
    later = LedgerFile(path, read_only=False)
    assert later.counts().done in {3, 5}  # the batch that failed is there whole or not at all
    assert later.check(deep=True).sound
    later.close()


def test_a_full_disk_takes_one_commit_and_no_more(path, vfs):
    file, leases = begun(path, vfs)
    vfs.step, vfs.error = "write log", FULL
    assert isinstance(file.apply(records(leases[3:4]))[0], LedgerUnavailableError)
    assert file.apply([Read(lambda: file.counts().done)]) == [3]
    vfs.error = None
    assert file.apply(records(leases[3:5])) == [None, None]
    file.close()
    later = LedgerFile(path, read_only=True)
    assert later.counts() == Counts(leased=5, done=5)
    later.close()


def test_a_log_that_cannot_be_copied_keeps_what_is_committed_and_stops(path, vfs):
    file, leases = begun(path, vfs)
    vfs.step, vfs.error = "sync ledger", EIO_SYNC
    large = "x" * 4096 * LOG_PAGES_MAX + "\n"
    assert file.apply(records(leases[3:4], large)) == [None]
    assert vfs.failed == 1
    with pytest.raises(LedgerUnavailableError, match="earlier error"):
        file.apply(records(leases[4:5]))
    vfs.error = None
    file.close()
    later = LedgerFile(path, read_only=False)
    assert later.counts().done == 4
    assert later.results(3, 1)[0].lines == large
    later.close()


def test_a_full_disk_while_copying_the_log_is_no_trouble(path, vfs):
    file, leases = begun(path, vfs)
    vfs.step, vfs.error = "write ledger", FULL
    assert file.apply(records(leases[3:4], "x" * 4096 * LOG_PAGES_MAX + "\n")) == [None]
    assert file.apply(records(leases[4:5])) == [None]
    assert vfs.failed
    vfs.error = None
    assert file.apply(records(leases[5:6])) == [None]
    file.close()


def test_what_an_earlier_process_left_in_the_log_is_made_durable_first(path, vfs):
    file, leases = begun(path, vfs)
    vfs.step, vfs.error = "sync log", EIO_SYNC
    file.apply(records(leases[3:4]))
    file.close()
    vfs.error = None
    vfs.calls.clear()
    later = LedgerFile(path, read_only=False, vfs=vfs.name)
    assert ("write", "ledger") in vfs.calls
    assert vfs.calls[-1] == ("sync", "ledger")
    later.close()


async def test_a_record_that_cannot_be_written_leaves_its_neighbours_alone(path):
    ledger = await SqliteLedger.open(path)
    ledger._file._tables.db.limit(apsw.SQLITE_LIMIT_LENGTH, 100_000)
    await ledger.add([NewItem(key) for key in "abc"])
    leases = await ledger.lease("me", 3, 0.0, 1e9)
    texts = ["1\n", "x" * 100_000, "3\n"]
    waiting = [ledger.record(records([lease], text)[0]) for lease, text in zip(leases, texts, strict=True)]
    added = ledger.add([NewItem("d")])
    assert await waiting[0] is None
    with pytest.raises(ValidationError, match="too large"):
        await waiting[1]
    assert await waiting[2] is None
    assert await added == 1
    assert [each.key for each in await ledger.results(0, 9)] == ["a", "c"]
    assert await ledger.counts() == Counts(pending=1, leased=1, done=2)
    await ledger.record(records(leases[1:2])[0])
    assert (await ledger.check(deep=True)).sound
    await ledger.close()


def test_what_a_failing_request_began_is_not_counted(path):
    file = LedgerFile(path, read_only=False)

    def half():
        file.add([NewItem("half")])
        raise LookupError("and no further")

    outcomes = file.apply(
        [Write(lambda: file.add([NewItem("a")])), Write(half), Write(lambda: file.add([NewItem("b")]))]
    )
    assert (outcomes[0], type(outcomes[1]), outcomes[2]) == (1, LookupError, 1)
    assert file.counts() == Counts(pending=2)
    assert file.check(deep=True).sound
    file.close()


async def test_what_it_takes_on_the_disk_can_be_asked(path):
    ledger = await SqliteLedger.open(path)
    await ledger.add([NewItem(str(n)) for n in range(1_000)])
    sizes = await ledger.sizes()
    assert sizes.log == path.with_name("ledger.db-wal").stat().st_size > 0
    assert sizes.ledger > 0
    await ledger.close()
    reader = await SqliteLedger.open(path, read_only=True)
    assert await reader.sizes() == Sizes(ledger=path.stat().st_size)
    await reader.close()


def test_a_log_that_grew_is_cut_when_it_is_copied(path, look):
    file = LedgerFile(path, read_only=False)
    reader = LedgerFile(path, read_only=True)
    reader._tables.db.execute("BEGIN")
    assert reader.counts() == Counts()
    file.apply([Write(lambda: file.add([NewItem(f"{n}" * 1_000) for n in range(10_000)]))])
    file.apply([Write(lambda: file.put("large", '"' + "x" * LOG_BYTES_KEPT + '"'))])
    assert file.sizes().log > LOG_BYTES_KEPT
    reader._tables.db.execute("COMMIT")
    reader.close()
    # The first commit copies the log, the second begins it anew.
    for n in range(2):
        file.apply([Write(lambda n=n: file.put("small", str(n)))])
    assert file.sizes().log <= LOG_BYTES_KEPT
    file.close()


def test_a_new_ledger_is_for_its_owner_alone(path):
    LedgerFile(path, read_only=False).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_names_of_a_ledger_and_its_log_are_synced_before_anything_is_said(path):
    class Noting(OsDisk):
        synced = ()

        def sync_directory(self, directory):
            self.synced += (sorted(each.name for each in directory.iterdir()),)
            super().sync_directory(directory)

    disk = Noting()
    LedgerFile(path, read_only=False, disk=disk).close()
    assert disk.synced[-1] == ["ledger.db", "ledger.db-shm", "ledger.db-wal"]
