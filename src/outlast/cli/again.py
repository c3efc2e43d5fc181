"""The first command of a job, once more."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outlast.cli.phrases import quoted
from outlast.cli.plan import Order
from outlast.cli.reading import JobRecord
from outlast.errors import ConfigurationError, KeyMissingError
from outlast.storage.keys import KEY_VARIABLE

__all__ = ["order_again"]


def order_again(record: JobRecord, overrides: Mapping[str, Any], here: Path, hint: str) -> Order:
    """What was typed when the job was begun, with `overrides` in it; their paths are meant from `here`.

    Raises `ConfigurationError` when the job was not begun on the command line, its directory is gone, or its key is not at hand.
    """
    if record.locked:
        raise KeyMissingError(f"job {record.name!r} is encrypted, and its key is not at hand: set {KEY_VARIABLE}")
    invocation = record.invocation
    if invocation is None:
        raise ConfigurationError(
            f"job {record.name!r} was started from code: run that script again, it goes on by itself"
        )
    directory = Path(invocation["directory"])
    if not directory.is_dir():
        raise ConfigurationError(
            f"the directory {str(directory)!r}, in which job {record.name!r} was started, is gone: go on from another one "
            f"with outlast run TARGET ITEMS --job {quoted(record.name)} --store {quoted(str(record.directory.path.parents[1]))}"
        )
    located = {name: str(here / value) if name in {"output", "config"} else value for name, value in overrides.items()}
    return Order(
        target=invocation["target"],
        items=tuple(invocation["items"]),
        options={**invocation["options"], **located, **_rates(invocation["options"], overrides), "job": record.name},
        directory=directory,
        resumed=True,
        hint=hint,
    )


def _rates(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The rates of all hosts: one that is given for a host leaves those of the others alone."""
    rates = {**before.get("rate", {}), **now.get("rate", {})}
    return {"rate": rates} if rates else {}
