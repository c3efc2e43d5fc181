"""A terminal that a program is run in, and a picture of what stands on it."""

import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from itertools import groupby
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

__all__ = ["Screen", "Terminal", "write_svg"]

WIDTH, HEIGHT = 110, 30
SECONDS_MAX = 120.0

SEQUENCE = re.compile(r"\x1b\[(?P<private>\??)(?P<numbers>[\d;]*)(?P<kind>[@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
THEME = TerminalTheme(
    (22, 27, 34),
    (214, 222, 230),
    [
        (72, 79, 88),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (108, 182, 255),
        (210, 153, 255),
        (86, 212, 221),
        (214, 222, 230),
    ],
    [
        (139, 148, 158),
        (255, 161, 152),
        (126, 231, 135),
        (242, 204, 96),
        (145, 203, 255),
        (226, 183, 255),
        (126, 231, 240),
        (255, 255, 255),
    ],
)
# What rich itself writes names a font on another server: a picture of ours needs nothing but itself.
SVG = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 16px; }}
{styles}
</style>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Screen:
    """What a terminal shows after all that was written to it. A sequence that it does not know is an error, not a guess."""

    def __init__(self, width=WIDTH, height=HEIGHT):
        self.width, self.height = width, height
        self.rows = [[]]
        self.row = self.column = 0
        self.style = ""
        self.aside = None

    def feed(self, text):
        place = 0
        for found in SEQUENCE.finditer(text):
            self._write(text[place : found.start()])
            if found["kind"]:
                numbers = [int(each) for each in found["numbers"].split(";") if each]
                self._obey(found["private"] + found["kind"], numbers, found["numbers"])
            place = found.end()
        self._write(text[place:])
        return self

    def lines(self):
        """The rows that are seen, each with its colours, without the empty ones at the end."""
        shown = [Text.from_ansi("".join(_painted(row))) for row in self.rows]
        while shown and not shown[-1].plain.strip():
            shown.pop()
        for line in shown:
            line.rstrip()
        return shown[-self.height :]

    @property
    def text(self):
        return "\n".join(line.plain for line in self.lines())

    def _write(self, text):
        assert "\x1b" not in text, f"a sequence that nobody knows: {text!r}"
        for character in text:
            match character:
                case "\r":
                    self.column = 0
                case "\n":
                    self._go(self.row + 1)
                case "\b":
                    self.column = max(0, self.column - 1)
                case "\x07":
                    pass
                case _:
                    self._put(character)

    def _put(self, character):
        cells = cell_len(character)
        if self.column + cells > self.width:
            self.column = 0
            self._go(self.row + 1)
        row = self.rows[self.row]
        row.extend([(" ", "")] * (self.column + cells - len(row)))
        row[self.column : self.column + cells] = [(character, self.style), *[("", self.style)] * (cells - 1)]
        self.column += cells

    def _go(self, row):
        self.row = max(0, row)
        self.rows.extend([] for _ in range(self.row + 1 - len(self.rows)))

    def _obey(self, kind, numbers, told):
        first = numbers[0] if numbers else None
        top = max(0, len(self.rows) - self.height)
        match kind:
            case "m":
                self.style = "" if told in {"", "0"} else ";".join(filter(None, [self.style, told]))
            case "A":
                self._go(self.row - (first or 1))
            case "B":
                self._go(self.row + (first or 1))
            case "C":
                self.column = min(self.width - 1, self.column + (first or 1))
            case "D":
                self.column = max(0, self.column - (first or 1))
            case "G":
                self.column = (first or 1) - 1
            case "H":
                self._go(top + (first or 1) - 1)
                self.column = (numbers[1] if len(numbers) > 1 else 1) - 1
            case "K":
                self.rows[self.row][self.column if first in {None, 0} else 0 :] = []
            case "J":
                assert first in {None, 0, 2}, told
                begin = top if first == 2 else self.row + 1
                self.rows[begin:] = [[] for _ in self.rows[begin:]]
                if first != 2:
                    del self.rows[self.row][self.column :]
            case "?h" | "?l" if first == 1049:
                self._swap(kind == "?h")
            case "?h" | "?l":
                pass
            case _:
                raise AssertionError(f"a sequence that nobody knows: {told}{kind}")

    def _swap(self, away):
        if away:
            self.aside = self.rows, self.row, self.column
            self.rows, self.row, self.column = [[]], 0, 0
        elif self.aside is not None:
            (self.rows, self.row, self.column), self.aside = self.aside, None


def _painted(row):
    """Stretches of one style, as a terminal is told of them."""
    for style, cells in groupby(row, key=lambda cell: cell[1]):
        yield f"\x1b[0;{style}m" + "".join(character for character, _ in cells)


class Terminal:
    """A program on a terminal of its own. `directory` is shown as `~/shops`, and the program by the name that one types."""

    def __init__(self, typed, command, directory, environ, height=HEIGHT):
        self.directory, self.height = directory, height
        self.prompt = f"\x1b[2m$\x1b[0m \x1b[1m{typed}\x1b[0m\r\n"
        self.written = b""
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", height, WIDTH, 0, 0))
        self.process = subprocess.Popen(
            command, cwd=directory, env=environ, stdin=its, stdout=its, stderr=its, start_new_session=True,
            # Ctrl-C goes to whoever has the terminal.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(its)
        self._file = ours

    def screen(self):
        shown = self.prompt + self.written.decode("utf-8", "ignore")
        return Screen(height=self.height).feed(without_half(shown).replace(str(self.directory), "~/shops"))

    def wait(self, seen=None):
        """Until `seen` is true of what is shown, or the program has ended, as it must where nothing is to be seen."""
        until = time.monotonic() + SECONDS_MAX
        while not self._ended():
            assert time.monotonic() < until, f"nothing came of it:\n{self.screen().text}"
            screen = self.screen()
            if seen is not None and seen(screen.text):
                return screen
        assert seen is None, f"it ended before that was seen:\n{self.screen().text}"
        self.process.wait(SECONDS_MAX)
        return self.screen()

    def type(self, keys):
        os.write(self._file, keys.encode())

    def kill(self):
        """End the program as no program can prevent."""
        os.kill(self.process.pid, signal.SIGKILL)

    def close(self):
        os.close(self._file)

    def _ended(self):
        if not select.select([self._file], [], [], 0.1)[0]:
            return False
        try:
            read = os.read(self._file, 65_536)
        except OSError:  # Linux says so when the other end is closed
            read = b""
        self.written += read
        return not read


def without_half(text):
    """The text without a sequence at its end that has not come whole."""
    return re.sub(r"\x1b(?:\[\??[\d;]*|\][^\x07\x1b]*)?\Z", "", text)


def write_svg(screen, path, title):
    # Rich draws its own window around the text; as many columns as there are.
    console = Console(
        record=True, width=screen.width, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for line in screen.lines():
        console.print(line, no_wrap=True, crop=True, highlight=False)
    svg = console.export_svg(title=title, theme=THEME, code_format=SVG, unique_id=f"t-{path.stem}")
    svg = re.sub(r' clip-path="[^"]*"', "", svg)  # it cuts the feet off the letters of most fonts
    Path(path).write_text(
        "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n", encoding="utf-8"
    )
