"""`outlast events JOB`."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
from difflib import get_close_matches

import click

from outlast.cli.failures.choosing import moment_in
from outlast.cli.folding import Whole
from outlast.cli.opening import key_missing, keys_at_hand, keys_if_good
from outlast.cli.options import Settings, common
from outlast.cli.phrases import safe, units
from outlast.cli.printing import put_lines, remark
from outlast.cli.reading import begun_with, found, holder_of, store_of
from outlast.cli.words.event import KINDS, Asked, cloudevent_line, entry_json, entry_line
from outlast.errors import LedgerCorruptionError
from outlast.jobs.diary import about_events
from outlast.jobs.store import JobDirectory, job_directory
from outlast.logs.eventfile import event_files
from outlast.logs.reading import Entry, EventReader
from outlast.runtime import Runtime

__all__ = ["command"]

LOOK_SECONDS = 0.25
LINES_AT_ONCE = 500


def _known(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for name in given:
        if name not in KINDS:
            near = get_close_matches(name, KINDS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(KINDS)}"
            raise click.BadParameter(f"there is no event {name!r}; {hint}", ctx, param)
    return given


@click.command("events", short_help="Show what happened, from the event log of a job.")
@click.argument("job", metavar="JOB")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until the run ends.")
@click.option(
    "--type",
    "types",
    multiple=True,
    callback=_known,
    metavar="TYPE",
    help="Only events of this type; may be repeated. `sample`: where the run stood, every few seconds.",
)
@click.option("--since", metavar="10m|DATE", help="Only of the last ten minutes, or since a date.")
@click.option("--run", "run_id", default="", metavar="ID", help="Only this run; the beginning of its id will do.")
@click.option("--cloudevents", is_flag=True, help="As CloudEvents, one JSON object a line.")
@common("store", "json")
@click.pass_obj
def command(
    settings: Settings,
    /,
    job: str,
    *,
    follow: bool,
    types: tuple[str, ...],
    since: str | None,
    run_id: str,
    cloudevents: bool,
) -> int:
    """Show what happened to a job, the oldest first: one event a line.

    Works while the job runs, without disturbing it, and after it was killed. Of an encrypted job it needs the key. Times are UTC.
    """
    form = cloudevent_line if cloudevents else entry_json if settings.json else entry_line
    directory = _directory(settings, job)
    moment = None if since is None else moment_in(since, Runtime().clock.now())
    asked = Asked(types=types, since=moment, run=run_id.upper())
    for text in asyncio.run(_show(directory, job, asked, form, follow=follow)):
        remark(text, as_json=settings.json)
    return 0


def _directory(settings: Settings, job: str) -> JobDirectory:
    """The directory of a job; one whose ledger is gone may still tell what happened."""
    store = store_of(settings)
    try:
        return found(store, job)
    except LedgerCorruptionError:
        directory = job_directory(store, job)
        if not event_files(directory.path):
            raise
        return directory


async def _show(
    directory: JobDirectory, job: str, asked: Asked, form: Callable[[Entry], str | None], *, follow: bool
) -> list[str]:
    """Show them; what has to be known about what was not shown."""
    sealed = (await begun_with(directory)).sealed
    keys = keys_at_hand() if sealed else keys_if_good()
    with closing(EventReader(directory.path, keys=keys, about=about_events(directory), sealed=sealed)) as reader:
        shown = False
        async with aclosing(_entries(reader, directory, follow=follow)) as entries:
            async for some in entries:
                shown = shown or bool(some)
                lines = [line for entry in some if asked.wants(entry) and (line := form(entry)) is not None]
                if lines and not put_lines(lines if form is entry_line else map(Whole, lines)):
                    return []
    if reader.missing_key is not None and not shown:
        raise key_missing(f"job {job!r}", str(reader.missing_key.context.get("key_id")), keys)
    remarks = (
        ("A part of it is sealed by a key that is not at hand, and is not shown.", reader.missing_key is not None),
        (
            f"{units(reader.unreadable, 'line')} of the event log cannot be read: torn by a kill, or damaged.",
            reader.unreadable > 0,
        ),
        (
            f"job {safe(job)} has no event log: none was written yet, or logging.event_log_files is 0.",
            not event_files(directory.path),
        ),
    )
    return [text for text, holds in remarks if holds]


async def _entries(reader: EventReader, directory: JobDirectory, *, follow: bool) -> AsyncGenerator[list[Entry], None]:
    clock = Runtime().clock
    while True:
        # Asked before reading: what a run writes at its very end is then not missed.
        goes_on = follow and holder_of(directory) is not None
        some: list[Entry] = []
        for entry in reader.read():
            some.append(entry)
            if len(some) == LINES_AT_ONCE:
                yield some
                some = []
        yield some
        if not goes_on:
            return
        await clock.sleep(LOOK_SECONDS)
