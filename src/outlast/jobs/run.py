"""One run of a job, from lock to last fsync: `async with Run("name") as run`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from outlast.errors import CrashLoopError, ResilienceException
from outlast.jobs.abortion import Abortion, abort_policy_of
from outlast.jobs.concluding import concluded
from outlast.jobs.expecting import Expecting, at_work
from outlast.jobs.items import Items, KeyFunction, key_function
from outlast.jobs.mending import remedies_of
from outlast.jobs.notices import Notices
from outlast.jobs.opening import open_session
from outlast.jobs.options import RunOptions, configured, launcher_in
from outlast.jobs.outcome import Ending, Summary
from outlast.jobs.parts import Parts, gate_of, wishes_of
from outlast.jobs.progress import CAUSES_TOLD_MAX, Done, Progress
from outlast.jobs.records import value_of
from outlast.jobs.session import Session
from outlast.jobs.signals import listening
from outlast.jobs.tally import Tally
from outlast.jobs.telling import tell
from outlast.jobs.throttle import Throttle
from outlast.retry.engine import job_id
from outlast.runtime import Runtime
from outlast.storage.strictjson import decode

if TYPE_CHECKING:
    from outlast.jobs.engine import Engine

__all__ = ["Done", "Progress", "Run"]

FOLLOW_SECONDS = 0.05
RESULTS_AT_ONCE = 100
FAILURES_AT_ONCE = 1_000
ERROR_SHOWN_MAX = 500


class Run:
    """A job that is open: locked against other processes, its ledger, state and output at hand.

    Raises `ConfigurationError` and `ValidationError` for what is wrong with its name or options; entering it raises
    `JobLockedError` when another process runs the job, `LedgerError` or `JobError` when its store cannot be used.
    """

    def __init__(self, name: str, *, defaults: RunOptions | None = None, **options: Unpack[RunOptions]) -> None:
        self.name = name
        self._options: RunOptions = {**(defaults or {}), **options}
        self._config = configured(options, defaults or {})
        abort_policy_of(self._config)  # before anything is begun
        self._wishes = wishes_of(self._config.retry, self._options.get("rules", ()))
        self._remedies = remedies_of(self._options.get("remedies", {}))
        self._runtime = options.get("runtime") or Runtime()
        self._stack = AsyncExitStack()
        self._opened: Session | None = None
        self._judging: Expecting | None = None
        self._engine: Engine | None = None
        self._gate = gate_of(self._config)
        self._throttle = Throttle()
        self._notices = Notices(name, self._config, self._runtime.clock)
        self._notices.check()
        self._abortion: Abortion | None = None
        self._stop_asked = False
        self._tally = Tally()
        self._work: asyncio.Task[Summary] | None = None
        self._summary: Summary | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.callback(tell(self._config, self._runtime.bus, is_found="ledger" not in self._options))
            try:
                self._opened = await open_session(stack, self.name, self._config, self._options, self._runtime)
            except CrashLoopError as error:
                await self._notices.held(error.message)
                raise
            self._judging = Expecting(self._opened, self._config, on_stalled=self._notices.stalled)
            await self._judging.begin()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._stack:
            await self._rest_of_the_work()
            if error is None:
                await self._finish()
                if self._summary is None:
                    await self._session.ended("closed", None)
                await self._session.closed()
                if self._summary is not None:
                    await self._notices.ended(self._summary)
            else:
                # The first error is the one to be told; a store that failed once will fail here again.
                with suppress(ResilienceException):
                    await self._finish()
                    await self._session.ended("error", None, error=f"{type(error).__name__}: {error}"[:ERROR_SHOWN_MAX])
                    # Whoever stops the program stops it in order, and what fails after the work is not the job's crash.
                    if not isinstance(error, Exception) or self._summary is not None:
                        await self._session.closed()
                if isinstance(error, Exception):
                    await self._notices.broke(error)

    @property
    def run_id(self) -> str:
        """The id of this run; ids sort by the time of their runs."""
        return self._session.run_id

    @property
    def output(self) -> Path | None:
        """The file that gets the records: the one that was asked for, else the one that the job has written so far."""
        output = self._session.output
        return None if output is None else output.path

    @property
    def state(self) -> dict[str, Any]:
        """The job's state, as of its last checkpoint and what was done to it since."""
        return self._session.state

    async def process(
        self, handler: Callable[..., Any], items: Items, *, key: KeyFunction | str | None = None
    ) -> Summary:
        """Do every item of `items`, and every item left over from earlier runs, that is not done yet.

        A failing item is retried, then given up; it never stops the run. What a handler raises that is not an `Exception`
        ends the run in order and is raised again.
        """
        session, ending = self._session, Ending.STOPPED
        self._engine, self._gate = None, gate_of(self._config)
        abortion = self._abortion = Abortion(session, self._config, self._throttle, stop=self._stop_working)
        key_of = key_function(key or self._options.get("key") or self._config.key)
        with ExitStack() as last_words:
            async with AsyncExitStack() as stack:
                engine, services = await self._parts(abortion).engine(handler, key_of, stack)
                self._engine = engine
                works = partial(
                    at_work, self._gate, abortion.suspension, self._throttle, self._tally, self._runtime.clock
                )
                services += [*self._expecting.services(engine, works), abortion.follow]
                job_id.set(self.name)
                if self._stop_asked or session.told.ending is not None:
                    engine.stop(session.told.ending or Ending.STOPPED)
                try:
                    ending = await engine.run(items, key_of, concurrency=self._config.concurrency, services=services)
                except BaseExceptionGroup as group:
                    raise _first(group) from group
                finally:
                    self._engine = None
                    # Whoever tells the process to end is heard until the last word is said.
                    last_words.enter_context(listening(lambda _: abortion.hurry()))
                    await session.ledger.release(session.run_id)
            await abortion.conclude(ending)
            unread = not engine.has_read_all
            self._summary = await concluded(
                session,
                ending,
                await self._expecting.conclude(unread=unread),
                abortion,
                allowed=self._config.max_failed,
                unread=unread,
                retries=self._tally.retries,
                paused=self._gate.paused,
            )
            return self._summary

    async def map(
        self, function: Callable[..., Any], items: Items, *, key: KeyFunction | str | None = None
    ) -> AsyncIterator[Done]:
        """Do `items` and yield each as it is done: only what was not done before this call."""
        ledger = self._session.ledger
        position = await ledger.position()
        work = self._work = asyncio.create_task(self.process(function, items, key=key))
        try:
            while True:
                finished = work.done()
                results = await ledger.results(position, RESULTS_AT_ONCE)
                for result in results:
                    yield Done(result.key, value_of(result))
                    position = result.position
                if not results and finished:
                    break
                if not results:
                    await self._runtime.clock.sleep(FOLLOW_SECONDS)
            await work
        finally:
            await self._rest_of_the_work()

    def stop(self) -> None:
        """Finish what is in hand and stop; called again: stop now. What is not done stays for the next run."""
        self._stop_asked = True
        self._stop_working()

    def _stop_working(self) -> None:
        if self._engine is not None:
            self._engine.stop(Ending.STOPPED)

    async def progress(self) -> Progress:
        """Where the run stands now."""
        tally, session = self._tally, self._session
        usage = {} if session.usage is None else session.usage()
        return Progress(
            counts=await session.ledger.counts(),
            done=tally.done,
            failed=tally.failed,
            retries=tally.retries,
            in_flight=tally.in_flight,
            parked=tuple(self._gate.parked_hosts()),
            waiting=tuple(self._gate.waiting(self._runtime.clock.monotonic())),
            suspended="" if self._abortion is None else self._abortion.told(),
            let_go=None if self._abortion is None else self._abortion.suspension.let_go,
            paused=self._throttle.is_shut,
            stopping=self._engine is not None and self._engine.stopping,
            trouble=None if self._abortion is None else self._abortion.trouble(),
            causes=tally.causes.most(CAUSES_TOLD_MAX),
            memory_mb=usage.get("memory_mb"),
            memory_limit_mb=usage.get("memory_limit_mb"),
            pages_max=usage.get("pages_max"),
        )

    async def failures(self, limit: int = FAILURES_AT_ONCE) -> list[dict[str, Any]]:
        """The first items that were given up: `key`, `attempts`, and what was last wrong with each."""
        failed = await self._session.ledger.failures(0, limit)
        return [{"key": each.key, "attempts": each.attempts, **decode(each.error)} for each in failed]

    def summary(self) -> Summary:
        """What this run did. Raises `RuntimeError` before `process` or `map` has ended."""
        if self._summary is None:
            raise RuntimeError("the run has not ended yet: await process() or read map() to its end first")
        return self._summary

    @property
    def _session(self) -> Session:
        if self._opened is None:
            raise RuntimeError(f"open the run first: async with Run({self.name!r}) as run")
        return self._opened

    @property
    def _expecting(self) -> Expecting:
        assert self._judging is not None, "a session that is open has what is expected of it"
        return self._judging

    def _parts(self, abortion: Abortion) -> Parts:
        return Parts(
            session=self._session,
            config=self._config,
            wishes=self._wishes,
            resources=self._options.get("resources", {}),
            remedies=self._remedies,
            runtime=self._runtime,
            gate=self._gate,
            throttle=self._throttle,
            abortion=abortion,
            tally=self._tally,
            launcher=launcher_in(self._options),
            recorded=self._expecting.recorded,
        )

    async def _rest_of_the_work(self) -> None:
        """Wait for the work behind a `map` that was left early."""
        if self._work is not None and not self._work.done():
            if not self._stop_asked:
                self.stop()
            await asyncio.wait([self._work])

    async def _finish(self) -> None:
        """Give back what was leased, save the state, bring the output to its end."""
        session = self._session
        await session.ledger.release(session.run_id)
        try:
            await session.save("end")
        finally:
            if session.output is not None:
                await session.output.finish()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error of a group of tasks; the rest were cancelled for its sake, or are in the group that caused it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
