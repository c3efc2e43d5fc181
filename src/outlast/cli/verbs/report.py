"""`outlast report JOB`."""

import asyncio
import json
import webbrowser
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outlast.cli.options import STANDARD_STREAM, Settings, common
from outlast.cli.phrases import safe, size
from outlast.cli.printing import put, remark, say
from outlast.errors import OutputError
from outlast.jobs import ExitCode
from outlast.storage.files import write_durably

if TYPE_CHECKING:
    from outlast.report.model import Report

__all__ = ["command"]

SUFFIXES = {"html": ".html", "md": ".md", "json": ".json"}


@click.command("report", short_help="Write a report on a job: HTML, Markdown, JSON.")
@click.argument("job", metavar="JOB")
@click.option(
    "-o", "--output", metavar="FILE", help="Where to write it; default: JOB-report.html here. '-': standard output."
)
@click.option("--html", "forms", flag_value="html", multiple=True, help="One page that needs no network (the default).")
@click.option(
    "--md", "forms", flag_value="md", multiple=True, help="Markdown, for a job summary or a ticket; to standard output."
)
@click.option(
    "--split", is_flag=True, help="Style and script in files beside the page, for servers that refuse them within it."
)
@click.option("--open", "opened", is_flag=True, help="Show it in the browser.")
@click.option("--run", "run_id", default="", metavar="ID", help="Only this run; the beginning of its id will do.")
@common("store", "json", "quiet")
@click.pass_obj
def command(
    settings: Settings,
    /,
    job: str,
    *,
    output: str | None,
    forms: tuple[str, ...],
    split: bool,
    opened: bool,
    run_id: str,
) -> int:
    """Write a report on a job: what was finished and given up, when and why, what the engine did about it, and what to do next.

    Works while the job runs, without disturbing it, and after it was killed. Of an encrypted job it needs the key. --json: the
    report as data. Times are UTC. Exit code 4 when the ledger cannot be read, and the event log is all there is to tell of.
    """
    form = _form([*forms, *(["json"] if settings.json else [])], output)
    _refuse_what_does_not_go_together(form, output, split=split, opened=opened)
    from outlast.cli.reporting import report_on  # noqa: PLC0415 - what is needed to read a job is not needed to refuse an option

    report = asyncio.run(report_on(settings, job, run_id))
    if output == STANDARD_STREAM or (output is None and form != "html"):
        put(_text(report, form))
    else:
        file = Path(output or f"{_stem(report)}-report.html")
        _write(report, form, file, split=split)
        if not settings.quiet:
            told = f"report on job {safe(report.job)}: {safe(str(file))} ({size(file.stat().st_size)})"
            remark(told, as_json=settings.json)
        if opened:
            _show(file)
    return ExitCode.DAMAGED if report.unread else ExitCode.FINISHED


def _refuse_what_does_not_go_together(form: str, output: str | None, *, split: bool, opened: bool) -> None:
    for option, given in (("--split", split), ("--open", opened)):
        if given and form != "html":
            raise click.UsageError(f"{option} is for the HTML page")
        if given and output == STANDARD_STREAM:
            raise click.UsageError(f"{option} needs a file, and standard output is none")


def _form(asked: Collection[str], output: str | None) -> str:
    """What was asked for; where nothing was, the name of the file says it."""
    by_name = next((name for name, suffix in SUFFIXES.items() if output and output.endswith(suffix)), None)
    several = [f"--{name}" for name in SUFFIXES if name in asked]
    if len(several) > 1:
        raise click.UsageError(f"either {' or '.join(several)}")
    if several and by_name not in {None, *asked}:
        raise click.UsageError(f"{several[0]} does not make what {output!r} is named for: either the one or the other")
    return next(iter(asked), by_name or "html")


def _text(report: "Report", form: str) -> str:
    if form == "json":
        return json.dumps(report.to_dict()) + "\n"
    if form == "md":
        from outlast.report.markdown import markdown  # noqa: PLC0415 - one of three

        return markdown(report)
    from outlast.report.html import page  # noqa: PLC0415 - one of three

    return page(report)


def _write(report: "Report", form: str, file: Path, *, split: bool) -> None:
    """Raises `OutputError` when it cannot be written."""
    for path, text in (_parts(report, file) if split else {file: _text(report, form)}).items():
        try:
            write_durably(path, text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise OutputError(f"the report {path} cannot be written: {error.strerror}") from error


def _parts(report: "Report", file: Path) -> dict[Path, str]:
    from outlast.report.html import split_page  # noqa: PLC0415 - seldom asked for

    return {file.with_name(name): text for name, text in split_page(report, file.name).items()}


def _stem(report: "Report") -> str:
    """A name for the file: of the job's what any file system takes."""
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "-" for each in report.job)
    return plain.strip("-.")[:60] or "job"


def _show(file: Path) -> None:
    if not webbrowser.open(file.absolute().as_uri()):
        say([f"no browser could be started; open {safe(str(file.absolute()), 500)} yourself"])
