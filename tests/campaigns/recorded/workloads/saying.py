"""How a workload tells what it is about to do and what is done: lines of JSON in the file `<root>.told`.

The recorder keeps them in order with the system calls, so a crash state knows what had been acknowledged before it.
"""

import asyncio
import json
import os
import random
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from outlast.errors import ResilienceException

__all__ = ["Voice", "begin"]


class Voice:
    """Tells of steps; their numbers go on where the process before stopped."""

    def __init__(self, root):
        path = Path(f"{root}.told")
        told = path.read_text().splitlines() if path.exists() else []
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.earlier = [json.loads(line) for line in told]
        self._next = sum("do" in each for each in self.earlier)

    def say(self, **what):
        line = json.dumps(what).encode() + b"\n"
        assert os.write(self._file, line) == len(line)

    @asynccontextmanager
    async def doing(self, do, **what):
        """A step: said before it begins, and again with `answer` when it is acknowledged. An error of ours is told, and ends it."""
        number, self._next = self._next, self._next + 1
        answer = {}
        self.say(n=number, do=do, **what)
        try:
            yield answer
        except ResilienceException as error:
            self.say(n=number, error=error.error_code, message=error.message)
        else:
            self.say(n=number, done=answer)


def begin(work):
    """Run `work(root, voice, chance, *arguments)`; an error of ours outside a step is told and ends the process with 3."""
    root, arguments = Path(sys.argv[1]), sys.argv[2:]
    voice = Voice(root)
    chance = random.Random(f"{arguments}:{len(voice.earlier)}")
    try:
        asyncio.run(work(root, voice, chance, *arguments))
    except ResilienceException as error:
        voice.say(ended=error.error_code, message=error.message)
        # As after a crash: what is still open is left to the kernel.
        os._exit(3)
