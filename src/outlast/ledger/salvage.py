"""A new ledger from what is left of one that SQLite cannot read: every row that its checksum proves, and no other.

Of an item's older copies only what it is counts, not where it stood: it is done again, unless an intact result proves it done.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from outlast.errors import KeyMissingError, LedgerCorruptionError
from outlast.ledger.changes import put
from outlast.ledger.gather import Leavings
from outlast.ledger.health import FINDINGS_KEPT_MAX, Finding, Remedy
from outlast.ledger.mending import LOST_ERROR, opens, recount, take_out_results
from outlast.ledger.migrate import keep_fact
from outlast.ledger.pages import text_of
from outlast.ledger.reading import fact
from outlast.ledger.rows import ItemRow, ResultRow, Stored, is_proved, state_of
from outlast.ledger.schema import DONE, FAILED, NOBODY, SPARED
from outlast.ledger.settle import Seen, Settled, settle
from outlast.ledger.sightings import NUMBER_MAX
from outlast.ledger.stage import Stage
from outlast.ledger.sweep import Sweep
from outlast.ledger.tables import Tables
from outlast.storage.strictjson import encode

__all__ = ["Salvaged", "forget_output", "sweep_all", "write_facts", "write_rows"]

BATCH = 1_000
SLICE = 5_000
TOKENS_SKIPPED = 1_000_000
"""How far the fence is put ahead of the newest token found: the one that was given last may be among what is lost."""

IDS_PER_ROW_MAX = 100
"""Ids follow each other, so one that is so much larger than the number of items was damaged; fewer rows than that may be lost."""

_INSERT_ITEM = "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"
_INSERT_RESULT = "INSERT INTO results VALUES (?, ?, ?, ?, ?)"

_OUTPUT = "output"

Value = TypeVar("Value")


@dataclass(slots=True)
class Salvaged:
    """What the ledger holds now, and what was found wrong. `remedies` counts the findings; the first of them are kept."""

    items: int = 0
    results: int = 0
    facts: int = 0
    findings: list[Finding] = field(default_factory=list)
    remedies: Counter[Remedy] = field(default_factory=Counter)

    def say(self, *findings: Finding) -> None:
        self.remedies.update(finding.remedy for finding in findings)
        self.findings.extend(findings[: FINDINGS_KEPT_MAX - len(self.findings)])


def write_facts(tables: Tables, stage: Stage, leavings: Leavings, salvaged: Salvaged) -> set[str]:
    """Write the facts that were found into the empty tables, within the transaction of the caller; their names."""
    facts = {fact.name.decode(): fact.value for fact in stage.facts()}
    for name, value in facts.items():
        for table in ("facts", "spare") if name in SPARED else ("facts",):
            keep_fact(tables.db, table, name, value)
    salvaged.facts = len(facts)
    for name in sorted(leavings.unproved_facts):
        remedy = Remedy.RESTORED if name in facts else Remedy.REMOVED
        salvaged.say(Finding("facts", name, None, "its checksum does not fit", remedy))
    return set(facts)


def write_rows(tables: Tables, stage: Stage, leavings: Leavings, salvaged: Salvaged) -> None:
    """Choose from `stage`, and write the items and results that are chosen; after the facts, in the same transaction."""
    _write_results(tables, stage, salvaged)
    _write_items(tables, stage, leavings, salvaged)
    _take_out_orphans(tables, salvaged)
    recount(tables)
    tables.db.execute("UPDATE fence SET token = ?", (leavings.token + TOKENS_SKIPPED,))


def sweep_all(tables: Tables, salvaged: Salvaged) -> None:
    """Look through the whole ledger, within the transaction of the caller, and mend what is damaged."""
    sweep, more = Sweep(tables), True
    while more:
        examined = sweep.look_on(SLICE)
        salvaged.say(*examined.findings)
        more = examined.next is not None
    recount(tables)
    salvaged.items, salvaged.facts = sweep.items, sweep.facts
    [(salvaged.results,)] = tables.rows("SELECT count(*) FROM results WHERE item <> ?", (NOBODY,))


def forget_output(tables: Tables) -> None:
    """Let the output file be held against the results from its beginning: some of its lines may not be among them any more."""
    # A fact that cannot be read is looked at as if it were not there.
    with suppress(LedgerCorruptionError, KeyMissingError):
        noted = fact(tables, _OUTPUT)
        if isinstance(noted, dict):
            put(tables, _OUTPUT, encode({**noted, "position": 0, "size": 0}).decode())


def _write_results(tables: Tables, stage: Stage, salvaged: Salvaged) -> None:
    """Each item's first result, in its place; what has no place, or shares it with another, goes to the end."""
    place = 0
    for batch in _batches(stage.results()):
        chosen: list[ResultRow] = []
        for row in batch:
            if place < row.position < NUMBER_MAX and (row.item == NOBODY or stage.finish(row.item)):
                place = row.position
                chosen.append(row)
        tables.db.executemany(_INSERT_RESULT, [_stored_result(row) for row in chosen])
    for batch in _batches(stage.unplaced_results()):
        for row in batch:
            if stage.finish(row.item):
                place += 1
                salvaged.say(
                    Finding("results", row.position, None, f"its place was lost; it is {place}", Remedy.RESTORED)
                )
                tables.db.execute(_INSERT_RESULT, _stored_result(row._replace(position=place)))


def _write_items(tables: Tables, stage: Stage, leavings: Leavings, salvaged: Salvaged) -> None:
    bare, known = stage.is_bare(), max(leavings.newest_item, sum(leavings.counts.values()))
    reach = IDS_PER_ROW_MAX * max(known, stage.rows())
    homeless: list[Settled] = []

    def settled(seen: Seen) -> Settled | None:
        return settle(seen, bare=bare, opens=lambda row: opens(tables, row), place_of=stage.place_of, reach=reach)

    for batch in _batches(stage.seen(known)):
        rows: list[Settled] = []
        for seen in batch:
            one = settled(seen)
            if one is None:
                _say_lost(tables, seen, salvaged)
            elif one.placed and 0 < one.row.item < NUMBER_MAX:
                rows.append(one)
            else:
                homeless.append(one)
        _insert(tables, rows, salvaged)
    [(newest,)] = tables.rows("SELECT ifnull(max(id), 0) FROM items")
    placed = [one._replace(row=one.row._replace(item=newest + offset)) for offset, one in enumerate(homeless, 1)]
    _insert(tables, placed, salvaged)


def _insert(tables: Tables, rows: list[Settled], salvaged: Salvaged) -> None:
    columns = [_stored_item(tables, one) for one in rows]
    written = {item for (item,) in tables.db.executemany(_INSERT_ITEM, columns)}
    salvaged.items += len(written)
    for row, problem, remedy, _ in rows:
        name = tables.name(row.key, row.payload) if problem or row.item not in written else None
        if row.item not in written:
            salvaged.say(Finding("items", row.item, name, "there is another row of its key", Remedy.REMOVED))
        elif problem:
            salvaged.say(Finding("items", row.item, name, problem, remedy))


def _say_lost(tables: Tables, seen: Seen, salvaged: Salvaged) -> None:
    row = seen.candidates[0].row
    salvaged.say(Finding("items", seen.item, tables.name(row.key, row.payload), "nothing proves it", Remedy.REMOVED))


def _take_out_orphans(tables: Tables, salvaged: Salvaged) -> None:
    """Results whose items are gone are nobody's; their places stay taken, as they may be those of the output file."""
    orphans = tables.rows(
        "SELECT position FROM results WHERE item <> ? AND NOT EXISTS (SELECT 1 FROM items WHERE id = item AND status = ?)",
        (NOBODY, DONE),
    )
    take_out_results(tables, [position for (position,) in orphans])
    salvaged.say(*[Finding("results", place, None, "its item is gone", Remedy.REMOVED) for (place,) in orphans])


def _stored_result(row: ResultRow) -> tuple[Any, ...]:
    return (row.position, row.item, row.shape, text_of(row.lines), row.checksum)


def _stored_item(tables: Tables, one: Settled) -> tuple[Any, ...]:
    row = one.row
    error: Stored | None = None if row.error is None else text_of(row.error)
    if row.status == FAILED and row.lost and error is None:
        error = _lost_error(tables, row)
    stand = (row.status, row.attempts, row.not_before, error)
    state = None if is_proved(row.item, stand, None) else state_of(row.item, *stand)
    payload = row.payload if row.payload is None or row.lost else text_of(row.payload)
    return (row.item, row.key.decode(), payload, *stand, row.identity, state)


def _lost_error(tables: Tables, row: ItemRow) -> Stored | None:
    return tables.sealing.to_text("error", row.item, row.key.decode(), LOST_ERROR)


def _batches(values: Iterable[Value]) -> Iterator[list[Value]]:
    source = iter(values)
    while batch := list(islice(source, BATCH)):
        yield batch
