"""One seeded history of a ledger on a simulated disk: batches, faults, kills, power cuts, and what must hold.

The real `LedgerFile` runs on it, through a VFS. After each error and each restart the ledger is read whole: it holds every
batch that was acknowledged, and of the one that was not, all or nothing.
"""

import errno
import itertools
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

from outlast.errors import LedgerError, StaleLeaseError
from outlast.ledger.port import ItemStatus, NewItem, Record, Shape
from outlast.ledger.sqlfile import LedgerFile, Write
from outlast.storage.keys import Keyring
from outlast.testing.simulated_disk import DiskModel, PowerCutError, SimulatedDisk
from outlast.testing.simulated_vfs import SimulatedVfs

PATH = "/store/ledger.db"
EVERYTHING = 10**6
CODES = (errno.EIO, errno.EIO, errno.ENOSPC)
NAMES = itertools.count()


class BrokenPromiseError(AssertionError):
    """What must never be."""


class Truth:
    """What a ledger should hold; the order of `items` is that of their numbers."""

    def __init__(self):
        self.items = {}  # key -> (status, attempts, not_before, error)
        self.leased = set()
        self.results = []
        self.facts = {}

    def copy(self):
        other = Truth()
        other.items, other.leased = dict(self.items), set(self.leased)
        other.results, other.facts = list(self.results), dict(self.facts)
        return other

    def add(self, items):
        for item in items:
            self.items.setdefault(item.key, (ItemStatus.PENDING, 0, None, None))

    def lease(self, count):
        free = (key for key, row in self.items.items() if row[0] is ItemStatus.PENDING and key not in self.leased)
        self.leased |= set(itertools.islice(free, count))

    def record(self, record):
        key = record.lease.key
        if key in self.leased:
            self.leased.remove(key)
            self.items[key] = (record.status, record.attempts, record.not_before, record.error)
            if record.status is ItemStatus.DONE:
                self.results.append((key, record.shape, record.lines))
            self.add(record.children)

    def seen(self):
        counts = dict.fromkeys(ItemStatus, 0)
        for row in self.items.values():
            counts[row[0]] += 1
        counts[ItemStatus.PENDING] -= len(self.leased)
        counts[ItemStatus.LEASED] = len(self.leased)
        return {
            "items": [(key, *row) for key, row in self.items.items()],
            "results": self.results,
            "facts": {name: self.facts.get(name) for name in ("a", "b")},
            "counts": [counts[status] for status in ItemStatus],
        }


def seen(file):
    """What a ledger holds."""
    counts = file.counts()
    return {
        "items": [(row.key, row.status, row.attempts, row.not_before, row.error) for row in file.items(0, EVERYTHING)],
        "results": [(row.key, row.shape, row.lines) for row in file.results(0, EVERYTHING)],
        "facts": {name: file.get(name) for name in ("a", "b")},
        "counts": [getattr(counts, status.value) for status in ItemStatus],
    }


@cache
def ring():
    return Keyring.of([bytes(range(32))])


class LedgerHistory:
    """What happens, and what is checked. A mutant gives its own `vfs`, `disk`, `ledger`, or `tune` (of each connection)."""

    def __init__(self, seed, *, vfs=SimulatedVfs, disk=SimulatedDisk, ledger=LedgerFile, tune=lambda db: None):
        self.chance = Random(seed)
        self.vfs_class, self.disk_class, self.ledger_class, self._tune = vfs, disk, ledger, tune
        pick = self.chance.choice
        self.model = DiskModel.from_image({}, ["/store"])
        self.model.powersafe = pick((True, False))
        self.keys = ring() if self.chance.random() < 0.1 else None
        self.traps = pick(((), ("cut",), ("kill", "sync"), ("fault",), ("cut", "kill", "fault", "sync")))
        self.file = self.vfs = self.trap = self.after = None
        self.truth, self.maybe = Truth(), []
        self.fact, self.keyed = 0, itertools.count()
        self.held, self.spent = {}, []
        self.batches = self.steps = self.cuts = self.kills = self.faults = self.opened = 0
        self.power_is_gone = self.killed = False

    def play(self):
        try:
            for _ in range(self.chance.randrange(4, 14)):
                if self.traps and self.chance.random() < 0.3:
                    self.trap = [self.chance.randrange(1, 16), self.chance.choice(self.traps)]
                self.one()
            self.trap = None
            self.cut()
            self.look(deep=True)
        finally:
            self.let_go()
        return {
            "batches": self.batches,
            "steps": self.steps,
            "openings": self.opened,
            "power cuts": self.cuts,
            "kills": self.kills,
            "faults": self.faults,
        }

    def one(self):
        try:
            if self.file is None:
                self.open()
            else:
                self.chance.choice((self.batch,) * 8 + (self.copy, self.close))()
        except (LedgerError, PowerCutError):
            self.recover()
        else:
            if self.killed:
                self.recover()

    # What happens

    def fault(self, step):
        if self.killed:
            raise PowerCutError
        self.steps += 1
        if self.trap is None:
            return None
        self.trap[0] -= 1
        if self.trap[0] > 0 or (self.trap[1] == "sync" and "sync" not in step):
            return None
        what, self.trap = self.trap[1], None
        if what == "sync":
            self.faults += 1
            return errno.EIO
        if what == "fault":
            self.faults += 1
            # What follows a failed fsync is taken back; were that to fail too, nothing could be done.
            if step not in {"fsync", "sync_directory"} and self.chance.random() < 0.3:
                self.trap = [self.chance.randrange(1, 4), "fault"]
            return self.chance.choice(CODES)
        self.power_is_gone, self.killed = what == "cut", True
        raise PowerCutError

    def open(self):
        self.opened += 1
        self.killed = False
        name = f"simulated-{next(NAMES)}"
        self.vfs = self.vfs_class(name, self.model, self.fault, chance=self.chance)
        disk = self.disk_class(self.model, self.fault, chance=self.chance)
        self.file = self.ledger_class(Path(PATH), read_only=False, keys=self.keys, vfs=name, disk=disk)
        self._tune(self.file._tables.db)
        self.compare()
        if self.truth.leased and self.chance.randrange(2):
            self.after = self.truth.copy()
            self.after.leased.clear()
            self.commit([Write(lambda: self.file.release(None))])
            self.held.clear()

    def batch(self):
        requests, checks, recorded = [], [], []
        self.after = self.truth.copy()
        for lease in [each for each in self.held.values() if self.chance.random() < 0.6]:
            del self.held[lease.key]
            recorded.append(lease)
            record = self.record(lease)
            requests.append(record)
            self.after.record(record)
            checks.append(lambda outcome: outcome is None)
        if self.spent and self.chance.random() < 0.2:
            lease = self.chance.choice(self.spent)
            if lease.key not in {request.lease.key for request in requests}:
                requests.append(self.record(lease))
                checks.append(lambda outcome: isinstance(outcome, StaleLeaseError))
        for write in (self.put, self.add, self.lease):
            if self.chance.randrange(2):
                requests.append(Write(write()))
                checks.append(lambda outcome: not isinstance(outcome, Exception))
        if requests:
            outcomes = self.commit(requests)
            self.spent += recorded
            for outcome, check in zip(outcomes, checks, strict=True):
                promise(check(outcome), f"a batch that was committed gave {outcome!r}")
                self.held |= {lease.key: lease for lease in (outcome if isinstance(outcome, list) else [])}

    def commit(self, requests):
        self.batches += 1
        self.maybe.append(self.after)
        outcomes = self.file.apply(requests)
        for outcome in outcomes:
            if isinstance(outcome, LedgerError) and not isinstance(outcome, StaleLeaseError):
                raise outcome
        if self.killed:
            raise PowerCutError
        self.truth, self.maybe = self.after, []
        return outcomes

    def record(self, lease):
        status = self.chance.choice((ItemStatus.DONE,) * 4 + (ItemStatus.FAILED, ItemStatus.DEFERRED))
        done = status is ItemStatus.DONE
        return Record(
            lease,
            status,
            lease.attempts + 1,
            shape=Shape.ONE if done else Shape.NOTHING,
            lines=f'"{self.text()}"\n' if done else "",
            children=self.some(3) if self.chance.randrange(2) else (),
            not_before=1e12 if status is ItemStatus.DEFERRED else None,
            error=f'"{self.text()}"' if status is ItemStatus.FAILED else None,
        )

    def text(self):
        return self.chance.randbytes(self.chance.choice((2, 30, 300, 3000))).hex()

    def some(self, many):
        return [NewItem(f"item {next(self.keyed)}", f'"{self.text()}"') for _ in range(self.chance.randrange(1, many))]

    def add(self):
        items = [*self.some(8), *(NewItem(key) for key in list(self.after.items)[:2])]
        self.after.add(items)
        return lambda: self.file.add(items)

    def put(self):
        self.fact += 1
        name, value = self.chance.choice("ab"), self.fact
        self.after.facts[name] = value
        return lambda: self.file.put(name, str(value))

    def lease(self):
        count = self.chance.randrange(1, 5)
        self.after.lease(count)
        return lambda: self.file.lease("me", count, 0.0, 1e12)

    def copy(self):
        """What happens by itself after some thousand pages."""
        transactions = self.file._transactions
        transactions._log_pages = EVERYTHING
        transactions._copy_log()

    def close(self):
        self.file.close()
        self.let_go()

    def recover(self):
        """The process is dead, or goes on after an error: now the ledger is read whole."""
        if self.power_is_gone:
            self.cut()
        else:
            self.kills += self.killed
            self.let_go()
        self.trap = None
        self.open_again()

    def open_again(self):
        with suppress(LedgerError):
            self.look(deep=False)

    def cut(self):
        self.cuts += 1
        self.power_is_gone = False
        self.let_go()
        self.model = self.model.crash(self.chance)

    def let_go(self):
        if self.vfs is not None:
            self.vfs.die()
            if self.file is not None:
                with suppress(LedgerError):
                    self.file.close()
            self.vfs.unregister()
        self.file = self.vfs = None
        self.held.clear()

    # What must hold

    def look(self, *, deep):
        if self.file is None:
            self.open()
        health = self.file.check(deep=deep)
        promise(health.sound, f"the ledger is damaged: {health.structure} {health.findings}")
        self.compare()

    def compare(self):
        found = seen(self.file)
        for other in self.maybe:
            if found == other.seen():
                # Nobody was told that it is durable: until the next batch is, it may be lost again as a whole.
                self.maybe = [self.truth, *(each for each in self.maybe if each is not other)]
                self.truth = other
                break
        expected = self.truth.seen()
        different = [name for name in expected if expected[name] != found[name]]
        promise(not different, f"{different} differ: {expected!r:.2000}\nfound {found!r:.2000}")


def promise(kept, otherwise):
    if not kept:
        raise BrokenPromiseError(otherwise)
