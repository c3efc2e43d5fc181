"""What an error means for whoever called the command: its exit code and its one clear line."""

import errno
import json
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

import outlast
from outlast.cli.failures.choice import GroupNotFoundError
from outlast.cli.folding import Whole
from outlast.cli.lives import DiedInVainError
from outlast.cli.options import Settings
from outlast.cli.phrases import safe
from outlast.cli.printing import SCHEMA_VERSION, say
from outlast.cli.steering import NotRunningError
from outlast.cli.ways_out import ways_out
from outlast.errors import (
    CheckpointCorruptionError,
    CheckpointError,
    CheckpointNotFoundError,
    ConfigurationError,
    CrashLoopError,
    JobError,
    JobLockedError,
    JobNotFoundError,
    LedgerCorruptionError,
    LedgerError,
    ResilienceException,
    SealError,
    TargetError,
    ValidationError,
)
from outlast.jobs import ExitCode

__all__ = ["Exit", "TargetImportError", "exit_of", "tell"]

PACKAGE = Path(outlast.__file__).parent
FRAMES_SHOWN_MAX = 5
MESSAGE_MAX = 2_000


class TargetImportError(JobError):
    """The file of the function raised an error when it was imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How the process ends: `trace` when the lines of the program that failed belong to the answer."""

    code: int
    error_code: str
    message: str
    trace: bool = False


# The first row that fits is the one: subclasses stand before their classes.
_CODES: tuple[tuple[type[Exception], ExitCode], ...] = (
    (TargetImportError, ExitCode.BUG),
    (DiedInVainError, ExitCode.BUG),
    (CheckpointCorruptionError, ExitCode.DAMAGED),
    (LedgerCorruptionError, ExitCode.DAMAGED),
    (SealError, ExitCode.DAMAGED),
    (CrashLoopError, ExitCode.ABORTED),
    (JobLockedError, ExitCode.LOCKED),
    (JobNotFoundError, ExitCode.NOT_FOUND),
    (NotRunningError, ExitCode.NOT_FOUND),
    (CheckpointNotFoundError, ExitCode.NOT_FOUND),
    (GroupNotFoundError, ExitCode.NOT_FOUND),
    (ConfigurationError, ExitCode.USAGE),
    (TargetError, ExitCode.USAGE),
    (ValidationError, ExitCode.USAGE),
)
_STORE_TROUBLE = (LedgerError, CheckpointError, JobError)


def exit_of(error: BaseException, *, begun: bool) -> Exit:
    """What `error` means. `begun`: a run held its job already, so "nothing was started" would be untrue."""
    match error:
        case click.ClickException():
            return Exit(code=error.exit_code, error_code="USAGE_ERROR", message=_usage(error))
        case KeyboardInterrupt() | click.Abort():
            when = "; what was recorded is kept: the same command goes on" if begun else " before anything was started"
            return Exit(code=ExitCode.INTERRUPTED, error_code="INTERRUPTED", message=f"interrupted{when}")
        case ResilienceException():
            code = _code_of(error, begun=begun)
            trace = code is ExitCode.BUG and not isinstance(error, DiedInVainError)
            return Exit(code=code, error_code=error.error_code, message=error.message, trace=trace)
        case OSError() if _disk_is_full(error):
            return Exit(code=ExitCode.RESOURCE_LIMIT, error_code="DISK_FULL", message=_told(error))
        case _:
            return Exit(code=ExitCode.BUG, error_code="UNEXPECTED_ERROR", message=_unexpected(error), trace=True)


def tell(error: BaseException, settings: Settings, *, as_json: bool) -> int:
    """Say on standard error what went wrong; the exit code."""
    verdict = exit_of(error, begun=settings.begun)
    message = "\n".join([verdict.message, *ways_out(error, settings, verdict.code)])
    if as_json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "message_type": "exit_error",
            "code": int(verdict.code),
            "error_code": verdict.error_code,
            "message": message,
        }
        say(Whole(json.dumps(document | ({"traceback": _frames(error)} if verdict.trace else {}))))
        return verdict.code
    first, *rest = message.split("\n")
    say(f"outlast: error: {safe(first, MESSAGE_MAX)}", color=settings.color, style="red")
    lines = [f"  {safe(line.strip(), MESSAGE_MAX)}" for line in rest]
    lines += [Whole(safe(line, MESSAGE_MAX)) for line in _frames(error)] if verdict.trace else []
    if lines:
        say(lines)
    return verdict.code


def _code_of(error: ResilienceException, *, begun: bool) -> ExitCode:
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    if _disk_is_full(error):
        return ExitCode.RESOURCE_LIMIT
    if isinstance(error, _STORE_TROUBLE):
        return ExitCode.RESOURCE_LIMIT if begun else ExitCode.USAGE
    return ExitCode.BUG


def _disk_is_full(error: BaseException) -> bool:
    return any(
        (isinstance(each, OSError) and each.errno in {errno.ENOSPC, errno.EDQUOT})
        or type(each).__name__ == "FullError"
        or "disk is full" in str(each)
        for each in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _usage(error: click.ClickException) -> str:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    return f"{message}\nSee: {context.command_path} --help" if context is not None else message


def _unexpected(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    told = _told(error)
    if not frames:
        return told
    where = frames[-1]
    theirs = [frame for frame in frames if not _is_ours(frame)]
    ours = "" if theirs and not _is_ours(where) else " (a bug in outlast: please report it)"
    return f"{told} ({where.filename}:{where.lineno}){ours}"


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _frames(error: BaseException) -> list[str]:
    """The last frames of the user's own code, or of ours where there is none of theirs; a failed import's is its cause's."""
    cause = error.__cause__ if isinstance(error, TargetImportError) and error.__cause__ else error
    frames = traceback.extract_tb(cause.__traceback__)
    theirs = [frame for frame in frames if not _is_ours(frame)]
    # What cannot be parsed has no frames of its own: the error itself names the line.
    chosen = theirs or ([] if isinstance(cause, SyntaxError) else list(frames))
    lines = traceback.format_list(chosen[-FRAMES_SHOWN_MAX:]) + traceback.format_exception_only(cause)
    return [line for entry in lines for line in entry.rstrip("\n").split("\n")]


def _is_ours(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith((str(PACKAGE), "<frozen", sys.prefix, sys.base_prefix))
