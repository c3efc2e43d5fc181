"""The live view: a few lines at the foot of the terminal, redrawn as the run goes on."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any, cast

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.control import Control
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.segment import ControlType, Segment
from rich.style import Style
from rich.text import Text
from typing_extensions import override

from outlast.cli.folding import folded
from outlast.cli.phrases import safe
from outlast.cli.rows import wide
from outlast.cli.screen.notices import told
from outlast.cli.screen.picture import KEYS, picture
from outlast.cli.screen.view import LastShown, View
from outlast.events import ResilienceEvent

__all__ = ["REDRAW_SECONDS", "Drawn", "LiveScreen", "live_screen"]

REDRAW_SECONDS = 0.25
# What only time has changed is drawn as often as this.
UNCHANGED_SECONDS = 1.0
TITLE_MAX = 30

_STYLES: Mapping[str, Style] = {
    name: Style.parse(name or "none")
    for name in ("", "bold", "dim", "red", "green", "yellow", "blue", "cyan", "bold red", "bold yellow")
}
_ASCII = str.maketrans("━─▁▂▃▄▅▆▇█", "=-_.,:;+*#")


class Drawn:
    """A view, drawn for the terminal that it is printed on, whatever size that has just then. `widths` are told those of its rows."""

    def __init__(self, title: str, view: View, foot: Sequence[str] = KEYS, *, widths: list[int] | None = None) -> None:
        self._title = safe(title, TITLE_MAX)
        self._view = view
        self._foot = foot
        self._widths = widths

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = picture(self._title, self._view, width=options.max_width, height=options.size.height, foot=self._foot)
        if self._widths is not None:
            self._widths[:] = map(wide, rows)
        for row in rows:
            for text, style in row:
                yield Segment(_in_ascii(text) if options.ascii_only else text, _STYLES[style])
            yield Segment.line()


def _in_ascii(text: str) -> str:
    return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


class _Rewrapped(RenderHook):
    """A terminal that was made narrower has wrapped what was drawn: there is more of it to be wiped out than rich knows of."""

    def __init__(self, console: Console, widths: Sequence[int]) -> None:
        self._console = console
        self._widths = widths

    @override
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        width = max(1, self._console.width)
        more = sum((each - 1) // width for each in self._widths if each)
        return [Control(*[(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)] * more), *renderables]


class _Lasting:
    """A stream as long as its terminal is there. What is written after that goes nowhere: the job matters more."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        # As they are now: what others write to the stream while the view is there goes another way.
        self._write, self._flush = stream.write, stream.flush
        self.is_gone = False

    def write(self, text: str) -> int:
        self._as_long_as_it_is_there(lambda: self._write(text))
        return len(text)

    def flush(self) -> None:
        self._as_long_as_it_is_there(self._flush)

    def _as_long_as_it_is_there(self, do: Callable[[], object]) -> None:
        if self.is_gone:
            return
        try:
            do()
        except (OSError, ValueError):
            self.is_gone = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class LiveScreen:
    """Draws views over each other; what is said scrolls by above them."""

    every = REDRAW_SECONDS

    def __init__(self, live: Live, title: str, foot: Sequence[str] = KEYS) -> None:
        self._live = live
        self._title = title
        self._foot = foot
        self.widths: list[int] = []
        """Of the rows that are on the screen."""
        self._last = LastShown(news=REDRAW_SECONDS, any_other=UNCHANGED_SECONDS)

    @property
    def is_gone(self) -> bool:
        """Whether nobody can see it any more."""
        return getattr(self._live.console.file, "is_gone", False)

    def show(self, view: View, /) -> None:
        """Draw it, where it is new or old enough: a terminal far away has to take every line of it."""
        if self._last.gives_way_to(view):
            self._live.update(Drawn(self._title, view, self._foot, widths=self.widths), refresh=True)

    def say(self, line: str, /) -> None:
        console = self._live.console
        console.print(Text("\n".join(folded([line], console.width))), soft_wrap=True)

    def tell(self, event: ResilienceEvent, hint: str = "", /) -> None:
        self.say(told(event, hint))


@contextmanager
def live_screen(
    title: str, *, color: bool, stream: IO[str] | None = None, foot: Sequence[str] = KEYS
) -> Iterator[LiveScreen]:
    """A live view on `stream`, else on standard error, while the block runs; what the program prints meanwhile goes above it."""
    lasting = _Lasting(stream or sys.stderr)
    console = Console(
        file=cast("IO[str]", lasting),
        force_terminal=True,
        color_system="standard" if color else None,
        no_color=not color,
        highlight=False,
    )
    # Standard output that goes into a file must go on going there. Rich would put others in the places of `sys.stderr` and
    # `sys.stdout`, past which whoever has taken hold of them before, as the target's own log has, writes into the picture.
    redirected = {id(each): each for each in (sys.stderr, *([sys.stdout] if sys.stdout.isatty() else []))}
    with (
        Live(console=console, auto_refresh=False, transient=True, redirect_stderr=False, redirect_stdout=False) as live,
        ExitStack() as stack,
    ):
        screen = LiveScreen(live, title, foot)
        console.push_render_hook(_Rewrapped(console, screen.widths))
        stack.callback(console.pop_render_hook)
        for each in redirected.values():
            stack.enter_context(_above(console, each))
        yield screen


@contextmanager
def _above(console: Console, stream: IO[str]) -> Iterator[None]:
    """Let what is written to the stream go above the view, whoever holds the stream."""
    proxy = FileProxy(console, stream)
    before = {"write": stream.write, "flush": stream.flush}
    for name in before:
        setattr(stream, name, getattr(proxy, name))
    try:
        yield
    finally:
        proxy.flush()
        for name, method in before.items():
            setattr(stream, name, method)
