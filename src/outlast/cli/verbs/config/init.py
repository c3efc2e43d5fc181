"""`outlast config init [FILE]`."""

import json
from pathlib import Path

import click

from outlast.cli.options import STANDARD_STREAM, Settings, common
from outlast.cli.phrases import commands, quoted, safe
from outlast.cli.printing import answer, put, say
from outlast.config.outline import schema
from outlast.config.template import job_file
from outlast.errors import ConfigurationError

__all__ = ["command"]

SCHEMA_NAME = "outlast.schema.json"
SHOWN_MAX = 300


@click.command("init", short_help="Write a job file to begin with: every setting, commented out.")
@click.argument("file", metavar="[FILE]", default="job.toml", type=click.Path(path_type=Path))
@click.option("--schema", "with_schema", is_flag=True, help=f"Also write {SCHEMA_NAME} beside it, for editors.")
@common("json", "quiet")
@click.pass_obj
def command(settings: Settings, /, file: Path, *, with_schema: bool) -> int:
    """Write a job file to begin with: every setting, what it means and its default, commented out.

    FILE is job.toml where it is not named, or - for standard output. A file that is there already is left alone: exit code 2.
    """
    if str(file) == STANDARD_STREAM:
        if with_schema:
            raise click.UsageError("standard output has no place beside it for a schema: name a file")
        put(job_file("job.toml"))
        return 0
    if file.suffix != ".toml":
        raise click.UsageError(f"{str(file)!r} should end in .toml: by that `outlast run` knows a job file")
    beside = file.with_name(SCHEMA_NAME) if with_schema else None
    if beside is not None:
        _refuse_theirs(beside)
    _write(file, job_file(file.name, schema=None if beside is None else f"./{beside.name}"), "x")
    if beside is not None:
        _write(beside, json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", "w")
    if settings.json:
        answer({"file": str(file), "schema": None if beside is None else str(beside)})
    elif not settings.quiet:
        name = quoted(str(file))
        steps = [("check it", f"outlast config check {name}"), ("run it", f"outlast run {name}")]
        also = "" if beside is None else f", and {beside.name} beside it"
        say([f"{safe(str(file), SHOWN_MAX)} written{also}. Fill in the target and the items; then:", *commands(steps)])
    return 0


def _refuse_theirs(file: Path) -> None:
    """A schema that an earlier version has written is replaced; anything else is left alone."""
    try:
        ours = not file.exists() or json.loads(file.read_bytes())["title"] == schema()["title"]
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise ConfigurationError(
            f"there is a {str(file)!r} already that is no schema of a job file: it is left as it is"
        )


def _write(file: Path, text: str, mode: str) -> None:
    try:
        with file.open(mode, encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise ConfigurationError(f"there is a {str(file)!r} already: it is left as it is") from error
    except OSError as error:
        raise ConfigurationError(f"{str(file)!r} cannot be written: {error.strerror}") from error
