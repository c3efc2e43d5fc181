"""What a shell offers at the tab key: verbs, options, jobs of the store and their runs, groups and hosts of failures, events, files."""

import json
import shlex
from collections.abc import Callable, Iterable
from copy import copy
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete
from typing_extensions import override

from outlast.cli.options import COMPLETE_VARIABLE, Settings

if TYPE_CHECKING:
    from outlast.cli.failures.grouping import NamedGroup
    from outlast.jobs.store import JobDirectory

__all__ = ["SHELLS", "completed", "script", "taught"]

PROGRAM = "outlast"
STORE = ".outlast"
"""Where jobs are kept by default, for whoever must not wait for the configuration to be loaded."""
JOBS_MAX = 500
HELP_MAX = 100


class _Bash(BashComplete):
    """Bash takes what it is offered for what was typed, so it has to be in quotes where it needs them."""

    @override
    def format_completion(self, item: CompletionItem) -> str:
        value = shlex.quote(item.value) if item.type == "plain" and item.value else item.value
        return f"{item.type},{value}"


_CLASSES: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": ZshComplete, "fish": FishComplete}
SHELLS = tuple(_CLASSES)


def script(shell: str) -> str:
    """What the shell has to read once, so that it asks from then on."""
    # Past click's own for bash, which starts one to ask for its version.
    return ShellComplete.source(_CLASSES[shell](click.Group(PROGRAM), {}, PROGRAM, COMPLETE_VARIABLE))


def completed(command: click.Command, instruction: str) -> int:
    """Answer a shell that asks; the exit code. What goes wrong is not shown: it would end up in what is being typed."""
    shell, _, asked = instruction.partition("_")
    if shell not in _CLASSES or asked != "complete":
        return 1
    try:
        click.echo(_CLASSES[shell](command, {"obj": Settings()}, PROGRAM, COMPLETE_VARIABLE).complete())
    except Exception:  # noqa: BLE001 - whatever it is, the one who types sees nothing to choose from
        return 1
    return 0


def taught(command: click.Command) -> click.Command:
    """A verb whose arguments and options offer what their names in the help stand for; the verb itself is left as it is."""
    offering = copy(command)
    offering.params = [_taught(param) for param in command.params]
    return offering


def _taught(param: click.Parameter) -> click.Parameter:
    offered = _OFFERED_BY_NAME.get(str(param.name)) or _OFFERED.get(str(param.metavar))
    if offered is None or isinstance(param.type, click.Choice):
        return param
    offering = copy(param)
    offering.type = _Offering(offered)
    return offering


class _Offering(click.ParamType[str]):
    """Takes everything, and offers something."""

    name = "offering"

    def __init__(self, offered: "_Offered") -> None:
        self._offered = offered

    @override
    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return self._offered(ctx, incomplete)


_Offered = Callable[[click.Context, str], list[CompletionItem]]


def _files(_: click.Context, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def _directories(_: click.Context, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="dir")]


def _jobs(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    directories = islice((_store(ctx) / "jobs").glob("*/ledger.db"), JOBS_MAX)
    return _beginning(incomplete, sorted(filter(None, map(_job_in, directories))))


def _groups(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    failures = {each.name: each.group.signature for each in _failures(ctx) if each.takes_verbs}
    return _beginning(incomplete, failures, failures.get)


def _hosts(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    return _beginning(incomplete, sorted({host for each in _failures(ctx) for host in each.group.hosts}))


def _rates(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Hosts to be given a rate, or to be asked as the job says again."""
    sign = "" if ctx.params.get("clear") else "="
    return [CompletionItem(f"{item.value}{sign}") for item in _hosts(ctx, incomplete)]


def _events(_: click.Context, incomplete: str) -> list[CompletionItem]:
    from outlast.cli.words.event import KINDS  # noqa: PLC0415 - heavy, and asked for rarely

    return _beginning(incomplete, KINDS)


def _runs(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """The runs that an event log in the clear tells of, the newest first, and when each began."""
    from outlast.logs.eventfile import event_files  # noqa: PLC0415 - heavy, and asked for rarely

    directory, _ = _directory(ctx)
    # Reading every line for what it holds would take longer than a key may.
    lines = (line for path in event_files(directory.path) for line in path.read_bytes().splitlines())
    entries = [json.loads(line) for line in lines if b'"run_started"' in line]
    began = {str(each["run_id"]): str(each["timestamp"]) for each in entries if each["event_type"] == "run_started"}
    return _beginning(incomplete.upper(), list(began)[::-1], began.get)


def _failures(ctx: click.Context) -> "tuple[NamedGroup, ...]":
    import asyncio  # noqa: PLC0415 - heavy, and asked for rarely

    from outlast.cli.failures.grouping import failure_groups  # noqa: PLC0415 - heavy, and asked for rarely

    return asyncio.run(failure_groups(*_directory(ctx))).groups


def _directory(ctx: click.Context) -> "tuple[JobDirectory, str]":
    """Where the job is that was named, and its name."""
    from outlast.cli.reading import found  # noqa: PLC0415 - heavy, and asked for rarely

    # An option without its value yet keeps click from telling arguments apart: there the first word is the job.
    job = str(ctx.params["job"] or next(iter(ctx.args), ""))
    return found(_store(ctx), job), job


def _store(ctx: click.Context) -> Path:
    settings = ctx.ensure_object(Settings)
    if settings.store is None and (settings.config is not None or Path("pyproject.toml").is_file()):
        from outlast.cli.reading import store_of  # noqa: PLC0415 - heavy, and most have nothing configured

        return store_of(settings)
    return Path(settings.store or STORE)


def _job_in(ledger: Path) -> str | None:
    """The name of a job, as its lock has it: opening its ledger would take longer than a key may."""
    try:
        name = json.loads(ledger.with_name("LOCK").read_bytes())["job"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None


def _beginning(
    incomplete: str, words: Iterable[str], told: Callable[[str], str | None] = lambda _: None
) -> list[CompletionItem]:
    """The words that begin so. What cannot be shown on one line is not offered, and what is said of it is one line."""
    found = (word for word in words if word.startswith(incomplete) and word.isprintable())
    return [CompletionItem(word, help=_on_a_line(told(word) or "")) for word in found]


def _on_a_line(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:HELP_MAX])


_OFFERED_BY_NAME: dict[str, _Offered] = {"job": _jobs, "run_id": _runs}
_OFFERED: dict[str, _Offered] = {
    "JOB": _jobs,
    "[JOB]": _jobs,
    "ID|JOB": _jobs,
    "JOB|ID": _jobs,
    "[GROUP]": _groups,
    "F-3a9c2f": _groups,
    "HOST": _hosts,
    "[HOST=30/min]...": _rates,
    "TYPE": _events,
    "FILE": _files,
    "[FILE]": _files,
    "TARGET": _files,
    "[ITEMS]...": _files,
    "DIR": _directories,
}
