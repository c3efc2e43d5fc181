"""What stands beside the items and their results, looked at: facts, counts, leases, the fence, the indexes.

Whether counts and indexes fit the rows takes a look at all of them at once. A job at work has it answered by `fits_its_rows`, on a
connection of its own, so that no commit waits for it.
"""

import apsw

from outlast.ledger.health import FINDINGS_KEPT_MAX, Finding, Remedy
from outlast.ledger.mending import mend, proved_items, recount
from outlast.ledger.migrate import keep_fact
from outlast.ledger.reading import true_counts
from outlast.ledger.rows import ItemRow, fact_checksum
from outlast.ledger.schema import DEFERRED, FAILED, NOBODY, PENDING, SPARED
from outlast.ledger.tables import Tables

__all__ = ["fits_its_rows", "look_at_facts", "look_at_the_rest", "reindexed"]

_INDEXES = (("items_pending", PENDING), ("items_due", DEFERRED), ("items_failed", FAILED))


def look_at_facts(tables: Tables) -> tuple[int, list[Finding]]:
    """How many facts there are, and those that are damaged; a second copy mends one, without one it is forgotten."""
    intact: dict[str, dict[str, bytes]] = {}
    damaged: dict[str, list[bytes]] = {}
    for table in ("facts", "spare"):
        intact[table], damaged[table] = _sorted_out(tables, table)
    if tables.writable:
        _put_right(tables, intact, damaged)
    findings = []
    for table, other in (("facts", "spare"), ("spare", "facts")):
        names = {name.decode(errors="replace") for name in damaged[table]}
        for name in sorted(names | (SPARED & intact[other].keys() - intact[table].keys())):
            remedy = Remedy.RESTORED if name in intact[other] else Remedy.REMOVED
            findings.append(Finding(table, name, None, "its checksum does not fit, or it is gone", remedy))
    return len(intact["facts"]) + len(damaged["facts"]), findings


def fits_its_rows(tables: Tables) -> bool:
    """Whether counts and indexes were those of the items at some moment; nothing but the ledger's own changes comes later."""
    tables.db.execute("BEGIN")
    try:
        truth = true_counts(tables)
        kept = dict(tables.rows("SELECT status, n FROM counts"))
        return kept == truth and _keys_known(tables) <= sum(truth.values()) and _indexes_fit(tables, truth)
    finally:
        tables.db.execute("COMMIT")


def look_at_the_rest(
    tables: Tables, *, index_fits: bool, items_fit: bool, all_claimed: bool, fits: bool = False
) -> list[Finding]:
    """Counts, leases, fence and indexes, which follow from the rows; what is known of those is handed in.

    `all_claimed`: every result has its item. `fits`: what `fits_its_rows` has said.
    """
    whole: list[Finding] = []
    if not (fits and index_fits and all_claimed):
        whole = _look_at_the_whole(tables, index_fits=index_fits, items_fit=items_fit, all_claimed=all_claimed)
    return [*whole, *_look_at_leases(tables), *_look_at_fence(tables)]


def _look_at_the_whole(tables: Tables, *, index_fits: bool, items_fit: bool, all_claimed: bool) -> list[Finding]:
    truth = true_counts(tables)
    findings = _look_for_the_gone(tables, truth)
    if findings:
        truth, items_fit = true_counts(tables), False
    if not all_claimed:
        findings += _look_for_orphans(tables)
    findings += _look_at_indexes(tables, truth, index_fits=index_fits)
    if items_fit:
        # What the counts should be cannot be told while items are damaged; when those are mended, they are counted anew.
        findings += _look_at_counts(tables, truth)
    return findings


def reindexed(tables: Tables) -> Finding:
    """Build the indexes of the items anew, because they do not fit; what to tell of it."""
    remedy = Remedy.RESTORED
    if tables.writable:
        try:
            tables.db.execute("REINDEX items")
        except apsw.ConstraintError:
            remedy = Remedy.REPAIR
    return Finding("items", "indexes", None, "they are not those of the items", remedy)


def _sorted_out(tables: Tables, table: str) -> tuple[dict[str, bytes], list[bytes]]:
    rows = tables.rows(f"SELECT CAST(ifnull(name, x'') AS BLOB), CAST(value AS BLOB), checksum FROM {table}")  # noqa: S608
    intact: dict[str, bytes] = {}
    damaged: list[bytes] = []
    for name, value, checksum in rows:
        if value is not None and checksum == fact_checksum(name, value):
            intact[name.decode(errors="replace")] = value
        else:
            damaged.append(name)
    return intact, damaged


def _put_right(tables: Tables, intact: dict[str, dict[str, bytes]], damaged: dict[str, list[bytes]]) -> None:
    for table, other in (("facts", "spare"), ("spare", "facts")):
        for damaged_name in damaged[table]:
            tables.db.execute(
                f"DELETE FROM {table} WHERE CAST(ifnull(name, x'') AS BLOB) = ?",  # noqa: S608
                (damaged_name,),
            )
        for name in SPARED & intact[other].keys() - intact[table].keys():
            keep_fact(tables.db, table, name, intact[other][name].decode())


def _look_at_counts(tables: Tables, truth: dict[int, int]) -> list[Finding]:
    kept = dict(tables.rows("SELECT status, n FROM counts"))
    for status, change in tables.change.items():
        kept[status] = kept.get(status, 0) + change
    if kept == truth:
        return []
    if tables.writable:
        recount(tables)
    return [Finding("counts", "counts", None, "the kept counts are not those of the items", Remedy.RESTORED)]


def _look_at_leases(tables: Tables) -> list[Finding]:
    vain = "NOT EXISTS (SELECT 1 FROM items WHERE id = item AND status = 0)"
    items = tables.rows(f"SELECT item FROM leases WHERE {vain}")  # noqa: S608
    if items and tables.writable:
        tables.db.execute(f"DELETE FROM leases WHERE {vain}")  # noqa: S608
    return [Finding("leases", item, None, "it leases nothing that waits", Remedy.REMOVED) for (item,) in items]


def _look_at_fence(tables: Tables) -> list[Finding]:
    tokens = [token for (token,) in tables.rows("SELECT token FROM fence")]
    [(given,)] = tables.rows("SELECT ifnull(max(token), 0) FROM leases")
    if len(tokens) == 1 and isinstance(tokens[0], int) and tokens[0] >= given:
        return []
    if tables.writable:
        tables.db.execute("DELETE FROM fence")
        tables.db.execute("INSERT INTO fence VALUES (?)", (given,))
    return [Finding("fence", "fence", None, "it is behind the leases, or gone", Remedy.RESTORED)]


def _look_at_indexes(tables: Tables, truth: dict[int, int], *, index_fits: bool) -> list[Finding]:
    """An item that its index has lost is never leased, or added twice."""
    return [] if _indexes_fit(tables, truth) and index_fits else [reindexed(tables)]


def _indexes_fit(tables: Tables, truth: dict[int, int]) -> bool:
    entries = {
        status: tables.rows(f"SELECT count(*) FROM main.items INDEXED BY {index} WHERE status = {status}")  # noqa: S608
        for index, status in _INDEXES
    }
    return all(count == truth[status] for status, [(count,)] in entries.items())


def _keys_known(tables: Tables) -> int:
    """How many items the index of keys has."""
    [(entries,)] = tables.rows("SELECT count(*) FROM main.items INDEXED BY sqlite_autoindex_items_1 WHERE key >= ''")
    return int(entries)


def _look_for_orphans(tables: Tables) -> list[Finding]:
    orphans = tables.rows(
        f"SELECT position FROM results WHERE item <> {NOBODY} "  # noqa: S608
        f"AND NOT EXISTS (SELECT 1 FROM items WHERE id = item) LIMIT {FINDINGS_KEPT_MAX}"
    )
    return [Finding("results", position, None, "its item is gone", Remedy.REPAIR) for (position,) in orphans]


def _look_for_the_gone(tables: Tables, truth: dict[int, int]) -> list[Finding]:
    """Items of which only the index knows: they are put back, as done or as given up."""
    if _keys_known(tables) <= sum(truth.values()):
        return []
    gone = tables.rows(
        "SELECT id, CAST(key AS BLOB) FROM main.items AS entry INDEXED BY sqlite_autoindex_items_1 WHERE key >= '' "
        "AND NOT EXISTS (SELECT 1 FROM main.items AS own NOT INDEXED WHERE own.id = entry.id)"
    )
    rows = [ItemRow(item, key, None, PENDING, 0, None, None, None, None) for item, key in gone]
    if tables.writable:
        tables.db.execute("REINDEX items")
        tables.db.executemany(
            "INSERT INTO items (id, key) VALUES (?, ?)", [(row.item, row.key.decode()) for row in rows]
        )
    return mend(tables, rows, proved_items(tables, [row.item for row in rows]))
