"""How a report writes numbers, times and what strangers have written: messages, hosts, keys."""

from collections.abc import Iterator
from datetime import UTC, datetime

from outlast.logs.text import MARGIN, clipped, concealed, escaped

__all__ = ["brief", "clean", "clock", "day_and_clock", "duration", "number", "percent", "plural", "size", "thinned"]

TEXT_MAX = 300
NARROW = "\u202f"
"""A narrow space at which no line breaks."""


def clean(text: object, longest: int = TEXT_MAX) -> str:
    """Text of a stranger: on one line, without secrets, control characters or reversed writing, and not too long."""
    told = str(text)
    seen = concealed(told, longest)
    left = max(0, len(seen) - longest) + max(0, len(told) - longest - MARGIN)
    return clipped(escaped(seen[:longest]), longest, also=left)


def number(value: float | None) -> str:
    """A number with its thousands apart: `118 550`; one below ten that is not whole keeps a digit; `?` for what is not known."""
    if value is None:
        return "?"
    if value < 9.95 and value != int(value):
        return f"{value:.1f}"
    return f"{round(value):,}".replace(",", NARROW)


def plural(count: int, noun: str, many: str | None = None) -> str:
    """`1 item`, `1 204 items`."""
    return f"{number(count)} {noun if count == 1 else many or noun + 's'}"


def percent(part: float, whole: float) -> str:
    """A share: `1.6 %`; what is not none of it never looks like none, and what is not all never like all."""
    if not whole or not part:
        return "0 %"
    share = 100 * part / whole
    if part == whole:
        return "100 %"
    return "< 0.1 %" if share < 0.1 else f"{min(share, 99.9):.1f} %"


def size(count: float) -> str:
    """A number of bytes: `4.9 MiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1023.95:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def duration(seconds: float) -> str:
    """A length of time: `4.2 s`, `12 min 5 s`, `9 h 12 min`, `3 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{int(seconds)} s"
    steps = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))
    large, unit, small, part = next(step for step in steps if seconds >= step[0])
    whole, rest = divmod(int(seconds), large)
    return f"{whole} {unit}" + (f" {rest // small} {part}" if rest // small else "")


def brief(seconds: float) -> str:
    """A short time: `22 ms`, `4.2 s`."""
    return f"{seconds * 1_000:.0f} ms" if seconds < 1 else duration(seconds)


def day_and_clock(at: datetime, *, seconds: bool = False) -> str:
    """`2026-11-23 02:35`, UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if seconds else f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def clock(at: datetime, span: float) -> str:
    """The time of the day, to the second where the whole took less than an hour, with the day where it took more than one."""
    if span < 3_600:
        return f"{at.astimezone(UTC):%H:%M:%S}"
    return f"{at.astimezone(UTC):%H:%M}" if span < 86_400 else f"{at.astimezone(UTC):%m-%d %H:%M}"


def thinned(count: int, rows_max: int) -> Iterator[tuple[int, int]]:
    """The bounds of at most `rows_max` stretches of equal length that `count` things fall into."""
    length = max(1, -(-count // rows_max))
    for start in range(0, count, length):
        yield start, min(count, start + length)
