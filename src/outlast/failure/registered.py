"""The handlers that users register for kinds of failures, and which of them are asked about one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

from outlast.errors import ValidationError
from outlast.failure.actions import Decision, read_answer
from outlast.failure.facts import is_named, text_of, type_names
from outlast.failure.occurrence import Occurrence
from outlast.failure.ports import FailureCallback

__all__ = ["Asked", "Registered"]

CALLBACKS_MAX = 1_000

# So general that a class or a category says more.
_GENERAL = frozenset({"builtins.Exception", "builtins.BaseException", "builtins.object"})


@dataclass(slots=True)
class Asked:
    """What the handlers have answered, and what went wrong in those that raised."""

    decision: Decision | None = None
    errors: list[str] = field(default_factory=list)


class Registered:
    """Handlers by exception type, failure class or category. The most specific is asked first, of equals the one registered first."""

    def __init__(self) -> None:
        self._callbacks: list[tuple[str, FailureCallback]] = []

    def add(self, failure_type: object, callback: object) -> None:
        if isinstance(failure_type, type) and issubclass(failure_type, Exception):
            failure_type = f"{failure_type.__module__}.{failure_type.__qualname__}"
        if not isinstance(failure_type, str) or not failure_type.strip():
            raise ValidationError(f"failure_type must be a category, an exception or a class, not {failure_type!r}")
        if not callable(callback):
            raise ValidationError(f"the handler must be callable, and {type(callback).__name__!r} is not")
        if len(self._callbacks) >= CALLBACKS_MAX:
            raise ValidationError(f"at most {CALLBACKS_MAX} handlers can be registered")
        self._callbacks.append((failure_type, callback))

    async def ask(self, occurrence: Occurrence, event: dict[str, Any], context: dict[str, Any]) -> Asked:
        """Ask one after the other until one decides. An exception in one is noted, and the next is asked."""
        asked = Asked()
        for callback in self._about(occurrence):
            try:
                answer = callback(dict(event), dict(context))
                asked.decision = read_answer(await answer if isawaitable(answer) else answer)
            except Exception as error:  # noqa: BLE001 - a handler that fails must not keep the failure from being handled
                asked.errors.append(f"{type(error).__qualname__}: {text_of(error)}")
            if asked.decision is not None:
                break
        return asked

    def _about(self, occurrence: Occurrence) -> Iterator[FailureCallback]:
        names = list(type_names(occurrence.error))
        tests: list[Callable[[str], bool]] = [
            *(_names(dotted) for dotted in names if dotted not in _GENERAL),
            occurrence.classification.failure_class.value.__eq__,
            occurrence.category.__eq__,
            *(_names(dotted) for dotted in names if dotted in _GENERAL),
        ]
        met: set[int] = set()
        for test in tests:
            for number, (wanted, callback) in enumerate(self._callbacks):
                if number not in met and test(wanted):
                    met.add(number)
                    yield callback


def _names(dotted: str) -> Callable[[str], bool]:
    return lambda wanted: is_named(dotted, wanted)
