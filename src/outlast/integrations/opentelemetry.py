"""A run's traces for OpenTelemetry (extra `otel`, its API alone): `outlast.run`, in it `outlast.item`, in that `outlast.attempt`.

An item's span begins with its first attempt and ends when the item is settled. It stays as it is when a retry succeeds: the error
belongs to the attempt (OpenTelemetry's rules for recording errors). A resumed run's span is linked to that of the run before.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from opentelemetry import context, trace
from opentelemetry.trace import Link, Span, SpanContext, Status, StatusCode, TraceFlags

from outlast.correlation import spanned, trace_id_of
from outlast.events import ResilienceEvent
from outlast.failure.facts import text_of, type_name
from outlast.jobs.outcome import ExitCode, Outcome
from outlast.ledger.port import ItemStatus, Record
from outlast.logs.text import masking
from outlast.storage.strictjson import decode

if TYPE_CHECKING:
    from collections.abc import Callable

    from outlast.jobs.athand import Task
    from outlast.jobs.observing import About

__all__ = ["Traces", "observer"]

OPEN_ITEMS_MAX = 10_000
"""Items that wait for a retry with an open span; of more, the span of the one that has waited longest ends without an outcome."""
TEXT_MAX = 2_000
PARENT = "TRACEPARENT"
# Of these the run's span tells; what happens to single items is in their spans.
_TOLD = frozenset({"job", "checkpoint", "resource", "abort"})
_ASKED_FOR = frozenset({ExitCode.INTERRUPTED, ExitCode.TERMINATED, ExitCode.ABORTED})
"""How a run ends as `stopped` that somebody has stopped, or whose hosts somebody has paused."""


def observer(about: "About") -> "Traces | None":
    """The traces of one run; None when the program has set up no tracer provider: then nobody would get them."""
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return None
    traces = Traces(about)
    traces.listen(about.runtime.bus.subscribe(traces.note))
    return traces


@dataclass(slots=True)
class _Begun:
    """An attempt under way: its span, the item's, and what takes it out of the context again."""

    item: Span
    attempt: Span
    token: Any
    own: AbstractContextManager[None]


class Traces:
    """The spans of one run. Its trace-id becomes the correlation id of the run."""

    def __init__(self, about: "About") -> None:
        self._about = about
        self._mask = masking(about.config.logging.redact, longest=TEXT_MAX)
        self._tracer = trace.get_tracer("outlast", version("outlast"))
        self._items: dict[int, Span] = {}
        self._unsubscribe: Callable[[], None] = lambda: None
        self._run = self._tracer.start_span(
            "outlast.run",
            context=_parent(about.environ),
            attributes={"outlast.job.id": about.job_id, "outlast.run.id": about.run_id},
            links=_links(about.former),
        )
        self._inside = trace.set_span_in_context(self._run)
        own = self._run.get_span_context()
        if own.is_valid:
            about.trace = {
                "trace_id": trace.format_trace_id(own.trace_id),
                "span_id": trace.format_span_id(own.span_id),
            }

    def listen(self, unsubscribe: "Callable[[], None]") -> None:
        """What is to be called once nothing more is to be noted."""
        self._unsubscribe = unsubscribe

    def began(self, task: "Task", attempt: int, /) -> _Begun:
        item = self._items.pop(task.lease.item, None) or self._tracer.start_span(
            "outlast.item", context=self._inside, attributes=self._about_item(task)
        )
        inside = trace.set_span_in_context(item, self._inside)
        span = self._tracer.start_span("outlast.attempt", context=inside, attributes=self._about_item(task))
        span.set_attribute("outlast.attempt", attempt)
        own = spanned(trace.format_span_id(span.get_span_context().span_id))
        own.__enter__()
        return _Begun(item, span, context.attach(trace.set_span_in_context(span, inside)), own)

    def ended(self, begun: _Begun | None, task: "Task", record: Record | None, error: BaseException | None, /) -> None:
        if begun is None:  # it ended before, and what is recorded of it came later
            self._settle(self._items.pop(task.lease.item, None), task, record)
            return
        context.detach(begun.token)
        begun.own.__exit__(None, None, None)
        failure = _failure_of(record)
        if failure is not None:
            self._mark(begun.attempt, str(failure.get("type")), str(failure.get("message", "")))
            begun.attempt.set_attribute("outlast.failure.class", str(failure.get("class", "unknown")))
        elif error is not None:
            self._mark(begun.attempt, type_name(error), text_of(error))
        begun.attempt.end()
        self._settle(begun.item, task, record)

    async def sampled(self, sample: Mapping[str, Any], /) -> None:
        for name in ("done", "failed", "in_flight"):
            self._run.set_attribute(f"outlast.items.{name}", sample[name])

    async def close(self) -> None:
        self._unsubscribe()
        for item in self._items.values():
            item.end()
        self._items.clear()
        about = self._about
        self._run.set_attribute("outlast.outcome", about.outcome)
        if about.outcome == "error":
            kind, _, message = about.error.partition(": ")
            self._mark(self._run, kind or "error", message)
        elif about.exit_code and not (about.outcome == Outcome.STOPPED and about.exit_code in _ASKED_FOR):
            self._mark(self._run, about.outcome, "")
        self._run.end()

    def note(self, event: ResilienceEvent) -> None:
        """What happens to the run stands in its span, as an event."""
        if event.job_id != self._about.job_id or event.component not in _TOLD:
            return
        masked = self._mask(event.data)
        plain = {f"outlast.{name}": value for name, value in masked.items() if isinstance(value, str | int | float)}
        self._run.add_event(f"outlast.{event.event_type}", plain)

    def _settle(self, item: Span | None, task: "Task", record: Record | None) -> None:
        """End the item's span when nothing more will come; else keep it for the next attempt."""
        if item is None:
            return
        if record is not None and record.status is ItemStatus.DEFERRED:
            self._items[task.lease.item] = item
            if len(self._items) > OPEN_ITEMS_MAX:
                self._items.pop(next(iter(self._items))).end()
            return
        failure = _failure_of(record)
        if failure is not None:
            self._mark(item, str(failure.get("type")), str(failure.get("message", "")))
        item.end()

    def _mark(self, span: Span, kind: str, message: str) -> None:
        span.set_attribute("error.type", kind.removeprefix("builtins."))
        span.set_status(Status(StatusCode.ERROR, self._mask(message)))

    def _about_item(self, task: "Task") -> dict[str, str]:
        told = {"outlast.job.id": self._about.job_id, "outlast.item.key": self._mask(task.lease.key)}
        return {**told, "server.address": task.host} if task.host else told


def _failure_of(record: Record | None) -> Mapping[str, Any] | None:
    """What is recorded of a failed attempt."""
    if record is None or record.status is ItemStatus.DONE or record.error is None:
        return None
    failure: Any = decode(record.error)
    return failure if isinstance(failure, Mapping) else None


def _parent(environ: Mapping[str, str]) -> context.Context | None:
    """What the run's span belongs to: the span that is active, else the `TRACEPARENT` that the process was given."""
    if trace.get_current_span().get_span_context().is_valid:
        return context.get_current()
    told = environ.get(PARENT, "").strip()
    trace_id = trace_id_of(told)
    if trace_id is None:
        return None
    _, _, span_id, flags = told.split("-")[:4]
    return trace.set_span_in_context(trace.NonRecordingSpan(_remote(trace_id, span_id, int(flags, 16))))


def _links(former: Mapping[str, str] | None) -> list[Link]:
    with suppress(KeyError, TypeError, ValueError):
        if former is not None:
            return [
                Link(_remote(former["trace_id"], former["span_id"], TraceFlags.SAMPLED), {"outlast.link": "resumes"})
            ]
    return []


def _remote(trace_id: str, span_id: str, flags: int) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(flags))
