"""A run's diary: its events and samples of where it stands, for the event log of its job and for whoever observes it."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outlast.correlation import adopt, at_work, correlation_id, span_id
from outlast.events import EventType, ResilienceEvent
from outlast.jobs.observing import About, Observed, Trying, Watched, observers
from outlast.jobs.store import JobDirectory
from outlast.jobs.tally import Tally
from outlast.ledger.port import Ledger
from outlast.logs.account import Account, next_sample_in
from outlast.logs.eventfile import rewrap_event_files
from outlast.logs.eventlog import EventLog, Limits
from outlast.logs.reading import SAMPLE
from outlast.logs.text import masking
from outlast.runtime import Runtime

if TYPE_CHECKING:
    from outlast.config import JobConfiguration
    from outlast.jobs.gate import Gate
    from outlast.storage.keys import Keyring

__all__ = ["Diary", "about_events", "rewrap_events"]

TEXT_MAX = 2_000
TRACE_FACT = "trace"
MB = 1 << 20
MB_MAX = 1 << 40
_URGENT = frozenset({EventType.ABORT_TRIGGERED, EventType.ITEM_QUARANTINED})
"""What the end of a process must not take away with it."""


class Diary:
    """Keeps the diary of one run. Nothing that goes wrong with it stops the run.

    `metrics` gives what the resource monitor has measured last, for each sample.
    """

    def __init__(self, job_id: str, run_id: str, ledger: Ledger, runtime: Runtime) -> None:
        self._job_id = job_id
        self._run_id = run_id
        self._ledger = ledger
        self._runtime = runtime
        self._account = Account()
        self._log: EventLog | None = None
        self._about: About | None = None
        self._watched = Watched([])
        self._decision: str | None = None
        self._began = runtime.clock.monotonic()
        self._tally: Tally | None = None
        self._gate: Gate | None = None
        self.metrics: Callable[[], Mapping[str, Any]] = dict

    async def begin(
        self,
        stack: AsyncExitStack,
        config: "JobConfiguration",
        directory: JobDirectory | None,
        keys: "Keyring | None",
    ) -> None:
        """Begin to write, and to be observed, until the stack is closed. A ledger of the user's own has no `directory`, and no log.

        Raises `ConfigurationError` when an observer that is configured is not installed.
        """
        before = at_work.get()
        stack.callback(at_work.set, before)
        at_work.set((self._job_id, self._run_id, "", 0))
        await self._be_observed(stack, config)
        if directory is not None and config.logging.event_log_files:
            await self._open_log(stack, config, directory, keys)
        stack.push_async_callback(self._last_sample)

    async def _open_log(
        self, stack: AsyncExitStack, config: "JobConfiguration", directory: JobDirectory, keys: "Keyring | None"
    ) -> None:
        if keys is not None:
            await asyncio.to_thread(rewrap_events, directory, keys)
        limits = Limits(files=config.logging.event_log_files, size=config.logging.event_log_bytes)
        mask = masking(config.logging.redact, longest=TEXT_MAX)
        log = self._log = EventLog(directory.path, limits=limits, mask=mask, keys=keys, about=about_events(directory))
        stack.push_async_callback(asyncio.to_thread, log.close)
        stack.callback(self._runtime.bus.subscribe(self._note))

    async def on_file(self) -> None:
        """Wait until what was written so far is on file: a process that dies at its first item is to be found in the log."""
        if self._log is not None:
            await asyncio.to_thread(self._log.flush)

    def ended(self, outcome: str, exit_code: int | None, error: str) -> None:
        """Take in how the run has ended, for who observes it."""
        if self._about is not None:
            self._about.outcome, self._about.exit_code, self._about.error = outcome, exit_code, error

    def observed(self, attempts: Trying) -> Trying:
        """The attempts, with the observers told of them; the attempts themselves where there are none."""
        return Observed(attempts, self._watched) if self._watched else attempts

    async def follow(self, gate: "Gate", tally: Tally) -> None:
        """Take samples until cancelled; the longer the run, the longer between them."""
        self._gate, self._tally = gate, tally
        if self._log is None and not self._watched:
            return
        while True:
            await self._sample()
            await self._runtime.clock.sleep(next_sample_in(self._runtime.clock.monotonic() - self._began))

    async def _be_observed(self, stack: AsyncExitStack, config: "JobConfiguration") -> None:
        about = self._about = About(job_id=self._job_id, run_id=self._run_id, config=config, runtime=self._runtime)
        about.former = await self._ledger.get(TRACE_FACT)
        self._watched = Watched(observers(about))
        stack.push_async_callback(self._watched.close)
        if about.trace is not None:
            adopt(about.trace["trace_id"])
            await self._ledger.put(TRACE_FACT, dict(about.trace))

    async def _sample(self) -> None:
        try:
            counts = asdict(await self._ledger.counts())
        except Exception:  # noqa: BLE001 - a ledger that cannot be read, whoever's it is, ends the run elsewhere
            return
        data = {**counts, **self._numbers(), **self._account.take()}
        self._write_sample(data)
        await self._watched.sampled(data)

    async def _last_sample(self) -> None:
        """So that what stays of a run is how it ended."""
        if self._log is not None or self._watched:
            await self._sample()

    def _numbers(self) -> dict[str, Any]:
        """What is known without asking the ledger."""
        tally, gate = self._tally or Tally(), self._gate
        elapsed = round(self._runtime.clock.monotonic() - self._began, 3)
        return {
            "elapsed": elapsed,
            "run_done": tally.done,
            "run_failed": tally.failed,
            "retries": tally.retries,
            "in_flight": tally.in_flight,
            **({} if gate is None else _hosts(gate, self._runtime.clock.monotonic())),
            **_memory(self.metrics()),
        }

    def _write_sample(self, data: Mapping[str, Any]) -> None:
        if self._log is not None:
            now = self._runtime.clock.now().isoformat()
            told = {"event_type": SAMPLE, "timestamp": now, "job_id": self._job_id, "component": "job"}
            self._log.append(
                {**told, "severity": "info", "data": data, "correlation_id": correlation_id(), "run_id": self._run_id}
            )

    def _note(self, event: ResilienceEvent) -> None:
        """Write an event of this job, with the item that was tried when it happened."""
        if self._log is None or event.job_id not in {self._job_id, ""} or not self._account.admits(event):
            return
        if event.event_type == EventType.ABORT_EVALUATED:
            # Every ten seconds the same.
            if event.data["decision"] == self._decision:
                return
            self._decision = event.data["decision"]
        line = {**event.to_dict(), "run_id": self._run_id}
        work = at_work.get()
        if work is not None and work[3]:
            line["item_key"], line["attempt"] = work[2][:TEXT_MAX], work[3]
        if (span := span_id()) is not None:
            line["span_id"] = span
        self._log.append(line, urgent=event.event_type in _URGENT)


def about_events(directory: JobDirectory) -> bytes:
    """What the event log of a job is sealed about. The name of the directory goes with the job, wherever the store is moved."""
    return b"events|" + directory.path.name.encode()


def rewrap_events(directory: JobDirectory, keys: "Keyring") -> int:
    """Put the first key in charge of an encrypted job's event log; how many files were rewritten."""
    with suppress(OSError):
        return rewrap_event_files(directory.path, about_events(directory), keys)
    return 0


def _hosts(gate: "Gate", now: float) -> dict[str, float]:
    rated = sum(each.per_second for each in gate.waiting(now))
    return {
        "parked": len(gate.parked_hosts()),
        "paused": len(gate.paused),
        **({"rated_per_second": round(rated, 6)} if rated else {}),
    }


def _memory(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Bytes of the job, of its browsers, and the limit, as measured; else those of this process alone, where the system tells."""
    names = {
        "memory_usage": "memory_bytes",
        "browser_memory": "browser_memory_bytes",
        "memory_limit_mb": "memory_limit_bytes",
    }
    known = {told: metrics.get(name) for name, told in names.items()}
    bytes_of = {told: int(mb * MB) for told, mb in known.items() if isinstance(mb, int | float) and 0 <= mb < MB_MAX}
    if bytes_of:
        return bytes_of
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        return {"memory_bytes": pages * os.sysconf("SC_PAGE_SIZE")}
    return {}
