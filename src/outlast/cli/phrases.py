"""How numbers, times, names and commands are written for people; nothing hostile reaches a terminal through here."""

import re
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil

from outlast.cli.folding import Whole
from outlast.logs.text import concealed, escaped

__all__ = [
    "BY_SCRIPT",
    "MEBIBYTE",
    "about",
    "between",
    "clock_face",
    "columns",
    "commands",
    "duration",
    "first_few",
    "moment",
    "over",
    "percent",
    "plainly",
    "quoted",
    "rate",
    "safe",
    "size",
    "typed",
    "units",
]

SAFE_MAX = 160
NAMES_SHOWN_MAX = 5
MEBIBYTE = 1 << 20
BY_SCRIPT = "run the script that started it again"
"""How a job goes on that was not begun on the command line."""
_BYTES = range(0xDC80, 0xDD00)
"""Where Python keeps the bytes of a name that are not UTF-8."""
_WORD = r"""(?:\$'(?:\\.|[^'\\])*'|'[^']*'|"[^"]*"|[^\s'"])+"""
_MODULES = re.compile(r"(\A|\()(?:[a-z_]\w*\.)+(?=[A-Z])")
_MASKED = re.compile(r"(\s\S+:\S+)(?:,?\s(?:\w+=)?<[a-z]+>)+(?=\)|\Z)")
"""What is left of a message that held nothing but particulars, behind the place that it came from."""
_ON_A_JOB = re.compile(rf"(outlast(?: checkpoint)? [a-z]+) ({_WORD})((?: --[a-z-]+(?: (?!-|&&){_WORD})?)*)")


def safe(text: str, limit: int = SAFE_MAX) -> str:
    """The text on one line, cut to `limit`, with nothing in it that a terminal would obey, and with its secrets masked."""
    # Only what can be shown is looked at: a text may be a whole page.
    line = escaped(concealed(text, limit)[: limit + 1])
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def quoted(word: str) -> str:
    """The word as it can be typed into a shell: plainly where it is plain, else as bash, zsh and ksh read it."""
    if escaped(word) == word:
        return shlex.quote(word)
    return f"$'{''.join(map(_in_quotes, word))}'"


def typed(command: str) -> str:
    """The command with a job's name where it is not taken for an option: one that begins with a dash goes to the end, after `--`."""
    return _ON_A_JOB.sub(_name_last, command)


def over(name: str) -> str:
    """How to start over a job whose ledger cannot tell its command; `name` is as it is typed."""
    return f"the first command of job {name} with --fresh, which keeps what is there"


def units(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def first_few(names: Sequence[str], most: int = NAMES_SHOWN_MAX) -> str:
    """Names in a row, the first few of them, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def percent(part: float, whole: float) -> str:
    """A share of a whole; only all of it is `100.0%`, and only nothing is `0.0%`."""
    if not whole or part <= 0 or part >= whole:
        return "100.0%" if whole and part > 0 else "0.0%"
    return f"{min(max(100 * part / whole, 0.1), 99.9):.1f}%"


def plainly(cause: str) -> str:
    """A signature, or a sentence with one in brackets, without the modules of its type and without a message of which nothing is left."""
    return _MASKED.sub(r"\1", _MODULES.sub(r"\1", cause))


def rate(per_second: float | None) -> str:
    """A rate in the unit in which it is a number to read."""
    if per_second is None:
        return "?/s"
    if not per_second:
        return "0/s"
    for amount, unit in ((per_second, "s"), (60 * per_second, "min")):
        if amount >= 1:
            return f"{amount:.0f}/{unit}" if amount >= 10 else f"{amount:.1f}/{unit}"
    return f"{3600 * per_second:.0f}/h"


def size(count: int) -> str:
    """A number of bytes: `512 B`, `4.9 MiB`."""
    amount, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if amount < 1023.95:
            break
        amount, unit = amount / 1024, larger
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def duration(seconds: float) -> str:
    """The time that something took: `4.2 s`, `12 min 5 s`, `9 h 12 min`, `3 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    steps = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))
    size, large, part, small = next(step for step in steps if seconds >= step[0])
    whole, rest = divmod(int(seconds), size)
    return f"{whole} {large}" + (f" {rest // part} {small}" if rest // part else "")


def about(seconds: float) -> str:
    """The time that something took or takes, as roughly as one says it: `40 s`, `12 min`, `4 h 02`, `3 d 4 h`."""
    if seconds < 100:
        return f"{max(0, ceil(seconds))} s"
    minutes = ceil(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minute = divmod(minutes, 60)
    return f"{hours} h {minute:02}" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def between(early: float, late: float | None) -> str:
    """A time that is not known exactly: `12 - 15 min`, `50 s - 2 min`; without an end, where that may be never."""
    first = about(early)
    if late is None:
        return f"{first} - ?"
    last = about(late)
    unit = last.partition(" ")[2]
    if first == last:
        return first
    # A unit that is the same for both is said once.
    return f"{first.removesuffix(f' {unit}') if unit in {'s', 'min'} else first} - {last}"


def clock_face(seconds: float) -> str:
    """Hours, minutes and seconds: `4:02:10`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"


def moment(when: datetime | str) -> str:
    """A moment to the second, in UTC: `2026-11-23T00:18:04Z`."""
    try:
        parsed = datetime.fromisoformat(when) if isinstance(when, str) else when
    except ValueError:
        return safe(str(when), 40)
    return parsed.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def commands(rows: Sequence[tuple[str, str]]) -> list[str]:
    """What can be typed next, after what it is for."""
    width = max((len(what) for what, _ in rows), default=0)
    return [Whole(f"  {what:<{width}}   {typed(command)}") for what, command in rows]


def columns(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """The rows as a table; the columns named in `right` are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _name_last(found: re.Match[str]) -> str:
    verb, name, options = found.groups()
    return f"{verb}{options} -- {name}" if name.lstrip("$'").startswith("-") else found[0]


def _in_quotes(character: str) -> str:
    code = ord(character)
    if character in "\\'":
        return f"\\{character}"
    if code in _BYTES:
        return f"\\x{code & 0xFF:02x}"
    return character if escaped(character) == character else f"\\U{code:08x}"
