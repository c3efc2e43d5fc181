"""The options that several verbs share, accepted before and after the verb."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

__all__ = [
    "COMPLETE_VARIABLE",
    "STANDARD_STREAM",
    "Settings",
    "common",
    "given_options",
    "kept_in",
    "run_options",
    "variable_of",
]

STANDARD_STREAM = "-"
"""What is typed in place of a file for standard output."""

COMPLETE_VARIABLE = "_OUTLAST_COMPLETE"
"""With it in the environment a shell asks what to offer; the value says which shell (`outlast.cli.completing`)."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(slots=True)
class Settings:
    """What the shared options say. `begun` is set once a run holds its job: from then on something was started.

    `config` is the job file as it was typed; `job` and `hint` are the name of that job, and what has to be added to other verbs for them to find its store.
    """

    store: str | None = None
    config: str | None = None
    json: bool = False
    progress: str | None = None
    color: str = "auto"
    quiet: bool = False
    verbose: int = 0
    log_format: str | None = None
    yes: bool = False
    begun: bool = False
    job: str | None = None
    hint: str | None = None


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    # What is given after the verb wins; what is not given there leaves alone what was given before it. The environment was
    # asked before the verb, and what was typed there wins over it.
    from_environment = ctx.get_parameter_source(str(param.name)) is ParameterSource.ENVIRONMENT
    if value and not (from_environment and ctx.parent is not None):
        setattr(ctx.ensure_object(Settings), str(param.name), value)


def _option(*names: str, help: str = "", **attributes: Any) -> Callable[..., Any]:  # noqa: A002 - click's word
    """A shared option. One of several words needs no help: it names them."""
    variable = variable_of(names[-1])
    if isinstance(words := attributes.get("type"), click.Choice):
        help = f"{', '.join(words.choices)}."  # noqa: A001 - click's word
    attributes |= {"envvar": variable, "help": f"{help} [env: {variable}]"}

    def decorate(function: F, *, hidden: bool = False) -> F:
        return click.option(*names, expose_value=False, callback=_keep, hidden=hidden, **attributes)(function)

    return decorate


def _setting(name: str, help: str, *names: str, **attributes: Any) -> Callable[..., Any]:  # noqa: A002 - click's word
    """An option that is a setting too: its variable is read with the configuration, not here."""
    option = f"--{name.replace('_', '-')}"
    return click.option(*names, option, help=f"{help} [env: {variable_of(option)}]", **attributes)


def variable_of(option: str) -> str:
    """The variable of the environment that says the same as a shared option."""
    return f"OUTLAST_{option.removeprefix('--').replace('-', '_').upper()}"


_COMMON: dict[str, Callable[..., Any]] = {
    "store": _option(
        "--store",
        metavar="DIR",
        help="Where jobs are kept (.outlast).",
    ),
    "config": _option("--config", metavar="FILE", help="A job file for what is not given."),
    "json": _option("--json", is_flag=True, help="Answer in JSON; errors too."),
    "progress": _option(
        "--progress",
        type=click.Choice(["auto", "live", "plain", "json", "off"]),
        metavar="HOW",
    ),
    "color": _option("--color", type=click.Choice(["auto", "always", "never"]), metavar="WHEN"),
    "quiet": _option("-q", "--quiet", is_flag=True, help="Only how it ended, and errors."),
    "verbose": _option("-v", "--verbose", count=True, help="Log events; -vv: everything."),
    "log_format": _option("--log-format", type=click.Choice(["text", "json"]), metavar="FORM"),
    "yes": _option("-y", "--yes", is_flag=True, help="Do not ask."),
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


def given_options(options: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Those of the options of a run that were given, the job file among them."""
    return {name: value for name, value in {**options, "config": settings.config}.items() if value is not None}


def run_options(function: F) -> F:
    """The settings of a run; those not given are left to files, environment and defaults. The configuration reads the environment."""
    for option in reversed(
        [
            _setting("output", "The file that gets the records.", "-o", metavar="FILE"),
            _setting("concurrency", "Items in flight at once.", type=int, metavar="N"),
            _setting("timeout", "Time for one attempt.", metavar="30s|none"),
            _setting("max_failed", "How many items may fail.", metavar="1%|N"),
            _setting("max_time", "Time for the run.", metavar="6h|none"),
            _setting("rate", "How often to ask a host.", multiple=True, callback=_rates, metavar="HOST=30/min"),
            click.option(
                "--abort-policy", metavar="NAME", help="When to give up. [env: OUTLAST_ABORT__DEFAULT_POLICY]"
            ),
            click.option(
                "--pages", type=int, metavar="N", help="Pages open at once. [env: OUTLAST_BROWSER__CONCURRENCY]"
            ),
            # No flag that is false: what is not given has to be left to the job file.
            click.option(
                "--headed", is_flag=True, default=None, help="Show the window. [env: OUTLAST_BROWSER__HEADLESS=0]"
            ),
            _setting("key", "The field that identifies an item.", metavar="FIELD"),
        ]
    ):
        function = option(function)
    return function
