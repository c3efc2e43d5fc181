"""What a handler and the remedies are given by name: resources, and what is lent of a browser."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from outlast.errors import TargetError
from outlast.jobs.bind import (
    BROWSER_NAMES,
    CONTEXT,
    Call,
    Threads,
    asked_names,
    call_by_name,
    call_of,
    wanted_names,
)
from outlast.jobs.browsing import Browsing
from outlast.jobs.mending import HOST, remedy_function
from outlast.jobs.resources import Factory, available, enter
from outlast.retry.remedies import RemedyFunction

__all__ = ["Provided", "Wanted", "provided"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The names that the handler must be given, and each remedy; `known` are the resources there are."""

    handler: Callable[..., Any]
    remedies: Mapping[str, Callable[..., Any]]
    known: Mapping[str, Any]
    names: tuple[str, ...]
    asked: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(
        cls,
        handler: Callable[..., Any],
        remedies: Mapping[str, Callable[..., Any]],
        resources: Mapping[str, Factory],
    ) -> "Wanted":
        """Raises `TargetError` for what nobody provides, and for a plain function that asks for a page."""
        known = available(resources)
        names = tuple(wanted_names(handler, known))
        asked = {remedy: tuple(asked_names(each, {*known, HOST})) for remedy, each in remedies.items()}
        wanted = cls(handler, remedies, known, names, asked)
        for function, its_names in [(handler, names), *((remedies[each], asked[each]) for each in remedies)]:
            if wanted.lent(its_names) and not _is_async(function):
                raise TargetError(
                    f"{getattr(function, '__qualname__', repr(function))} asks for {wanted.lent(its_names)[0]!r}, "
                    "which belongs to the event loop: make it `async def`"
                )
        return wanted

    def lent(self, names: Iterable[str]) -> list[str]:
        """Those of the names that a browser has to lend: a resource of the same name comes first."""
        return [name for name in names if name in BROWSER_NAMES and name not in self.known]

    @property
    def handler_borrows(self) -> bool:
        return bool(self.lent(self.names))

    @property
    def needs_browser(self) -> bool:
        return self.handler_borrows or any(self.lent(names) for names in self.asked.values())


@dataclass(frozen=True, slots=True)
class Provided:
    """How the handler is called and with what, and the remedies."""

    call: Call
    given: Mapping[str, Any]
    wants_context: bool
    remedies: Mapping[str, RemedyFunction]


async def provided(
    wanted: Wanted, threads: Threads, stack: AsyncExitStack, *, browsing: Browsing | None, seconds: float | None
) -> Provided:
    """Enter every resource that is asked for, once. `browsing` lends, `seconds` is how long a remedy may take."""
    needed = dict.fromkeys([*wanted.names, *(name for each in wanted.asked.values() for name in each)])
    entered = await enter([name for name in needed if name in wanted.known], wanted.known, stack)
    remedies: dict[str, RemedyFunction] = {}
    for remedy, function in wanted.remedies.items():
        names, call = wanted.asked[remedy], call_by_name(function, threads)
        if browsing is not None:
            call = browsing.lending_named(call, wanted.lent(names))
        given = {name: entered[name] for name in names if name in entered}
        wants_host = HOST in names and HOST not in entered
        remedies[remedy] = remedy_function(call, given, wants_host=wants_host, timeout=seconds)
    call_handler = call_of(wanted.handler, threads)
    if browsing is not None:
        call_handler = browsing.lending(call_handler, wanted.lent(wanted.names))
    return Provided(
        call=call_handler,
        given={name: entered[name] for name in wanted.names if name in entered},
        wants_context=CONTEXT in wanted.names,
        remedies=remedies,
    )


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
