"""A run that works is told something once, and what comes of it is waited for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from outlast.cli.frozen import is_frozen
from outlast.cli.opening import keys_at_hand, looked_into
from outlast.cli.pausing import no_key
from outlast.cli.reading import Holder, holder_of
from outlast.errors import JobError, LedgerError
from outlast.jobs.answers import answered_in
from outlast.jobs.command import Answer, Command
from outlast.jobs.orders import give
from outlast.jobs.store import JobDirectory
from outlast.runtime import Clock

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = [
    "ANSWER_SECONDS",
    "END_SECONDS",
    "NotRunningError",
    "Silence",
    "Steered",
    "answer_to",
    "end_of",
    "run_at_work",
    "tell",
]

T = TypeVar("T")
BEGIN_SECONDS = 5.0
"""How long a process that holds the job may take to say which run it is."""
ANSWER_SECONDS = 30.0
"""A run looks once a second; one that is busy, or whose disk is, may take longer."""
END_SECONDS = 60.0
"""What a run may take to end beyond what it lets its work in flight take."""
FROZEN_SECONDS = 3.0
POLL_SECONDS = 0.2
LEDGER_EVERY = 5


class NotRunningError(JobError):
    """Nobody runs the job, so nobody can be told."""


class Silence(StrEnum):
    """Why a run has not answered, or not ended: it is gone, it was stopped by a signal, or nobody knows."""

    ENDED = "ended"
    FROZEN = "frozen"
    BUSY = "busy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered:
    """A run that works, and the process that holds its job. `ended_before`: when a part of it has ended already, as code may have it."""

    directory: JobDirectory
    run: str
    holder: Holder
    keys: "Keyring | None" = None
    ended_before: str | None = None


async def run_at_work(directory: JobDirectory, clock: Clock) -> Steered | None:
    """The run that works on the job; None: there is none. A process that has just begun is given time to say which.

    Raises `KeyMissingError` when the job is encrypted and its key is not at hand.
    """
    until = clock.monotonic() + BEGIN_SECONDS
    while (holder := holder_of(directory)) is not None:
        is_late = clock.monotonic() >= until
        found = await _noted(directory, holder, is_late=is_late)
        if found is not None or is_late:
            return found
        await clock.sleep(POLL_SECONDS)
    return None


def tell(steered: Steered, command: Command) -> None:
    """Give the run this command; durable on return. Raises `JobError` when too many wait for an answer."""
    give(steered.directory, command, steered.keys)


async def answer_to(steered: Steered, command: Command, clock: Clock) -> Answer | Silence:
    """Wait for the answer of the run, for `ANSWER_SECONDS` at most."""

    async def answered() -> Answer | None:
        return answered_in(steered.directory, steered.keys).get(command.id)

    return await _wait(steered, answered, ANSWER_SECONDS, clock)


async def end_of(steered: Steered, within: float, clock: Clock) -> Silence:
    """Wait until the run has ended, which lets its work in flight take so many seconds."""
    turns = 0

    async def ended() -> Silence | None:
        nonlocal turns
        turns += 1
        return Silence.ENDED if turns % LEDGER_EVERY == 0 and await _has_ended(steered) else None

    return await _wait(steered, ended, within + END_SECONDS, clock)


async def _wait(steered: Steered, look: Callable[[], Awaitable[T | None]], seconds: float, clock: Clock) -> T | Silence:
    began = clock.monotonic()
    while True:
        is_held = holder_of(steered.directory) == steered.holder
        # Whoever ended has answered before that.
        if (found := await look()) is not None:
            return found
        waited = clock.monotonic() - began
        if not is_held:
            return Silence.ENDED
        if waited >= FROZEN_SECONDS and is_frozen(steered.holder.pid, steered.holder.host):
            return Silence.FROZEN
        if waited >= seconds:
            return Silence.BUSY
        await clock.sleep(POLL_SECONDS)


async def _noted(directory: JobDirectory, holder: Holder, *, is_late: bool) -> Steered | None:
    """The run that has begun since the lock was taken; before that the ledger knows the one before."""
    try:
        async with looked_into(directory) as access:
            if access.locked:
                raise no_key(directory, access)
            run, ended = await access.ledger.get("run"), await access.ledger.get("ended")
    except LedgerError:
        # One that is being made this moment.
        return None
    if run is None or _is_before(run, holder, is_late=is_late):
        return None
    return Steered(
        directory=directory,
        run=str(run["id"]),
        holder=holder,
        keys=keys_at_hand() if access.sealed else None,
        ended_before=_ended_at(ended, str(run["id"])),
    )


async def _has_ended(steered: Steered) -> bool:
    """Whether the run has noted its end, although its process goes on: it was started from code."""
    try:
        async with looked_into(steered.directory) as access:
            ended = None if access.locked else await access.ledger.get("ended")
    except LedgerError:
        return False
    return _ended_at(ended, steered.run) not in {None, steered.ended_before}


def _ended_at(ended: dict[str, Any] | None, run: str) -> str | None:
    return str(ended["at"]) if ended is not None and ended.get("run") == run else None


def _is_before(run: dict[str, Any], holder: Holder, *, is_late: bool) -> bool:
    """Whether the run was one of another process. One of this process may seem older than its lock: then the clock was set back."""
    if "pid" in run and (run["pid"] != holder.pid or is_late):
        return bool(run["pid"] != holder.pid)
    try:
        return datetime.fromisoformat(str(run["started"])) < datetime.fromisoformat(holder.since)
    except (ValueError, TypeError, KeyError):
        return False
