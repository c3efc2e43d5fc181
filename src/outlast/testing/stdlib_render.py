"""Renders modules of the standard library with pydoc. `stdlib_pages` runs this file as a script, in processes of its own.

It imports whatever it is told to, so it must never run inside a program that matters. Arguments: the directory to write to
and the names of top-level modules. It prints, as JSON, the names of the modules that could not be imported or rendered.
"""

import inspect
import io
import json
import os
import pkgutil
import pydoc
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

__all__ = ["render_all"]

# These open windows, a browser, or print; tests are no library.
SKIPPED = frozenset({"antigravity", "idlelib", "test", "this", "turtledemo", "__hello__", "__phello__"})
SKIPPED_LAST_WORDS = frozenset({"__main__", "test", "tests"})

# Where an object lies in memory is another place in each run.
_ADDRESS = re.compile(r"(?: |&nbsp;)at(?: |&nbsp;)0x[0-9a-fA-F]+")


def render_all(directory: Path, names: list[str]) -> list[str]:
    """Write the page of each module and of all its submodules; the names of those that failed."""
    every = (name for top in names for name in _with_submodules(top))
    return [name for name in every if not _render(directory, name)]


def _with_submodules(name: str) -> Iterator[str]:
    if name in SKIPPED or name.rpartition(".")[2] in SKIPPED_LAST_WORDS:
        return
    yield name
    # By now the consumer has imported it.
    for found in pkgutil.iter_modules(getattr(sys.modules.get(name), "__path__", ())):
        yield from _with_submodules(f"{name}.{found.name}")


def _render(directory: Path, name: str) -> bool:
    try:
        module = import_module(name)
        page = pydoc.html.page(name, pydoc.html.document(module, name))
    except (Exception, SystemExit):  # noqa: BLE001 - a module may raise anything when it is imported or looked at
        return False
    (directory / f"{name}.html").write_text(_ADDRESS.sub("", page), encoding="utf-8", errors="xmlcharrefreplace")
    return True


def _leave_comments_out() -> None:
    """Where there is no docstring, pydoc looks for a comment above the code; that is half of all its work."""
    quick = ModuleType("inspect")
    vars(quick).update(vars(inspect), getcomments=lambda _: None)
    vars(pydoc)["inspect"] = quick


def _main() -> None:
    # What modules print, in Python or below it, must not mix with the report.
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(), io.StringIO(), io.StringIO()
    _leave_comments_out()
    json.dump(render_all(Path(sys.argv[1]), sys.argv[2:]), report)
    report.flush()
    # Threads and exit functions of the modules have no say.
    os._exit(0)


if __name__ == "__main__":
    _main()
