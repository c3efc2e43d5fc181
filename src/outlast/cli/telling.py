"""The way from `stop`, `abort` and `checkpoint now` to an exit code: tell the run, wait for its answer, say what came of it."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from outlast.cli.options import Settings
from outlast.cli.phrases import duration, safe
from outlast.cli.printing import answer, say
from outlast.cli.reading import JobRecord, found, record_of, store_hint, store_of
from outlast.cli.steering import (
    ANSWER_SECONDS,
    END_SECONDS,
    NotRunningError,
    Silence,
    Steered,
    answer_to,
    end_of,
    run_at_work,
    tell,
)
from outlast.cli.words.steer import (
    ended_lines,
    given_line,
    left_lines,
    not_running_lines,
    silent_lines,
    unended_lines,
)
from outlast.jobs import ExitCode, Outcome
from outlast.jobs.command import Answer, Command, Word
from outlast.runtime import Runtime

__all__ = ["Teller"]


class Teller:
    """One command for the run of a job. `waits`: for the answer, and for the end of a run that is to end."""

    def __init__(self, settings: Settings, job: str, word: Word, *, waits: bool = True) -> None:
        self.settings = settings
        self.job = job
        self.word = word
        self.answer: Answer | None = None
        """What the run has answered, if anything."""
        self._waits = waits
        self._runtime = Runtime()
        self._directory = found(store_of(settings), job)
        self._given: Command | None = None
        self._record: JobRecord | None = None

    def tell(self, *, after: float | None = None, reason: str = "") -> int:
        """Tell the run, wait, and say what came of it; the exit code. Raises `NotRunningError`, but for a stop."""
        try:
            code = asyncio.run(self._tell(after, reason))
        except KeyboardInterrupt:
            if self._given is None:
                raise
            self._say(left_lines(self.job, self.word, store_hint(self.settings)))
            code = ExitCode.INTERRUPTED
        if self.settings.json:
            answer(self._document())
        return code

    async def _tell(self, after: float | None, reason: str) -> int:
        # Before anybody is looked for: what cannot be told is refused, whether there is a run or not.
        command = Command(id=self._runtime.new_id(), run="", word=self.word, after=after, reason=reason)
        steered = await run_at_work(self._directory, self._runtime.clock)
        if steered is None:
            return await self._nobody()
        command = replace(command, run=steered.run)
        tell(steered, command)
        self._given = command
        if not self.settings.quiet:
            self._say([given_line(self.job, self.word, steered.holder, waits=self._waits)])
        return await self._wait(steered, command) if self._waits else ExitCode.FINISHED

    async def _nobody(self) -> int:
        record = await record_of(self._directory)
        if self.word is not Word.STOP and record.running is None:
            what = "to abort" if self.word is Word.ABORT else "to take a checkpoint of"
            raise NotRunningError(f"job {self.job!r} is not running: there is nothing {what}")
        self._record = record
        self._say(not_running_lines(record, store_hint(self.settings)))
        # Whoever holds it may be a run that is about to begin: then nothing was stopped that should have been.
        return ExitCode.FINISHED if record.running is None else ExitCode.LOCKED

    async def _wait(self, steered: Steered, command: Command) -> int:
        found = await answer_to(steered, command, self._runtime.clock)
        if isinstance(found, Answer):
            self.answer = found
            if self.word is Word.CHECKPOINT:
                return ExitCode.FINISHED if found.obeyed else ExitCode.USAGE
            if not found.obeyed:
                self._say([f"job {safe(self.job)}: {safe(found.says, 500)}"])
                return ExitCode.NOT_FOUND
            within = float(found.facts.get("within") or 0.0)
            if not self.settings.quiet:
                most = f", for at most {duration(within)}" if within else ""
                self._say([f"{safe(found.says, 500)}{most} ..."])
            return await self._until_the_end(steered, within)
        if found is Silence.ENDED and self.word is not Word.CHECKPOINT:
            return await self._ended(steered)
        hint = store_hint(self.settings)
        self._say(silent_lines(self.job, steered.holder, found, seconds=ANSWER_SECONDS, hint=hint))
        return ExitCode.NOT_FOUND if found is Silence.ENDED else ExitCode.LOCKED

    async def _until_the_end(self, steered: Steered, within: float) -> int:
        silence = await end_of(steered, within, self._runtime.clock)
        if silence is Silence.ENDED:
            return await self._ended(steered)
        hint, seconds = store_hint(self.settings), within + END_SECONDS
        self._say(unended_lines(self.job, steered.holder, silence, seconds=seconds, hint=hint))
        return ExitCode.LOCKED

    async def _ended(self, steered: Steered) -> int:
        self._record = await record_of(self._directory)
        self._say(ended_lines(self._record, steered.run, store_hint(self.settings)))
        # Stopped it is, however it has ended; aborted only where it says so.
        ended = self._record.ended
        is_aborted = (ended.get("run"), ended.get("outcome")) == (steered.run, Outcome.ABORTED)
        return ExitCode.FINISHED if self.word is Word.STOP or is_aborted else ExitCode.NOT_FOUND

    def _say(self, lines: Iterable[str]) -> None:
        if not self.settings.json:
            say(lines)

    def _document(self) -> dict[str, Any]:
        """For `--json`. What is null is not known: nobody was told, nobody has answered, the run goes on."""
        given, told, record = self._given, self.answer, self._record
        run = None if given is None else given.run
        ended = {} if record is None or record.ended.get("run") != (run or record.run.get("id")) else record.ended
        return {
            "job_id": self.job,
            "command": self.word.value,
            "given": {} if given is None else given.given,
            "run_id": run,
            "obeyed": None if told is None else told.obeyed,
            "answer": None if told is None else told.says,
            **({} if told is None else dict(told.facts)),
            "ended": ended or None,
            "counts": None if record is None else asdict(record.counts),
        }
