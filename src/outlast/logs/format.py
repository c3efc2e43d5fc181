"""How a record becomes a line: text for people, JSON for machines; neither can be forged by what is logged."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from typing_extensions import override

from outlast.correlation import correlation_id
from outlast.logs.text import TEXT_MAX, Mask, escaped

__all__ = ["JsonFormatter", "LineFormatter", "TextFormatter", "word"]

_STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})
_CONTINUED = "\n  | "

TRACE_HEAD_MAX = 3_000
TRACE_TAIL_MAX = TEXT_MAX - TRACE_HEAD_MAX
"""A longer traceback loses its middle: where it began and what was raised are at its ends."""


class LineFormatter(logging.Formatter):
    """What both formats share: which fields a line has, and that secrets are masked in each of them."""

    def __init__(self, mask: Mask, *, correlated: bool) -> None:
        super().__init__()
        self._mask = mask
        self._correlated = correlated

    def message_of(self, record: logging.LogRecord) -> str:
        return str(self._mask(record.getMessage()))

    def extras_of(self, record: logging.LogRecord) -> dict[str, Any]:
        """The correlation id, then what was given as `extra`."""
        extras = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        correlation = extras.pop("correlation_id", None)
        plain: dict[str, Any] = self._mask(extras)
        return {"correlation_id": correlation or correlation_id(), **plain} if self._correlated else plain

    def trace_of(self, record: logging.LogRecord) -> str:
        """The traceback and the stack, or nothing."""
        trace = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        whole = "\n".join(filter(None, (trace, record.stack_info)))
        left = len(whole) - TRACE_HEAD_MAX - TRACE_TAIL_MAX
        if left <= 0:
            return str(self._mask(whole))
        head, tail = whole[:TRACE_HEAD_MAX], whole[-TRACE_TAIL_MAX:].partition("\n")[2]
        return f"{self._mask(head)}\n... ({left} characters left out) ...\n{self._mask(tail)}"


class TextFormatter(LineFormatter):
    """`2026-01-31T12:00:00.000Z INFO outlast.event run_started job_id=shop`; more lines of one record begin with ` | `."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        extras = (f"{escaped(name)}={word(value)}" for name, value in self.extras_of(record).items())
        head = (_timestamp(record), record.levelname, record.name, escaped(self.message_of(record)))
        # A mark before each further line, so that an error's own text cannot pass for a record.
        trace = escaped(self.trace_of(record), keep="\n").replace("\n", _CONTINUED)
        return " ".join((*head, *extras)) + (_CONTINUED + trace if trace else "")


class JsonFormatter(LineFormatter):
    """One JSON object a line; a field of ours wins over an `extra` of the same name."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "timestamp": _timestamp(record),
            "level": record.levelname,
            "logger": record.name,
            "message": self.message_of(record),
        }
        trace = self.trace_of(record)
        if trace:
            fields["exception"] = trace
        return json.dumps({**fields, **self.extras_of(record), **fields})


def word(value: Any) -> str:
    """A value in one word: text as it is where it is plain, everything else as JSON."""
    if isinstance(value, str) and value.isprintable() and not set(value) & set(" \"'="):
        return value
    return json.dumps(value)


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
