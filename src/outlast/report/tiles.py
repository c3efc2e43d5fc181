"""The tiles at the head of a report: seven numbers, each with what makes sense of it."""

from dataclasses import dataclass

from outlast.report.model import Report
from outlast.report.numbers import Numbers
from outlast.report.words import duration, number, percent, plural, size

__all__ = ["Tile", "tiles"]

UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Tile:
    label: str
    value: str
    lines: tuple[str, ...] = ()
    unit: str = ""


def tiles(report: Report) -> tuple[Tile, ...]:
    """The tiles, in order."""
    n = report.numbers
    return (
        _finished(n, unread=report.unread),
        _given_up(report),
        _throughput(n),
        _retries(n),
        _stops(n),
        _memory(n),
        _checkpoints(report),
    )


def _finished(n: Numbers, *, unread: bool) -> Tile:
    counts = n.counts
    if unread:
        return Tile("Done", UNKNOWN)
    if not counts.total:
        return Tile("Done", "0", ("no items",))
    ignored = (f"{number(counts.ignored)} ignored",) if counts.ignored else ()
    waiting = (f"{number(counts.waiting)} to do",) if counts.waiting else ()
    share = f"of {plural(counts.total, 'item')} ({percent(counts.done, counts.total)})"
    return Tile("Done", number(counts.done), (share, *waiting, *ignored))


def _given_up(report: Report) -> Tile:
    failures, counts = report.failures, report.numbers.counts
    if not counts.failed:
        return Tile("Given up", "0" if counts.total else UNKNOWN)
    share = percent(counts.failed, counts.total)
    largest = report.numbers.largest_share
    one = f"; one is {percent(largest, 1)}" if largest is not None and failures.groups > 1 else ""
    return Tile("Given up", number(counts.failed), (f"{share} of all", f"in {plural(failures.groups, 'group')}{one}"))


def _throughput(n: Numbers) -> Tile:
    if n.rate is None:
        return Tile("Throughput", UNKNOWN)
    best = (f"best hour {number(n.best_rate)}",) if n.best_rate and (n.working or 0) >= 3_600 else ()
    return Tile("Throughput", number(n.rate), ("mean while working", *best), unit="/ min")


def _retries(n: Numbers) -> Tile:
    if n.retries is None:
        return Tile("Retries", UNKNOWN)
    done = n.counts.done
    needed = (f"{percent(n.retried_items, done)} of the done needed one",) if n.retried_items and done else ()
    return Tile("Retries", number(n.retries), needed)


def _stops(n: Numbers) -> Tile:
    if not n.runs:
        return Tile("Stops", UNKNOWN)
    other = n.stops - n.crashes - n.aborts
    parts = [
        plural(n.crashes, "crash", "crashes") if n.crashes else "",
        plural(n.aborts, "abort") if n.aborts else "",
        f"{number(other)} otherwise" if other > 0 else "",
    ]
    most = "at most " if n.crashes else ""
    still = f"stood still for {most}{duration(n.stopped)}" if n.stopped and n.stopped >= 1 else ""
    told = ", ".join(filter(None, parts)) or f"in {plural(n.runs, 'run')}"
    return Tile("Stops", number(n.stops), tuple(filter(None, (told, still))))


def _memory(n: Numbers) -> Tile:
    restarts = []
    if n.browser_restarts or n.browser_crashes:
        crashes = f", {plural(n.browser_crashes, 'crash', 'crashes')}" if n.browser_crashes else ""
        restarts = [f"{plural(n.browser_restarts, 'browser restart')}{crashes}"]
    if n.memory_peak is None:
        return Tile("Memory, peak", UNKNOWN, tuple(restarts))
    limit = [f"limit {size(n.memory_limit)}"] if n.memory_limit else []
    return Tile("Memory, peak", size(n.memory_peak), (*limit, *restarts))


def _checkpoints(report: Report) -> Tile:
    kept = report.checkpoints
    intact = next((each for each in kept if each.intact), None)
    lines = [f"{number(len(kept))} kept" if kept else "none kept"]
    if intact is not None and intact.at is not None:
        lines.append(f"newest intact: {intact.at:%H:%M}")
    taken = max(report.numbers.checkpoints, len(kept))
    return Tile("Checkpoints", number(taken), tuple(lines))
