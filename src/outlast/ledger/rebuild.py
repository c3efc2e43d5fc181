"""A new ledger, built beside a damaged one from what is left in its pages, and checked before anybody relies on it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from outlast.errors import LedgerCorruptionError
from outlast.ledger.check import check
from outlast.ledger.connection import connect
from outlast.ledger.gather import Leavings, gather
from outlast.ledger.image import Image
from outlast.ledger.migrate import prepare
from outlast.ledger.opening import sealing_of
from outlast.ledger.salvage import Salvaged, forget_output, sweep_all, write_facts, write_rows
from outlast.ledger.schema import DONE, STATUSES
from outlast.ledger.sealing import Clear
from outlast.ledger.stage import Stage
from outlast.ledger.tables import Tables

if TYPE_CHECKING:
    from outlast.storage.keys import Keyring

__all__ = ["Rebuilt", "rebuild"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What the new ledger holds. `structure` says what is wrong with the old file.

    `lost_items` and `lost_results` were not found, by the old ledger's own counts; None where those are gone or out of date.
    """

    structure: tuple[str, ...]
    salvaged: Salvaged
    lost_items: int | None
    lost_results: int | None


def rebuild(path: Path, directory: Path, keys: "Keyring | None", *, locked: bool) -> tuple[Path, Rebuilt]:
    """Build a ledger in `directory` from the one at `path`, which is only read; where it is, all of it in its log.

    `locked`: a sealed one may do without its key. Raises `LedgerCorruptionError` when nothing is left that can be proved.
    """
    built, staged = directory / "rebuilt.db", directory / "rebuilt.stage"
    with Image(path) as image:
        tables = _begun(built)
        try:
            stage = Stage(tables.db, staged)
            leavings = gather(image, stage)
            _refuse_the_unproved(path, leavings)
            salvaged = _written(tables, path, stage, leavings, keys, locked=locked)
            _check(tables, path)
        finally:
            tables.db.close()
        staged.unlink()
        _make_sure_of_the_log(built)
        structure = tuple(_structure(image, leavings))
        lost = (None, None) if image.log.lost else _lost(leavings, salvaged)
    return built, Rebuilt(structure, salvaged, *lost)


def _begun(built: Path) -> Tables:
    """An empty ledger of which every page is in its log: the log is what takes the old one's place, so nothing may be copied out.

    It is made in the clear. What is sealed stays so, with the wrapped key that is found among the facts.
    """
    db = connect(built, read_only=False, vfs=None)
    try:
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        prepare(db, built, read_only=False, facts={})
    except BaseException:
        db.close()
        raise
    return Tables(db, Clear(), writable=True)


def _refuse_the_unproved(path: Path, leavings: Leavings) -> None:
    if leavings.proved:
        return
    why = (
        "its rows were written before rows had checksums"
        if leavings.of_schema_1
        else "nothing in it has a checksum that fits"
    )
    raise LedgerCorruptionError(
        f"the ledger {path} cannot be repaired: {why}; nothing was changed", context={"path": str(path)}
    )


def _written(
    tables: Tables, path: Path, stage: Stage, leavings: Leavings, keys: "Keyring | None", *, locked: bool
) -> Salvaged:
    salvaged = Salvaged()
    tables.db.execute("BEGIN IMMEDIATE")
    names = write_facts(tables, stage, leavings, salvaged)
    if "sealing" in names:
        tables.sealing = sealing_of(tables, path, keys, locked=locked)
    elif stage.is_sealed():
        message = f"the ledger {path} cannot be repaired: it is sealed, and both copies of its wrapped key are lost"
        raise LedgerCorruptionError(message, context={"path": str(path)})
    write_rows(tables, stage, leavings, salvaged)
    # The last look finds what only shows in the new ledger: a result that does not open, an item done without one.
    sweep_all(tables, salvaged)
    forget_output(tables)
    tables.db.execute("COMMIT")
    return salvaged


def _check(tables: Tables, path: Path) -> None:
    health = check(replace(tables, writable=False, found=[]), deep=True)
    if not health.sound:
        found = [*health.structure, *(finding.problem for finding in health.findings)]
        message = f"the ledger that was built in place of {path} is not sound ({found[0]}); nothing was changed"
        raise LedgerCorruptionError(message, context={"path": str(path)})


def _make_sure_of_the_log(built: Path) -> None:
    """A page that the log has not would be read from what is left of the old file."""
    with Image(built) as image:
        missing = image.count - len({frame.page for frame in image.log.frames})
    if missing or image.log.lost:
        raise LedgerCorruptionError(
            f"the log of the new ledger {built} lacks {missing} pages", context={"path": str(built)}
        )


def _structure(image: Image, leavings: Leavings) -> list[str]:
    told = []
    if image.log.lost:
        told.append(f"{image.log.lost} committed pages of its log are damaged or gone")
    if image.stated > image.count:
        told.append(f"it ends early: {image.count} of {image.stated} pages are there")
    if leavings.damaged_pages:
        more = " and more" if leavings.damaged_pages > len(leavings.damaged) else ""
        pages = ", ".join(map(str, leavings.damaged))
        told.append(f"pages that cannot be read whole: {leavings.damaged_pages} ({pages}{more})")
    if image.unreadable:
        told.append(f"sectors that the disk cannot read: {image.unreadable}")
    return told


def _lost(leavings: Leavings, salvaged: Salvaged) -> tuple[int | None, int | None]:
    counts = leavings.counts
    if counts.keys() != set(range(len(STATUSES))):
        return None, None
    return max(0, sum(counts.values()) - salvaged.items), max(0, counts[DONE] - salvaged.results)
