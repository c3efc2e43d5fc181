"""Events that somebody who watches a run should see, each as a line."""

from collections.abc import Callable, Mapping
from typing import Any

from outlast.cli.phrases import duration, moment, plainly, safe, units
from outlast.cli.words.note import WHY_BEHIND
from outlast.cli.words.pause import orders_line
from outlast.events import EventType, ResilienceEvent

__all__ = ["NOTICED", "told", "words"]

ERROR_WIDTH_MAX = 100
REASON_WIDTH_MAX = 300
KEYS_SHOWN_MAX = 5
KEY_WIDTH_MAX = 80

_VERBS = {"checkpoint": "checkpoint now"}
_LEVELS = {"info": "INFO", "warning": "WARN", "error": "ERROR", "critical": "ERROR"}


def told(event: ResilienceEvent, hint: str = "") -> str:
    """The line for an event; `hint` is what another verb needs to find the store."""
    # An abort is grave, and has been told; that all was done about it is not.
    is_well = event.event_type == EventType.ABORT_EXECUTED and event.data["succeeded"]
    level = "INFO" if is_well else _LEVELS[event.severity]
    return f"{moment(event.timestamp)} {level} {words(event, hint) or event.event_type}"


def words(event: ResilienceEvent, hint: str = "") -> str | None:
    """The event as one would say it; None where there are no words for its type."""
    if event.event_type == EventType.ORDERS_CHANGED:
        return orders_line(event.data, event.job_id, hint)
    said = _SAID.get(event.event_type)
    return None if said is None else said(event.data)


def _host(data: Mapping[str, Any]) -> str:
    return safe(data["host"]) or "(items without a host)"


def _parked(data: Mapping[str, Any]) -> str:
    kind, colon, message = str(data["error"]).partition(": ")
    error = safe(kind.rpartition(".")[2] + colon + message, ERROR_WIDTH_MAX)
    tries = f"{units(data['failures'], 'failure')} in a row, the last with {error}"
    return f"{_host(data)} seems down: {tries}; its items wait, one at a time tries it"


def _recovered(data: Mapping[str, Any]) -> str:
    return f"{_host(data)} answers again after {duration(data['down_for'])}"


def _corrupted(data: Mapping[str, Any]) -> str:
    return f"checkpoint {safe(str(data['checkpoint_id']))} is damaged and left out: {safe(str(data['reason']))}"


def _unsaved(data: Mapping[str, Any]) -> str:
    return f"a checkpoint could not be written, and the items go on: {safe(str(data['reason']), REASON_WIDTH_MAX)}"


def _rotated(data: Mapping[str, Any]) -> str:
    return f"the key {safe(str(data['key_id']))} is in charge now: ledger and checkpoints were re-wrapped"


def _damaged(data: Mapping[str, Any]) -> str:
    findings = data["findings"][:KEYS_SHOWN_MAX]
    keys = [safe(str(each["key"]), KEY_WIDTH_MAX) for each in findings if each["key"] is not None]
    more = data["damaged"] - len(keys)
    named = f": {', '.join(keys)}{f' and {more} more' if more > 0 else ''}" if keys else ""
    lost = f"; {units(data['lost'], 'item')} cannot be done again" if data["lost"] else ""
    return f"{units(data['damaged'], 'row')} of the ledger damaged, and mended{named}{lost}"


def _behind(data: Mapping[str, Any]) -> str:
    why = WHY_BEHIND.get(data["reason"], safe(str(data["reason"])))
    if data["kept_as"] is not None:
        return f"RESULTS ARE MISSING from the ledger: {why}; that file is kept as {safe(str(data['kept_as']), 300)}"
    expected, found = data["expected_position"], data["found_position"]
    # Positions stay taken when results are lost from the middle, and then say nothing.
    numbers = f"{expected} were recorded, {found} are there; " if expected > found else ""
    return f"RESULTS ARE MISSING from the ledger: {numbers}{why}. What is missing is done again"


def _quarantined(data: Mapping[str, Any]) -> str:
    key = safe(str(data["key"]), KEY_WIDTH_MAX)
    return (
        f"{key} is given up: the process was killed {data['kills']} times in a row while it was in hand, at last alone"
    )


def _remedied(data: Mapping[str, Any]) -> str:
    done = f"{safe(str(data['remedy'])).replace('_', ' ')} for {_host(data)}"
    return done if data["error"] is None else f"{done} failed: {safe(str(data['error']), ERROR_WIDTH_MAX)}"


def _commanded(data: Mapping[str, Any]) -> str:
    """What somebody has told the run, and what it does."""
    reason = data["given"].get("reason")
    why = f" ({safe(str(reason), REASON_WIDTH_MAX)})" if reason else ""
    return (
        f"`outlast {_VERBS.get(data['command'], data['command'])}`{why}: {safe(str(data['answer']), REASON_WIDTH_MAX)}"
    )


def _unmet(data: Mapping[str, Any]) -> str:
    return f"not as expected: {safe(str(data['expectation']))}: {safe(str(data['reason']), REASON_WIDTH_MAX)}"


def _crashed(data: Mapping[str, Any]) -> str:
    gone = f"the browser is gone ({safe(str(data['reason']), ERROR_WIDTH_MAX)})"
    if not data.get("replaced", True):
        return f"{gone}: the job is stopping, what was open is left for the next run"
    return f"{gone}: a new one is started, what was open is fetched again"


def _restarted(data: Mapping[str, Any]) -> str:
    missing = ", ".join(map(str, data.get("missing", ())))
    lost = f"; not restored: {safe(missing, REASON_WIDTH_MAX)}" if missing else ""
    return f"a new browser after {duration(data['duration'])} ({safe(str(data['reason']), ERROR_WIDTH_MAX)}){lost}"


def _aborted(data: Mapping[str, Any]) -> str:
    return f"aborted: {safe(plainly(str(data['reason'])), REASON_WIDTH_MAX)}"


def _executed(data: Mapping[str, Any]) -> str:
    """What was done about an abort; and what of it could not be."""
    done = [safe(each["action"]).replace("_", " ") for each in data["actions"] if each["ok"]]
    failed = [
        f"{safe(each['action']).replace('_', ' ')} ({safe(str(each['problem']), ERROR_WIDTH_MAX)})"
        for each in data["actions"]
        if not each["ok"]
    ]
    told = [f"done: {', '.join(done)}"] if done else []
    told += [f"not done: {', '.join(failed)}"] if failed else []
    return f"about the abort: {'; '.join(told)}"


_SAID: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    EventType.HOST_PARKED: _parked,
    EventType.HOST_RECOVERED: _recovered,
    EventType.CHECKPOINT_CORRUPTED: _corrupted,
    EventType.CHECKPOINT_FAILED: _unsaved,
    EventType.LEDGER_DAMAGED: _damaged,
    EventType.LEDGER_BEHIND: _behind,
    EventType.KEYS_ROTATED: _rotated,
    EventType.ITEM_QUARANTINED: _quarantined,
    EventType.REMEDY_APPLIED: _remedied,
    EventType.COMMAND_OBEYED: _commanded,
    EventType.ABORT_TRIGGERED: _aborted,
    EventType.ABORT_EXECUTED: _executed,
    EventType.EXPECTATION_FAILED: _unmet,
    EventType.BROWSER_CRASHED: _crashed,
    EventType.BROWSER_RESTARTED: _restarted,
}
NOTICED = (*(EventType(kind) for kind in _SAID), EventType.ORDERS_CHANGED)
