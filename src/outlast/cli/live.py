"""The live view: a few lines at the foot of the terminal, redrawn as the run goes on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from outlast.cli.phrases import clock_face, percent, rate, safe
from outlast.cli.progress import JOB_PAUSED, REDRAW_SECONDS, View, counted, suspended_text, told_eta

__all__ = ["LiveScreen", "live_screen", "picture"]

TITLE_MAX = 30
_WAITING = {"parked": "waiting for", "paused": "paused", "asked_to_wait": "asked to wait by"}
_KEYS = "Ctrl-C: finish what is in flight, then stop. Twice: stop now. Both are safe."


class LiveScreen:
    """Draws views over each other; what is said scrolls by above them."""

    every = REDRAW_SECONDS

    def __init__(self, live: Live, title: str) -> None:
        self._live = live
        self._title = safe(title, TITLE_MAX)

    def show(self, view: View, /) -> None:
        self._live.update(picture(self._title, view), refresh=True)

    def say(self, line: str, /) -> None:
        self._live.console.print(Text(line))


@contextmanager
def live_screen(title: str, *, color: bool) -> Iterator[LiveScreen]:
    """A live view on standard error while the block runs; what the program prints meanwhile goes above it."""
    console = Console(
        file=sys.stderr,
        force_terminal=True,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
    )
    live = Live(
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stderr=True,
        # Standard output that goes into a file must go on going there.
        redirect_stdout=sys.stdout.isatty(),
    )
    with live:
        yield LiveScreen(live, title)


def picture(title: str, view: View) -> RenderableType:
    """The view as it is drawn. Names of hosts and jobs stand in it as plain text, never as markup."""
    total = view.counts.total
    head = Table.grid(padding=(0, 1), expand=True)
    head.add_column(no_wrap=True)
    head.add_column(ratio=1, min_width=8)
    for _ in range(4):
        head.add_column(no_wrap=True)
    head.add_row(
        Text(title, style="bold"),
        ProgressBar(total=max(total, 1), completed=view.finished),
        Text(f"{view.finished}/{total} {percent(view.finished, total)}"),
        Text(rate(view.rate)),
        Text(f"eta {told_eta(view.eta)}"),
        Text(clock_face(view.elapsed), style="dim"),
    )
    foot = f"stopping: {view.in_flight} in flight ... (again: stop now)" if view.stopping else _KEYS
    lines: list[RenderableType] = [head, _numbers(view), Text(foot, style="dim", no_wrap=True, overflow="ellipsis")]
    if view.job_paused:
        lines.insert(2, Text(JOB_PAUSED, style="yellow", no_wrap=True, overflow="ellipsis"))
    elif view.suspended:
        lines.insert(2, Text(suspended_text(view.suspended), style="yellow", no_wrap=True, overflow="ellipsis"))
    return Group(*lines)


def _numbers(view: View) -> Text:
    styles = {"ok": "green", "failed": "red", "parked": "yellow", "retrying": "yellow"}
    numbers = counted(view)
    shown = {name: value for name, value in numbers.items() if name not in _WAITING}
    line = Text(no_wrap=True, overflow="ellipsis")
    for name, value in shown.items():
        line.append(f"{name.replace('_', ' ')} ")
        line.append(f"{value}  ", style=styles.get(name, "") if value != "0" else "")
    for name, words in _WAITING.items():
        if name in numbers:
            line.append(f"{words} {numbers[name]}  ", style=styles["parked"])
    return line
