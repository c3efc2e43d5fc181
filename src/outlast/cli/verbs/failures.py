"""`outlast failures JOB [GROUP]`."""

import asyncio
import sys
from dataclasses import replace
from typing import Any

import click

from outlast.cli.failures.choice import Choice
from outlast.cli.failures.choosing import choice_options
from outlast.cli.failures.grouping import Grouped, failure_groups
from outlast.cli.failures.item_rows import Form, put_items
from outlast.cli.folding import width_of
from outlast.cli.options import Settings, common
from outlast.cli.printing import answer, put_lines
from outlast.cli.reading import chosen, store_hint, store_of
from outlast.cli.words.group import Telling, group_lines, groups_lines
from outlast.ledger.port import ItemStatus

__all__ = ["command"]


@click.command("failures", short_help="Show why items failed, by group and host.")
@click.argument("job", metavar="JOB")
@click.argument("group", required=False, metavar="[GROUP]")
@choice_options
@click.option("--ignored", is_flag=True, help="The items that were ignored, in place of the failed ones.")
@click.option("--items", "form", flag_value=Form.KEYS, help="Only the keys of the items, one a line.")
@click.option("--csv", "form", flag_value=Form.CSV, help="The items as a table, with what is known of each.")
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
    form: str | None,
    traceback: bool,
) -> int:
    """Show why items failed: the kinds of failure, on which hosts, how often, since when. GROUP: one kind in full.

    Works while the job runs, without disturbing it, and after it was killed.
    """
    if traceback and form is not None:
        raise click.UsageError(f"--traceback is for groups, and --{'csv' if form == Form.CSV else 'items'} shows items")
    if group is not None:
        choice = replace(choice, groups=(*choice.groups, group))
    record = asyncio.run(chosen(store_of(settings), job))
    status = ItemStatus.IGNORED if ignored else ItemStatus.FAILED
    if form is not None:
        chosen_form = Form.JSON if settings.json and form == Form.KEYS else Form(form)
        asyncio.run(put_items(record, choice, status, chosen_form))
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
        width=width_of(sys.stdout),
    )
    if settings.json:
        answer(_document(grouped, telling, in_full=group is not None))
    elif group is None or not grouped.groups:
        put_lines(groups_lines(grouped, telling))
    else:
        put_lines(group_lines(grouped.groups[0], telling))
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
