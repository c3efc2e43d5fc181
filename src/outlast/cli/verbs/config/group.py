"""The verbs of `outlast config`."""

import click

from outlast.cli.lazy import Verbs

__all__ = ["VERBS", "command"]

VERBS = {
    "init": "Write a job file to begin with: every setting, commented out.",
    "check": "Say everything that is wrong with the settings.",
    "show": "Show every setting, and where it comes from.",
    "schema": "Write the JSON Schema of a job file, for editors.",
}


@click.group(
    "config",
    cls=Verbs,
    verbs=VERBS,
    package="outlast.cli.verbs.config",
    subcommand_metavar="VERB [OPTIONS] [ARGUMENTS]...",
    short_help="Write a job file, check it, show every setting and its origin.",
)
def command() -> None:
    """Settings: what there is to set, what is set, where, and whether it is right.

    \b
      outlast config init shop.toml
      outlast config check shop.toml
      outlast config show shop.toml --origin

    A setting comes from what is typed, else the environment (OUTLAST_CONCURRENCY, OUTLAST_RETRY__ENABLED), else the job
    file, else [tool.outlast] in pyproject.toml, else its default.
    """  # noqa: D301 - click wants the character itself
