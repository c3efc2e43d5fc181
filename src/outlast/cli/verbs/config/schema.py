"""`outlast config schema`."""

import json

import click

from outlast.cli.options import Settings, common
from outlast.cli.printing import put
from outlast.config.outline import schema

__all__ = ["command"]


@click.command("schema", short_help="Write the JSON Schema of a job file, for editors.")
@common("json")
@click.pass_obj
def command(_: Settings, /) -> int:
    """Write the JSON Schema of a job file: every key, what it means, what it may be. With --json it is the same.

    An editor that knows TOML (Even Better TOML, taplo) checks and completes with it when the first line of the job file is
    #:schema FILE; `outlast config init --schema` sees to both. In pyproject.toml it is about [tool.outlast].
    """
    put(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
    return 0
