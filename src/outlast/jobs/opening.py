"""How a job is opened: keys, lock, ledger, checkpoints, output, in this order; and closed in the reverse."""

import shlex
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlast.assembly import Resilience
from outlast.errors import (
    CheckpointError,
    ConfigurationError,
    KeyMissingError,
    LedgerCorruptionError,
    LedgerError,
    SealError,
)
from outlast.events import EventType
from outlast.jobs.orders import rewrap_orders, tidy_orders
from outlast.jobs.output import Output
from outlast.jobs.session import Session
from outlast.jobs.store import JobDirectory, Lock, job_directory
from outlast.ledger import SqliteLedger
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.config import JobConfiguration
    from outlast.ledger.port import Ledger
    from outlast.storage.keys import Keyring

__all__ = ["hint_of", "open_session"]


async def open_session(
    stack: AsyncExitStack, name: str, config: "JobConfiguration", options: Mapping[str, Any], runtime: Runtime
) -> Session:
    """Open a job. What was opened is closed with the stack, in reverse order, whatever happens."""
    keys = _keys(config, options)
    directory = job_directory(Path(config.store), name)
    ledger: Ledger | None = options.get("ledger")
    own: SqliteLedger | None = None
    place: _Place | None = None
    if ledger is None:
        lock = directory.lock(name, runtime.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z"))
        place = _Place(directory, lock)
        stack.callback(place.close)
        tidy_orders(directory)
        if options.get("fresh", False) and directory.exists:
            lock.mark(begun=False)
            await _put_aside(directory, config, runtime.new_id(), keys)
        ledger = own = await place.open(name, keys)
        stack.push_async_callback(own.close)
    resilience = await stack.enter_async_context(_resilience(config, directory, runtime, keys))
    session = Session(name, ledger, resilience, runtime, directory=None if own is None else directory, keys=keys)
    await session.admit(
        limit=config.crash_loop_limit,
        trials=config.poison_after,
        release=options.get("release_hold", False),
        hint=hint_of(config),
    )
    await session.diary.begin(stack, config, session.directory, keys)
    if keys is not None:
        await _rotate(session, own, keys)
    await _open_output(stack, session, config.output)
    started_over = options.get("fresh", False) or "ledger" in options
    await session.begin(
        concurrency=config.concurrency,
        invocation=options.get("invocation"),
        started_over=started_over,
        rates=config.rate.texts(),
    )
    if place is not None:
        place.begun = True
    return session


async def _open_output(stack: AsyncExitStack, session: Session, asked_for: str | None) -> None:
    """The output that was asked for, else the one that the job has written so far."""
    path = asked_for or await Output.noted(session.ledger)
    if path is not None:
        session.output = await Output.open(Path(path), session.ledger, session.runtime.clock, session)
        stack.callback(session.output.close)


class _Place:
    """Where the ledger of a job is, locked. One that is made at this start is taken back when the job is refused before it has begun."""

    def __init__(self, directory: JobDirectory, lock: Lock) -> None:
        self._directory = directory
        self._lock = lock
        self._before = directory.parts()
        self.begun = True

    async def open(self, name: str, keys: "Keyring | None") -> SqliteLedger:
        self._directory.refuse_emptied()
        self.begun = self._directory.exists and self._directory.ledger.stat().st_size > 0
        ledger = await _ledger(self._directory, name, keys)
        self._lock.mark(begun=True)
        return ledger

    def close(self) -> None:
        if not self.begun:
            self._directory.take_back(self._before)
        self._lock.close()


def _keys(config: "JobConfiguration", options: Mapping[str, Any]) -> "Keyring | None":
    """The keys that seal the job; None: it is kept in clear. Raises `ConfigurationError` before anything is written."""
    if not config.checkpoint.encryption_enabled:
        if "keys" in options:
            raise ConfigurationError(
                "keys were given, and nothing would be encrypted: set checkpoint.encryption_enabled = true",
                context={"field": "checkpoint.encryption_enabled"},
            )
        return None
    from outlast.storage.keys import keyring  # noqa: PLC0415 - the cryptography package is loaded where it is used

    return keyring(options.get("keys"))


async def _ledger(directory: JobDirectory, name: str, keys: "Keyring | None") -> SqliteLedger:
    try:
        return await SqliteLedger.open(directory.ledger, keys=keys)
    except KeyMissingError as error:
        if keys is not None:
            raise
        raise KeyMissingError(
            f"job {name!r} is encrypted: set checkpoint.encryption_enabled = true and give its key",
            context=error.context,
        ) from error


async def _rotate(session: Session, ledger: SqliteLedger | None, keys: "Keyring") -> None:
    """Put the first key in charge of all that is sealed."""
    rewrapped = ledger is not None and await ledger.rewrap()
    if session.directory is not None:
        rewrap_orders(session.directory, keys)
    checkpoints = 0
    try:
        checkpoints = await session.resilience.checkpoints.rewrap(session.job_id)
    except CheckpointError as error:
        # One that is in use, or whose key is gone, waits for the next start; what is needed now is read later and tells.
        session.runtime.emit(EventType.CHECKPOINT_FAILED, session.job_id, reason=error.message)
    if rewrapped or checkpoints:
        session.runtime.emit(
            EventType.KEYS_ROTATED,
            session.job_id,
            key_id=keys.key_ids[0],
            ledger=rewrapped,
            checkpoints=checkpoints,
        )


async def _put_aside(directory: JobDirectory, config: "JobConfiguration", label: str, keys: "Keyring | None") -> None:
    """Keep what the job has recorded, under another name, and leave its own names free.

    A ledger that cannot be read (it is damaged, or its key is lost) is kept all the same, and so is the output, whose it may be: a
    fresh start is the way out. Raises `OutputError`, with nothing moved, when the output is known to be somebody else's file.
    """
    old = await _old_ledger(directory, keys)
    try:
        if config.output is not None:
            await Output.put_aside(Path(config.output), old, label)
    finally:
        # Closing folds the write-ahead log into the file, so that it is whole when it is moved.
        if old is not None:
            await old.close()
    directory.put_aside(label)


async def _old_ledger(directory: JobDirectory, keys: "Keyring | None") -> SqliteLedger | None:
    """The ledger of the job up to now, sealed or not; None when it cannot be read."""
    for chosen in dict.fromkeys((keys, None)):
        try:
            return await SqliteLedger.open(directory.ledger, keys=chosen)
        except LedgerCorruptionError:
            return None
        except (KeyMissingError, SealError):
            continue
        except LedgerError:
            if chosen is None:
                raise
    return None


def hint_of(config: "JobConfiguration") -> str:
    """What has to be added to a verb of the command line for it to find the store of a job."""
    usual = type(config).model_fields["store"].default
    return "" if config.store == usual else f" --store {shlex.quote(config.store)}"


def _resilience(
    config: "JobConfiguration", directory: JobDirectory, runtime: Runtime, keys: "Keyring | None"
) -> Resilience:
    """The parts that a job has; what is logged of a run, the run itself sees to."""
    placed = _placed(config, directory)
    return Resilience(placed, events=runtime.bus, clock=runtime.clock, keys=keys, writes_log=False)


def _placed(config: "JobConfiguration", directory: JobDirectory) -> "JobConfiguration":
    """A job keeps its checkpoints beside its ledger, unless told where."""
    if "storage_path" in config.checkpoint.model_fields_set:
        return config
    checkpoint = config.checkpoint.model_copy(update={"storage_path": str(directory.checkpoints)})
    return config.model_copy(update={"checkpoint": checkpoint})
