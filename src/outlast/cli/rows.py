"""Lines of pieces of text, each in a style, made to fit a screen: none is wider than it, and the least important ones go first.

Widths are those of a terminal, where some characters take two columns and some none.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

__all__ = ["Line", "Piece", "Row", "cut", "fitted", "flowed", "padded", "plain", "wide"]

Piece = tuple[str, str]
"""A text without line ends or controls, and the name of its style."""

Row = Sequence[Piece]

_MORE = "..."


class Line(NamedTuple):
    """A row, and its rank: where there is no room for all, those of the highest rank go first."""

    rank: int
    row: Row


def plain(row: Row) -> str:
    return "".join(text for text, _ in row)


def wide(row: Row) -> int:
    """How many columns a row takes."""
    return sum(cell_len(text) for text, _ in row)


def cut(row: Row, width: int) -> Row:
    """The row, not wider than that; what is cut off is said to be."""
    if wide(row) <= width:
        return row
    left, kept = width - len(_MORE), list[Piece]()
    if left <= 0:
        return [(_MORE[: max(0, width)], "")]
    for text, style in row:
        size = cell_len(text)
        if size > left:
            kept.append((set_cell_size(text, left) + _MORE, style))
            break
        kept.append((text, style))
        left -= size
    return kept


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text in a column of that width: cut, or filled up with spaces."""
    size = cell_len(text)
    if size > width:
        return plain(cut([(text, "")], width))
    filling = " " * (width - size)
    return filling + text if right else text + filling


def flowed(parts: Iterable[Row], width: int, gap: str = "  ") -> list[Row]:
    """The parts one after the other, in as many rows as that takes; none is torn apart."""
    rows: list[list[Piece]] = []
    for part in parts:
        if rows and wide(rows[-1]) + len(gap) + wide(part) <= width:
            rows[-1] += [(gap, ""), *part]
        else:
            rows.append(list(part))
    return [cut(row, width) for row in rows]


def fitted(lines: Sequence[Line], height: int) -> list[Row]:
    """The most important of the lines, in their order: no more than `height`, and at least one."""
    ranked = sorted(range(len(lines)), key=lambda place: (lines[place].rank, place))
    kept = sorted(ranked[: max(1, height)])
    rows = [lines[place].row for place in kept]
    # What parted a block from the one that has gone parts nothing any more.
    while len(rows) > 1 and not rows[-1]:
        del rows[-1]
    return rows
