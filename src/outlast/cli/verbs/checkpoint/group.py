"""The verbs of `outlast checkpoint`."""

import click

from outlast.cli.lazy import Verbs

__all__ = ["VERBS", "command"]

VERBS = {
    "now": "Have the run of a job take a checkpoint.",
    "ls": "List the checkpoints of a job, newest first.",
    "show": "Show what a checkpoint holds.",
    "verify": "Check that checkpoints are as they were written.",
    "prune": "Delete old checkpoints; never the newest intact one.",
    "restore": "Take an older state as the newest checkpoint.",
    "export": "Write the data of a checkpoint as JSON.",
}


@click.group(
    "checkpoint",
    cls=Verbs,
    verbs=VERBS,
    package="outlast.cli.verbs.checkpoint",
    subcommand_metavar="VERB [OPTIONS] [ARGUMENTS]...",
    short_help="Take a checkpoint now; list, show, verify, prune, restore or export them.",
)
def command() -> None:
    """Look at the checkpoints of a job, and look after them.

    \b
      outlast checkpoint ls docs
      outlast checkpoint verify docs --deep

    ID is a checkpoint's, as `ls` shows it. With --path DIR they are those that a program of yours keeps in a directory.
    """  # noqa: D301 - click wants the character itself
