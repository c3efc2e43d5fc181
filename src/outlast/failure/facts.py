"""What a foreign exception tells, read carefully: its properties and its `__str__` may raise."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

__all__ = [
    "DEPTH_MAX",
    "attribute",
    "chain",
    "errno_of",
    "header",
    "headers_of",
    "is_named",
    "status_of",
    "text_of",
    "type_name",
    "type_names",
]

DEPTH_MAX = 8
"""How many links of a chain of causes are looked at."""

# Names under which the standard library offers a class that is called otherwise.
_ALIASES: Mapping[str, str] = {
    "asyncio.TimeoutError": "builtins.TimeoutError",
    "asyncio.exceptions.TimeoutError": "builtins.TimeoutError",
    "concurrent.futures.TimeoutError": "builtins.TimeoutError",
    "socket.timeout": "builtins.TimeoutError",
    "socket.error": "builtins.OSError",
    "IOError": "builtins.OSError",
    "EnvironmentError": "builtins.OSError",
}

STATUSES = range(100, 600)
STATUS_NAMES = ("status", "status_code", "code")

T = TypeVar("T")


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its cause, the cause of that and so on; without an explicit cause, what was being handled."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(seen) < DEPTH_MAX:
        yield link
        seen.add(id(link))
        link = _next(link)


def attribute(thing: object, name: str) -> Any:
    """The attribute, or None when there is none or it cannot be read."""
    try:
        return getattr(thing, name, None)
    except Exception:  # noqa: BLE001 - whatever a foreign property raises, it says nothing then
        return None


def text_of(error: BaseException) -> str:
    """What the exception says, as text that is valid UTF-8."""
    return (_said(lambda: str(error)) or "").encode("utf-8", "replace").decode()


def type_name(error: BaseException) -> str:
    return _dotted(type(error))


def type_names(error: BaseException) -> Iterator[str]:
    """The dotted names of its classes, the most derived first."""
    return map(_dotted, type(error).__mro__)


def is_named(dotted: str, name: str) -> bool:
    """Whether the class of this dotted name is what a user calls `name`: bare, or with its package, from any module of it."""
    wanted = _ALIASES.get(name, name)
    kind, package = wanted.rpartition(".")[2], wanted.partition(".")[0]
    return dotted.rpartition(".")[2] == kind and (wanted == kind or dotted.partition(".")[0] == package)


def status_of(error: object) -> int | None:
    """The HTTP status that an error or a response carries itself or in its `response`."""
    own = _first_status(error)
    if own is not None:
        return own
    response = attribute(error, "response")
    return None if response is None else _first_status(response)


def errno_of(error: BaseException) -> int | None:
    """The number that the system gave an `OSError`."""
    number = attribute(error, "errno") if isinstance(error, OSError) else None
    return number if isinstance(number, int) else None


def headers_of(error: object) -> object:
    """The response headers that an error or a response carries itself or in its `response`; None without any."""
    own = attribute(error, "headers")
    return own if own is not None else attribute(attribute(error, "response"), "headers")


def header(headers: object, name: str) -> str | None:
    """A header's value as text, from any mapping that has `get`."""
    get = attribute(headers, "get")
    if get is None:
        return None
    value = _said(lambda: get(name))
    if value is None and isinstance(headers, Mapping):
        # A plain dict tells upper case from lower case; header names do not.
        value = next((headers[key] for key in headers if str(key).lower() == name.lower()), None)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else None


def _first_status(thing: object) -> int | None:
    # Only the first number there is: aiohttp's `code` beside its `status` is deprecated, and warns when it is read.
    for name in STATUS_NAMES:
        value = attribute(thing, name)
        if isinstance(value, int) and not isinstance(value, bool):
            return int(value) if value in STATUSES else None
    return None


def _next(link: BaseException) -> BaseException | None:
    if link.__cause__ is not None or link.__suppress_context__:
        return link.__cause__
    return link.__context__


def _dotted(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _said(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except Exception:  # noqa: BLE001 - whatever a foreign property raises, it says nothing then
        return None
