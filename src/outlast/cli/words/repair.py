"""What is said of a repair: what was damaged, what became of it, what is lost, where the damaged files are."""

from dataclasses import asdict
from typing import Any

from outlast.cli.phrases import commands, quoted, safe, units
from outlast.cli.repairing import Mended
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

__all__ = ["ending_lines", "mended_document", "mended_lines"]

PATH_WIDTH_MAX = 300


def mended_lines(done: Mended) -> list[str]:
    """Every finding with what became of it, as far as they fit."""
    if not done.damaged:
        return []
    return [f"job {safe(done.job_id)}", *finding_lines(_rows(done), _count(done))]


def ending_lines(done: Mended, hint: str) -> list[str]:
    """The end of `repair`: what it comes to, what is lost, where the damaged files are, and what to type next."""
    name = quoted(done.job_id)
    if done.sound:
        return [f"SOUND: nothing of job {safe(done.job_id)} is damaged; nothing was changed."]
    if not done.damaged:
        return not_verified(done.unread, done.locked_by, f"outlast repair {name}{hint}")
    if done.dry_run:
        first = f"DAMAGED: {units(_count(done), 'finding')}. This was a dry run: nothing was changed."
        return [first, *_lost(done), *commands([("mend it", f"outlast repair {name}{hint}")])]
    if done.still_damaged:
        first = f"STILL DAMAGED: what was done about {units(_count(done), 'finding')} was not enough. Please report it."
        aside = ("start over, and keep what is there", f"the first command of job {name} with --fresh")
        return [first, *_kept(done), *commands([("look", f"outlast verify {name}{hint}"), aside])]
    word = "MENDED" if done.lossless else "MENDED, WITH LOSSES"
    steps = [("check", f"outlast verify {name}{hint}"), ("go on", f"outlast resume {name}{hint}")]
    return [f"{word}: {units(_count(done), 'finding')}.", *_lost(done), *_kept(done), *commands(steps)]


def mended_document(done: Mended) -> dict[str, Any]:
    """What `repair --json` answers."""
    ledger = done.ledger
    return {
        "job_id": done.job_id,
        "dry_run": done.dry_run,
        "sound": done.sound,
        "lossless": done.lossless,
        "still_damaged": done.still_damaged,
        "unread": list(done.unread),
        "ledger": {
            "items": ledger.items,
            "results": ledger.results,
            "lost_items": ledger.lost_items,
            "lost_results": ledger.lost_results,
            "rebuilt": ledger.rebuilt,
            "structure": list(ledger.structure),
            "remedies": {str(remedy): count for remedy, count in ledger.remedies.items()},
            "findings": [finding_document(each) for each in ledger.findings],
            "kept_as": None if ledger.kept_as is None else str(ledger.kept_as),
        },
        "checkpoints": [{"id": each.id, "problem": each.problem} for each in done.checkpoints],
        "output": None
        if done.output is None
        else asdict(done.output)
        | {
            "path": str(done.output.path),
            "kept_as": None if done.output_kept_as is None else str(done.output_kept_as),
        },
    }


def _rows(done: Mended) -> list[FindingRow]:
    rows = [file_row(each) for each in done.ledger.structure]
    rows += [*ledger_rows(done.ledger.findings), *checkpoint_rows(done.checkpoints)]
    return [*rows, output_row(done.output)] if done.output is not None else rows


def _count(done: Mended) -> int:
    rows = sum(done.ledger.remedies.values())
    return len(done.ledger.structure) + rows + len(done.checkpoints) + (done.output is not None)


def _lost(done: Mended) -> list[str]:
    ledger = done.ledger
    if done.ledger.sound:
        return []
    there = f"The ledger {'would have' if done.dry_run else 'has'} {units(ledger.items, 'item')} and {units(ledger.results, 'result')}"
    lines = [f"{there}{', in a new file' if ledger.rebuilt else ''}."]
    if done.failed:
        lines.append(
            f"{units(done.failed, 'item')} cannot be done again: what they were is lost. Adding them anew brings them back."
        )
    if ledger.lost_items is None or ledger.lost_results is None:
        lines.append("How many more there were cannot be told: the ledger's own counts are gone or out of date.")
    elif ledger.lost_items or ledger.lost_results:
        gone = f"{units(ledger.lost_items, 'item')} and {units(ledger.lost_results, 'result')}"
        lines.append(
            f"By the ledger's own counts {gone} are gone without a trace. Run the job with its first ITEMS again."
        )
    return lines


def _kept(done: Mended) -> list[str]:
    lines = []
    if done.ledger.kept_as is not None:
        lines.append(f"The damaged ledger is kept in {safe(str(done.ledger.kept_as), PATH_WIDTH_MAX)}")
    if done.checkpoints:
        lines.append(f"{units(len(done.checkpoints), 'damaged checkpoint')} moved to quarantine.")
    if done.output_kept_as is not None:
        lines.append(
            f"The output file is kept as {safe(str(done.output_kept_as), PATH_WIDTH_MAX)}; the next run writes it anew."
        )
    return lines
