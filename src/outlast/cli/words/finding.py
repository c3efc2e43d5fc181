"""Findings as lines: where, what, what is wrong with it, and what repairing does about it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from outlast.checkpoint import Verdict
from outlast.cli.compared import Compared
from outlast.cli.inspection import problem_of
from outlast.cli.phrases import columns, commands, safe, units
from outlast.ledger.health import Finding, Remedy
from outlast.storage.keys import KEY_VARIABLE

__all__ = [
    "REMEDIES",
    "FindingRow",
    "checkpoint_rows",
    "file_row",
    "finding_document",
    "finding_lines",
    "ledger_rows",
    "not_verified",
    "output_row",
]

FindingRow: TypeAlias = tuple[str, str, str, str]

FINDINGS_SHOWN_MAX = 50
KEY_WIDTH_MAX = 80
PROBLEM_WIDTH_MAX = 160

REMEDIES = {
    Remedy.PENDING: "pending again",
    Remedy.DONE: "stays done: its result is intact",
    Remedy.FAILED: "failed: its payload is lost; adding it anew brings it back",
    Remedy.RESTORED: "restored from a second copy",
    Remedy.REMOVED: "taken out: nothing in it can be trusted",
    Remedy.REPAIR: "the file is built anew from what is intact",
}


def finding_lines(rows: Sequence[FindingRow], count: int) -> list[str]:
    """A line for each finding, as far as they fit; `count` is of all."""
    if not rows:
        return []
    shown = rows[:FINDINGS_SHOWN_MAX]
    lines = [f"  {line}" for line in columns([("where", "what", "problem", "repair"), *shown])]
    return [*lines, *([f"  and {units(count - len(shown), 'finding')} more"] if count > len(shown) else [])]


def file_row(problem: str) -> FindingRow:
    """What is wrong with the file of a ledger as a whole."""
    return "ledger", "the file", safe(problem, PROBLEM_WIDTH_MAX), REMEDIES[Remedy.REPAIR]


def ledger_rows(findings: Sequence[Finding]) -> Iterator[FindingRow]:
    """What is wrong with the rows of a ledger."""
    for each in findings[:FINDINGS_SHOWN_MAX]:
        what = safe(each.key, KEY_WIDTH_MAX) if each.key is not None else f"row {safe(str(each.row), 40)}"
        yield f"ledger {safe(each.table, 20)}", what, safe(each.problem, PROBLEM_WIDTH_MAX), REMEDIES[each.remedy]


def checkpoint_rows(damaged: Sequence[Verdict]) -> Iterator[FindingRow]:
    for each in damaged[:FINDINGS_SHOWN_MAX]:
        yield "checkpoint", each.id, safe(problem_of(each), PROBLEM_WIDTH_MAX), "moved to quarantine"


def output_row(output: Compared) -> FindingRow:
    problem = safe(output.problem or "", PROBLEM_WIDTH_MAX)
    return "output", safe(output.path.name, KEY_WIDTH_MAX), problem, "moved aside; the next run writes it anew"


def not_verified(unread: Sequence[str], locked_by: str | None, again: str) -> list[str]:
    """What is said where nothing is damaged, and not everything could be read; `again` is what to type once it can be."""
    key = f"put the key {locked_by} into {KEY_VARIABLE}, then: {again}"
    step = ("once that can be read", again) if locked_by is None else ("with its key", key)
    return [f"NOT VERIFIED: {'; '.join(safe(each, 300) for each in unread)}.", *commands([step])]


def finding_document(finding: Finding) -> dict[str, Any]:
    return asdict(finding) | {"remedy": str(finding.remedy)}
