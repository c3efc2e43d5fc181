"""What the finished runs of a job gave, kept beside its ledger: a fresh start puts the ledger aside, and not this.

It holds counts, times and ids, which are no secret of an encrypted job either.
"""

import logging
from collections.abc import Mapping
from typing import Any

from outlast.errors import ValidationError
from outlast.jobs.expect import Former
from outlast.jobs.store import JobDirectory
from outlast.storage.files import write_durably
from outlast.storage.strictjson import decode, encode

__all__ = ["former_total", "note_total"]

TOTALS_KEPT_MAX = 10
_VERSION = 1

_log = logging.getLogger("outlast.job")


def former_total(directory: JobDirectory, lineage: str) -> Former | None:
    """What the last finished run gave of the ledger before this one, whose first run was `lineage`; None without one.

    Blocking. A file that is damaged is no reason to stop: it is told, and there is nothing to compare with.
    """
    others = [row for row in _rows(directory) if row["lineage"] != lineage]
    return Former(run=others[-1]["run"], at=others[-1]["at"], records=others[-1]["records"]) if others else None


def note_total(directory: JobDirectory, lineage: str, total: Former) -> None:
    """Keep what a finished run gave, in place of what earlier runs of the same ledger did. Blocking."""
    rows = [row for row in _rows(directory) if row["lineage"] != lineage]
    rows.append({"lineage": lineage, "run": total.run, "at": total.at, "records": total.records})
    try:
        write_durably(directory.totals, encode({"version": _VERSION, "runs": rows[-TOTALS_KEPT_MAX:]}))
    except OSError as error:
        _log.warning("what job %r gave cannot be kept for its next run: %s", directory.name, error)


def _rows(directory: JobDirectory) -> list[dict[str, Any]]:
    try:
        document = decode(directory.totals.read_bytes())
        return [_row(each) for each in document["runs"]]
    except FileNotFoundError:
        return []
    except (OSError, ValidationError, KeyError, TypeError, ValueError) as error:
        _log.warning("what job %r gave before cannot be read from %s: %s", directory.name, directory.totals, error)
        return []


def _row(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "lineage": str(value["lineage"]),
        "run": str(value["run"]),
        "at": str(value["at"]),
        "records": int(value["records"]),
    }
