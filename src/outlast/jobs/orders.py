"""What an operator has told a job, kept in a file of its directory, so that it can be told while it runs.

Standing orders (what is paused, which rates are in force) hold until they are taken back, also for later runs. Commands are for the
run that works when they are given, and die with it. A run looks at the file's times every second, and reads it when they have changed.
It never writes it: what it answers stands in a file of its own (`outlast.jobs.answers`). Operators keep each other out.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from outlast.errors import JobError, KeyMissingError, SealError, ValidationError
from outlast.jobs.answers import answered_in, answers_file
from outlast.jobs.command import Command
from outlast.jobs.notefile import NoteFile, listed, text
from outlast.jobs.store import JobDirectory
from outlast.storage.files import sweep

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = [
    "COMMANDS_MAX",
    "NO_RATE",
    "PAUSED_MAX",
    "RATES_MAX",
    "Orders",
    "Watch",
    "change_orders",
    "give",
    "read_orders",
    "rewrap_orders",
    "spacings_of",
    "tidy_orders",
    "write_orders",
]

PAUSED_MAX = 10_000
RATES_MAX = 1_000
COMMANDS_MAX = 100
"""Commands that wait for an answer."""
NO_RATE = "none"
LOCK_TRIES = 500
"""So often others are asked to let go of the orders, ten seconds long: changing them takes an instant."""
LOCK_TRY_SECONDS = 0.02
_VERSION = 2
_HOSTS_ALONE = 1
"""The version that knew of paused hosts and nothing else."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a job was told.

    `paused` are the hosts whose items wait until they are unpaused; `job_paused`: all of them do. `rates` are by host what was
    ordered in place of the job's own: `30/min`, or `none` for no rate. `commands` were given and may not be answered yet.
    """

    paused: frozenset[str] = frozenset()
    job_paused: bool = False
    rates: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[Command, ...] = ()

    @classmethod
    def pausing(cls, hosts: Iterable[str]) -> "Orders":
        """Orders to pause these hosts and nothing else."""
        return cls().checked(paused=hosts)

    def checked(self, *, paused: Iterable[str], rates: Mapping[str, str] | None = None) -> "Orders":
        """These orders with other hosts paused and other rates, written as the hosts of items are.

        Raises `ValidationError` when they are too many, or a rate is none.
        """
        hosts = frozenset(host.lower() for host in paused)
        kept = {host.lower(): rate for host, rate in (self.rates if rates is None else rates).items()}
        if len(hosts) > PAUSED_MAX:
            raise ValidationError(f"at most {PAUSED_MAX} hosts can be paused, not {len(hosts)}")
        if len(kept) > RATES_MAX:
            raise ValidationError(f"at most {RATES_MAX} hosts can be given a rate, not {len(kept)}")
        spacings_of(kept)
        return replace(self, paused=hosts, rates=dict(sorted(kept.items())))

    def for_run(self, run: str) -> tuple[Command, ...]:
        """The commands for this run."""
        return tuple(each for each in self.commands if each.run == run)


def spacings_of(rates: Mapping[str, str]) -> dict[str, float | None]:
    """The seconds between two by host; None: no rate. Raises `ValidationError` for what is no rate."""
    if not rates:
        return {}
    from outlast.config.rates import rate_in  # noqa: PLC0415 - pydantic, for orders that name rates alone

    found: dict[str, float | None] = {}
    for host, rate in rates.items():
        try:
            found[host] = None if rate == NO_RATE else rate_in(rate).spacing
        except ValueError as error:
            raise ValidationError(f"the rate of {host!r} {error}, not {rate!r}") from error
    return found


def read_orders(directory: JobDirectory, keys: "Keyring | None") -> Orders:
    """The orders of a job; none where nobody gave any. `keys`: those of an encrypted job; None for one in clear.

    Raises `JobError` when the file is damaged, or in clear where it should be sealed; `KeyMissingError` when it is sealed by a
    key that is not at hand.
    """
    with _telling(directory, "read"):
        document = _file(directory).read(keys)
        return Orders() if document is None else _orders(document)


def write_orders(directory: JobDirectory, orders: Orders, keys: "Keyring | None") -> None:
    """Let these be the orders, in place of those before; durable on return. `keys`: those of an encrypted job.

    Raises `JobError` when the directory cannot be written, `ValidationError` for what cannot be kept.
    """
    checked = orders.checked(paused=orders.paused)
    document = {
        "version": _VERSION,
        "paused": sorted(checked.paused),
        "job_paused": checked.job_paused,
        "rates": dict(checked.rates),
        "commands": [each.to_json() for each in checked.commands],
    }
    try:
        _file(directory).write(document, keys)
    except OSError as error:
        raise _unusable(directory, "written", error) from error
    except ValidationError as error:
        raise ValidationError(f"that cannot be ordered: {error.message}") from error


def change_orders(
    directory: JobDirectory, change: Callable[[Orders], Orders], keys: "Keyring | None"
) -> tuple[Orders, Orders]:
    """Change the orders, and nothing that somebody else changes at the same time; those before and after."""
    with _alone(directory):
        before = read_orders(directory, keys)
        after = change(before)
        if after != before:
            write_orders(directory, after, keys)
    return before, after


def give(directory: JobDirectory, command: Command, keys: "Keyring | None") -> None:
    """Give a run a command; durable on return. What is answered, or was meant for another run, makes room.

    Raises `JobError` when `COMMANDS_MAX` wait already.
    """

    def given(orders: Orders) -> Orders:
        answered = answered_in(directory, keys)
        waiting = tuple(each for each in orders.for_run(command.run) if each.id not in answered)
        if len(waiting) >= COMMANDS_MAX:
            raise JobError(f"{COMMANDS_MAX} commands wait for the run already: it does not answer")
        return replace(orders, commands=(*waiting, command))

    change_orders(directory, given, keys)


def rewrap_orders(directory: JobDirectory, keys: "Keyring") -> bool:
    """Seal the orders of an encrypted job, and what was answered, by the first key; whether they were sealed by another."""
    if not directory.path.is_dir():
        return False
    with _alone(directory), _telling(directory, "written"):
        rewrapped = _file(directory).rewrap(keys)
    answers = answers_file(directory)
    try:
        return answers.rewrap(keys) or rewrapped
    except (OSError, SealError, ValueError, KeyError):
        # Of an earlier run, and its key is gone: nobody will ever read it.
        answers.path.unlink(missing_ok=True)
        return rewrapped


def tidy_orders(directory: JobDirectory) -> None:
    """Remove what was left by those who were killed while they gave an order."""
    with suppress(JobError, OSError), _alone(directory, tries=1):
        sweep(directory.path)


class Watch:
    """The orders of a job that runs, looked at again and again: one `stat` where nothing has changed."""

    def __init__(self, directory: JobDirectory, keys: "Keyring | None") -> None:
        self._directory = directory
        self._keys = keys
        self._seen: tuple[int, ...] | None = None
        self.orders = Orders()
        """Those that were read last."""

    def look(self) -> bool:
        """Whether there is something new: the first time, and whenever the file has changed. Raises as `read_orders` does."""
        seen = self._stamp()
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            self.orders = read_orders(self._directory, self._keys)
        except JobError as error:
            if isinstance(error.__cause__, OSError):
                # Such as too many open files: next time it may be read. What is damaged stays so until it is written anew.
                self._seen = None
            raise
        return True

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = self._directory.orders.stat()
        except OSError:
            return ()
        return (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)


def _file(directory: JobDirectory) -> NoteFile:
    return NoteFile(directory.orders, "orders")


def _orders(document: Mapping[str, Any]) -> Orders:
    paused = [text(host) for host in listed(document["paused"])]
    if document["version"] == _HOSTS_ALONE:
        return Orders.pausing(paused)
    if document["version"] != _VERSION:
        raise ValidationError(f"not orders of version {_VERSION}")
    rates, job_paused = document["rates"], document["job_paused"]
    if not isinstance(rates, dict) or not isinstance(job_paused, bool):
        raise ValidationError("not orders")
    commands = tuple(map(Command.from_json, listed(document["commands"])))
    orders = Orders(job_paused=job_paused, commands=commands)
    return orders.checked(paused=paused, rates={host: text(rate) for host, rate in rates.items()})


@contextmanager
def _telling(directory: JobDirectory, verb: str) -> Iterator[None]:
    """What goes wrong with the file, as a `JobError`; a key that is not at hand as what it is."""
    try:
        yield
    except OSError as error:
        raise _unusable(directory, verb, error) from error
    except KeyMissingError:
        raise
    except (SealError, KeyError, ValueError) as error:
        raise JobError(
            f"the orders {directory.orders} are damaged ({error}): delete the file, and give again what should be ordered",
            context={"path": str(directory.orders)},
        ) from error


def _unusable(directory: JobDirectory, verb: str, error: OSError) -> JobError:
    return JobError(f"the orders {directory.orders} cannot be {verb}: {error.strerror}")


@contextmanager
def _alone(directory: JobDirectory, tries: int = LOCK_TRIES) -> Iterator[None]:
    # Two who change the orders at the same time must not undo what the other has said. Nobody else locks the directory.
    with _telling(directory, "changed"):
        locked = os.open(directory.path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with _telling(directory, "changed"):
            _lock(locked, directory, tries)
        yield
    finally:
        os.close(locked)


def _lock(descriptor: int, directory: JobDirectory, tries: int) -> None:
    # One that was stopped by a signal (Ctrl-Z) keeps its lock: whoever waited for it without end would hang with it.
    for _ in range(tries):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            threading.Event().wait(LOCK_TRY_SECONDS)
        else:
            return
    raise JobError(
        f"the orders {directory.orders} are being changed by another command, which does not come to its end: "
        "it may be stopped (Ctrl-Z). Nothing was changed"
    )
