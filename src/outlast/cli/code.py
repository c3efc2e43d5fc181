"""Which code a job runs, so that a later run can tell whether it is the same: digests of the target's file and of what it imports from beside it."""

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import outlast
from outlast.cli.phrases import first_few, safe
from outlast.cli.reading import begun_with
from outlast.errors import ConfigurationError, LedgerError
from outlast.jobs.store import JobDirectory

__all__ = ["changed_line", "changes", "code_before", "code_beside", "code_noted", "refuse_other_code"]

FILES_MAX = 500
DIGEST_CHARACTERS = 32

_PACKAGES = frozenset({"site-packages", "dist-packages"})
_PYTHON = Path(os.__file__).resolve().parent
_OURS = Path(outlast.__file__).resolve().parent

Code = Mapping[str, str]
"""A digest by the name of the file."""


def code_beside(file: Path | None) -> dict[str, str]:
    """The files of the modules that are loaded from where `file` is, or below; of what is installed there none."""
    if file is None:
        return {}
    base = file.resolve().parent
    # To resolve a path asks the disk, and hundreds of modules are far from here, as their names show.
    names = tuple(f"{each}{os.sep}" for each in {base, file.absolute().parent})
    files = (name for name in map(_file_of, list(sys.modules.values())) if name is not None and name.startswith(names))
    loaded = {file.resolve(), *(Path(name).resolve() for name in files)}
    near = sorted(each for each in loaded if each.is_relative_to(base) and not _is_installed(each, base))
    digests = {str(each.relative_to(base)): _digest(each) for each in near[:FILES_MAX]}
    return {name: digest for name, digest in digests.items() if digest is not None}


async def code_before(directory: JobDirectory) -> Code | None:
    """What the last run of a job has noted; None: nobody knows."""
    try:
        return code_noted((await begun_with(directory)).invocation)
    except LedgerError:
        return None  # the run itself will say what is wrong with it


def code_noted(invocation: Mapping[str, Any] | None) -> Code | None:
    """The code that was noted with the command of a run; None: none was."""
    code = (invocation or {}).get("code")
    return code if isinstance(code, dict) and code else None


def changes(before: Code | None, now: Code) -> tuple[str, ...] | None:
    """The files that are other ones now, new or gone; None: that cannot be told."""
    if before is None or not now:
        return None
    return tuple(name for name in sorted({*before, *now}) if before.get(name) != now.get(name))


def changed_line(changed: tuple[str, ...]) -> str:
    """What is said at the beginning of a run with other code."""
    return f"The code has changed since the last run: {_named(changed)}. What is done stays done; --fresh does all of it again."


def refuse_other_code(job: str, changed: tuple[str, ...] | None) -> None:
    """Raises `ConfigurationError` unless it is known that nothing has changed."""
    if changed is None:
        raise ConfigurationError(
            f"--require-same-code: nobody knows with which code job {job!r} ran last. Go on without that option"
        )
    if changed:
        raise ConfigurationError(
            f"--require-same-code: the code of job {job!r} has changed since its last run: {_named(changed)}. "
            "Put it back, or go on without that option"
        )


def _is_installed(file: Path, base: Path) -> bool:
    """Whether it is Python's own, ours, or of a package that is installed below `base`, in an environment there."""
    below = file.relative_to(base).parts
    return bool(_PACKAGES.intersection(below)) or file.is_relative_to(_PYTHON) or file.is_relative_to(_OURS)


def _named(files: tuple[str, ...]) -> str:
    return first_few([safe(name) for name in files])


def _file_of(module: Any) -> str | None:
    name = getattr(module, "__file__", None)
    return name if isinstance(name, str) and name.endswith(".py") else None


def _digest(file: Path) -> str | None:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:DIGEST_CHARACTERS]
    except OSError:
        return None
