"""`outlast completion SHELL`."""

import click

from outlast.cli.completing import SHELLS, script
from outlast.cli.options import Settings, common
from outlast.cli.printing import answer, put

__all__ = ["command"]


@click.command("completion", short_help="Write the script with which a shell completes verbs and jobs.")
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(SHELLS))
@common("json")
@click.pass_obj
def command(settings: Settings, /, shell: str) -> int:
    """Write the script with which a shell completes verbs, options, jobs, groups of failures and hosts at the tab key.

    \b
      mkdir -p ~/.local/share/bash-completion/completions
      outlast completion bash > ~/.local/share/bash-completion/completions/outlast
      outlast completion zsh > ~/.zfunc/_outlast
      outlast completion fish > ~/.config/fish/completions/outlast.fish
    """  # noqa: D301 - click wants the character itself
    text = script(shell)
    if settings.json:
        answer({"shell": shell, "script": text})
    else:
        put(text)
    return 0
