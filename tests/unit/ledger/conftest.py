"""Ledgers to damage: each test gets one that has something of everything, and a way to spoil a row behind its back."""

from functools import partial

import apsw
import pytest

from outlast.ledger import ItemStatus, NewItem, Record, Shape, SqliteLedger
from outlast.ledger.rows import result_checksum
from outlast.ledger.sqlfile import LedgerFile, Write
from outlast.storage.keys import Keyring


@pytest.fixture
def keys():
    return Keyring.of([bytes(range(32))])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.db"


@pytest.fixture
def look(path):
    """Ask the file by SQL, as an outsider."""

    def ask(sql, *bindings):
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return db.execute(sql, bindings).fetchall()
        finally:
            db.close()

    return ask


@pytest.fixture
def spoil(path):
    """Change the file by SQL, which knows nothing of checksums."""

    def change(sql, *bindings):
        db = apsw.Connection(str(path))
        db.create_scalar_function("result_checksum", result_checksum)
        try:
            db.execute(sql, bindings)
            assert db.total_changes() or sql.startswith(("CREATE", "DROP", "PRAGMA"))
        finally:
            db.close()

    return change


@pytest.fixture
def overwrite(path):
    """Replace bytes of the closed file, all that are found, and say how many were."""

    def replace(old, new, *, first=False):
        assert len(old) == len(new)
        blob = path.read_bytes()
        found = 1 if first else blob.count(old)
        assert old in blob
        path.write_bytes(blob.replace(old, new, found))
        return found

    return replace


@pytest.fixture
def filled(path):
    """A closed ledger: a, b done · c failed · d deferred · e, f pending, with payloads for b and f."""

    async def fill(**how):
        ledger = await SqliteLedger.open(path, **how)
        await ledger.add([NewItem(key, f'{{"of":"{key}"}}' if key in "bf" else None) for key in "abcdef"])
        leases = {lease.key: lease for lease in await ledger.lease("me", 6, 0.0, 10.0)}
        for key in "ab":
            line = f'{{"record":"{key}"}}\n'
            await ledger.record(Record(leases[key], ItemStatus.DONE, 1, Shape.ONE, line))
        await ledger.record(Record(leases["c"], ItemStatus.FAILED, 3, error='{"type":"E"}'))
        await ledger.record(Record(leases["d"], ItemStatus.DEFERRED, 1, not_before=50.0, error='{"type":"T"}'))
        await ledger.release()
        await ledger.put("job", "spoiled")
        await ledger.put("fact", {"kept": True})
        await ledger.close()
        return path

    return fill


@pytest.fixture
def change():
    """Call one of a file's changes, in a transaction of its own."""

    def call(file: LedgerFile, name, *arguments):
        [outcome] = file.apply([Write(partial(getattr(file, name), *arguments))])
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return call


@pytest.fixture
def swept():
    """Examine all of a ledger; the findings."""

    async def sweep(ledger, limit=2):
        found, after = [], 0
        while after is not None:
            examined = await ledger.examine(after, limit)
            found += examined.findings
            after = examined.next
        return found

    return sweep


class Opened:
    """A ledger file, driven without a loop."""

    def __init__(self, path, **how):
        self.path = path
        self.file = LedgerFile(path, read_only=False, **how)
        self._closed = False

    def do(self, name, *arguments):
        [outcome] = self.file.apply([Write(partial(getattr(self.file, name), *arguments))])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def finish(self, count, lines='{"r":1}\n'):
        leases = self.do("lease", "me", count, 0.0, 1e9)
        records = [Record(each, ItemStatus.DONE, 1, Shape.ONE, lines) for each in leases]
        assert self.file.apply(records) == [None] * len(leases)
        return leases

    def everything(self):
        """The items and the lines of the results, by key."""
        items, results = self.file.items(0, 100_000), self.file.results(0, 100_000)
        return {item.key: item for item in items}, {result.key: result.lines for result in results}

    def close(self):
        if not self._closed:
            self._closed = True
            self.file.close()


@pytest.fixture
def opened(path):
    """Opens the ledger file, as often as wanted."""
    files = []

    def open_(**how):
        files.append(Opened(path, **how))
        return files[-1]

    yield open_
    for each in files:
        each.close()
