"""What a run has answered to its commands, kept in a file of the job's directory that the run alone writes."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from outlast.errors import JobError, KeyMissingError, SealError
from outlast.jobs.command import Answer
from outlast.jobs.notefile import NoteFile, listed
from outlast.jobs.store import JobDirectory

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = ["ANSWERS_KEPT_MAX", "Answers", "answered_in", "answers_file"]

ANSWERS_KEPT_MAX = 200
"""More than may wait for an answer, so that none is forgotten whose command is still there."""
_VERSION = 1


class Answers:
    """Those of one run."""

    def __init__(self, directory: JobDirectory, run: str, keys: "Keyring | None") -> None:
        self._file = answers_file(directory)
        self._run = run
        self._keys = keys
        self._kept: deque[Answer] = deque(maxlen=ANSWERS_KEPT_MAX)
        self._writing = asyncio.Lock()

    async def give(self, answer: Answer) -> None:
        """Keep an answer; durable on return. Raises `JobError` when it cannot be written."""
        self._kept.append(answer)
        async with self._writing:
            document = {"version": _VERSION, "run": self._run, "answers": [each.to_json() for each in self._kept]}
            try:
                await asyncio.to_thread(self._file.write, document, self._keys)
            except OSError as error:
                raise JobError(f"the answers {self._file.path} cannot be written: {error.strerror}") from error


def answered_in(directory: JobDirectory, keys: "Keyring | None") -> dict[str, Answer]:
    """The answers there are, by command. What cannot be read answers nothing."""
    with suppress(OSError, KeyMissingError, SealError, KeyError, ValueError):
        document = answers_file(directory).read(keys)
        if document is not None and document["version"] == _VERSION:
            return {each.id: each for each in map(Answer.from_json, listed(document["answers"]))}
    return {}


def answers_file(directory: JobDirectory) -> NoteFile:
    return NoteFile(directory.answers, "answers")
