"""Which chain of work is this line, event or error part of?

One `ContextVar` holds a correlation id: 32 lower-case hex digits, so it is a W3C trace-id. asyncio tasks inherit it. A
process started with a `TRACEPARENT` (https://www.w3.org/TR/trace-context/) takes that trace's id, so an orchestrator's
trace goes on through the job; and what it starts itself can be handed the trace in the same way.
"""

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = [
    "Work",
    "adopt",
    "at_work",
    "child_environment",
    "correlated",
    "correlation_id",
    "handed_on",
    "new_correlation_id",
    "span_id",
    "spanned",
    "trace_id_of",
    "traceparent",
]

TRACEPARENT = "TRACEPARENT"
"""The environment variable that an orchestrator hands a trace to its children by."""

# Version ff is invalid, an id of zeros alone is none, and only versions that are still to come may have more fields.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)
_current: ContextVar[str | None] = ContextVar("outlast_correlation_id", default=None)
_span: ContextVar[str | None] = ContextVar("outlast_span_id", default=None)

Work = tuple[str, str, str, int]
"""Job, run, key of the item, number of the attempt; without an item the attempt is 0."""

at_work: ContextVar[Work | None] = ContextVar("outlast_at_work", default=None)
"""What is being worked on in this context. A run sets it for each attempt; its lines and events carry it."""


def correlation_id() -> str:
    """The id of the current chain of work; the first call in a context begins one. Never None."""
    current = _current.get()
    if current is None:
        current = trace_id_of(os.environ.get(TRACEPARENT, "")) or new_correlation_id()
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


def adopt(trace_id: str) -> None:
    """Go on under `trace_id` in this context, and in the tasks that begin in it."""
    _current.set(trace_id)


def new_correlation_id() -> str:
    return secrets.token_hex(16)


@contextmanager
def spanned(own: str) -> Iterator[None]:
    """Run a block as the span of this id: 16 lower-case hex digits."""
    token = _span.set(own)
    try:
        yield
    finally:
        _span.reset(token)


def span_id() -> str | None:
    """The span that is under way, where somebody has said so."""
    return _span.get()


def traceparent(trace_id: str | None = None, span: str | None = None) -> str:
    """A chain of work as a `traceparent` header: its correlation id, and the span that is under way; those of here, unless given.

    Where nobody has named a span, this context is one, under an id of its own.
    """
    span = span or _span.get()
    if span is None:
        span = secrets.token_hex(8)
        _span.set(span)
    return f"00-{trace_id or correlation_id()}-{span}-01"


def child_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a child process that belongs to the current chain of work: `environ`, else this process's."""
    return {**(os.environ if environ is None else environ), TRACEPARENT: traceparent()}


@contextmanager
def handed_on() -> Iterator[None]:
    """Let every process that is started while the block runs belong to the current chain of work. For a process that is all ours."""
    before = os.environ.get(TRACEPARENT)
    os.environ[TRACEPARENT] = traceparent()
    try:
        yield
    finally:
        if before is None:
            del os.environ[TRACEPARENT]
        else:
            os.environ[TRACEPARENT] = before


def trace_id_of(traceparent: str) -> str | None:
    """The trace-id of a `traceparent` header, or None where it is malformed (the standard says: then ignore it)."""
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    return None if match is None else match[1]
