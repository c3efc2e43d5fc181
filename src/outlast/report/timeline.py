"""The pictures over time: what became of items per minute, the memory, and how far the job had come.

Time is cut into steps of one length. Between two samples of a run the work is taken to have been even; while no run was at work
there are no values, which is not the same as none a minute.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from outlast.report.seen import RunSeen, Stood

__all__ = ["Known", "Timeline", "step_for", "timeline"]

STEPS_MAX = 600
LEAST_SECONDS = 5.0
"""A run that was shorter counts as one of so many seconds: its pace says nothing about a minute, and would dwarf that of the others."""
_STEPS = (1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)

Known: TypeAlias = int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Values at the beginning of each step, `times` in seconds since the epoch; None where nothing is known.

    `finished`, `retried`, `given_up` are numbers of items in a step of `step` seconds, the `..._rate` ones a minute. `memory` is the
    most in a step, of the job with its browsers, `browser` theirs alone, in bytes. `down`: when no run was at work.
    """

    step: float
    times: tuple[float, ...] = ()
    finished: tuple[float | None, ...] = ()
    retried: tuple[float | None, ...] = ()
    given_up: tuple[float | None, ...] = ()
    finished_rate: tuple[float | None, ...] = ()
    retried_rate: tuple[float | None, ...] = ()
    given_up_rate: tuple[float | None, ...] = ()
    memory: tuple[Known, ...] = ()
    browser: tuple[Known, ...] = ()
    limit: tuple[Known, ...] = ()
    done: tuple[Known, ...] = ()
    total: tuple[Known, ...] = ()
    down: tuple[tuple[float, float], ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.times


@dataclass(slots=True)
class _Work:
    """The work of one step, and for how many seconds of it a run was at work."""

    done: float = 0.0
    failed: float = 0.0
    retries: float = 0.0
    seconds: float = 0.0


def step_for(seconds: float) -> float:
    """The length of a step such that there are at most `STEPS_MAX` of them, and none shorter than samples come."""
    least = 1 if seconds < 60 else 5 if seconds < 1_800 else 60
    enough = next((step for step in _STEPS if step >= least and seconds / step <= STEPS_MAX), None)
    return float(enough or seconds / STEPS_MAX)


def timeline(runs: Sequence[RunSeen]) -> Timeline:
    """The pictures of these runs, the first one first."""
    seen = [run for run in runs if run.stood]
    if not seen:
        return Timeline(step=1.0)
    began = min(run.first.timestamp() for run in seen)
    ended = max(run.last.timestamp() for run in seen)
    step = step_for(ended - began)
    began -= began % step
    count = int((ended - began) // step) + 1
    work = [_Work() for _ in range(count)]
    for run in seen:
        _spread(run, began, step, work, least=min(LEAST_SECONDS, ended - began))
    return Timeline(
        step=step,
        times=tuple(began + place * step for place in range(count)),
        **_worked(work, step),
        **_measured(seen, began, step, count),
        down=_down(seen, step),
    )


def _spread(run: RunSeen, began: float, step: float, work: list[_Work], *, least: float) -> None:
    first = run.stood[0]
    # What a run had done before its first sample that is there is only known where its beginning is there.
    start = Stood(run.first.timestamp(), 0, 0, 0) if run.resumed is not None else first
    lasted = run.stood[-1].at - start.at
    stretched = max(1.0, least / lasted) if lasted > 0 else 1.0
    for before, after in pairwise([start, *run.stood]):
        for place, seconds, share in _shares(before.at - began, after.at - began, step, len(work)):
            each = work[place]
            each.done += share * max(0, after.done - before.done)
            each.failed += share * max(0, after.failed - before.failed)
            each.retries += share * max(0, after.retries - before.retries)
            each.seconds += seconds * stretched if lasted > 0 else least * share


def _shares(start: float, end: float, step: float, count: int) -> Iterable[tuple[int, float, float]]:
    """The steps that a span of time touches: which, for how many seconds, and what share of the span that is."""
    first = min(count - 1, max(0, int(start // step)))
    if end <= start:
        yield first, 0.0, 1.0
        return
    for place in range(first, min(count - 1, int(end // step)) + 1):
        seconds = min(end, (place + 1) * step) - max(start, place * step)
        if seconds > 0:
            yield place, seconds, seconds / (end - start)


def _worked(work: Sequence[_Work], step: float) -> dict[str, tuple[float | None, ...]]:
    names = {"finished": "done", "retried": "retries", "given_up": "failed"}
    values: dict[str, tuple[float | None, ...]] = {}
    for name, attribute in names.items():
        amounts = [getattr(each, attribute) for each in work]
        values[name] = tuple(
            round(amount, 2) if each.seconds or amount else None for amount, each in zip(amounts, work, strict=True)
        )
        values[f"{name}_rate"] = tuple(
            _rate(amount, each.seconds, step) for amount, each in zip(amounts, work, strict=True)
        )
    return values


def _rate(amount: float, seconds: float, step: float) -> float | None:
    """A minute's worth. The second in which a run ends says little about a minute: it counts as a quarter of a step at least."""
    if not seconds and not amount:
        return None
    return round(60 * amount / max(seconds, step / 4), 2)


def _measured(runs: Iterable[RunSeen], began: float, step: float, count: int) -> dict[str, tuple[Known, ...]]:
    columns: dict[str, list[Known]] = {name: [None] * count for name in ("memory", "browser", "limit", "done", "total")}
    for run in runs:
        for stood in [*run.stood, *([run.closing] if run.closing is not None else [])]:
            place = min(count - 1, max(0, int((stood.at - began) // step)))
            values = (stood.memory, stood.browser, stood.limit, stood.finished, stood.total)
            for column, value in zip(columns.values(), values, strict=True):
                if value is not None:
                    column[place] = max(column[place] or 0, value)
        first, last = (int((at - began) // step) for at in (run.stood[0].at, run.last.timestamp()))
        for name, column in columns.items():
            _fill(column, first, min(count, last + 1), even=name in {"done", "total"})
    return {name: tuple(column) for name, column in columns.items()}


def _fill(column: list[Known], first: int, end: int, *, even: bool) -> None:
    """What was measured holds until it is measured again, or what was done was done evenly, as long as the run goes on."""
    known = [place for place in range(max(0, first), end) if column[place] is not None]
    for start, stop in pairwise([*known, end]):
        held = column[start] or 0
        following = column[stop] if even and stop < end else None
        for place in range(start + 1, stop):
            share = (place - start) / (stop - start)
            column[place] = held if following is None else round(held + share * (following - held))


def _down(runs: Sequence[RunSeen], step: float) -> tuple[tuple[float, float], ...]:
    """The times between runs that can be seen in the picture, and those in which one was not heard of."""
    ends = [(run.last.timestamp(), following.first.timestamp()) for run, following in pairwise(runs)]
    return tuple((start, end) for start, end in ends if end - start > step / 2)
