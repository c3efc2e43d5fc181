"""`outlast checkpoint verify JOB|ID`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from outlast.checkpoint import Verdict
from outlast.cli.looking import exit_code_of
from outlast.cli.options import Settings, common, kept_in
from outlast.cli.phrases import commands, quoted, safe
from outlast.cli.printing import answer, put, say
from outlast.cli.shelves import Shelf, shelf_of, shelves
from outlast.cli.words.checkpoint import verdict_document, verdict_line, verdict_table
from outlast.errors import CheckpointNotFoundError
from outlast.jobs import ExitCode

__all__ = ["command"]


@click.command("verify", short_help="Check that checkpoints are as they were written.")
@click.argument("named", required=False, metavar="JOB|ID")
@click.option("--all", "every", is_flag=True, help="Those of every job of the store, or of the directory.")
@click.option(
    "--deep", is_flag=True, help="Read every byte, not the headers only; of a single one that is always done."
)
@kept_in
@common("store", "json", "quiet")
@click.pass_obj
def command(settings: Settings, /, named: str | None, *, every: bool, deep: bool, path: Path | None) -> int:
    """Check all checkpoints of a job, or one; nothing is changed. Exit code 4 when one is damaged that is not in quarantine.

    A job goes on from its newest intact checkpoint by itself. Exit code 2 when one cannot be read here: its key is not at
    hand, or its format is too new.
    """
    if every == (named is not None):
        raise click.UsageError("say which: JOB, ID, or --all alone for every job")
    if named is None:
        return _verify_all(settings, path, deep=deep)
    shelf, verdicts, deep = asyncio.run(_verified(settings, named, path, deep=deep))
    # One that was named is judged wherever it is; of a job those in quarantine are known, and out of the way.
    quarantined = shelf.quarantined if shelf.checkpoint_id is None else frozenset[str]()
    code = _worst([each for each in verdicts if each.id not in quarantined])
    if settings.json:
        checked = verdict_document(verdicts)
        answer({"job_id": shelf.job_id, "deep": deep, "sound": code == ExitCode.FINISHED, "checkpoints": checked})
    elif verdicts:
        put("\n".join(verdict_table(verdicts, quarantined)) + "\n")
        say([verdict_line(shelf.job_id, verdicts, deep=deep, quarantined=quarantined), *_advice(shelf, code, settings)])
    else:
        say(f"job {safe(shelf.job_id)} has no checkpoints: nothing was checked")
    return code


def _verify_all(settings: Settings, path: Path | None, *, deep: bool) -> int:
    """A line for each job; where something is wrong, what it is below it."""
    jobs, documents, lines = asyncio.run(_every(settings, path, deep=deep)), [], []
    for shelf, verdicts in jobs:
        code = _worst([each for each in verdicts if each.id not in shelf.quarantined])
        sound, checked = code == ExitCode.FINISHED, verdict_document(verdicts)
        documents.append((code, {"job_id": shelf.job_id, "sound": sound, "checkpoints": checked}))
        lines.append(verdict_line(shelf.job_id, verdicts, deep=deep, quarantined=shelf.quarantined))
        bad = [each for each in verdicts if each.status != "available" and each.id not in shelf.quarantined]
        lines += [f"  {row}" for row in verdict_table(bad)]
        lines += _advice(shelf, code, settings)
    codes = {code for code, _ in documents}
    worst = ExitCode.DAMAGED if ExitCode.DAMAGED in codes else max(codes, default=ExitCode.FINISHED)
    if settings.json:
        answer({"deep": deep, "sound": worst == ExitCode.FINISHED, "jobs": [document for _, document in documents]})
    elif lines:
        put("\n".join(lines) + "\n")
    else:
        say("no job has checkpoints: nothing was checked")
    return worst


async def _every(settings: Settings, path: Path | None, *, deep: bool) -> list[tuple[Shelf, Sequence[Verdict]]]:
    found: list[tuple[Shelf, Sequence[Verdict]]] = []
    for shelf in await shelves(settings, path):
        async with shelf.manager(keyless=True) as manager:
            if verdicts := await manager.verify_all(shelf.job_id, deep=deep):
                found.append((shelf, verdicts))
    return found


async def _verified(
    settings: Settings, named: str, path: Path | None, *, deep: bool
) -> tuple[Shelf, Sequence[Verdict], bool]:
    shelf = await shelf_of(settings, named, path)
    wanted = shelf.checkpoint_id
    async with shelf.manager(keyless=True) as manager:
        verdicts = await manager.verify_all(shelf.job_id, deep=deep or wanted is not None)
    if wanted is None:
        return shelf, verdicts, deep
    one = [each for each in verdicts if each.id == wanted]
    if not one:
        raise CheckpointNotFoundError(f"job {shelf.job_id!r} has no checkpoint {wanted}")
    return shelf, one, True


def _worst(verdicts: Sequence[Verdict]) -> ExitCode:
    codes = {exit_code_of(each.status) for each in verdicts}
    return ExitCode.DAMAGED if ExitCode.DAMAGED in codes else max(codes, default=ExitCode.FINISHED)


def _advice(shelf: Shelf, code: ExitCode, settings: Settings) -> list[str]:
    if code != ExitCode.DAMAGED or settings.quiet or shelf.directory is None:
        return []
    name = quoted(shelf.job_id)
    return commands(
        [
            ("see the rest", f"outlast verify {name}{shelf.hint}"),
            ("move the damaged ones out of the way", f"outlast repair {name}{shelf.hint}"),
        ]
    )
