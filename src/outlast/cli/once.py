"""What is meant for one call of `run` or `resume`: neither kept for the next one, nor taken from the environment."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from typing import Any, TypeVar

import click

__all__ = ["Once", "once_options"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """How a run is begun, and what its exit code is to say."""

    fresh: bool = False
    release_hold: bool = False
    require_same_code: bool = False
    exit_zero: bool = False
    dry_run: bool = False
    supervise: bool = False

    def again(self) -> "Once":
        """The same for a run that is begun again by itself: what starts over, or lifts a hold, has been done."""
        return replace(self, fresh=False, release_hold=False)


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--fresh", is_flag=True, help="Start over; what was recorded is put aside."),
    click.option("--release-hold", is_flag=True, help="Start a job that is on hold after a crash loop."),
    click.option("--require-same-code", is_flag=True, help="Refuse when the code has changed since the last run."),
    click.option("--exit-zero", is_flag=True, help="Exit with 0 where it would be 1."),
    click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
    click.option("--supervise", is_flag=True, help="Begin again when the process of the run dies."),
)


def once_options(function: Callable[..., R]) -> Callable[..., R]:
    """The argument `once`: what these options say."""

    @wraps(function)
    def call(*given: Any, **named: Any) -> R:
        chosen = {each.name: named.pop(each.name) for each in fields(Once)}
        return function(*given, once=Once(**chosen), **named)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call
