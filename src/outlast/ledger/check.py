"""The health of a whole ledger, read and not touched."""

from collections.abc import Iterator

import apsw

from outlast.ledger.health import FINDINGS_KEPT_MAX, Examined, Finding, Health
from outlast.ledger.schema import NOBODY, SCHEMA_VERSION
from outlast.ledger.sweep import Sweep
from outlast.ledger.tables import Tables

__all__ = ["check", "look_in_peace", "structure_of"]

SLICE = 5_000
STRUCTURE_PROBLEMS_MAX = 100


def check(tables: Tables, *, deep: bool) -> Health:
    """Read every row, through tables that are not `writable`.

    `deep` also holds each index against its table; for a million items that takes some seconds more.
    """
    sweep = Sweep(tables, deep=deep)
    structure: list[str] = []
    findings: list[Finding] = []
    damaged = 0
    try:
        for slice_ in _slices(tables, sweep):
            damaged += len(slice_)
            findings += slice_[: FINDINGS_KEPT_MAX - len(findings)]
    except (apsw.CorruptError, UnicodeDecodeError) as error:
        structure.append(f"reading stopped after {sweep.results} results and {sweep.items} items: {error}")
    return Health(
        items=sweep.items,
        results=sweep.results - _taken_out(tables),
        facts=sweep.facts,
        damaged=damaged,
        findings=tuple(findings),
        structure=(*structure, *structure_of(tables, deep=deep)),
        proved=tables.db.pragma("user_version") == SCHEMA_VERSION,
    )


def _taken_out(tables: Tables) -> int:
    """How many of the results are nobody's any more: only their positions are kept."""
    try:
        [(count,)] = tables.rows("SELECT count(*) FROM results WHERE item = ?", (NOBODY,))
    except (apsw.CorruptError, UnicodeDecodeError):
        return 0
    return int(count)


def look_in_peace(tables: Tables, sweep: Sweep, limit: int) -> Examined:
    """A slice of a sweep that only reads, as of one moment, so that a job at work is not seen between two of its commits."""
    tables.db.execute("BEGIN")
    try:
        return sweep.look_on(limit)
    finally:
        tables.db.execute("COMMIT")


def _slices(tables: Tables, sweep: Sweep) -> Iterator[tuple[Finding, ...]]:
    more = True
    while more:
        examined = look_in_peace(tables, sweep, SLICE)
        yield examined.findings
        more = examined.next is not None


def structure_of(tables: Tables, *, deep: bool) -> list[str]:
    """What SQLite finds wrong with the file; `deep` also holds each index against its table."""
    pragma = "integrity_check" if deep else "quick_check"
    try:
        told = [str(line) for (line,) in tables.rows(f"PRAGMA main.{pragma}({STRUCTURE_PROBLEMS_MAX})")]
    except (apsw.CorruptError, UnicodeDecodeError) as error:
        return [str(error)]
    return [line for line in told if line != "ok"]
