"""Functions of a user's rules that only ever raise: their rules never hold, which somebody should hear of."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import update_wrapper
from typing import Any

from outlast.failure.facts import text_of
from outlast.failure.rule import FailureRule

__all__ = ["heard"]

RAISES_MAX = 20
SHOWN_MAX = 200

_log = logging.getLogger("outlast.failure")


def heard(rules: Iterable[FailureRule]) -> tuple[FailureRule, ...]:
    """The same rules; one whose `when` has raised each of 20 times, or for want of a name, is told on the log, once."""
    return tuple(rule if rule.when is None else replace(rule, when=_Heard(rule.name, rule.when)) for rule in rules)


class _Heard:
    def __init__(self, name: str, when: Callable[[Any], bool]) -> None:
        update_wrapper(self, when)
        self._name = name
        self._when = when
        self._raises = 0
        self._is_over = False

    def __call__(self, thing: object) -> bool:
        try:
            says = self._when(thing)
        except Exception as error:
            self._note(error)
            raise
        self._is_over = True
        return says

    def _note(self, error: Exception) -> None:
        if self._is_over:
            return
        self._raises += 1
        # What has no name is a slip of the pen; anything else may be a question that does not fit what was asked about.
        if self._raises >= RAISES_MAX or isinstance(error, NameError):
            self._is_over = True
            asked = f"each of the {self._raises} times it was asked, last" if self._raises > 1 else "when it was asked,"
            why = f"{type(error).__qualname__}: {text_of(error)[:SHOWN_MAX]!r}"
            _log.warning("rule %r has never held: its `when` raised %s %s", self._name, asked, why)
