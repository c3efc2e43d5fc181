"""Reading an event log: of a job that runs, of one that was killed, and with its key of one that is encrypted."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from outlast.errors import KeyMissingError
from outlast.events import EventType, ResilienceEvent
from outlast.logs.eventfile import Opener, event_files

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = ["GAP", "SAMPLE", "Entry", "EventReader", "read_events"]

SAMPLE = "sample"
"""The type of an entry that says where the run stood."""
GAP = "gap"
"""The type of an entry that says how many lines are missing: `data["lost"]`."""

BLOCK_BYTES = 1 << 20
TRIES = 100
"""How often the files are looked at again when they change just then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of an event log: an event, a sample of the progress, or a gap. `item_key` and `attempt`: what was tried then."""

    event_type: str
    timestamp: datetime
    job_id: str
    run_id: str
    component: str = "job"
    severity: str = "info"
    data: Mapping[str, Any] = field(default_factory=dict)
    correlation_id: str = ""
    item_key: str | None = None
    attempt: int | None = None
    span_id: str | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises `ValueError`, `KeyError` or `TypeError` for what is no entry."""
        timestamp = datetime.fromisoformat(value["timestamp"])
        if timestamp.tzinfo is None or not isinstance(value["data"], dict):
            raise ValueError("not an entry of an event log")
        attempt = value.get("attempt")
        return cls(
            event_type=str(value["event_type"]),
            timestamp=timestamp.astimezone(UTC),
            job_id=str(value["job_id"]),
            run_id=str(value["run_id"]),
            component=str(value.get("component", "job")),
            severity=str(value.get("severity", "info")),
            data=value["data"],
            correlation_id=str(value.get("correlation_id", "")),
            item_key=None if value.get("item_key") is None else str(value["item_key"]),
            attempt=None if attempt is None else int(attempt),
            span_id=None if value.get("span_id") is None else str(value["span_id"]),
        )

    @property
    def event(self) -> ResilienceEvent | None:
        """The event; None for a sample, a gap, and an event that this version does not know."""
        if self.event_type not in set(EventType):
            return None
        return ResilienceEvent(
            self.event_type,
            self.timestamp,
            self.job_id,
            self.component,
            self.severity,
            self.data,
            self.correlation_id,
        )

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON-able data; the time in ISO 8601, UTC."""
        return {
            "event_type": self.event_type,
            "timestamp": self.timestamp.isoformat(),
            "job_id": self.job_id,
            "run_id": self.run_id,
            "component": self.component,
            "severity": self.severity,
            "data": dict(self.data),
            "correlation_id": self.correlation_id,
            "item_key": self.item_key,
            "attempt": self.attempt,
            "span_id": self.span_id,
        }


class EventReader:
    """Reads the event log in a directory, once or again and again for what was added since.

    `keys` open what is sealed, about `about`. `sealed`: the job is encrypted, so a line in clear is not its; None: nobody knows.
    """

    def __init__(
        self,
        directory: Path,
        *,
        keys: "Keyring | None" = None,
        about: bytes = b"events",
        sealed: bool | None = None,
    ) -> None:
        self._directory = directory
        self._new_opener: Callable[[], Opener] = lambda: Opener(keys, about, sealed=sealed)
        self._file: FileIO | None = None
        self._opener = self._new_opener()
        self._rest = b""
        self.unreadable = 0
        """Lines that are torn or damaged so far: a process that is killed may leave a torn one."""
        self.missing_key: KeyMissingError | None = None
        """Set where a part is sealed by a key that is not at hand; it is passed over."""

    def read(self) -> Iterator[Entry]:
        """What there is beyond what was read already, the oldest first. A last line without an end waits for the next call."""
        while self._file is not None or self._go_on():
            assert self._file is not None
            # Asked before it is read: once there is a next file, nothing more is added to this one.
            full = self._next() is not None
            yield from self._entries(self._file)
            if not full or not self._go_on():
                return

    def close(self) -> None:
        """Let go of the file; what has no end yet will get none."""
        if self._file is not None:
            self.unreadable += bool(self._rest)
            self._file.close()
            self._file, self._rest, self._opener = None, b"", self._new_opener()

    def _go_on(self) -> bool:
        """Open the file after the one that is open, or the oldest. The writer may give it another name, or remove it, meanwhile."""
        for _ in range(TRIES):
            path = self._next()
            if path is None:
                return False
            with suppress(OSError):
                file = FileIO(str(path), "rb")
                # Asked again, now that it is open: none may have come between.
                after = self._next()
                if after is not None and _number(after) == os.fstat(file.fileno()).st_ino:
                    self.close()
                    self._file = file
                    return True
                file.close()
        return False

    def _next(self) -> Path | None:
        """The file after the one that is open, else the oldest; None: what is open is the one that is written to."""
        files = event_files(self._directory)
        # It is open, so no other file has its number.
        numbers = [_number(path) for path in files]
        own = None if self._file is None else os.fstat(self._file.fileno()).st_ino
        place = numbers.index(own) + 1 if own is not None and own in numbers else 0
        return files[place] if place < len(files) else None

    def _entries(self, file: FileIO) -> Iterator[Entry]:
        while block := file.read(BLOCK_BYTES):
            *lines, self._rest = (self._rest + block).split(b"\n")
            for line in lines:
                yield from self._opened(line)

    def _opened(self, line: bytes) -> Iterator[Entry]:
        if not line.strip():
            return
        try:
            yield from map(Entry.from_json, self._opener.open(line))
        except KeyMissingError as error:
            self.missing_key = error
        except (ValueError, KeyError, TypeError, AttributeError):
            self.unreadable += self.missing_key is None


def _number(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def read_events(
    directory: Path, *, keys: "Keyring | None" = None, about: bytes = b"events", sealed: bool | None = None
) -> Iterator[Entry]:
    """Every entry of the event log in `directory`, the oldest first; none where there is no log.

    What is torn or damaged is left out. Raises `KeyMissingError` when all of it is sealed by keys that are not at hand.
    """
    reader = EventReader(directory, keys=keys, about=about, sealed=sealed)
    empty = True
    try:
        for entry in reader.read():
            empty = False
            yield entry
    finally:
        reader.close()
    if empty and reader.missing_key is not None:
        raise reader.missing_key
