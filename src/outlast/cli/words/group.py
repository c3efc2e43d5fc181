"""What is said of the failures of a job: which kinds there are, on which hosts, and one of them in full."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from outlast.cli.failures.grouping import Grouped, NamedGroup
from outlast.cli.folding import Whole
from outlast.cli.phrases import columns, commands, moment, plainly, quoted, safe, units
from outlast.failure.groups import Seen

__all__ = ["Telling", "cause_of", "failure_lines", "group_lines", "groups_lines", "host_named"]

GROUPS_SHOWN_MAX = 5

CAUSE_WIDTH_MAX = 90
EXAMPLE_WIDTH_MAX = 60
HOST_WIDTH_MAX = 40
HOSTS_SHOWN_MAX = 5
LINE_WIDTH_MAX = 500
_HEAD = ("group", "items", "class", "host", "first seen", "last seen", "attempts")
_RIGHT = frozenset({"items", "attempts"})
_NARROW = frozenset({"first seen", "attempts"})
"""What is left out of a table for which the terminal is too narrow even when its times are short."""

_Row: TypeAlias = tuple[tuple[str, str, str], Seen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Whose failures, and what has to be added to a command to find them.

    `taken` is how many stand on the other side: are ignored, or failed. `chosen`: options have said which are meant.
    `width`: how many columns there are for a table; None: as many as it likes.
    """

    job: str
    hint: str
    ignored: bool = False
    running: bool = False
    taken: int = 0
    traceback: bool = False
    chosen: bool = False
    width: int | None = None

    @property
    def word(self) -> str:
        return "ignored" if self.ignored else "failed"

    @property
    def option(self) -> str:
        return " --ignored" if self.ignored else ""


def groups_lines(grouped: Grouped, telling: Telling) -> list[str]:
    """All groups as a table, the largest first, and what can be typed about them."""
    lines = [_title(grouped, telling)]
    if grouped.groups:
        lines += _table(grouped.groups, telling)
    if grouped.untimed:
        lines.append(f"{units(grouped.untimed, 'item')} left out: an earlier version recorded them, without a time")
    return [*lines, *commands(_steps(grouped, telling))]


def group_lines(group: NamedGroup, telling: Telling) -> list[str]:
    """One group in full."""
    sample = group.group.sample
    status = "" if sample.status is None else f", status {sample.status}"
    keys = ", ".join(safe(key, EXAMPLE_WIDTH_MAX) for key in group.group.keys)
    first = f"{group.name}: {units(group.count, 'item')} of job {safe(telling.job)} {telling.word}, class {sample.failure_class}{status}"
    return [
        first,
        safe(group.group.signature, LINE_WIDTH_MAX),
        *_columns(_rows(group, hosts_max=None), telling.width),
        f"items: {keys}{', ...' if group.count > len(group.group.keys) else ''}",
        "one of them:",
        *_sample_lines(group),
        *commands(_group_steps(group, telling)),
    ]


def cause_of(group: NamedGroup) -> str:
    """What the failures of a group have in common, on part of a line."""
    return safe(plainly(group.group.signature), CAUSE_WIDTH_MAX)


def host_named(host: str) -> str:
    """A host for people; items without one share none."""
    return safe(host, HOST_WIDTH_MAX) or "(no host)"


def _title(grouped: Grouped, telling: Telling) -> str:
    job, count = safe(telling.job), grouped.total
    other = "failed" if telling.ignored else "ignored"
    rest = f"; {telling.taken} {other}" if telling.taken else ""
    if not count:
        return f"job {job}: no {telling.word} items{' of that kind' if telling.chosen else ''}{rest}"
    return f"job {job}: {units(count, 'item')} {telling.word}, in {units(len(grouped.groups), 'group')}{rest}"


def _table(groups: Sequence[NamedGroup], telling: Telling) -> Iterator[str]:
    tables = [_rows(group, hosts_max=HOSTS_SHOWN_MAX) for group in groups]
    lines = iter(_columns([row for rows in tables for row in rows], telling.width))
    yield next(lines)
    for group, rows in zip(groups, tables, strict=True):
        for _ in rows:
            yield next(lines)
        yield f"          {cause_of(group)}  e.g. {safe(group.example, EXAMPLE_WIDTH_MAX)}"
        if telling.traceback:
            yield from _sample_lines(group)


def _columns(rows: Sequence[_Row], width: int | None) -> list[str]:
    """The rows below their heads. Where there is no room for them, times are short, and then what matters least is left out."""
    moments = [at for _, seen in rows for at in (seen.first, seen.last) if at is not None]
    one_day = len({at.astimezone(UTC).date() for at in moments}) == 1
    brief = "%H:%M:%S" if one_day else "%m-%d %H:%M"
    lines: list[str] = []
    for form, left_out in ((None, frozenset[str]()), (brief, frozenset[str]()), (brief, _NARROW)):
        heads = [head for head in _HEAD if head not in left_out]
        cells = [dict(zip(_HEAD, _cells(row, form), strict=True)) for row in rows]
        table = [heads, *([each[head] for head in heads] for each in cells)]
        lines = columns(table, right=frozenset(place for place, head in enumerate(heads) if head in _RIGHT))
        if width is None or max(map(len, lines)) <= width:
            break
    return lines


def _cells(row: _Row, form: str | None) -> tuple[str, ...]:
    (group, failure_class, host), seen = row
    when = (_when(at, form) for at in (seen.first, seen.last))
    return (group, f"{seen.count}", failure_class, host, *when, f"{seen.attempts}")


def _when(at: datetime | None, form: str | None) -> str:
    return "?" if at is None else moment(at) if form is None else f"{at.astimezone(UTC):{form}}"


def _rows(group: NamedGroup, *, hosts_max: int | None) -> list[_Row]:
    """A row for the group, and where it has several hosts one for each of them."""
    hosts = sorted(group.group.hosts.items(), key=lambda each: -each[1].count)
    where = host_named(hosts[0][0]) if len(hosts) == 1 else units(len(hosts), "host")
    rows: list[_Row] = [((group.name, group.group.failure_class.value, where), group.group.seen)]
    if len(hosts) == 1:
        return rows
    shown = hosts[:hosts_max]
    rows += [(("", "", f"  {host_named(host)}"), seen) for host, seen in shown]
    if len(hosts) > len(shown):
        rest = Seen()
        for _, seen in hosts[len(shown) :]:
            rest.add(seen)
        rows.append((("", "", f"  {units(len(hosts) - len(shown), 'other host')}"), rest))
    return rows


def _sample_lines(group: NamedGroup) -> list[str]:
    sample = group.group.sample
    told = sample.traceback or f"{sample.type}: {sample.message}"
    lines: list[str] = [Whole(f"    {safe(line, LINE_WIDTH_MAX)}") for line in told.split("\n")]
    return lines if sample.traceback else [*lines, "    (no traceback was kept)"]


def _steps(grouped: Grouped, telling: Telling) -> list[tuple[str, str]]:
    word = quoted(telling.job)
    first = next((group for group in grouped.groups if group.takes_verbs), None)
    steps = []
    if first is not None:
        steps = [
            ("see one group", f"outlast failures {word} {first.name}{telling.option}{telling.hint}"),
            *_verbs(first, telling),
        ]
    if telling.taken and not telling.ignored:
        steps.append(("see the ignored", f"outlast failures {word} --ignored{telling.hint}"))
    return steps


def _group_steps(group: NamedGroup, telling: Telling) -> list[tuple[str, str]]:
    if not group.takes_verbs:
        return []
    word = quoted(telling.job)
    items = ("see all its items", f"outlast failures {word} {group.name} --items{telling.option}{telling.hint}")
    return [items, *_verbs(group, telling)]


def _verbs(group: NamedGroup, telling: Telling) -> list[tuple[str, str]]:
    if telling.running:
        # They hold the job, so they are refused until it has ended.
        return []
    rest = f"{quoted(telling.job)} --group {group.name}"
    steps = [("try it again", f"outlast retry {rest}{telling.option}{telling.hint}")]
    return steps if telling.ignored else [*steps, ("leave it out", f"outlast ignore {rest}{telling.hint}")]


def failure_lines(groups: Sequence[NamedGroup]) -> list[str]:
    """The causes of failure, the most frequent first, each with the name of its group."""
    if not groups:
        return []
    shown = [
        (group.name, f"{group.count}", cause_of(group), f"e.g. {safe(group.example, 60)}")
        for group in groups[:GROUPS_SHOWN_MAX]
    ]
    lines = [f"  {row}" for row in columns(shown, right=frozenset({1}))]
    rest = sum(group.count for group in groups[GROUPS_SHOWN_MAX:])
    if rest:
        lines.append(f"  and {units(rest, 'failure')} of {units(len(groups) - GROUPS_SHOWN_MAX, 'other kind')}")
    return lines
