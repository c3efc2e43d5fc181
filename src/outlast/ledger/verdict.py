"""What becomes of a damaged item: decided from its row, the second copy of its key, its seal, and whether its result is there.

What cannot be told is decided so that nothing wrong is ever handed out: the item is done again; and where it is not known any
more what it was, it is given up.
"""

from typing import NamedTuple

from outlast.ledger.health import Remedy
from outlast.ledger.rows import LOST, ItemRow, identity_of
from outlast.ledger.schema import DONE, FAILED, PENDING

__all__ = ["Verdict", "judge"]

_LOST = "its payload is lost"
_REMEDIES = {PENDING: Remedy.PENDING, DONE: Remedy.DONE, FAILED: Remedy.FAILED}


class Verdict(NamedTuple):
    """How the row is to be; its `state` follows from it, and so does the error of one that is given up."""

    row: ItemRow
    problem: str
    remedy: Remedy


def judge(row: ItemRow, spare_key: bytes | None, *, proved: bool, opens: bool | None = None) -> Verdict | None:
    """What is wrong with an item and what is done about it; None when nothing is.

    `spare_key` is its key as the index has it. `proved`: it has an intact result. `opens`: whether its seal opens; None
    where there is no seal to ask.
    """
    known, problem = _identified(row, spare_key, opens=opens)
    status = _due_status(known, proved=proved)
    if known.stands and known.status == status:
        remedy = _REMEDIES[status] if problem == _LOST else Remedy.RESTORED
        return None if problem is None else Verdict(known, problem, remedy)
    problem = problem or _problem(known, status)
    return Verdict(_moved(known, status), problem, _REMEDIES[status])


def _identified(row: ItemRow, spare_key: bytes | None, *, opens: bool | None) -> tuple[ItemRow, str | None]:
    if row.is_itself and opens is not False:
        return row, None
    if spare_key is not None and row.identity == identity_of(spare_key, row.payload):
        return row._replace(key=spare_key), "its key is damaged"
    if opens:
        return row._replace(identity=identity_of(row.key, row.payload)), "its checksum is damaged"
    key = row.key if spare_key is None else spare_key
    key = key.decode(errors="replace").encode()
    return row._replace(key=key, payload=LOST, identity=identity_of(key, LOST)), _LOST


def _due_status(row: ItemRow, *, proved: bool) -> int:
    if proved:
        return DONE
    if row.lost:
        return FAILED
    return row.status if row.stands and row.status != DONE else PENDING


def _problem(row: ItemRow, status: int) -> str:
    if not row.stands:
        return "its status cannot be trusted"
    if status == DONE:
        return "it has a result and is not done"
    return _LOST if row.lost else "its result is missing or damaged"


def _moved(row: ItemRow, status: int) -> ItemRow:
    attempts = 0 if status == PENDING else row.attempts if row.stands else 1
    return row._replace(status=status, attempts=attempts, not_before=None, error=None)
