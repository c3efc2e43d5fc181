"""Looking into a store without touching what runs there."""

import fcntl
import json
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

from outlast.cli.given import job_file
from outlast.cli.opening import Access, looked_into
from outlast.cli.options import Settings
from outlast.cli.pausing import Paused, standing_orders
from outlast.cli.phrases import quoted
from outlast.cli.remains import name_of, remains, remains_of
from outlast.errors import ConfigurationError, JobNotFoundError, LedgerCorruptionError, LedgerError
from outlast.jobs.regrets import UNTRIED
from outlast.jobs.store import JobDirectory, PartSizes, job_directories, job_directory
from outlast.ledger import Counts
from outlast.secrecy import conceal

__all__ = [
    "Begun",
    "Holder",
    "JobRecord",
    "Notes",
    "begun_with",
    "chosen",
    "found",
    "holder_of",
    "job_records",
    "record_of",
    "store_hint",
    "store_of",
]

NAMES_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that runs a job now, as far as it has signed its lock."""

    pid: int = 0
    host: str = "an unknown host"
    since: str = "an unknown time"


@dataclass(frozen=True, slots=True)
class Notes:
    """What runs have noted for whoever asks later.

    That rows were damaged, that results were missing, that the job is on hold, that it is not what was expected of it,
    that it is suspended, why it was aborted, how often it asks which host of itself.
    """

    damage: dict[str, Any] | None = None
    behind: dict[str, Any] | None = None
    unknown_lines: dict[str, Any] | None = None
    hold: dict[str, Any] | None = None
    repaired: dict[str, Any] | None = None
    unmet: dict[str, Any] | None = None
    suspended: dict[str, Any] | None = None
    aborted: dict[str, Any] | None = None
    resources: dict[str, Any] | None = None
    rates: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """What a job's ledger says of it, and what it was told.

    `damage` is set, and the rest empty, when it cannot be read; `unreadable`: for another reason than damage. `locked_by` is the key that has sealed it, where that is not at hand:
    then nothing is known but its name and counts.
    """

    name: str
    directory: JobDirectory
    counts: Counts
    run: dict[str, Any]
    ended: dict[str, Any]
    invocation: dict[str, Any] | None
    running: Holder | None
    damage: str | None = None
    unreadable: bool = False
    locked_by: str | None = None
    notes: Notes = field(default_factory=Notes)
    sizes: PartSizes | None = None
    paused: Paused = field(default_factory=Paused)
    untried: int = 0
    """How many of the failed were given up without a try: the next run tries them."""

    @property
    def locked(self) -> bool:
        return self.locked_by is not None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be done."""
        return not self.counts.waiting and bool(self.counts.total)

    @property
    def was_killed(self) -> bool:
        """Whether the last run neither goes on nor noted how it ended."""
        return self.running is None and bool(self.run) and self.ended.get("run") != self.run.get("id")

    @property
    def suspended(self) -> dict[str, Any] | None:
        """Why the newest run does nothing but probe, if it does."""
        return self._of_newest_run(self.notes.suspended)

    @property
    def aborted(self) -> dict[str, Any] | None:
        """Why the newest run was aborted, if it was."""
        return self._of_newest_run(self.notes.aborted)

    @property
    def resources(self) -> dict[str, Any] | None:
        """What the newest run held of the machine, as it noted last."""
        return self._of_newest_run(self.notes.resources)

    @property
    def met_damage(self) -> bool:
        """Whether the last run ended because its ledger is damaged, and no repair has followed."""
        repaired = self.notes.repaired
        ended = str(self.ended.get("error", "")).startswith(LedgerCorruptionError.__name__) and not self.was_killed
        return ended and (repaired is None or repaired["at"] < self.ended["at"])

    def _of_newest_run(self, note: dict[str, Any] | None) -> dict[str, Any] | None:
        return note if note is not None and note.get("run") == self.run.get("id") else None


@dataclass(frozen=True, slots=True)
class Begun:
    """How a job was begun: what was typed, if anything was, and whether its ledger is sealed; None: it cannot be read."""

    invocation: dict[str, Any] | None
    sealed: bool | None


def store_of(settings: Settings) -> Path:
    """The store that the options, the environment, the job file or pyproject.toml name; raises `ConfigurationError`."""
    if settings.store is None:
        from outlast.config import load_configuration  # noqa: PLC0415 - not needed when the store is given

        store = Path(load_configuration(file=job_file(settings.config, Path())).configuration.store)
    else:
        store = Path(settings.store)
    if store.exists() and not store.is_dir():
        raise ConfigurationError(f"the store {store} is a file, not a directory")
    return store


def store_hint(settings: Settings) -> str:
    """What has to be added to another verb for it to find the same store."""
    if settings.store is None:
        return "" if settings.config is None else f" --config {quoted(settings.config)}"
    return f" --store {quoted(settings.store)}"


def found(store: Path, name: str) -> JobDirectory:
    """The directory of a job that exists. Raises `JobNotFoundError`, which names the jobs there are.

    Of one whose ledger is gone, with its log as well, `LedgerCorruptionError` says what is left.
    """
    directory = job_directory(store, name)
    left = remains_of(directory)
    if directory.exists or (left is not None and left.log):
        return directory
    if left is not None:
        message = f"the ledger of job {name!r} is gone, {left.told}"
        raise LedgerCorruptionError(message, context={"path": str(directory.ledger), "gone": True})
    names = [name_of(each) for each in (*job_directories(store), *remains(store))]
    shown = ", ".join(names[:NAMES_SHOWN_MAX]) + (", ..." if len(names) > NAMES_SHOWN_MAX else "")
    there = f"there are: {shown}" if names else "it has no jobs"
    raise JobNotFoundError(f"no job {name!r} in the store {store} ({there})", context={"store": str(store)})


async def job_records(store: Path) -> list[JobRecord]:
    """Every job of the store, damaged ones included."""
    records = []
    for directory in job_directories(store):
        try:
            records.append(await record_of(directory))
        except LedgerError as error:
            # One that cannot be read must not hide the others.
            damaged = isinstance(error, LedgerCorruptionError)
            records.append(replace(_damaged(directory, error.message), unreadable=not damaged))
    lost = {directory: remains_of(directory) for directory in remains(store)}
    return [
        *records,
        *(_damaged(each, f"its ledger is gone, {left.told}") for each, left in lost.items() if left is not None),
    ]


async def chosen(store: Path, name: str | None) -> JobRecord:
    """The job of this name, or without one the job that ran last; raises `JobNotFoundError`, `LedgerError`."""
    if name is not None:
        return await record_of(found(store, name))
    readable = [record for record in await job_records(store) if record.damage is None]
    if not readable:
        raise JobNotFoundError(f"the store {store} has no job to go on with", context={"store": str(store)})
    return max(readable, key=lambda record: str(record.run.get("started", "")))


async def record_of(directory: JobDirectory) -> JobRecord:
    """What one job's ledger says; raises `LedgerError` when it cannot be read."""
    async with looked_into(directory) as access:
        ledger = access.ledger
        conceal(await _told(access, "redact") or ())
        return JobRecord(
            name=await ledger.get("job") or name_of(directory),
            directory=directory,
            counts=await ledger.counts(),
            run=await _told(access, "run") or {},
            ended=await _told(access, "ended") or {},
            invocation=await _told(access, "invocation"),
            running=holder_of(directory),
            locked_by=access.locked_by,
            notes=Notes(*[await _told(access, each.name) for each in fields(Notes)]),
            sizes=directory.sizes(),
            paused=standing_orders(directory, access),
            untried=len(await _told(access, UNTRIED) or ()),
        )


async def begun_with(directory: JobDirectory) -> Begun:
    """How the job was begun; nothing is known of it where the ledger is gone or damaged, or sealed by a key that is not at hand."""
    if not directory.exists:
        return Begun(None, sealed=None)
    try:
        async with looked_into(directory) as access:
            return Begun(await _told(access, "invocation"), access.sealed)
    except LedgerCorruptionError:
        return Begun(None, sealed=None)


def holder_of(directory: JobDirectory) -> Holder | None:
    """Who runs the job now. The lock alone tells whether anybody does, as it does for a start; it is tested for an instant."""
    try:
        with (directory.path / "LOCK").open("rb") as file:
            return _signed(file) if _is_locked(file) else None
    except OSError:
        return None


async def _told(access: Access, name: str) -> Any:
    return None if access.locked else await access.ledger.get(name)


def _signed(file: BinaryIO) -> Holder:
    try:
        signed = json.loads(file.read())
        return Holder(int(signed["pid"]), str(signed["host"]), str(signed["since"]))
    except (ValueError, KeyError, TypeError):
        return Holder()


def _is_locked(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _damaged(directory: JobDirectory, damage: str) -> JobRecord:
    return JobRecord(
        name=name_of(directory),
        directory=directory,
        counts=Counts(),
        run={},
        ended={},
        invocation=None,
        running=holder_of(directory),
        damage=damage,
        sizes=directory.sizes(),
    )
