"""`@outlast.job("name")`: a function that becomes a job."""

import functools
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar, Unpack

from outlast.jobs.items import Items
from outlast.jobs.options import RunOptions
from outlast.jobs.outcome import Summary
from outlast.jobs.run import Run

__all__ = ["Job", "job"]

P = ParamSpec("P")
R = TypeVar("R")


class Job(Generic[P, R]):
    """A handler with a name under which its progress is kept. Calling it calls the handler, as if it were not a job."""

    def __init__(self, handler: Callable[P, R], name: str, options: RunOptions) -> None:
        self.name = name
        self.handler = handler
        self.options = options
        functools.update_wrapper(self, handler)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.handler(*args, **kwargs)

    def open(self, name: str | None = None, **options: Unpack[RunOptions]) -> Run:
        """A run of this job, to be entered with `async with`. `options` win over the decorator's."""
        return Run(name or self.name, defaults=self.options, **options)

    async def run(self, items: Items = (), **options: Unpack[RunOptions]) -> Summary:
        """Do every item of `items`, and those left over from earlier runs, that is not done yet. Run it again to go on.

        Raises what `Run` raises; a failing item raises nothing, it is counted in the summary.
        """
        async with self.open(**options) as run:
            await run.process(self.handler, items)
        return run.summary()


def job(name: str, **options: Unpack[RunOptions]) -> Callable[[Callable[P, R]], Job[P, R]]:
    """Make a function a job: `@outlast.job("docs", concurrency=16)`.

    Its first parameter is the item; the others are given by name: `ctx`, `http`, and what `resources` holds. Settings given
    here are the job's defaults: a job file, the environment and the arguments of `run` win over them.
    """

    def wrap(handler: Callable[P, R]) -> Job[P, R]:
        return Job(handler, name, options)

    return wrap
