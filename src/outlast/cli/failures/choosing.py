"""The options that say which failures are meant, for every verb that takes some of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, TypeVar

import click

from outlast.cli.failures.choice import Choice
from outlast.errors import ValidationError
from outlast.failure.model import FailureClass
from outlast.runtime import Runtime

__all__ = ["choice_options", "moment_in"]

R = TypeVar("R")

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--group", "groups", multiple=True, metavar="F-3a9c2f", help="Only failures of this group."),
    click.option("--host", "hosts", multiple=True, metavar="HOST", help="Only of this host, or of '*.shop.de'."),
    click.option(
        "--class",
        "classes",
        multiple=True,
        type=click.Choice([each.value for each in FailureClass]),
        metavar="CLASS",
        help="Only of this class: blocked, timeout, not_found, ...",
    ),
    click.option("--since", metavar="2h|DATE", help="Only of the last two hours, or since a date."),
)


def choice_options(function: Callable[..., R]) -> Callable[..., R]:
    """The argument `choice`: what the options say. A time that is none is a `ValidationError`."""

    @wraps(function)
    def call(*given: Any, since: str | None, **named: Any) -> R:
        kinds = {name: named.pop(name) for name in ("groups", "hosts", "classes")}
        moment = None if since is None else moment_in(since, Runtime().clock.now())
        return function(*given, choice=Choice(**kinds, since=moment), **named)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call


def moment_in(text: str, now: datetime) -> datetime:
    """The moment so long before `now` (`90min`, `2h`, `1d`), or at that date; a date without a zone is in UTC."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return _before(now, text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _before(now: datetime, text: str) -> datetime:
    from outlast.config.values import seconds_in  # noqa: PLC0415 - pydantic, for this option alone

    try:
        return now - timedelta(seconds=seconds_in(text))
    except (ValueError, OverflowError) as error:
        problem = f"--since {text!r} should be a duration such as 30m or 2h, or a date such as 2026-11-23T02:00"
        raise ValidationError(problem) from error
