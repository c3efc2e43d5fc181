"""What is said of a job's health: part by part, finding by finding, and what repairing does about each."""

from dataclasses import asdict
from typing import Any

from outlast.cli.compared import Compared, Comparison
from outlast.cli.inspection import Inspection
from outlast.cli.phrases import columns, commands, over, quoted, safe, size, units
from outlast.cli.words.finding import (
    FindingRow,
    checkpoint_rows,
    file_row,
    finding_document,
    finding_lines,
    ledger_rows,
    not_verified,
    output_row,
)
from outlast.ledger.health import Health
from outlast.ledger.repair import Repaired

__all__ = ["health_document", "health_lines", "verdict_lines"]

PROBLEM_WIDTH_MAX = 160


def health_lines(looked: Inspection) -> list[str]:
    """Each part in a line, then each finding with what repairing does about it."""
    parts = [("ledger", *_ledger(looked)), ("checkpoints", *_checkpoints(looked))]
    parts += [("output", *_output(looked.output))] if looked.output is not None else []
    return [
        f"job {safe(looked.job_id)}{_running(looked)}",
        *(f"  {line}" for line in columns([(name, state, told) for name, state, told in parts])),
        *finding_lines(_rows(looked), _count(looked)),
    ]


def verdict_lines(looked: Inspection, hint: str) -> list[str]:
    """The end of `verify`: what it comes to, and what to type next."""
    if looked.damaged:
        first = f"DAMAGED: {units(_count(looked), 'finding')}. Nothing was changed."
        mend = f"outlast repair {quoted(looked.job_id)}{hint}"
        steps = [("stop the job, then mend it" if looked.running else "mend it", mend)]
        if looked.hopeless:
            steps = [("nothing of it can be saved: put a backup back, or start over", over(quoted(looked.job_id)))]
        if looked.foretold is None:
            return [first, *commands(steps)]
        return [
            first,
            _foretold(looked.foretold),
            *commands([("see what would be saved", f"{mend} --dry-run"), *steps]),
        ]
    if looked.unread:
        return not_verified(looked.unread, looked.locked_by, f"outlast verify {quoted(looked.job_id)}{hint}")
    sound = "SOUND: everything that was checked is as it was written"
    if looked.output is None or looked.output.state is not Comparison.BEHIND or looked.running is not None:
        return [f"{sound}."]
    rest = [("let the next run write them", f"outlast resume {quoted(looked.job_id)}{hint}")]
    return [f"{sound}, and the output file lacks {units(looked.output.missing, 'result')}.", *commands(rest)]


def health_document(looked: Inspection) -> dict[str, Any]:
    """What `verify --json` answers."""
    health = looked.health
    output = looked.output
    return {
        "job_id": looked.job_id,
        "sound": looked.sound,
        "damaged": looked.damaged,
        "unread": list(looked.unread),
        "ledger": {
            "readable": health is not None,
            "problem": looked.unreadable,
            "repair_would_save": None
            if looked.foretold is None
            else {"items": looked.foretold.items, "results": looked.foretold.results},
            **(_of_health(health) if health is not None else {}),
        },
        "checkpoints": [
            {
                "id": each.id,
                "status": str(each.status),
                "problem": each.problem,
                "quarantined": each.id in looked.quarantined,
            }
            for each in looked.verdicts
        ],
        "output": None if output is None else asdict(output) | {"path": str(output.path)},
        "running": None if looked.running is None else asdict(looked.running),
    }


def _of_health(health: Health) -> dict[str, Any]:
    return {
        "items": health.items,
        "results": health.results,
        "facts": health.facts,
        "checksums": health.proved,
        "damaged": health.damaged,
        "structure": list(health.structure),
        "findings": [finding_document(each) for each in health.findings],
    }


def _running(looked: Inspection) -> str:
    return f" (running: pid {looked.running.pid} on {safe(looked.running.host)})" if looked.running is not None else ""


def _foretold(foretold: Repaired) -> str:
    saved = f"{units(foretold.items, 'item')} and {units(foretold.results, 'result')}"
    return f"A repair would save {saved} of the ledger."


def _ledger(looked: Inspection) -> tuple[str, str]:
    health = looked.health
    if health is None:
        return "DAMAGED", "it cannot be opened as it is"
    told = f"{units(health.items, 'item')}, {units(health.results, 'result')}, {units(health.facts, 'fact')}"
    problems = health.damaged + len(health.structure)
    if problems:
        return "DAMAGED", f"{told}: {units(problems, 'finding')}"
    return "sound", told if health.proved else f"{told}; of an older format without checksums: its next run adds them"


def _checkpoints(looked: Inspection) -> tuple[str, str]:
    if not looked.verdicts:
        return "none", "there are no checkpoints"
    intact = sum(each.status == "available" for each in looked.verdicts)
    unread = sum(each.status not in {"corrupted", "available"} for each in looked.verdicts)
    told = f"{intact} of {len(looked.verdicts)} intact"
    told += f"; {unread} cannot be read here" if unread else ", every byte read"
    told += f"; {len(looked.quarantined)} in quarantine" if looked.quarantined else ""
    return "DAMAGED" if looked.damaged_checkpoints else "sound" if intact or not unread else "not read", told


def _output(output: Compared) -> tuple[str, str]:
    place = safe(str(output.path), 200)
    match output.state:
        case Comparison.BEHIND:
            of_all = f"{output.results} of {units(output.results + output.missing, 'result')}"
            return "behind", f"{of_all} are noted of {place}: the next run writes the rest"
        case Comparison.SOUND:
            return "sound", f"{units(output.results, 'result')} in {place} ({size(output.size)})"
        case Comparison.ABSENT:
            return "absent", f"{place}: the next run writes it anew"
        case Comparison.DAMAGED:
            return "DAMAGED", place
        case Comparison.UNKNOWN:
            return "unknown", f"{place}: {safe(output.problem or '', PROBLEM_WIDTH_MAX)}"


def _rows(looked: Inspection) -> list[FindingRow]:
    rows = [file_row(each) for each in _structure(looked)]
    if looked.health is not None:
        rows += ledger_rows(looked.health.findings)
    rows += checkpoint_rows(looked.damaged_checkpoints)
    if looked.output is not None and looked.output.state is Comparison.DAMAGED:
        rows.append(output_row(looked.output))
    return rows


def _structure(looked: Inspection) -> tuple[str, ...]:
    """What is wrong with the ledger's file."""
    if looked.health is not None:
        return looked.health.structure
    told = looked.foretold.structure if looked.foretold is not None else ()
    return told or (looked.unreadable or "it cannot be read",)


def _count(looked: Inspection) -> int:
    return sum(
        (
            len(_structure(looked)),
            looked.health.damaged if looked.health is not None else 0,
            len(looked.damaged_checkpoints),
            looked.output is not None and looked.output.state is Comparison.DAMAGED,
        )
    )
