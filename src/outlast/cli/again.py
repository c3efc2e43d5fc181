"""The newest command of a job, once more."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outlast.cli.opening import key_missing, keys_at_hand
from outlast.cli.options import STANDARD_STREAM
from outlast.cli.phrases import quoted
from outlast.cli.plan import Order
from outlast.cli.reading import JobRecord
from outlast.errors import ConfigurationError

__all__ = ["order_again"]


def order_again(record: JobRecord, overrides: Mapping[str, Any], here: Path, hint: str) -> Order:
    """What was typed when the job was begun or gone on with last, with `overrides` in it; their paths are meant from `here`.

    Raises `ConfigurationError` when the job was not begun on the command line, its directory is gone, or its key is not at hand.
    """
    if record.locked:
        raise key_missing(f"job {record.name!r}", record.locked_by, keys_at_hand())
    invocation = record.invocation
    if invocation is None and not record.run:
        raise ConfigurationError(f"job {record.name!r} has not begun: run its first command again")
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
    located = {
        name: str(here / value) if name in {"output", "config"} and value != STANDARD_STREAM else value
        for name, value in overrides.items()
    }
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
