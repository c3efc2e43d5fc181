"""The moments of a job that a reader wants to see: starts, ends, restarts, aborts, checkpoints, hosts that were down."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from outlast.abort.states import Decision
from outlast.events import EventType
from outlast.logs.reading import Entry
from outlast.report.words import brief, duration

__all__ = ["MARKS_KEPT_MAX", "Mark", "MarkKind", "Marks", "seconds_taken"]

SECONDS_MAX = 1e9

MARKS_KEPT_MAX = 400
"""How many marks of a kind are kept, the newest; all are counted."""


class MarkKind(StrEnum):
    START = "start"
    RESUME = "resume"
    END = "end"
    BROKEN = "broken"
    """A run that ended without a word."""
    ABORT = "abort"
    SUSPENDED = "suspended"
    """Going on seemed pointless: nothing but probes was handed out."""
    GOES_ON = "goes_on"
    """A suspension is over."""
    RESTART = "restart"
    BROWSER_CRASH = "browser_crash"
    CHECKPOINT = "checkpoint"
    DAMAGED = "damaged"
    HOST_DOWN = "host_down"
    HOST_UP = "host_up"
    PRESSURE = "pressure"
    """A limit of the machine was broken for long enough to act on it."""
    QUARANTINE = "quarantine"
    """An item was given up for killing the process."""
    ORDER = "order"
    """A run obeys other orders from here on, or was told to do something."""
    UNMET = "unmet"
    """Something that was expected of the job is not so."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment, what it was, and the text to it: hostile, since hosts and messages stand in it."""

    at: datetime
    kind: MarkKind
    text: str
    run: str = ""

    @classmethod
    def broken(cls, at: datetime, run: str) -> "Mark":
        """The end of a run that left no word: it is known to have lived until `at`."""
        return cls(at, MarkKind.BROKEN, "killed, ended by an error, or the machine went down", run)


@dataclass(slots=True)
class Marks:
    """The marks of a log, each kind bounded; `counts` has all of them."""

    counts: Counter[MarkKind] = field(default_factory=Counter)
    _kept: dict[MarkKind, deque[Mark]] = field(default_factory=dict)
    _suspended: str | None = None

    def note(self, entry: Entry) -> None:
        """Keep the entry where it is one of those moments."""
        make = _MADE.get(entry.event_type)
        made = self._judged(entry) if entry.event_type == EventType.ABORT_EVALUATED else make and make(entry.data)
        if made is None:
            return
        kind, text = made
        self.keep(Mark(entry.timestamp, kind, text, entry.run_id))

    def keep(self, mark: Mark) -> None:
        """Keep and count one."""
        self.counts[mark.kind] += 1
        self._kept.setdefault(mark.kind, deque(maxlen=MARKS_KEPT_MAX)).append(mark)

    def _judged(self, entry: Entry) -> "_Made | None":
        """A job is judged every few seconds; of interest is when it begins to be suspended, and when that ends."""
        decision, before = entry.data.get("decision"), self._suspended
        self._suspended = entry.run_id if decision in _SUSPENDED else None
        if self._suspended is not None and before != entry.run_id:
            return MarkKind.SUSPENDED, str(entry.data.get("reason"))
        if decision == Decision.CONTINUE and before == entry.run_id:
            return MarkKind.GOES_ON, f"over: {entry.data.get('reason')}"
        return None

    @property
    def kept(self) -> list[Mark]:
        return [mark for marks in self._kept.values() for mark in marks]


def seconds_taken(data: Mapping[str, Any]) -> float | None:
    """The `duration` of an event, where it is one."""
    took = data.get("duration")
    return took if isinstance(took, int | float) and 0 <= took < SECONDS_MAX else None


_Made: TypeAlias = tuple[MarkKind, str]
_SUSPENDED = frozenset({Decision.SUSPEND, Decision.PROBE})


def _started(data: Mapping[str, Any]) -> _Made:
    if not data.get("resumed"):
        return MarkKind.START, "begun"
    return MarkKind.RESUME, f"resumed: {data.get('done')} done, {data.get('pending')} to do"


def _ended(data: Mapping[str, Any]) -> _Made:
    outcome = str(data.get("outcome")).replace("_", " ")
    left = f", {data['deferred']} to do" if data.get("deferred") else ""
    return MarkKind.END, f"{outcome}: {data.get('done')} done, {data.get('failed')} given up{left}"


def _restarted(data: Mapping[str, Any]) -> _Made:
    planned = "planned" if data.get("planned") else "not planned"
    took = data.get("duration")
    return MarkKind.RESTART, f"{data.get('reason')} ({planned}{_took(took)})"


def _took(seconds: Any) -> str:
    return f", took {seconds:.1f} s" if isinstance(seconds, int | float) else ""


def _saved(data: Mapping[str, Any]) -> _Made:
    took = seconds_taken(data)
    took_so_long = f", took {brief(took)}" if took is not None else ""
    return MarkKind.CHECKPOINT, f"{data.get('checkpoint_id')}{took_so_long}"


def _ordered(data: Mapping[str, Any]) -> _Made:
    hosts, rates = data.get("paused"), data.get("rates")
    paused = [str(host) or "(no host)" for host in hosts] if isinstance(hosts, list) else []
    told = [
        *(["the whole job is paused"] if data.get("job_paused") else []),
        *([f"paused: {_names(paused)}"] if paused else []),
        *(
            [f"rates: {_names([f'{host} {rate}' for host, rate in rates.items()])}"]
            if isinstance(rates, dict) and rates
            else []
        ),
    ]
    return MarkKind.ORDER, "; ".join(told) or "nothing is paused, and no rate is ordered"


def _commanded(data: Mapping[str, Any]) -> _Made:
    given = data.get("given")
    reason = given.get("reason") if isinstance(given, dict) else None
    why = f": {reason}" if reason else ""
    refused = "" if data.get("obeyed") else ", which was not obeyed"
    return MarkKind.ORDER, f"told to {data.get('command')}{why}{refused}"


def _damaged_checkpoint(data: Mapping[str, Any]) -> _Made:
    return MarkKind.DAMAGED, f"checkpoint {data.get('checkpoint_id')}: {data.get('reason')}"


def _damaged_ledger(data: Mapping[str, Any]) -> _Made:
    return MarkKind.DAMAGED, f"{data.get('damaged')} damaged rows in the ledger, mended; {data.get('lost')} items lost"


def _behind(data: Mapping[str, Any]) -> _Made:
    return (
        MarkKind.DAMAGED,
        f"results were missing from the ledger ({data.get('reason')}); what was missing is done again",
    )


def _parked(data: Mapping[str, Any]) -> _Made:
    return (
        MarkKind.HOST_DOWN,
        f"{data.get('host') or '(no host)'}: {data.get('failures')} failures, {data.get('error')}",
    )


def _recovered(data: Mapping[str, Any]) -> _Made:
    seconds = data.get("down_for")
    after = f", {duration(seconds)} after its failures began" if isinstance(seconds, int | float) else ""
    return MarkKind.HOST_UP, f"{data.get('host') or '(no host)'} answers again{after}"


def _pressed(data: Mapping[str, Any]) -> _Made:
    return MarkKind.PRESSURE, f"{_names(data.get('breached'))} ({data.get('level')})"


def _names(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | dict) else str(value)


def _quarantined(data: Mapping[str, Any]) -> _Made:
    return MarkKind.QUARANTINE, f"{data.get('key')} was in hand at {data.get('kills')} kills"


_MADE: Mapping[str, Callable[[Mapping[str, Any]], _Made]] = {
    EventType.RUN_STARTED: _started,
    EventType.RUN_ENDED: _ended,
    EventType.ABORT_TRIGGERED: lambda data: (MarkKind.ABORT, str(data.get("reason"))),
    EventType.BROWSER_RESTARTED: _restarted,
    EventType.BROWSER_CRASHED: lambda data: (MarkKind.BROWSER_CRASH, str(data.get("reason"))),
    EventType.CHECKPOINT_CREATED: _saved,
    EventType.CHECKPOINT_CORRUPTED: _damaged_checkpoint,
    EventType.LEDGER_DAMAGED: _damaged_ledger,
    EventType.LEDGER_BEHIND: _behind,
    EventType.HOST_PARKED: _parked,
    EventType.HOST_RECOVERED: _recovered,
    EventType.THRESHOLD_BREACHED: _pressed,
    EventType.ITEM_QUARANTINED: _quarantined,
    EventType.ORDERS_CHANGED: _ordered,
    EventType.COMMAND_OBEYED: _commanded,
    EventType.EXPECTATION_FAILED: lambda data: (MarkKind.UNMET, f"{data.get('expectation')}: {data.get('reason')}"),
}
