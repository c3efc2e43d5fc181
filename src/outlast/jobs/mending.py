"""The user's remedies, as functions of a host: with the resources they ask for by name, within a time, plain ones in a thread."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from outlast.errors import ConfigurationError
from outlast.failure.model import Remedy
from outlast.jobs.bind import Named
from outlast.retry.remedies import RemedyFunction

__all__ = ["HOST", "remedies_of", "remedy_function"]

HOST = "host"
_BUILT_IN = frozenset({Remedy.DEFER, Remedy.SKIP})


def remedies_of(functions: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The user's functions by the remedy they are. Raises `ConfigurationError` for a name that is none, or is built in."""
    own = [each.value for each in Remedy if each not in _BUILT_IN]
    wrong = sorted(set(map(str, functions)) - set(own))
    if wrong:
        raise ConfigurationError(f"remedies: {', '.join(map(repr, wrong))}: there are {', '.join(own)}")
    return dict(functions)


def remedy_function(
    call: Named, given: Mapping[str, Any], *, wants_host: bool, timeout: float | None
) -> RemedyFunction:
    """What is called with the name of a host; it may take `timeout` seconds."""
    return partial(_applied, call, given, wants_host, timeout)


async def _applied(call: Named, given: Mapping[str, Any], wants_host: bool, timeout: float | None, host: str) -> None:  # noqa: ASYNC109, FBT001 - bound above
    async with asyncio.timeout(timeout):
        await call({**given, HOST: host} if wants_host else given)
