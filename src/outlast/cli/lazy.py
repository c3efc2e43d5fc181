"""A table of verbs, each in a module that is imported when the verb is used."""

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click
from typing_extensions import override

__all__ = ["Verbs"]


class Verbs(click.Group):
    """The verbs of a table; the module `<package>.<verb>` has the `command` of each, and `--help` imports none of them."""

    def __init__(self, *, verbs: Mapping[str, str], package: str, **attributes: Any) -> None:
        super().__init__(no_args_is_help=False, **attributes)
        self.verbs = verbs
        self._package = package

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args:
            raise click.UsageError(f"which verb? There are: {', '.join(self.verbs)}", ctx)
        return super().parse_args(ctx, args)

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command: click.Command = import_module(f"{self._package}.{cmd_name}").command
        return command

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.verbs:
            near = get_close_matches(args[0], self.verbs, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self.verbs)}"
            raise click.UsageError(f"there is no verb {self._named(ctx, args[0])!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(self.verbs.items()))

    def _named(self, ctx: click.Context, verb: str) -> str:
        return f"{self.name} {verb}" if ctx.parent is not None else verb
