"""The options that several verbs share, accepted before and after the verb."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["STANDARD_STREAM", "Settings", "common", "kept_in", "release_option", "run_options"]

STANDARD_STREAM = "-"
"""What is typed in place of a file for standard output."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Settings:
    """What the shared options say. `begun` is set once a run holds its job: from then on something was started.

    `job` and `hint` are the name of that job, and what has to be added to other verbs for them to find its store.
    """

    store: str | None = None
    json: bool = False
    progress: str | None = None
    color: str = "auto"
    quiet: bool = False
    verbose: int = 0
    begun: bool = False
    job: str | None = None
    hint: str | None = None


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    # What is given after the verb wins; what is not given there leaves alone what was given before it.
    if value:
        setattr(ctx.ensure_object(Settings), str(param.name), value)


def _option(*names: str, **attributes: Any) -> Callable[..., Any]:
    def decorate(function: F, *, hidden: bool = False) -> F:
        return click.option(*names, expose_value=False, callback=_keep, hidden=hidden, **attributes)(function)

    return decorate


_COMMON: dict[str, Callable[..., Any]] = {
    "store": _option(
        "--store",
        metavar="DIR",
        envvar="OUTLAST_STORE",
        show_envvar=True,
        help="Where jobs are kept; default: .outlast",
    ),
    "json": _option("--json", is_flag=True, help="One JSON document; errors are JSON too."),
    "progress": _option(
        "--progress",
        type=click.Choice(["auto", "live", "plain", "off"]),
        help="auto: live on a terminal, else in lines.",
    ),
    "color": _option(
        "--color", type=click.Choice(["auto", "always", "never"]), help="auto obeys NO_COLOR and FORCE_COLOR."
    ),
    "quiet": _option("-q", "--quiet", is_flag=True, help="Only how it ended, and errors."),
    "verbose": _option("-v", "--verbose", count=True, help="Log every event; -vv: everything."),
}


def _rates(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str] | None:
    """By host; None when nothing was given. Whether it is a rate, the configuration says."""
    named = dict(each.rpartition("=")[::2] for each in given)
    if "" in named:
        raise click.BadParameter(f"{named['']!r} should be a host and its rate, such as shop.de=30/min", ctx, param)
    return {host.lower(): rate for host, rate in named.items()} or None


def common(*names: str) -> Callable[[F], F]:
    """Give a verb these of the shared options; their values are in its `Settings`.

    The others are taken as well, and are not in its help: a script may give all of its calls the same options.
    """

    def decorate(function: F) -> F:
        for name in reversed(_COMMON):
            if name not in names:
                function = _COMMON[name](function, hidden=True)
        for name in reversed(names):
            function = _COMMON[name](function)
        return function

    return decorate


def kept_in(function: F) -> F:
    """Where to look for checkpoints that are not a job's of the store: the argument `path`."""
    return click.option(
        "--path",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="A directory of checkpoints that a program of yours keeps, in place of a job of the store.",
    )(function)


def release_option(function: F) -> F:
    """Whether to start a job that is held: the argument `release_hold`."""
    return click.option(
        "--release-hold", is_flag=True, help="Start a job that is on hold because its last starts got nothing done."
    )(function)


def run_options(function: F) -> F:
    """The settings of a run; those not given are left to files, environment and defaults."""
    for option in reversed(
        [
            click.option(
                "-o", "--output", metavar="FILE", help="The file that gets the records, one JSON text a line."
            ),
            click.option("--concurrency", type=int, metavar="N", help="Items in flight at once."),
            click.option("--timeout", metavar="30s|none", help="How long one attempt at an item may take."),
            click.option(
                "--max-failed", metavar="1%|N", help="How many items may fail in a job that counts as finished."
            ),
            click.option("--max-time", metavar="6h|none", help="How long the run may take before it stops in order."),
            click.option(
                "--rate",
                multiple=True,
                callback=_rates,
                metavar="HOST=30/min",
                help="How often a host may be asked; '*': each of the others. May be repeated.",
            ),
            click.option(
                "--abort-policy",
                metavar="NAME",
                help="When the job gives up: default, conservative, strict, never, ...",
            ),
            click.option("--pages", type=int, metavar="N", help="Pages of the browser open at once."),
            # No flag that is false: what is not given has to be left to the job file.
            click.option("--headed", is_flag=True, default=None, help="Show the browser's window."),
            click.option("--config", metavar="FILE", help="A job file for the settings that are not given here."),
            click.option("--key", metavar="FIELD", help="The field of an item that says which item it is."),
        ]
    ):
        function = option(function)
    return function
