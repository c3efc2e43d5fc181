"""`outlast VERB`: verbs are loaded when they are used, and every way to fail ends here, in one line and one exit code."""

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from outlast.cli.lazy import Verbs
from outlast.cli.options import COMPLETE_VARIABLE, Settings, common
from outlast.cli.streams import fill_in
from outlast.secrecy import begin_to_conceal

__all__ = ["GROUPS", "VERBS", "main", "outlast"]

VERBS = {
    "run": "Do every item of a job that is not done yet, or go on with it.",
    "resume": "Go on with a job, as it was started.",
    "status": "Show where a job stands, running or not.",
    "ls": "List the jobs of the store, or the runs of a job.",
    "results": "Write the records of a job as JSON lines.",
    "export": "Write records or items to a JSONL, CSV, Parquet or SQLite file.",
    "report": "Write a report on a job: HTML, Markdown, JSON.",
    "events": "Show what happened, from the event log of a job.",
    "failures": "Show why items failed, by group and host.",
    "retry": "Make failed items pending again: all, or some of them.",
    "ignore": "Let failed items no longer count as failures.",
    "pause": "Let a job wait, or the items of a host, also while it runs.",
    "unpause": "Let a paused job, or a paused host, go on.",
    "rate": "Ask hosts more or less often, also while the job runs.",
    "stop": "Let what is in flight end, then stop the run.",
    "abort": "End the run of a job as aborted, for a reason.",
    "checkpoint": "Take a checkpoint now; list, show, verify, prune, restore or export them.",
    "verify": "Check every byte that a job has recorded; change nothing.",
    "repair": "Mend what is damaged; keep the damaged files aside.",
    "backup": "Copy a ledger to a file, also while its job runs.",
    "rekey": "Re-wrap what is encrypted with the first key.",
    "doctor": "Say whether this machine is fit for long jobs.",
    "demo": "Crawl a flaky site on this machine, be killed, lose nothing.",
    "config": "Write a job file, check it, show every setting and its origin.",
    "completion": "Write the script with which a shell completes verbs and jobs.",
}

GROUPS = {
    "Do the work": ("run", "resume", "retry", "ignore"),
    "See where it stands": ("status", "ls", "failures", "events", "report", "results", "export"),
    "Control a running job": ("pause", "unpause", "rate", "stop", "abort"),
    "Keep it safe": ("checkpoint", "verify", "repair", "backup", "rekey"),
    "Set it up": ("config", "doctor", "demo", "completion"),
}


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted and not ctx.resilient_parsing:
        from outlast import __version__  # noqa: PLC0415 - reads the installed metadata

        click.echo(f"outlast {__version__}")
        ctx.exit()


@click.group(
    cls=Verbs,
    verbs=VERBS,
    groups=GROUPS,
    package="outlast.cli.verbs",
    subcommand_metavar="VERB [OPTIONS] [ARGUMENTS]...",
    epilog="Every verb takes --store, --config, --json, --progress, --color, -q, -v, --log-format and --yes, before or "
    "after it, and from the environment: OUTLAST_STORE, OUTLAST_CONFIG, ... Its own --help has those that change something.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@common()
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def outlast() -> None:
    """Jobs that finish: through crashes, kill -9, flaky sites and outages.

    \b
      outlast run scrape.py:scrape urls.txt --job docs -o docs.jsonl

    Run it again after whatever stopped it, and it goes on.
    """  # noqa: D301 - click wants the character itself


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    settings = Settings()
    begin_to_conceal()
    fill_in()
    if COMPLETE_VARIABLE in os.environ:
        from outlast.cli.completing import completed  # noqa: PLC0415 - only a shell that completes needs it

        sys.exit(completed(outlast, os.environ[COMPLETE_VARIABLE]))
    try:
        code = _printed(given, settings)
    except click.exceptions.Exit as asked:
        code = asked.exit_code
    except BaseException as error:  # noqa: BLE001 - the last line of the process: every error becomes an exit code
        from outlast.cli.exits import tell  # noqa: PLC0415 - needed only when something failed

        code = tell(error, settings, as_json=settings.json or "--json" in given or settings.progress == "json")
    sys.exit(code)


def _printed(arguments: list[str], settings: Settings) -> int:
    """`outlast --help | head -1` is no error."""
    try:
        return _invoked(arguments, settings)
    except OSError as error:
        from outlast.cli.printing import reader_left  # noqa: PLC0415 - needed only when something failed

        if reader_left(error):
            return 0
        raise


def _invoked(arguments: list[str], settings: Settings) -> int:
    # Not `Group.main`: it would turn a broken pipe or an EOFError of the user's own code into something else.
    with outlast.make_context("outlast", arguments, obj=settings) as ctx:
        answer: Any = outlast.invoke(ctx)
    return int(answer or 0)
