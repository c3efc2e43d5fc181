"""Rows out of raw pages: everything that is still to be found in a ledger that SQLite cannot read."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from outlast.ledger.image import Image
from outlast.ledger.pages import Cell, Kind, Reader, kind_of
from outlast.ledger.sightings import count_in, fact_in, is_of_schema_1, item_in, name_in, ordered, result_in, token_in
from outlast.ledger.stage import Stage

__all__ = ["PAGES_TOLD_MAX", "Leavings", "gather"]

PAGES_TOLD_MAX = 100
"""How many damaged pages are told by their number; beyond that they are counted."""


@dataclass(slots=True)
class Leavings:
    """What was seen beside the rows.

    `damaged` pages could not be read as what they are. `counts` are the ledger's own, by status; nothing proves them. `newest_item`
    is the largest id that a checksum binds to its row, `token` the newest fencing token, `proved` whether any checksum fits.
    """

    damaged: list[int] = field(default_factory=list)
    damaged_pages: int = 0
    counts: dict[int, int] = field(default_factory=dict)
    newest_item: int = 0
    token: int = 0
    unproved_facts: set[str] = field(default_factory=set)
    proved: bool = False
    of_schema_1: bool = False


def gather(image: Image, stage: Stage) -> Leavings:
    """Put every row that can be found into `stage`, and say what else was seen.

    First come the pages as they are. Then whatever looks like a row in those that could not be read whole, and in free ones: of
    that only what is proved is taken.
    """
    leavings = Leavings()
    reader = Reader(image.page, image.page_size)
    free = image.free()
    used = [number for number in range(1, image.count + 1) if number not in free]
    doubtful = [number for number in used if not _read(image.page(number), number, reader, stage, leavings)]
    for number in doubtful:
        if number not in reader.overflow:
            _keep_proved(reader.carve(image.page(number)), stage)
            leavings.damaged_pages += 1
            leavings.damaged.extend([number] if len(leavings.damaged) < PAGES_TOLD_MAX else [])
    # What is free holds old rows. But the list of the free pages may be what is damaged.
    for number in free:
        _keep_proved(reader.cells(image.page(number), number)[0], stage)
    return leavings


def _read(page: bytes, number: int, reader: Reader, stage: Stage, leavings: Leavings) -> bool:
    """Keep the rows of a page; whether it was read whole."""
    cells, whole = reader.cells(page, number)
    if kind_of(page, number) == Kind.TABLE_LEAF:
        return _keep_rows(ordered(cells), stage, leavings) and whole
    if whole:
        _keep_names(cells, stage)
    return _keep_facts(cells, stage, leavings) and whole


def _keep_rows(cells: list[Cell], stage: Stage, leavings: Leavings) -> bool:
    items = [row for row in map(item_in, cells) if row is not None]
    stage.keep_items(items, newest=True)
    results = [row for row in map(result_in, cells) if row is not None]
    proved = [row for row in results if row.proved]
    stage.keep_results(proved)
    leavings.proved = leavings.proved or bool(proved) or any(row.is_itself for row in items)
    leavings.counts.update(count for count in map(count_in, cells) if count is not None)
    leavings.newest_item = max(
        [leavings.newest_item, *(row.item for row in items if row.state is not None and row.stands)]
    )
    leavings.token = max([leavings.token, *(token for token in map(token_in, cells) if token is not None)])
    leavings.of_schema_1 = leavings.of_schema_1 or any(map(is_of_schema_1, cells))
    return len(results) == len(proved) and all(row.is_itself and row.stands for row in items)


def _keep_facts(cells: list[Cell], stage: Stage, leavings: Leavings) -> bool:
    facts = [fact for fact in map(fact_in, cells) if fact is not None]
    proved = [fact for fact in facts if fact.proved]
    stage.keep_facts(proved)
    leavings.proved = leavings.proved or bool(proved)
    leavings.unproved_facts.update(fact.name.decode(errors="replace") for fact in facts if not fact.proved)
    return len(facts) == len(proved)


def _keep_names(cells: list[Cell], stage: Stage) -> None:
    # No checksum proves an entry of the index. But it stands in order between its neighbours, or the page is not to be trusted.
    names = [name for name in map(name_in, cells) if name is not None]
    keys = [name.key for name in names]
    if len(names) == len(cells) and all(one < other for one, other in pairwise(keys)):
        stage.keep_names(names)


def _keep_proved(cells: Iterable[Cell], stage: Stage) -> None:
    found = list(cells)
    stage.keep_items({row for row in map(item_in, found) if row is not None and row.is_itself}, newest=False)
    stage.keep_results(row for row in map(result_in, found) if row is not None and row.proved)
    stage.keep_facts(fact for fact in map(fact_in, found) if fact is not None and fact.proved)
