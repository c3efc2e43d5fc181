"""`outlast config VERB`: one module per verb, each with a `command`, as this package has one."""

from outlast.cli.verbs.config.group import command

__all__ = ["command"]
