"""What is done when a job is aborted: the actions of its policy in order, each once, whatever becomes of the others."""

import asyncio
import math
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from typing_extensions import override

from outlast.abort.words import Action
from outlast.errors import AbortExecutionError

__all__ = ["ActionFunction", "Actions", "Done", "called"]

ActionFunction = Callable[[str], Any]
"""A function that gets the id of the job: async on the event loop, plain in a thread; one that gives False has failed."""

PROBLEM_MAX = 200
HURRIED_SECONDS = 1.0
CUT_OFF = "cut off: whoever runs the job was told to end"

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one action; `problem` is None when it succeeded."""

    action: str
    ok: bool
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"action": self.action, "ok": self.ok, "problem": self.problem}


@dataclass(slots=True)
class Actions:
    """The actions of one abort. Each is done once: a second call goes on with those that nothing is known of yet."""

    done: dict[Action, Done] = field(default_factory=dict)
    _most: float = math.inf
    _limit: asyncio.Timeout | None = None

    def hurry(self) -> None:
        """Cut off the action that is carried out now, and leave those that follow a second each."""
        self._most = HURRIED_SECONDS
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def carry_out(
        self, job_id: str, wanted: tuple[Action, ...], functions: Mapping[Action, ActionFunction], seconds: float
    ) -> tuple[Done, ...]:
        """Do what is wanted in this order. One that fails, or takes longer than so many seconds, does not stop the next."""
        for action in wanted:
            if action not in self.done:
                self.done[action] = await self._one(job_id, action, functions.get(action), min(seconds, self._most))
        return tuple(self.done[action] for action in wanted)

    async def _one(self, job_id: str, action: Action, function: ActionFunction | None, seconds: float) -> Done:
        if function is None:
            return Done(action.value, ok=False, problem=f"nothing was given that can {_MEANING[action]}")
        self._limit = limit = asyncio.timeout(seconds)
        try:
            async with limit:
                result = await called(function, job_id)
        except AbortExecutionError as error:
            return Done(action.value, ok=False, problem=error.message[:PROBLEM_MAX])
        except Exception as error:  # noqa: BLE001 - an action that fails must not keep the others from being done
            said = self._late(seconds) if limit.expired() else f"{type(error).__name__}: {error}"
            return Done(action.value, ok=False, problem=said[:PROBLEM_MAX])
        finally:
            self._limit = None
        if result is False:
            return Done(action.value, ok=False, problem="it said that it did not succeed")
        return Done(action.value, ok=True)

    def _late(self, seconds: float) -> str:
        return CUT_OFF if self._most < math.inf else f"not done within {seconds:g} s"


async def called(function: ActionFunction, job_id: str) -> Any:
    """What the function gives. A plain one may take its time, and hang: it is called in a thread that nobody waits for at the end."""
    if iscoroutinefunction(function):
        return await function(job_id)
    call = partial(copy_context().run, function, job_id)
    given = await asyncio.get_running_loop().run_in_executor(_Daemons(), call)
    return await given if isawaitable(given) else given


class _Daemons(Executor):
    """A thread for each call, a daemon: those of asyncio are waited for when the program ends."""

    @override
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def act() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the result
                future.set_exception(error)

        Thread(target=act, name="outlast-abort", daemon=True).start()
        return future


_MEANING: Mapping[Action, str] = {
    Action.SAVE_STATE: "save the state: no save_state",
    Action.NOTIFY: "notify: nobody to tell is configured under [notify]",
    Action.CLEANUP: "clean up: no cleanup",
    Action.SHUTDOWN: "shut down: no shutdown",
    Action.LOG_EVENT: "log",
}
