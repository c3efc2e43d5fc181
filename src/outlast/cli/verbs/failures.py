"""`outlast failures JOB [GROUP]`."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import click

from outlast.cli.choice import Choice, Chooser, group_name
from outlast.cli.choosing import choice_options
from outlast.cli.failed import Failed, failed_items
from outlast.cli.group_words import Telling, group_lines, groups_lines
from outlast.cli.grouping import Grouped, failure_groups
from outlast.cli.opening import opened
from outlast.cli.options import Settings, common
from outlast.cli.printing import SCHEMA_VERSION, answer, put
from outlast.cli.reading import JobRecord, chosen, store_hint, store_of
from outlast.ledger.port import ItemStatus
from outlast.logs.text import escaped

__all__ = ["command"]

ITEMS_AT_ONCE = 1_000


@click.command("failures", short_help="Show why items failed, by group and host.")
@click.argument("job", metavar="JOB")
@click.argument("group", required=False, metavar="[GROUP]")
@choice_options
@click.option("--ignored", is_flag=True, help="The items that were ignored, in place of the failed ones.")
@click.option("--items", is_flag=True, help="Only the keys of the items, one a line.")
@click.option("--traceback", is_flag=True, help="With one traceback of each group; GROUP always shows one.")
@common("store", "json")
@click.pass_obj
def command(
    settings: Settings,
    /,
    job: str,
    group: str | None,
    *,
    choice: Choice,
    ignored: bool,
    items: bool,
    traceback: bool,
) -> int:
    """Show why items failed: the kinds of failure, on which hosts, how often, since when. GROUP: one kind in full.

    Works while the job runs, without disturbing it, and after it was killed.
    """
    if group is not None:
        choice = replace(choice, groups=(*choice.groups, group))
    record = asyncio.run(chosen(store_of(settings), job))
    status = ItemStatus.IGNORED if ignored else ItemStatus.FAILED
    if items:
        asyncio.run(_put_items(record, choice, status, as_json=settings.json))
        return 0
    grouped = asyncio.run(failure_groups(record.directory, record.name, choice, status))
    telling = Telling(
        job=record.name,
        hint=store_hint(settings),
        ignored=ignored,
        running=record.running is not None,
        taken=record.counts.failed if ignored else record.counts.ignored,
        traceback=traceback,
        chosen=not choice.everything,
    )
    if settings.json:
        answer(_document(grouped, telling, in_full=group is not None))
    else:
        lines = (
            groups_lines(grouped, telling)
            if group is None or not grouped.groups
            else group_lines(grouped.groups[0], telling)
        )
        put("\n".join(lines) + "\n")
    return 0


def _document(grouped: Grouped, telling: Telling, *, in_full: bool) -> dict[str, Any]:
    groups = [group.to_dict() for group in grouped.groups]
    if in_full or telling.traceback:
        for document, group in zip(groups, grouped.groups, strict=True):
            document |= {"items": list(group.group.keys), "traceback": group.group.sample.traceback}
    return {
        "job_id": telling.job,
        "status": telling.word,
        "count": grouped.total,
        "untimed": grouped.untimed,
        "groups": groups,
    }


async def _put_items(record: JobRecord, choice: Choice, status: ItemStatus, *, as_json: bool) -> None:
    """They are written as they are read: there may be a million of them."""
    head = json.dumps({"schema_version": SCHEMA_VERSION, "job_id": record.name, "status": status.value})
    between = f'{head[:-1]}, "items": ['
    async with aclosing(_picked(record, choice, status)) as picked:
        texts: list[str] = []
        async for failed in picked:
            texts.append(f"{between}{json.dumps(_item(failed))}" if as_json else f"{escaped(failed.key)}\n")
            between = ", "
            if len(texts) == ITEMS_AT_ONCE:
                if not put("".join(texts)):
                    return
                texts.clear()
    end = "" if not as_json else "]}\n" if between == ", " else f"{between}]}}\n"
    put("".join([*texts, end]))


async def _picked(record: JobRecord, choice: Choice, status: ItemStatus) -> AsyncGenerator[Failed, None]:
    chooser = Chooser(choice)
    async with opened(record.directory) as ledger:
        async for failed in failed_items(ledger, status):
            if chooser.picks(failed):
                yield failed
    chooser.check(record.name)


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
