"""`outlast config check [FILE]`."""

from dataclasses import dataclass

import click

from outlast.cli.options import Settings, common
from outlast.cli.phrases import commands, quoted, safe, units
from outlast.cli.printing import answer, say
from outlast.cli.settled import Settled, complaints_about, settled
from outlast.cli.words.config import settings_document
from outlast.config import Complaint
from outlast.config.complaints import refusal
from outlast.errors import ConfigurationError
from outlast.jobs import ExitCode

__all__ = ["command"]

SHOWN_MAX = 300


@click.command("check", short_help="Say everything that is wrong with the settings.")
@click.argument("file", required=False, metavar="[FILE]")
@common("store", "config", "json", "quiet")
@click.pass_obj
def command(settings: Settings, /, file: str | None) -> int:
    """Say everything that is wrong with a job file, the environment and pyproject.toml, all at once; exit code 2 if anything is.

    Beyond the keys and values: names of policies and thresholds that there are not, a missing encryption key, target, file of
    items, or variable that a notice needs. The target is looked for and not imported. Without FILE: that of --config, if any.
    """
    looked = _looked(settings, file)
    complaints, named = looked.complaints, file or settings.config
    if settings.json:
        answer({"sound": not complaints, "file": named, "settings": looked.given, "complaints": complaints})
        return ExitCode.USAGE if complaints else ExitCode.FINISHED
    if complaints:
        raise refusal(complaints)
    if not settings.quiet:
        where = "" if named is None else f"{safe(named, SHOWN_MAX)}: "
        line = f"{where}{units(looked.given, 'setting')} in all layers, and nothing is wrong."
        say([line, *_advice(looked.found)], color=settings.color, style="green")
    return ExitCode.FINISHED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """`given` settings are not left to their defaults; `found` is what they come to, where they can be read."""

    complaints: list[Complaint]
    given: int = 0
    found: Settled | None = None


def _looked(settings: Settings, file: str | None) -> _Looked:
    try:
        found = settled(settings, file, {})
    except ConfigurationError as error:
        told = error.context.get("complaints")
        if told is None:
            raise
        rest = settled(settings, file, {}, without_wrong=True)
        return _Looked(complaints=[*told, *complaints_about(rest, told)])
    given = sum(row["layer"] != "default" for row in settings_document(found))
    return _Looked(complaints=complaints_about(found), given=given, found=found)


def _advice(found: Settled | None) -> list[str]:
    """A job file without a target is none that can be run by itself, and may be meant so."""
    if found is None or found.file is None or found.config.target is not None:
        return []
    command = f"outlast run FILE.py:FUNCTION --config {quoted(str(found.file))}"
    return ["It names no target, so that it goes with one:", *commands([("run", command)])]
