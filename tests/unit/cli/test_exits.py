"""One table: which error is which exit code."""

import errno
import json

import click
import pytest

from outlast.cli.exits import TargetImportError, exit_of, tell
from outlast.cli.lives import DiedInVainError
from outlast.cli.options import Settings
from outlast.errors import (
    CheckpointCorruptionError,
    CheckpointCreationError,
    CheckpointError,
    CheckpointNotFoundError,
    CheckpointValidationError,
    ConfigurationError,
    CrashLoopError,
    JobError,
    JobLockedError,
    JobNotFoundError,
    KeyMissingError,
    LedgerCorruptionError,
    LedgerError,
    LedgerUnavailableError,
    OutputError,
    RetryConfigurationError,
    RetryError,
    SealError,
    TargetError,
    ValidationError,
)


def test_a_run_that_died_in_vain_has_no_lines_of_code_to_show():
    told = exit_of(DiedInVainError("killed"), begun=False)
    assert (told.code, told.error_code, told.trace) == (70, "DIED_IN_VAIN_ERROR", False)


def caused(error, cause):
    error.__cause__ = cause
    return error


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "before", "after"),
    [
        (click.UsageError("no"), 2, 2),
        (ConfigurationError("no"), 2, 2),
        (ValidationError("no"), 2, 2),
        (RetryConfigurationError("no"), 2, 2),
        (TargetError("no"), 2, 2),
        (JobError("not writable"), 2, 7),
        (LedgerError("another version"), 2, 7),
        (LedgerUnavailableError("no"), 2, 7),
        (OutputError("no"), 2, 7),
        (CheckpointCreationError("no"), 2, 7),
        (caused(LedgerUnavailableError("no"), FULL), 7, 7),
        (LedgerUnavailableError("cannot be used: FullError: database or disk is full"), 7, 7),
        (caused(OutputError("no"), FULL), 7, 7),
        (CheckpointCorruptionError("no"), 4, 4),
        (LedgerCorruptionError("no"), 4, 4),
        (SealError("no"), 4, 4),
        (CheckpointNotFoundError("no"), 6, 6),
        (CheckpointValidationError("its key is not at hand"), 2, 2),
        (CheckpointError("the disk cannot read it"), 2, 7),
        (KeyMissingError("no"), 2, 2),
        (CrashLoopError("no"), 3, 3),
        (JobLockedError("no"), 5, 5),
        (JobNotFoundError("no"), 6, 6),
        (TargetImportError("no"), 70, 70),
        (RetryError("no"), 70, 70),
        (OSError(errno.ENOSPC, "No space left on device"), 7, 7),
        (OSError(errno.EIO, "no"), 70, 70),
        (ValueError("no"), 70, 70),
        (SystemExit(0), 70, 70),
        (KeyboardInterrupt(), 130, 130),
        (click.Abort(), 130, 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_an_error_has_its_code(error, before, after):
    assert (exit_of(error, begun=False).code, exit_of(error, begun=True).code) == (before, after)


def test_an_interruption_says_whether_anything_was_started():
    assert exit_of(KeyboardInterrupt(), begun=False).message == "interrupted before anything was started"
    assert "the same command goes on" in exit_of(KeyboardInterrupt(), begun=True).message


def test_causes_that_go_in_circles_are_looked_at_once():
    first, second = LedgerUnavailableError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert exit_of(first, begun=False).code == 2


def test_an_error_is_one_line_without_what_a_terminal_would_obey(capsys):
    assert tell(JobNotFoundError("no job 'a\x1b[31m'"), Settings(), as_json=False) == 6
    assert capsys.readouterr().err == "outlast: error: no job 'a\\x1b[31m'\n"


def test_further_lines_of_an_error_are_indented(capsys):
    tell(ConfigurationError("2 complaints:\n  first\n  second"), Settings(), as_json=False)
    assert capsys.readouterr().err == "outlast: error: 2 complaints:\n  first\n  second\n"


def test_an_unexpected_error_shows_where_it_came_from(capsys):
    try:
        raise ValueError("bad row")
    except ValueError as error:
        assert tell(error, Settings(), as_json=False) == 70
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith("outlast: error: ValueError: bad row (")
    assert "test_exits.py" in first
    assert "bug in outlast" not in first
    assert rest[-1] == "ValueError: bad row"


def test_an_error_from_inside_is_called_a_bug():
    try:
        Settings(nonsense=1)
    except TypeError as error:
        told = exit_of(error, begun=False).message
    assert "bug in outlast" not in told
    try:
        exit_of.__globals__["_usage"](None)
    except AttributeError as error:
        assert "(a bug in outlast: please report it)" in exit_of(error, begun=False).message


def test_with_json_an_error_is_a_document(capsys):
    assert tell(JobNotFoundError("gone"), Settings(), as_json=True) == 6
    assert json.loads(capsys.readouterr().err) == {
        "schema_version": 1,
        "message_type": "exit_error",
        "code": 6,
        "error_code": "JOB_NOT_FOUND_ERROR",
        "message": "gone",
    }
    tell(ValueError("x"), Settings(), as_json=True)
    assert json.loads(capsys.readouterr().err)["traceback"] == ["ValueError: x"]
