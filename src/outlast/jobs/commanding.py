"""A run carries out what it is told once: to stop, to abort, to take a checkpoint."""

import asyncio
from collections.abc import Callable
from typing import Any

from outlast.errors import ResilienceException
from outlast.events import EventType
from outlast.jobs.command import Answer, Command, Word
from outlast.jobs.engine import Engine
from outlast.jobs.outcome import Ending
from outlast.jobs.session import Session

__all__ = ["Commanding"]

STOPPING = "the run is stopping already"


class Commanding:
    """Acts on a run at work. `drain` is how long it lets what is in flight go on; `in_flight` says how much that is."""

    def __init__(self, session: Session, engine: Engine, *, drain: float, in_flight: Callable[[], int]) -> None:
        self._session = session
        self._engine = engine
        self._drain = drain
        self._in_flight = in_flight
        self._saving = asyncio.Lock()

    async def __call__(self, command: Command) -> Answer:
        """Carry it out; what came of it. That it could not be done is an answer too."""
        match command.word:
            case Word.STOP:
                return self._stop(command)
            case Word.ABORT:
                return self._abort(command)
            case Word.CHECKPOINT:
                return await self._checkpoint(command)

    def _stop(self, command: Command) -> Answer:
        if self._engine.stopping and command.after is None:
            return self._ending(command, f"{STOPPING}: {self._in_flight()} in flight")
        within = self._drain if command.after is None else command.after
        if not self._engine.stopping:
            self._session.told.ending = Ending.COMMANDED
        self._engine.stop(Ending.COMMANDED, within=within)
        how = f"stopping: {self._in_flight()} in flight" if within else "stopping now: what is in flight is cut off"
        return self._ending(command, how)

    def _abort(self, command: Command) -> Answer:
        if self._engine.stopping:
            return Answer(id=command.id, obeyed=False, says=STOPPING)
        told = self._session.told
        told.ending, told.why = Ending.ABORTED, command.reason
        self._engine.stop(Ending.ABORTED, within=self._drain)
        return self._ending(command, f"aborting: {self._in_flight()} in flight")

    async def _checkpoint(self, command: Command) -> Answer:
        session = self._session
        if not session.resilience.config.checkpoint.enabled:
            says = "checkpoints are switched off (checkpoint.enabled = false)"
            return Answer(id=command.id, obeyed=False, says=says)
        try:
            async with self._saving:
                saved = await session.save("command")
        except ResilienceException as error:
            session.runtime.emit(EventType.CHECKPOINT_FAILED, session.job_id, reason=error.message)
            return Answer(id=command.id, obeyed=False, says=error.message)
        says = (
            f"nothing has changed since checkpoint {session.newest}" if saved is None else f"checkpoint {saved} taken"
        )
        return self._answer(command, says, checkpoint_id=session.newest, is_new=saved is not None)

    def _ending(self, command: Command, says: str) -> Answer:
        # A stop that came before may leave less time than this one asks for.
        within = round(self._engine.seconds_left, 3)
        return self._answer(command, says, in_flight=self._in_flight(), within=within)

    @staticmethod
    def _answer(command: Command, says: str, **facts: Any) -> Answer:
        return Answer(id=command.id, obeyed=True, says=says, facts=facts)
