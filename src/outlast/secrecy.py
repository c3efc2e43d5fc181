"""Which names have values that are masked wherever something is shown to people: the usual ones, and those of the jobs that are shown."""

from collections.abc import Iterable
from contextvars import ContextVar

__all__ = ["SECRET_NAMES", "begin_to_conceal", "conceal", "secret_names"]

SECRET_NAMES = (
    "password",
    "passwd",
    "token",
    "authorization",
    "cookie",
    "set-cookie",
    "sessionid",
    "api_key",
    "secret",
)
"""What `logging.redact` is where nobody says otherwise."""

_told: ContextVar[set[str] | None] = ContextVar("outlast_secret_names", default=None)


def begin_to_conceal() -> None:
    """Let what is concealed from here on count for this context and for the tasks that begin in it, and nothing from before."""
    _told.set(set())


def conceal(names: Iterable[str]) -> None:
    """Beside the usual names, mask the values of these in what is shown to people from here on."""
    told = _told.get()
    if told is not None:
        told.update(names)


def secret_names(*more: str) -> frozenset[str]:
    """The names whose values no way out to people shows: the usual ones, and those that jobs have added."""
    return frozenset({*SECRET_NAMES, *(_told.get() or ()), *more})
