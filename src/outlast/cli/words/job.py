"""What is said of a job between its runs, or while it runs: where it stands, what happened to it, what it takes on the disk."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from outlast.cli.failures.grouping import NamedGroup
from outlast.cli.phrases import BY_SCRIPT, MEBIBYTE, commands, moment, percent, quoted, safe, size, units
from outlast.cli.reading import JobRecord
from outlast.cli.sources import STANDARD_INPUT
from outlast.cli.words.abort import aborted_lines, aborted_steps, suspended_line, why
from outlast.cli.words.group import failure_lines
from outlast.cli.words.next_steps import failure_steps, go_on_steps
from outlast.cli.words.note import note_lines
from outlast.cli.words.pause import paused_text
from outlast.cli.words.rate import rates_in_force, rates_text
from outlast.jobs import Outcome
from outlast.jobs.outcome import CUT_SHORT
from outlast.jobs.store import PartSizes
from outlast.ledger.port import Counts
from outlast.storage.keys import KEY_VARIABLE

__all__ = ["last_run_line", "status_document", "status_lines", "status_steps"]

_PARTS = (
    ("ledger", "ledger"),
    ("its log", "log"),
    ("checkpoints", "checkpoints"),
    ("quarantine", "quarantine"),
    ("kept by repair", "aside"),
    ("kept by --fresh", "old"),
    ("event log", "events"),
)
KEY_NEEDED = "encrypted: key needed"


def status_lines(record: JobRecord, groups: Sequence[NamedGroup], hint: str) -> list[str]:
    """Where a job stands."""
    counts = record.counts
    finished = counts.total - counts.waiting
    name = quoted(record.name)
    ignored = f"{counts.ignored} ignored, " if counts.ignored else ""
    lines = [
        f"job {safe(record.name)}: {finished} of {counts.total} finished ({percent(finished, counts.total)})",
        f"{counts.done} done, {counts.failed} failed, {ignored}{counts.waiting} to do",
        last_run_line(record),
        *_standing(record),
        *_paused(record),
        *_resources(record),
        *failure_lines(groups),
        *note_lines(record.notes),
        *([_on_disk(record.sizes)] if record.sizes is not None else []),
    ]
    return [*lines, *commands(status_steps(record, groups, name, hint))]


def status_document(record: JobRecord, groups: Sequence[NamedGroup] | None) -> dict[str, Any]:
    """What `--json` says of a job; without `groups` it says nothing about the causes of failure."""
    document = {
        "job_id": record.name,
        "directory": str(record.directory.path),
        "counts": asdict(record.counts),
        "running": None if record.running is None else asdict(record.running),
        "last_run": record.run or None,
        "ended": record.ended if record.ended.get("run") == record.run.get("id") and record.ended else None,
        "was_killed": None if record.locked or record.damage is not None else record.was_killed,
        "damage": None if record.unreadable else record.damage,
        "unreadable": record.damage if record.unreadable else None,
        "key_needed": record.locked,
        "key_id": record.locked_by,
        "notes": asdict(record.notes),
        "job_paused": record.paused.job,
        "paused_hosts": list(record.paused.hosts),
        "rates": [asdict(each) for each in rates_in_force(record.notes.rates or {}, record.paused.rates)],
        "orders_problem": record.paused.problem,
        "size_bytes": None if record.sizes is None else asdict(record.sizes),
    }
    return document if groups is None else {**document, "failures": [group.to_dict() for group in groups]}


def _standing(record: JobRecord) -> list[str]:
    """Why the run is suspended that goes on now, or why the last one was aborted."""
    if record.running is not None:
        return [] if record.suspended is None else [suspended_line(record.suspended, paused=record.paused.job)]
    if record.aborted is None:
        return []
    by = " by `outlast abort`" if record.aborted.get("ordered") else ""
    return [f"aborted{by}: {why(record.aborted)}", *aborted_lines(record.aborted)]


def _paused(record: JobRecord) -> list[str]:
    paused = record.paused
    lines = ["paused: the whole job; nothing is begun until it is unpaused"] if paused.job else []
    lines += [f"paused: {paused_text(paused.hosts)}"] if paused.hosts else []
    rates = rates_in_force(record.notes.rates or {}, paused.rates)
    by_host, whose = {each.host: each.rate for each in rates}, {each.host: each.by for each in rates}
    lines += [f"rates: {rates_text(by_host, whose)}"] if rates else []
    return [*lines, *([safe(paused.problem, 500)] if paused.problem else [])]


def _resources(record: JobRecord) -> list[str]:
    """What a run that goes on holds of the machine, as it noted last."""
    noted = record.resources
    if record.running is None or noted is None or noted["memory_mb"] is None:
        return []
    browser = noted["browser_mb"]
    parts = [
        f"memory {_mebibytes(noted['memory_mb'])}",
        *([f"of it the browser {_mebibytes(browser)}"] if browser else []),
        *([f"{units(noted['pages'], 'page')} open"] if noted["pages"] is not None else []),
        *([f"at most {noted['pages_max']} for want of memory"] if noted["pages_max"] is not None else []),
    ]
    return [f"{', '.join(parts)} (at {moment(str(noted['at']))})"]


def _mebibytes(amount: float) -> str:
    return size(int(amount * MEBIBYTE))


def status_steps(record: JobRecord, groups: Sequence[NamedGroup], name: str, hint: str) -> list[tuple[str, str]]:
    """What can be typed next, each after what it is for; `name` is the job's as it is typed."""
    if record.locked:
        return [
            ("see the rest", f"put its key {record.locked_by} into {KEY_VARIABLE}, then: outlast status {name}{hint}")
        ]
    rest = failure_steps(record.name, groups, hint, running=record.running is not None)
    outcome = str(record.ended.get("outcome"))
    empty = outcome == Outcome.EMPTY and record.running is None
    if record.counts.done and not empty:
        rest.append(("records", f"outlast results {name}{hint}"))
    if record.running is not None:
        every = " --all" if record.paused.hosts else ""
        is_paused = record.paused.job or record.paused.hosts
        return [*([("unpause", f"outlast unpause {name}{every}{hint}")] if is_paused else []), *rest]
    if record.met_damage:
        mend = [("see what is damaged", f"outlast verify {name}{hint}"), ("mend it", f"outlast repair {name}{hint}")]
        return [*mend, ("go on after that", f"outlast resume {name}{hint}")]
    if record.invocation is None:
        return [*_by_script(record.counts, outcome, name, hint), *rest]
    if record.notes.hold:
        return [("when that is mended", f"outlast resume {name}{hint} --release-hold"), *rest]
    around = [] if record.aborted is None else aborted_steps(record.name, record.aborted, hint, ())
    anew = [("when that is mended", f"outlast resume {name}{hint} --fresh")]
    on = anew if empty and record.counts.done else _going_on(record, outcome, hint)
    return [*on, *around, *rest]


def _going_on(record: JobRecord, outcome: str, hint: str) -> list[tuple[str, str]]:
    """How the job is gone on with; `resume` reads no standard input."""
    invocation = record.invocation or {}
    if outcome in CUT_SHORT and not record.counts.waiting and STANDARD_INPUT in invocation.get("items", ()):
        return [("go on", "the same run command with what its source still holds")]
    return go_on_steps(
        record.name,
        record.counts,
        hint,
        record.paused.hosts,
        outcome=outcome,
        job_paused=record.paused.job,
        untried=record.untried > 0,
    )


def _on_disk(sizes: PartSizes) -> str:
    parts = ((name, getattr(sizes, part)) for name, part in _PARTS)
    return f"on disk: {', '.join(f'{name} {size(count)}' for name, count in parts if count)}"


def _by_script(counts: Counts, outcome: str, word: str, hint: str) -> list[tuple[str, str]]:
    """What to do for a job that was started from code."""
    if counts.waiting or outcome in CUT_SHORT:
        return [("go on", BY_SCRIPT)]
    if counts.failed:
        return [("try the failed ones again", f"outlast retry {word}{hint}, then run the script again")]
    return []


def last_run_line(record: JobRecord) -> str:
    """Whether it runs now, and by whom; else how its last run ended."""
    started = moment(str(record.run.get("started", "?")))
    if record.running is not None:
        holder = record.running
        since = f" since {started}" if record.run else f" ({KEY_NEEDED} for the rest)" if record.locked else ""
        return f"running{since}: pid {holder.pid} on {safe(holder.host)}"
    if record.locked:
        return f"not running; {KEY_NEEDED} for the rest"
    if not record.run:
        return "never run"
    if record.was_killed:
        return f"not running; the run of {started} did not end by itself (killed, the machine went down, or the disk was full)"
    outcome = safe(str(record.ended.get("outcome", "?")))
    if "error" in record.ended:
        when = moment(str(record.ended.get("at", "?")))
        return f"not running; the run of {started} ended {when} with an error: {safe(str(record.ended['error']), 200)}"
    code = safe(str(record.ended.get("exit_code", "?")))
    # Why somebody has aborted it stands in a line of its own.
    is_told = record.ended.get("reason") and record.ended.get("outcome") != Outcome.ABORTED
    why = f": {safe(str(record.ended['reason']), 500)}" if is_told else ""
    return f"not running; the run of {started} ended {moment(str(record.ended.get('at', '?')))}: {outcome} (exit code {code}){why}"
