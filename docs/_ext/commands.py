"""`{outlast-commands}`: what `--help` says of every verb, from the code itself, so that it can be neither wrong nor old."""

from importlib import import_module

import click
from docutils import nodes
from docutils.parsers.rst import Directive

from outlast.cli.entry import GROUPS, VERBS, outlast

__all__ = ["Commands", "setup"]

WIDTH = 100


def help_of(name, command, parent=None):
    """The text of `outlast NAME --help`, at the width of the page and without colours, and the context of it."""
    settings = command.context_settings | {"terminal_width": WIDTH, "color": False}
    context = command.context_class(command, parent, name, **settings)
    return context, click.unstyle(command.get_help(context))


def verbs():
    """Each verb by its whole name, in the order of `outlast --help`, with its help."""
    above, told = help_of("outlast", outlast)
    yield "outlast", told
    grouped = [verb for group in GROUPS.values() for verb in group if verb in VERBS]
    for verb in dict.fromkeys([*grouped, *VERBS]):
        command = import_module(f"outlast.cli.verbs.{verb}").command
        context, told = help_of(verb, command, above)
        yield f"outlast {verb}", told
        for inner in getattr(command, "verbs", ()):
            yield f"outlast {verb} {inner}", help_of(inner, command.get_command(context, inner), context)[1]


class Commands(Directive):
    """A section for each verb."""

    def run(self):
        return [_section(name, told) for name, told in verbs()]


def _section(name, told):
    section = nodes.section(ids=[nodes.make_id(name)], names=[nodes.fully_normalize_name(name)])
    section += nodes.title(name, "", nodes.literal(text=name))
    section += nodes.literal_block(told, told, language="text")
    return section


def setup(app):
    app.add_directive("outlast-commands", Commands)
    return {"parallel_read_safe": True}
