"""What is said of checkpoints: tables, one of them in full, what came of checking and of deleting."""

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any

from outlast.checkpoint import LoadedCheckpoint, Pruned, Verdict
from outlast.cli.inspection import problem_of
from outlast.cli.phrases import columns, moment, percent, safe, size, units

__all__ = [
    "checkpoint_table",
    "contents",
    "label",
    "pruned_line",
    "shown_lines",
    "summary_of",
    "verdict_document",
    "verdict_line",
    "verdict_table",
]

KEYS_SHOWN_MAX = 20
_SIZES = frozenset({2})
_QUARANTINED = "quarantined"
VALUE_WIDTH_MAX = 60
# What a job's own checkpoint consists of; anything else is somebody's data.
_OF_A_JOB = frozenset({"state", "counts", "position"})


def checkpoint_table(
    rows: Sequence[Mapping[str, Any]], quarantined: Collection[str] = (), width: int | None = None
) -> list[str]:
    """The checkpoints of a job, newest first; where that is wider than `width`, without how they are written."""
    table: list[Sequence[str]] = [("id", "taken", "size", "status", "why", "written")]
    table += [
        (
            row["id"],
            _taken(row),
            size(row["size_bytes"]),
            _QUARANTINED if row["id"] in quarantined else _status(row["status"]),
            "restored" if "restored_from" in row["metadata"] else safe(str(row["metadata"].get("reason", "")), 30),
            _written(row),
        )
        for row in rows
    ]
    lines = columns(table, right=_SIZES)
    fits = width is None or max(map(len, lines)) <= width
    return lines if fits else columns([row[:-1] for row in table], right=_SIZES)


def shown_lines(row: Mapping[str, Any], opened: LoadedCheckpoint | None) -> list[str]:
    """One checkpoint: what it says of itself, and in short what it holds."""
    facts = [
        ("job", safe(row["job_id"])),
        ("number", str(row["sequence_number"])),
        ("taken", _taken(row)),
        ("size", ", ".join(filter(None, (size(row["size_bytes"]), _written(row))))),
        ("format", safe(str(row["version"] or "?"), 20)),
        ("checksum", safe(str(row["checksum"] or "?"), 80)),
        *_told("metadata", row["metadata"]),
        *(_contents_of(opened.data) if opened is not None else ()),
    ]
    return [f"checkpoint {row['id']}: {_status(row['status'])}", *(f"  {line}" for line in columns(facts))]


def contents(opened: LoadedCheckpoint) -> dict[str, Any]:
    """What a checkpoint holds, in short, for `--json`."""
    data = opened.data
    if not _is_of_a_job(data):
        return {"data": {name: _in_short(value) for name, value in data.items()}}
    return {
        "position": data["position"],
        "counts": data["counts"],
        "state": {name: _in_short(value) for name, value in data["state"].items()},
    }


def label(row: Mapping[str, Any]) -> str:
    """A checkpoint in a sentence."""
    return f"{row['id']} (taken {_taken(row)})"


def summary_of(value: Any) -> str:
    """A JSON value in a few words."""
    match value:
        case dict():
            return f"object of {units(len(value), 'key')}"
        case list():
            return f"list of {len(value)}"
        case str() if len(value) > VALUE_WIDTH_MAX:
            return f"text of {len(value)} characters"
        case str():
            return f'"{safe(value)}"'
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case _:
            return str(value)


def _in_short(value: Any) -> Any:
    """A JSON value as it is where it is short, else in a few words."""
    long = isinstance(value, dict | list) or (isinstance(value, str) and len(value) > VALUE_WIDTH_MAX)
    return summary_of(value) if long else value


def verdict_table(verdicts: Sequence[Verdict], quarantined: Collection[str] = ()) -> list[str]:
    """What came of checking each of them."""
    rows = [
        (each.id, _QUARANTINED, "")
        if each.id in quarantined
        else (each.id, _status(each.status), safe(problem_of(each)))
        for each in verdicts
    ]
    return columns(rows) if rows else []


def verdict_document(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [
        {"id": each.id, "sequence_number": each.sequence, "status": str(each.status), "problem": each.problem}
        for each in verdicts
    ]


def verdict_line(job_id: str, judged: Sequence[Verdict], *, deep: bool, quarantined: Collection[str] = ()) -> str:
    """How many of them can be relied on; those in quarantine are known not to be, and are left out."""
    verdicts = [each for each in judged if each.id not in quarantined]
    intact = sum(each.status == "available" for each in verdicts)
    read = "every byte was read" if deep else "headers were read; --deep reads every byte"
    if intact == len(verdicts):
        return f"SOUND: {units(intact, 'checkpoint')} of job {safe(job_id)} ({read})."
    damaged = sum(each.status == "corrupted" for each in verdicts)
    word = "DAMAGED" if damaged else "NOT VERIFIED"
    unread = len(verdicts) - intact - damaged
    others = f", {unread} cannot be read here" if unread else ""
    read = "every byte of the others was read" if unread and deep else read
    read = "headers were read" if unread == len(verdicts) else read
    of_all = f"{damaged} of {units(len(verdicts), 'checkpoint')} of job {safe(job_id)} damaged"
    return f"{word}: {of_all}{others} ({read})."


def pruned_line(job_id: str, pruned: Pruned, *, dry_run: bool) -> str:
    """What was deleted, or would be."""
    count = len(pruned.deleted)
    done = f"{'would be' if dry_run else 'were' if count != 1 else 'was'} deleted"
    freed = f", {size(pruned.freed_bytes)} {'would be ' if dry_run else ''}freed" if count else ""
    kept = f"{len(pruned.kept)} {'would be ' if dry_run else ''}kept"
    return f"{units(count, 'checkpoint')} of job {safe(job_id)} {done}{freed}, {kept}."


def _contents_of(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not _is_of_a_job(data):
        return _told("data", data)
    counts = data["counts"]
    total = sum(counts.values())
    finished = counts.get("done", 0) + counts.get("failed", 0) + counts.get("ignored", 0)
    shares = f"{finished} of {total} finished ({percent(finished, total)}), {counts.get('failed', 0)} failed"
    return [
        ("position", f"result {data['position']} of the ledger"),
        ("items", shares),
        *_told("state", data["state"]),
    ]


def _is_of_a_job(data: Mapping[str, Any]) -> bool:
    return data.keys() >= _OF_A_JOB and isinstance(data["state"], dict) and isinstance(data["counts"], dict)


def _told(what: str, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    shown = [(f"{what} {safe(name, 40)}", summary_of(value)) for name, value in islice(values.items(), KEYS_SHOWN_MAX)]
    rest = len(values) - len(shown)
    return [*shown, (what, f"and {units(rest, 'key')} more")] if rest else shown


def _taken(row: Mapping[str, Any]) -> str:
    return moment(str(row["timestamp"])) if row["timestamp"] else "?"


def _status(status: str) -> str:
    return "DAMAGED" if status == "corrupted" else safe(str(status), 20)


def _written(row: Mapping[str, Any]) -> str:
    said = ("gzip" if row["compressed"] else None, "encrypted" if row["encrypted"] else None)
    return ", ".join(word for word in said if word)
