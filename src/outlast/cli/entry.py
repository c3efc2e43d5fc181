"""`outlast VERB`: verbs are loaded when they are used, and every way to fail ends here, in one line and one exit code."""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

import click
from typing_extensions import override

from outlast.cli.options import Settings, common

__all__ = ["VERBS", "Verbs", "main", "outlast"]

VERBS = {
    "run": "Do every item of a job that is not done yet; the same command goes on.",
    "resume": "Go on with a job, as it was started.",
    "status": "Show where a job stands, running or not.",
    "ls": "List the jobs of the store.",
    "results": "Write the records of a job as JSON lines.",
    "retry": "Make the failed items of a job pending again.",
    "demo": "Crawl a flaky site on this machine, be killed, lose nothing.",
}


class Verbs(click.Group):
    """The verbs, each in its own module; `--help` imports none of them."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command: click.Command = import_module(f"outlast.cli.verbs.{cmd_name}").command
        return command

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS:
            near = get_close_matches(args[0], VERBS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(VERBS)}"
            raise click.UsageError(f"there is no verb {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted:
        from outlast import __version__  # noqa: PLC0415 - reads the installed metadata

        click.echo(f"outlast {__version__}")
        ctx.exit()


@click.group(
    cls=Verbs,
    subcommand_metavar="VERB [OPTIONS] [ARGUMENTS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@common("store", "json", "progress", "color", "quiet", "verbose")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def outlast() -> None:
    """Jobs that finish: through crashes, kill -9, flaky sites and outages.

    \b
      outlast run scrape.py:scrape urls.txt --job docs -o docs.jsonl

    Run it again after whatever stopped it, and it goes on. What is asked for goes to standard output, everything
    else to standard error.
    """  # noqa: D301 - click wants the character itself


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    settings = Settings()
    try:
        code = _invoked(given, settings)
    except click.exceptions.Exit as asked:
        code = asked.exit_code
    except BaseException as error:  # noqa: BLE001 - the last line of the process: every error becomes an exit code
        from outlast.cli.exits import tell  # noqa: PLC0415 - needed only when something failed

        code = tell(error, settings, as_json=settings.json or "--json" in given)
    sys.exit(code)


def _invoked(arguments: list[str], settings: Settings) -> int:
    # Not `Group.main`: it would turn a broken pipe or an EOFError of the user's own code into something else.
    with outlast.make_context("outlast", arguments, obj=settings) as ctx:
        answer: Any = outlast.invoke(ctx)
    return int(answer or 0)
