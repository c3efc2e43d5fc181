"""What a handler may ask for by name: what the job was given, and what installed packages provide.

Packages provide resources through the entry point group `outlast.resources`: a name, and a callable without arguments that
returns a context manager (async or plain) or the thing itself. A run has one of each, closed at its end.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from outlast.errors import TargetError

__all__ = ["Factory", "available", "enter"]

GROUP = "outlast.resources"

Factory = Callable[[], Any]


def available(given: Mapping[str, Factory]) -> dict[str, Factory | EntryPoint]:
    """Every resource there is by name; what the job was given comes before what packages provide."""
    return {**{point.name: point for point in entry_points(group=GROUP)}, **given}


async def enter(
    names: Iterable[str], known: Mapping[str, Factory | EntryPoint], stack: AsyncExitStack
) -> dict[str, Any]:
    """One instance of each resource, closed with the stack. Raises `TargetError` when its package is not installed."""
    entered: dict[str, Any] = {}
    for name in names:
        source = known[name]
        made = (_load(source) if isinstance(source, EntryPoint) else source)()
        if hasattr(made, "__aenter__"):
            made = await stack.enter_async_context(made)
        elif hasattr(made, "__enter__"):
            made = stack.enter_context(made)
        entered[name] = made
    return entered


def _load(point: EntryPoint) -> Factory:
    try:
        factory: Factory = point.load()
    except ImportError as error:
        package = point.dist.name if point.dist else "outlast"
        raise TargetError(
            f"the parameter {point.name!r} needs {error.name}: pip install '{package}[{point.name}]'",
            context={"parameter": point.name, "missing": error.name},
        ) from error
    return factory
