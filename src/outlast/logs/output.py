"""One place that lines are written to: a stream or a file, with its form, its ids, its masks and its limit for repeats."""

import logging
import os
import re
import sys
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from typing_extensions import override

from outlast.config.model import LoggingConfiguration
from outlast.errors import ConfigurationError
from outlast.logs.format import JsonFormatter, LineFormatter, TextFormatter
from outlast.logs.ids import IdFilter
from outlast.logs.repeats import Repeated, Repeats
from outlast.logs.text import masking
from outlast.runtime import Clock, SystemClock

__all__ = ["Output", "formatter_of", "output_of"]

SAMPLE_MAX = 200

# What differs between two lines that say the same: URLs, what stands in quotes, ids, numbers.
_VARIABLE = re.compile(r"""[a-z]+://\S+|'[^']*'|"[^"]*"|\b[0-9a-fA-F]{8,}\b|\d+""")
# Two events of one type are of one kind when these agree.
_TELLING = ("host", "failure_class", "policy_id", "threshold_id")


class Output(logging.StreamHandler[TextIO]):
    """A stream, or the file at `path`, which is ours. Lines that come too often are counted, but for critical ones.

    Where the file was put aside or deleted meanwhile, as logrotate does, another is begun in its place.
    """

    end: Callable[[], None]

    def __init__(self, stream: TextIO, *, path: Path | None, repeats: Repeats, clock: Clock) -> None:
        super().__init__(stream)
        self._path = path
        self._repeats = repeats
        self._clock = clock
        self._told = False
        self.addFilter(IdFilter())

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            now = self._clock.monotonic()
            self._tell(self._repeats.over(now))
            written = record.levelno >= logging.CRITICAL or self._repeats.admits(_group(record), _sample(record), now)
        except Exception:  # noqa: BLE001 - a line that cannot be judged goes where logging tells of broken lines
            self.handleError(record)
            return
        if written:
            self._follow()
            super().emit(record)

    @override
    def close(self) -> None:
        self._tell(self._repeats.rest())
        if self._path is not None:
            # A full disk has kept what is still to be written; that was told.
            with suppress(OSError):
                self.stream.close()
        super().close()

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        """A place that cannot be written to is told once, on stderr; a line that is wrong in itself, as logging does it."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._told:
            self._told = True
            name = getattr(self.stream, "name", "the stream")
            with suppress(OSError, AttributeError):
                sys.stderr.write(f"outlast: log lines are lost, the job goes on: {name}: {error.strerror}\n")

    def _follow(self) -> None:
        """Go on in the file that has our name; as long as there can be none, in the one that had it."""
        if self._path is None or _is_at(self.stream, self._path):
            return
        with suppress(OSError):
            before = self.setStream(_appended(self._path))
            if before is not None:
                before.close()

    def _tell(self, over: list[tuple[Hashable, Repeated]]) -> None:
        for group, repeated in over:
            name, level = group[:2] if isinstance(group, tuple) else ("outlast", logging.INFO)
            text = "%d more like this in a minute: %s"
            values = (repeated.left_out, repeated.sample)
            record = logging.LogRecord(name, level, __file__, 0, text, values, None)
            record.repeated = repeated.left_out
            super().emit(record)


def output_of(config: LoggingConfiguration, clock: Clock | None = None) -> Output:
    """The output that a configuration asks for. Raises `ConfigurationError` when its file cannot be opened."""
    standard = {"stderr": sys.stderr, "stdout": sys.stdout}.get(config.destination)
    path = Path(config.destination).absolute() if standard is None else None
    output = Output(
        standard or _opened(Path(config.destination)),
        path=path,
        repeats=Repeats(config.repeats_per_minute),
        clock=clock or SystemClock(),
    )
    output.setFormatter(formatter_of(config))
    return output


def formatter_of(config: LoggingConfiguration) -> LineFormatter:
    """What makes a line of a record, as configured; for handlers of one's own too."""
    formatter = JsonFormatter if config.format == "json" else TextFormatter
    return formatter(masking(config.redact), correlated=config.correlation_enabled)


def _opened(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _appended(path)
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
        complaint = {"path": "logging.destination", "problem": problem, "nearest": None}
        raise ConfigurationError(
            f"logging.destination: {path} {problem}", context={"complaints": [complaint]}
        ) from error


def _appended(path: Path) -> TextIO:
    """The file, to append to; a new one is readable by its owner alone, since URLs and messages stand in it."""
    return open(path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600))


def _is_at(stream: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True


def _group(record: logging.LogRecord) -> Hashable:
    data = vars(record).get("data")
    telling = tuple(str(data.get(name)) for name in _TELLING) if isinstance(data, Mapping) else ()
    if record.args:
        return record.name, record.levelno, str(record.msg)[:SAMPLE_MAX], telling
    return record.name, record.levelno, _VARIABLE.sub("#", str(record.msg)[:SAMPLE_MAX]), telling


def _sample(record: logging.LogRecord) -> str:
    return record.getMessage()[:SAMPLE_MAX]
