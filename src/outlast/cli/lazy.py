"""A table of verbs, each in a module that is imported when the verb is used."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import override

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["Verbs"]


class Verbs(click.Group):
    """The verbs of a table; the module `<package>.<verb>` has the `command` of each, and `--help` imports none of them.

    `groups` are verbs by the heading that they stand under in the help; without any they stand under one.
    """

    def __init__(
        self,
        *,
        verbs: Mapping[str, str],
        package: str,
        groups: Mapping[str, Sequence[str]] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(no_args_is_help=False, **attributes)
        self.verbs = verbs
        self.groups = groups or {"Verbs": tuple(verbs)}
        self._package = package

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            raise click.UsageError(f"which verb? There are: {', '.join(self.verbs)}", ctx)
        return super().parse_args(ctx, args)

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command: click.Command = import_module(f"{self._package}.{cmd_name}").command
        if ctx.resilient_parsing:
            from outlast.cli.completing import taught  # noqa: PLC0415 - only a shell that completes needs it

            return taught(command)
        return command

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in self.verbs:
            return super().resolve_command(ctx, args)
        if ctx.resilient_parsing:
            return None, None, args[1:]
        near = get_close_matches(args[0], self.verbs, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self.verbs)}"
        raise click.UsageError(f"there is no verb {self._named(ctx, args[0])!r}; {hint}", ctx)

    @override
    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only a shell that completes needs it

        # Not click's own, which imports every verb to ask for its help.
        verbs = [CompletionItem(verb, help=told) for verb, told in self.verbs.items() if verb.startswith(incomplete)]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.verbs))
        for heading, rows in self._sections():
            with formatter.section(heading):
                formatter.write_dl([(verb.ljust(width), told) for verb, told in rows])

    def _sections(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        grouped = {verb for verbs in self.groups.values() for verb in verbs}
        rest = [verb for verb in self.verbs if verb not in grouped]
        for heading, verbs in (*self.groups.items(), ("More", rest)):
            rows = [(verb, self.verbs[verb]) for verb in verbs if verb in self.verbs]
            if rows:
                yield heading, rows

    def _named(self, ctx: click.Context, verb: str) -> str:
        return f"{self.name} {verb}" if ctx.parent is not None else verb
