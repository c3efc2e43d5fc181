"""Lines longer than the terminal is wide: broken between words, with what follows set in. What is to be typed is never broken."""

import os
import re
from collections.abc import Iterable, Iterator
from typing import IO, Any

__all__ = ["Whole", "folded", "width_of"]

WIDTH_MIN = 30
"""In fewer columns nothing is gained by words that are whole."""
_PIECE = re.compile(r"`[^`]*`\S*|\(?outlast [a-z-]+ .*|e\.g\. \S+|\S+")
"""A word, an example with what it is one for, or a command: in backticks, or from its name to the end of the line."""

_LABELS = re.compile(r" *(?:\S+(?: \S+)? {2,})+")
"""What stands in the first columns of a row; what is broken goes on below the last of them."""
LABELS_PART_MAX = 3
"""Where they take more than a third of the line, it goes on further to the left."""


class Whole(str):
    """A line that is never broken: what is to be typed, or read by a program."""

    __slots__ = ()


def folded(lines: Iterable[str], width: int | None) -> list[str]:
    """The lines as they fit so many columns; all of them as they are where no width is known."""
    if width is None or width < WIDTH_MIN:
        return list(lines)
    return [
        row
        for line in lines
        for row in ([line] if isinstance(line, Whole) or len(line) <= width else _rows(line, width))
    ]


def width_of(stream: IO[Any]) -> int | None:
    """How many columns the terminal has that the stream writes to; None where it writes to none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None if stream.isatty() else None
    except (OSError, ValueError):
        return None


def _rows(line: str, width: int) -> Iterator[str]:
    labels = _LABELS.match(line)
    indent = len(line) - len(line.lstrip(" ")) + 2
    hang = " " * (labels.end() if labels is not None and labels.end() <= width // LABELS_PART_MAX else indent)
    row, end = "", 0
    for piece in _PIECE.finditer(line):
        gap = line[end : piece.start()]
        if row and len(row) + len(gap) + len(piece[0]) > width:
            yield row
            row = hang + piece[0]
        else:
            row += gap + piece[0]
        end = piece.end()
    yield row
