"""Which chain of work is this line, event or error part of?

One `ContextVar` holds a correlation id: 32 lower-case hex digits, so it is a W3C trace-id. asyncio tasks inherit it. A
process started with a `TRACEPARENT` (https://www.w3.org/TR/trace-context/) takes that trace's id, so an orchestrator's
trace goes on through the job.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["correlated", "correlation_id", "new_correlation_id", "trace_id_of"]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_current: ContextVar[str | None] = ContextVar("outlast_correlation_id", default=None)


def correlation_id() -> str:
    """The id of the current chain of work; the first call in a context begins one. Never None."""
    current = _current.get()
    if current is None:
        current = trace_id_of(os.environ.get("TRACEPARENT", "")) or new_correlation_id()
        _current.set(current)
    return current


@contextmanager
def correlated(trace_id: str | None = None) -> Iterator[str]:
    """Run a block under `trace_id`, or under an id of its own."""
    chosen = trace_id or new_correlation_id()
    token = _current.set(chosen)
    try:
        yield chosen
    finally:
        _current.reset(token)


def new_correlation_id() -> str:
    return secrets.token_hex(16)


def trace_id_of(traceparent: str) -> str | None:
    """The trace-id of a `traceparent` header, or None where it is malformed (the standard says: then ignore it)."""
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    if match is None or set(match[1]) == {"0"}:
        return None
    return match[1]
