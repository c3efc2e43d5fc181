"""Writing to the two streams: answers to standard output, everything else to standard error."""

import json
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import IO, Any

import click

from outlast.cli.folding import Whole, folded, width_of
from outlast.errors import OutputError

__all__ = [
    "SCHEMA_VERSION",
    "answer",
    "colored",
    "is_live",
    "left_drawing",
    "put",
    "put_lines",
    "reader_left",
    "remark",
    "say",
    "wants_color",
]

SCHEMA_VERSION = 1


def put(text: str) -> bool:
    """Write to standard output; False when its reader is gone (`outlast results docs | head`). Raises `OutputError`."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go()
        return False
    except OSError as error:
        _let_go()
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error
    return True


def put_lines(lines: Iterable[str]) -> bool:
    """Write lines of words to standard output, each as wide as the terminal at most."""
    return put("\n".join(folded(lines, width_of(sys.stdout))) + "\n")


def left_drawing(stream: IO[Any], environ: Mapping[str, str]) -> None:
    """Begin a row, and show the cursor again, on a terminal that a process which has died was drawing on."""
    if is_live(stream, environ):
        with suppress(OSError, ValueError):
            stream.write("\x1b[?25h\n")
            stream.flush()


def reader_left(error: OSError) -> bool:
    """Whether help or a version was written when nobody read it any more. Raises `OutputError` when it could not be written."""
    trace = traceback.extract_tb(error.__traceback__)
    if not trace or trace[-1].filename != click.utils.__file__:
        return False
    _let_go()
    if not isinstance(error, BrokenPipeError):
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error
    return True


def _let_go() -> None:
    # Python flushes the stream once more at its end, and would complain.
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - open until the process ends


def answer(document: Mapping[str, Any]) -> bool:
    """The one JSON document of `--json`."""
    return put(json.dumps({"schema_version": SCHEMA_VERSION, **document}) + "\n")


def say(lines: Iterable[str] | str, *, color: str = "auto", style: str | None = None) -> None:
    """Write lines to standard error, each as wide as the terminal at most; the first one in `style`, where colours are wanted."""
    first, *rest = [lines] if isinstance(lines, str) else list(lines)
    width = width_of(sys.stderr)
    head = folded([first], width)
    if style and colored(color, sys.stderr):
        head = [click.style(row, fg=style, bold=True) for row in head]
    try:
        sys.stderr.write("\n".join([*head, *folded(rest, width)]) + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        # Whoever closed standard error did not want to be told; the job matters more.
        return


def remark(text: str, *, as_json: bool) -> None:
    """Say what has to be known about an answer, and is no part of it."""
    document = {"schema_version": SCHEMA_VERSION, "message_type": "remark", "message": text}
    say(Whole(json.dumps(document)) if as_json else text)


def colored(choice: str, stream: IO[Any]) -> bool:
    """Whether to colour what is written to `stream`."""
    return wants_color(choice, os.environ, terminal=stream.isatty())


def wants_color(choice: str, environ: Mapping[str, str], *, terminal: bool) -> bool:
    """`--color` decides, then NO_COLOR, then FORCE_COLOR, then whether it is a terminal that can."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return terminal and environ.get("TERM") != "dumb"


def is_live(stream: IO[Any], environ: Mapping[str, str]) -> bool:
    """Whether a view that redraws itself makes sense: a terminal that can move its cursor. Colour is another matter."""
    return stream.isatty() and environ.get("TERM", "") not in {"", "dumb"}
