"""A job that is open: its lock, ledger, state, checkpoints and output, and the order in which they are closed."""

from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlast.assembly import Resilience
from outlast.errors import CheckpointCorruptionError, CheckpointError, LedgerCorruptionError, ValidationError
from outlast.events import EventType
from outlast.jobs.output import Output
from outlast.jobs.store import JobDirectory, job_directory
from outlast.ledger import SqliteLedger
from outlast.ledger.port import Ledger
from outlast.runtime import Runtime
from outlast.storage.strictjson import decode, encode

if TYPE_CHECKING:
    from outlast.config import JobConfiguration

__all__ = ["Session", "open_session"]

SNAPSHOT_TRIES = 10


class Session:
    """What every part of a run shares. Made by `open_session`."""

    def __init__(self, name: str, ledger: Ledger, resilience: Resilience, runtime: Runtime) -> None:
        self.job_id = name
        self.run_id = runtime.new_id()
        self.ledger = ledger
        self.resilience = resilience
        self.runtime = runtime
        self.state: dict[str, Any] = {}
        self.repeated = 0
        self.output: Output | None = None
        self._lineage = ""
        self._saved = b""

    async def begin(self, *, concurrency: int, invocation: Mapping[str, Any] | None) -> None:
        """Take over what an earlier process left: its leases, its state; and note who runs now."""
        ledger = self.ledger
        before = await ledger.get("concurrency")
        self.repeated = min(await ledger.release(), before or 0)
        self._lineage = await ledger.get("lineage") or self.run_id
        await ledger.put("lineage", self._lineage)
        await ledger.put("job", self.job_id)
        await ledger.put("concurrency", concurrency)
        await ledger.put("run", {"id": self.run_id, "started": self.runtime.clock.now().isoformat()})
        if invocation is not None:
            await ledger.put("invocation", dict(invocation))
        self.state.update(await self._latest_state())
        counts = await ledger.counts()
        self.runtime.emit(
            EventType.RUN_STARTED,
            self.job_id,
            run_id=self.run_id,
            done=counts.done,
            pending=counts.waiting,
            resumed=before is not None,
        )

    async def ended(self, outcome: str, exit_code: int | None, **more: str) -> None:
        """Note how the run ended, for whoever asks later; a run without this note was killed."""
        at = self.runtime.clock.now().isoformat()
        note = {"run": self.run_id, "outcome": outcome, "at": at, "exit_code": exit_code, **more}
        await self.ledger.put("ended", note)

    async def save(self, reason: str) -> None:
        """Take a checkpoint of `state` and the ledger's position, unless nothing changed since the last."""
        if not self.resilience.config.checkpoint.enabled:
            return
        counts = asdict(await self.ledger.counts())
        data = {"state": self.state, "counts": counts, "position": await self.ledger.position()}
        encoded = _snapshot(data)
        if encoded == self._saved:
            return
        metadata = {"run_id": self.run_id, "lineage": self._lineage, "reason": reason}
        await self.resilience.checkpoints.create_checkpoint(self.job_id, decode(encoded), metadata)
        self._saved = encoded

    async def checkpoints(self) -> None:
        """Take a checkpoint every interval, until cancelled.

        One that fails is announced and does not stop the items; the last one, at the end of the run, raises.
        """
        while True:
            await self.runtime.clock.sleep(self.resilience.config.checkpoint.interval)
            try:
                await self.save("interval")
            except (CheckpointError, ValidationError) as error:
                self.runtime.emit(EventType.CHECKPOINT_FAILED, self.job_id, reason=error.message)

    async def _latest_state(self) -> dict[str, Any]:
        # Checkpoints of a ledger that was put aside stay readable, but they are another job's past.
        checkpoints = self.resilience.checkpoints
        for row in await checkpoints.list_checkpoints(self.job_id):
            if row["metadata"].get("lineage") != self._lineage:
                continue
            try:
                data = await checkpoints.load_checkpoint(row["id"])
            except CheckpointCorruptionError:  # it was announced as an event; the one before it will do
                continue
            if data is not None:
                state: dict[str, Any] = data["state"]
                return state
        return {}


async def open_session(
    stack: AsyncExitStack, name: str, config: "JobConfiguration", options: Mapping[str, Any], runtime: Runtime
) -> Session:
    """Open a job. What was opened is closed with the stack, in reverse order, whatever happens."""
    directory = job_directory(Path(config.store), name)
    ledger: Ledger | None = options.get("ledger")
    if ledger is None:
        lock = directory.lock(name, runtime.clock.now().isoformat(timespec="seconds"))
        stack.callback(lock.close)
        if options.get("fresh", False) and directory.exists:
            await _put_aside(directory, config, runtime.new_id())
        ledger = await SqliteLedger.open(directory.ledger)
        stack.push_async_callback(ledger.close)
    resilience = Resilience(_placed(config, directory), events=runtime.bus, clock=runtime.clock)
    await stack.enter_async_context(resilience)
    session = Session(name, ledger, resilience, runtime)
    await session.begin(concurrency=config.concurrency, invocation=options.get("invocation"))
    if config.output is not None:
        session.output = await Output.open(Path(config.output), ledger, runtime.clock)
        stack.callback(session.output.close)
    return session


async def _put_aside(directory: JobDirectory, config: "JobConfiguration", label: str) -> None:
    """Keep what the job has recorded, under another name, and leave its own names free.

    Raises `OutputError`, with nothing moved, when the output is somebody else's file.
    """
    try:
        old = await SqliteLedger.open(directory.ledger)
    except LedgerCorruptionError:
        directory.put_aside(label)  # a fresh start is the way out of damage, and keeps the damaged file
        return
    try:
        if config.output is not None:
            await Output.put_aside(Path(config.output), old, label)
    finally:
        # Closing folds the write-ahead log into the file, so that it is whole when it is moved.
        await old.close()
    directory.put_aside(label)


def _snapshot(data: dict[str, Any]) -> bytes:
    """`data` as it is at one moment; a plain function may change the state from its thread while it is looked at."""
    for _ in range(SNAPSHOT_TRIES):
        with suppress(RuntimeError):
            return encode(data)
    return encode(data)


def _placed(config: "JobConfiguration", directory: JobDirectory) -> "JobConfiguration":
    """A job keeps its checkpoints beside its ledger, unless told where."""
    if "storage_path" in config.checkpoint.model_fields_set:
        return config
    checkpoint = config.checkpoint.model_copy(update={"storage_path": str(directory.checkpoints)})
    return config.model_copy(update={"checkpoint": checkpoint})
