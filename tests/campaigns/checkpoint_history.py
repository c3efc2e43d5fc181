"""One seeded history of checkpoints on a simulated disk: two processes, faults, kills, power cuts, and what must hold.

The real manager runs on it, without threads: what it would hand to one is done at once. Between two steps of one process the
other may do a whole operation of its own.
"""

import asyncio
import errno
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random

from outlast.checkpoint import CheckpointManager
from outlast.checkpoint.names import key_of, parse
from outlast.config import CheckpointConfiguration
from outlast.errors import CheckpointError, CheckpointNotFoundError, CheckpointValidationError
from outlast.events import EventBus, EventType
from outlast.storage.keys import Keyring
from outlast.testing.simulated_disk import DiskModel, PowerCutError, SimulatedDisk

ROOT = "/store"
JOBS = ("a job", "another/job", "third")
KEYS = [bytes([number]) * 32 for number in range(1, 9)]
CODES = (errno.EIO, errno.EIO, errno.ENOSPC, errno.EROFS)


class BrokenPromiseError(AssertionError):
    """What must never be."""


class Inline:
    """What stands for the event loop: nothing waits, and work for threads is done where it is asked for."""

    def run_in_executor(self, executor, work, *arguments):
        return Done(work(*arguments))


class Done:
    def __init__(self, value):
        self.value = value

    def __await__(self):
        return self.value
        yield


def run(coroutine):
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(Inline())
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        asyncio._set_running_loop(before)
    raise RuntimeError("it waits for something that is not done at once")


@cache
def configuration(keep, compressed, sealed):
    return CheckpointConfiguration(
        storage_path=ROOT, retention_count=keep, compression_enabled=compressed, encryption_enabled=sealed
    )


@cache
def ring(*numbers):
    return Keyring.of([KEYS[number] for number in numbers])


class WanderingClock:
    """Goes forwards and backwards."""

    def __init__(self, chance):
        self.chance = chance

    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.chance.randrange(10**6))

    def monotonic(self):
        return 0.0


class Job:
    """The truth about one job."""

    def __init__(self, name):
        self.name = name
        self.directory = f"{ROOT}/{key_of(name)}"
        self.given = {}  # number in the data -> the data of every create that was ever tried
        self.expected = {}  # id -> data: acknowledged, and neither deleted nor let go by retention
        self.acknowledged = {}  # id -> data: every one there ever was
        self.deleted = set()  # acknowledged deletions
        self.rotten = set()
        self.doubted = set()  # the disk could not read them once: they may be skipped
        self.going = set()  # being deleted, or deleted while something else is underway

    def highest(self):
        return max((parse(each).sequence for each in self.acknowledged), default=0)

    def sound(self):
        return [each for each in self.expected if each not in self.rotten | self.doubted | self.going]


class Process:
    """One process: a disk, a manager, and what it is in the middle of."""

    def __init__(self, history):
        self.history = history
        self.disk = history.disk(history.model, self.fault, chance=history.chance)
        self.trap = None
        events = EventBus()
        events.subscribe(history.reported.append, [EventType.CHECKPOINT_CORRUPTED])
        self.manager = history.manager(history.configuration, events, history.clock, self.disk, history.keys)

    def fault(self, step):
        self.history.steps += 1
        if self.trap is None:
            return None
        self.trap[0] -= 1
        if self.trap[0] > 0 or (self.trap[1] == "sync" and "sync" not in step):
            return None
        what, self.trap = self.trap[1], None
        return self.history.spring(self, step, what)


def plain_manager(configuration, events, clock, disk, keys):
    return CheckpointManager(configuration, events=events, clock=clock, disk=disk, keys=keys)


class CheckpointHistory:
    """What happens, and what is checked. A mutant gives its own `disk`, `manager`, `crash` or `model`.

    `traps`: what may go wrong at a step (a power cut, a kill, a fault, a failed fsync, the other process comes in).
    """

    def __init__(
        self,
        seed,
        *,
        disk=SimulatedDisk,
        manager=plain_manager,
        crash=DiskModel.crash,
        model=DiskModel,
        sealed=None,
        traps=None,
    ):
        self.chance = Random(seed)
        self.disk, self.manager, self._crash = disk, manager, crash
        pick = self.chance.choice
        self.keep = pick((1, 2, 3))
        self.sealed = self.chance.random() < 0.08 if sealed is None else sealed
        self.ring = (0,)
        self.keys = ring(0) if self.sealed else None
        self.configuration = configuration(self.keep, pick((True, False)), self.sealed)
        self.clock = WanderingClock(self.chance)
        self.model = model(powersafe=pick((True, False)))
        self.jobs = [Job(name) for name in JOBS[: pick((1, 1, 2, 3))]]
        everything = ("cut", "kill", "fault", "sync", "other")
        self.traps = pick(((), ("cut",), ("kill", "sync"), ("cut", "kill", "other"), ("fault", "sync"), everything))
        self.traps = traps or self.traps
        self.number = self.steps = self.cuts = self.kills = self.faults = self.checks = 0
        self.created = 0
        self.power_is_gone = self.read_failed = self.rotation_failed = False
        self.open_operations = []
        self.reported = []
        self.processes = [Process(self), Process(self)]

    def play(self):
        for _ in range(self.chance.randrange(4, 12)):
            self.one(self.processes[self.chance.randrange(2)])
        self.power_cut()
        return {
            "operations": self.number,
            "steps": self.steps,
            "power cuts": self.cuts,
            "kills": self.kills,
            "faults": self.faults,
            "checks": self.checks,
        }

    # What happens

    def one(self, process):
        operations = (self.create,) * 6 + (self.latest, self.load, self.delete, self.delete, self.prune, self.rot)
        operation = self.chance.choice(operations + ((self.rotate,) * 2 if self.sealed else ()))
        job = self.chance.choice(self.jobs)
        if self.traps and self.chance.random() < 0.5:
            process.trap = [self.chance.randrange(1, 24), self.chance.choice(self.traps)]
        self.read_failed = False
        process.disk.bytes_a_write = self.chance.choice((None, None, 100, 1000))
        try:
            with self.underway(operation, job):
                operation(process, job)
        except PowerCutError:
            if self.power_is_gone:
                self.power_cut()
            else:
                self.kills += 1
                self.restart(next(each for each in self.processes if each.disk.dead))
        else:
            process.trap = None
        self.glance()

    def spring(self, process, step, what):
        if what == "cut":
            self.power_is_gone = True
            raise PowerCutError
        if what == "kill":
            raise PowerCutError
        if what == "other":
            other = self.processes[1 - self.processes.index(process)]
            if len(self.open_operations) == 1 and other.trap is None:
                for _ in range(self.chance.choice((1, 1, 2, 3))):
                    self.nested(self.processes[1 - self.processes.index(process)])
            return None
        self.faults += 1
        self.read_failed |= step == "read"
        if what == "sync":
            return errno.EIO
        if self.chance.random() < 0.3:
            process.trap = [self.chance.randrange(1, 5), "fault"]
        return self.chance.choice(CODES)

    def nested(self, process):
        job = self.chance.choice(self.jobs)
        operation = self.chance.choice((self.create, self.create, self.delete, self.latest, self.prune))
        if self.chance.random() < 0.2:
            process.trap = [self.chance.randrange(1, 16), self.chance.choice(("cut", "kill"))]
        try:
            with self.underway(operation, job):
                operation(process, job)
        except PowerCutError:
            if self.power_is_gone:
                raise
            self.kills += 1
            self.restart(process)
        process.trap = None

    @contextmanager
    def underway(self, operation, job):
        self.number += 1
        mark = (operation, job)
        self.open_operations.append(mark)
        yield
        self.judge_missing()
        self.open_operations.remove(mark)
        self.settle()

    def settle(self):
        if not self.open_operations:
            for job in self.jobs:
                job.going.clear()

    def restart(self, process):
        process.disk.die()
        self.judge_missing()
        self.open_operations.pop()
        self.settle()
        place = self.processes.index(process)
        self.processes[place] = Process(self)

    def power_cut(self):
        self.cuts += 1
        for process in self.processes:
            process.disk.die()
        self.model = self._crash(self.model, self.chance)
        self.power_is_gone = False
        self.judge_missing()
        self.open_operations.clear()
        self.settle()
        self.processes = [Process(self), Process(self)]
        self.look_at_everything()

    def create(self, process, job):
        self.created += 1
        number = self.created
        size = self.chance.choice((3, 40, 700, 1500))
        data = {"number": number, "text": self.chance.randbytes(size).hex()}
        job.given[number] = data
        highest = job.highest()
        try:
            made = run(process.manager.create_checkpoint(job.name, data, {"of": number}))
        except CheckpointError:
            return
        promise(made not in job.acknowledged, f"the id {made} was given before")
        promise(parse(made).sequence > highest, f"{made} does not come after {highest}")
        job.acknowledged[made] = job.expected[made] = data

    def latest(self, process, job):
        wanted = job.sound()
        try:
            found = run(process.manager.load_latest(job.name))
        except CheckpointNotFoundError:
            self.hear_reports()
            left = set(wanted) - job.going - job.doubted
            promise(not left or job.going, f"load_latest finds nothing where {left} were")
        except CheckpointError as error:
            promise(self.faults, f"without a fault: {error}")
        else:
            self.hear_reports()
            self.equal(job, found.id, found.data)
            left = set(wanted) - job.going - job.doubted
            least = max((parse(each).sequence for each in left), default=0)
            newest = found.sequence_number >= least or job.going
            promise(newest, f"load_latest gives {found.id}, and {least} was acknowledged")

    def load(self, process, job):
        if not job.acknowledged:
            return
        wanted = self.chance.choice(list(job.acknowledged))
        try:
            data = run(process.manager.load_checkpoint(wanted))
        except CheckpointError as error:
            promise(self.faults or wanted in job.rotten, f"{wanted} cannot be read: {error}")
        else:
            if data is None:
                promise(wanted not in job.expected, f"{wanted} is lost")
            else:
                self.equal(job, wanted, data)

    def delete(self, process, job):
        if not job.expected:
            return
        doomed = self.chance.choice([*job.expected, max(job.expected)])
        job.going.add(doomed)
        try:
            gone = run(process.manager.delete_checkpoint(doomed))
        except CheckpointError:
            return
        job.expected.pop(doomed, None)
        if gone:
            job.deleted.add(doomed)

    def prune(self, process, job):
        try:
            run(process.manager.prune(job.name))
        except CheckpointError:
            return

    def rot(self, process, job):
        """A bit of a file that has long been written turns."""
        if not job.sound():
            return
        chosen = self.chance.choice(job.sound())
        file = self.file(job, chosen)
        place = self.chance.randrange(len(file.data))
        file.write(place, bytes([file.data[place] ^ 1 << self.chance.randrange(8)]))
        file.sync()
        file.modified_ns = self.model.tick()
        job.rotten.add(chosen)
        self.latest(process, job)

    def rotate(self, process, job):
        """A new key; once everything is wrapped by it, the old ones are thrown away."""
        # After an error the next attempt takes a new key; after a kill the same one may do.
        if len(self.ring) == 1 or self.rotation_failed:
            self.use_keys(((self.ring[0] + 1) % len(KEYS), *self.ring))
        process = self.processes[0]
        try:
            for each in self.jobs:
                run(process.manager.rewrap(each.name))
        except CheckpointError:
            self.rotation_failed = True
            return
        self.rotation_failed = False
        self.use_keys(self.ring[:1])

    def use_keys(self, numbers):
        self.ring, self.keys = numbers, ring(*numbers)
        traps = [process.trap for process in self.processes]
        self.processes = [Process(self), Process(self)]
        for process, trap in zip(self.processes, traps, strict=True):
            process.trap = trap

    # What must hold

    def hear_reports(self):
        for event in self.reported:
            checkpoint_id = event.data["checkpoint_id"]
            [job] = [each for each in self.jobs if checkpoint_id.startswith(key_of(each.name))]
            self.doubt(job, checkpoint_id)
        self.reported.clear()

    def doubt(self, job, checkpoint_id):
        if checkpoint_id not in job.rotten | job.doubted:
            promise(self.read_failed, f"{checkpoint_id} is called damaged, and nothing has damaged it")
            job.doubted.add(checkpoint_id)

    def present(self, job):
        """The ids on the disk; those in quarantine count."""
        names = self.names(job.directory) + self.names(f"{job.directory}/quarantine")
        return {name[:-5] for name in names if name.endswith(".ckpt")}

    def file(self, job, checkpoint_id):
        name = f"{checkpoint_id}.ckpt"
        inside = name in self.model.names(job.directory)
        return self.model.file(f"{job.directory}/{name}" if inside else f"{job.directory}/quarantine/{name}")

    def judge_missing(self):
        """What is expected is there, or it went for a reason: it is being deleted, or retention has enough newer ones."""
        self.hear_reports()
        for job in self.jobs:
            quarantined = {name[:-5] for name in self.names(f"{job.directory}/quarantine") if name.endswith(".ckpt")}
            for each in quarantined:
                self.doubt(job, each)
            present = self.present(job)
            for missing in [each for each in job.expected if each not in present]:
                pruned = any(job is mine and what in {self.create, self.prune} for what, mine in self.open_operations)
                newer = (present | job.going) - job.rotten - quarantined
                newer = [each for each in newer if parse(each).sequence > parse(missing).sequence]
                promise(
                    missing in job.going or (pruned and len(newer) >= self.keep and missing not in job.rotten),
                    f"{missing} is lost; there are {sorted(present)}",
                )
                del job.expected[missing]

    def glance(self):
        for job in self.jobs:
            back = job.deleted & self.present(job)
            # Going to quarantine need not be durable: where its fsync failed, a power cut puts a damaged file back.
            back -= job.rotten | job.doubted if self.faults else set()
            promise(not back, f"{back} were deleted, and are back")
        self.checks += 1

    def look_at_everything(self):
        """A new process sees all that is expected, equal; nothing else that was not given; nothing damaged but by rot."""
        manager = self.manager(self.configuration, EventBus(), self.clock, self.disk(self.model), self.keys)
        self.glance()
        for job in self.jobs:
            rows = run(manager.list_checkpoints(job.name))
            promise(
                [row["id"] for row in rows] == sorted(self.present(job), reverse=True), "the list is not what is there"
            )
            numbers = []
            for row in rows:
                # One whose removal failed to be durable is back, and its key is gone meanwhile.
                back = self.sealed and self.faults and row["id"] not in job.expected and row["status"] == "locked"
                if row["id"] in job.rotten or back:
                    continue
                doubted = row["id"] in job.doubted and row["status"] == "corrupted"
                promise(row["status"] == "available" or doubted, f"{row['id']} is {row['status']}")
                data = run(manager.load_checkpoint(row["id"]))
                self.equal(job, row["id"], data)
                numbers.append(data["number"])
            promise(len(set(numbers)) == len(numbers), "one create made two checkpoints")
            for rotten in job.rotten & self.present(job):
                self.refused(manager, job, rotten)
            self.newest(manager, job)
            temporary = [
                name
                for name in self.names(job.directory)
                if not name.endswith((".ckpt", ".gone", "quarantine", ".tmp"))
            ]
            promise(not temporary, f"{temporary} are not checkpoints")

    def names(self, directory):
        return self.model.names(directory) if self.model.is_directory(directory) else []

    def refused(self, manager, job, checkpoint_id):
        try:
            data = run(manager.load_checkpoint(checkpoint_id))
        except CheckpointError:
            return
        self.equal(job, checkpoint_id, data)

    def newest(self, manager, job):
        wanted = job.sound()
        try:
            found = run(manager.load_latest(job.name))
        except CheckpointNotFoundError:
            promise(not wanted, f"load_latest finds nothing where {wanted} are")
            return
        except CheckpointValidationError as error:
            back = self.present(job) - set(job.expected)
            promise(self.sealed and self.faults and back, f"load_latest: {error}")
            return
        self.equal(job, found.id, found.data)
        least = max((parse(each).sequence for each in wanted), default=0)
        promise(found.sequence_number >= least, f"load_latest gives {found.id}, and {least} was acknowledged")

    def equal(self, job, checkpoint_id, data):
        # Where re-wrapping failed to be durable, the sound file from before may be back.
        sound = checkpoint_id not in job.rotten or (self.sealed and self.faults)
        promise(sound, f"{checkpoint_id} is rotten and was loaded")
        given = job.acknowledged.get(checkpoint_id, job.given.get(data.get("number")))
        promise(data == given, f"{checkpoint_id} holds {data!r:.80}, not what was given")


def promise(kept, otherwise):
    if not kept:
        raise BrokenPromiseError(otherwise)
