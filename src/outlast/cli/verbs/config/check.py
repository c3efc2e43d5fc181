"""`outlast config check [FILE]`."""

import click

from outlast.cli.config_words import settings_document
from outlast.cli.options import Settings, common
from outlast.cli.phrases import safe, units
from outlast.cli.printing import answer, say
from outlast.cli.settled import complaints_about, settled
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
    complaints, given = _looked(settings, file)
    if settings.json:
        answer({"sound": not complaints, "file": file or settings.config, "settings": given, "complaints": complaints})
        return ExitCode.USAGE if complaints else ExitCode.FINISHED
    if complaints:
        raise refusal(complaints)
    if not settings.quiet:
        named = file or settings.config
        where = "" if named is None else f"{safe(named, SHOWN_MAX)}: "
        say(
            f"{where}{units(given, 'setting')} in all layers, and nothing is wrong.",
            color=settings.color,
            style="green",
        )
    return ExitCode.FINISHED


def _looked(settings: Settings, file: str | None) -> tuple[list[Complaint], int]:
    """The complaints, and how many settings are not left to their defaults."""
    try:
        found = settled(settings, file, {})
    except ConfigurationError as error:
        told = error.context.get("complaints")
        if told is None:
            raise
        return list(told), 0
    given = sum(row["layer"] != "default" for row in settings_document(found))
    return complaints_about(found), given
