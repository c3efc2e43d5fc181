"""What runs have noted about a job and is still worth knowing: damage that was mended, results that were missing, a hold."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from outlast.cli.phrases import moment, safe, units
from outlast.cli.reading import Notes
from outlast.cli.words.expect import unmet_lines

__all__ = ["WHY_BEHIND", "note_lines"]

ITEMS_SHOWN_MAX = 5
KEY_WIDTH_MAX = 80

WHY_BEHIND = {
    "older": "an older copy of it was put back, or its end is gone",
    "other": "it is another one than the checkpoints were taken with",
    "gone": "the one that the checkpoints were taken with is gone",
    "repaired": "a repair could not save all of them",
    "output": "the output file holds lines that it does not know",
}


def note_lines(notes: Notes) -> list[str]:
    """A line for each note."""
    return list(_lines(notes))


def _lines(notes: Notes) -> Iterator[str]:
    if notes.hold:
        yield _held(notes.hold)
    if notes.unmet:
        yield from unmet_lines(_sentences(notes.unmet))
    if notes.damage:
        yield _damaged(notes.damage)
    if notes.behind:
        yield _behind(notes.behind)
    if notes.unknown_lines:
        kept = safe(str(notes.unknown_lines["kept_as"]), 300)
        yield f"{_at(notes.unknown_lines)}: the output held lines that the ledger did not know; they are kept in {kept}"


def _held(hold: Mapping[str, Any]) -> str:
    starts = hold["starts"]
    endings = Counter(str(each["ended"]) for each in starts["last"])
    how = "; ".join(f"{safe(ended, 120)} ({count}x)" for ended, count in endings.most_common(3))
    items = ", ".join(safe(str(key), KEY_WIDTH_MAX) for key in hold["items"][:ITEMS_SHOWN_MAX])
    began = f"; they began with {items}" if items else ""
    return f"ON HOLD since {_at(hold)}: its last {units(starts['fruitless'], 'start')} got nothing done: {how}{began}"


def _sentences(unmet: Mapping[str, Any]) -> list[str]:
    return [f"{each['name']}: {each['reason']}" for each in unmet["unmet"]]


def _damaged(damage: Mapping[str, Any]) -> str:
    lost = f", {units(damage['lost'], 'item')} cannot be done again" if damage["lost"] else ""
    return f"{_at(damage)}: {units(damage['damaged'], 'row')} of the ledger had been found damaged, and mended{lost}"


def _behind(behind: Mapping[str, Any]) -> str:
    why = WHY_BEHIND.get(behind["reason"], safe(str(behind["reason"])))
    expected, found = behind["expected_position"], behind["found_position"]
    numbers = f"{expected} had been recorded, {found} were there; " if expected > found else ""
    return f"{_at(behind)}: RESULTS WERE MISSING from the ledger: {numbers}{why}. What was missing is done again"


def _at(note: Mapping[str, Any]) -> str:
    return moment(str(note["at"]))
