"""The failed items themselves, as they are read: their keys, a JSON document, or a table for a spreadsheet."""

import csv
import io
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from enum import StrEnum
from typing import Any, assert_never

from outlast.cli.failures.choice import Choice, Chooser, group_name
from outlast.cli.failures.failed import Failed, failed_items
from outlast.cli.opening import opened
from outlast.cli.printing import SCHEMA_VERSION, put
from outlast.cli.reading import JobRecord
from outlast.ledger.port import ItemStatus
from outlast.logs.text import escaped

__all__ = ["COLUMNS", "Form", "csv_text", "put_items"]

ITEMS_AT_ONCE = 1_000

COLUMNS = ("key", "host", "group", "class", "attempts", "at", "message", "type", "status")

_FORMULA = re.compile('(\\A|;[ "]*)(?=[-=+@\uff1d\uff0b\uff0d\uff20])')
"""Where a spreadsheet takes something for the beginning of a formula, the wide forms included.

In many countries it takes a `;` for the end of a cell, and then does not know of the quotes that stand around a comma.
"""


class Form(StrEnum):
    """How they are written."""

    KEYS = "keys"
    JSON = "json"
    CSV = "csv"


async def put_items(record: JobRecord, choice: Choice, status: ItemStatus, form: Form) -> None:
    """Write the chosen ones to standard output as they are read: there may be a million of them."""
    async with (
        aclosing(_picked(record, choice, status)) as picked,
        aclosing(_texts(record, status, form, picked)) as texts,
    ):
        await _put(texts)


def csv_text(rows: Sequence[Sequence[Any]]) -> str:
    """Rows as RFC 4180 has them. One row is one line, and no text in it is a formula to a spreadsheet: it gets a `'` in front."""
    written = io.StringIO()
    csv.writer(written).writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue()


async def _put(texts: AsyncIterator[str]) -> None:
    some: list[str] = []
    async for text in texts:
        some.append(text)
        if len(some) == ITEMS_AT_ONCE:
            if not put("".join(some)):
                return
            some.clear()
    put("".join(some))


async def _picked(record: JobRecord, choice: Choice, status: ItemStatus) -> AsyncGenerator[Failed, None]:
    chooser = Chooser(choice)
    async with opened(record.directory) as ledger:
        async for failed in failed_items(ledger, status):
            if chooser.picks(failed):
                yield failed
    chooser.check(record.name)


def _texts(
    record: JobRecord, status: ItemStatus, form: Form, picked: AsyncIterator[Failed]
) -> AsyncGenerator[str, None]:
    match form:
        case Form.KEYS:
            return (f"{escaped(each.key)}\n" async for each in picked)
        case Form.JSON:
            return _json_texts(record, status, picked)
        case Form.CSV:
            return _csv_texts(picked)
    assert_never(form)


async def _json_texts(
    record: JobRecord, status: ItemStatus, picked: AsyncIterator[Failed]
) -> AsyncGenerator[str, None]:
    head = json.dumps({"schema_version": SCHEMA_VERSION, "job_id": record.name, "status": status.value})
    between = f'{head[:-1]}, "items": ['
    async for failed in picked:
        yield f"{between}{json.dumps(_item(failed))}"
        between = ", "
    yield "]}\n" if between == ", " else f"{between}]}}\n"


async def _csv_texts(picked: AsyncIterator[Failed]) -> AsyncGenerator[str, None]:
    # Not before the first: where a group is named that is not there, nothing has been written.
    head = csv_text([COLUMNS])
    async for failed in picked:
        facts = {**_item(failed), "type": failed.failure.type, "status": failed.failure.status}
        yield head + csv_text([[facts[name] for name in COLUMNS]])
        head = ""
    yield head


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return _FORMULA.sub(r"\1'", escaped(value))


def _item(failed: Failed) -> dict[str, Any]:
    return {
        "key": failed.key,
        "host": failed.host,
        "group": group_name(failed.failure.signature),
        "class": failed.failure.failure_class.value,
        "attempts": failed.attempts,
        "at": None if failed.at is None else failed.at.isoformat(),
        "message": failed.failure.message,
    }
