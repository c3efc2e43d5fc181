"""`outlast checkpoint VERB`: one module per verb, each with a `command`, as this package has one."""

from outlast.cli.verbs.checkpoint.group import command

__all__ = ["command"]
