"""Asking before something is done that cannot be undone. Only whoever sits at a terminal is asked."""

import sys

import click

from outlast.cli.options import Settings

__all__ = ["confirmed", "is_asked"]


def is_asked(settings: Settings) -> bool:
    """Whether there is anybody to ask: not with `--yes` or `--json`, and not where nobody sees the question or can answer."""
    return not settings.yes and not settings.json and sys.stdin.isatty() and sys.stderr.isatty()


def confirmed(question: str) -> bool:
    """Whether the answer is yes; it is no without one."""
    return click.confirm(question, err=True)
