"""The pictures of the documentation: each is shown, says in words what it shows, and needs and tells nothing of elsewhere."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
MADE = sorted([*PICTURES.glob("*.svg"), *PICTURES.glob("*.png")])
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
SHOWN = [
    (page, alt, page.parent / target)
    for page in PAGES
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
]
KIB = 1024


def module(name):
    spec = importlib.util.spec_from_file_location(f"pictures_{name}", PICTURES / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


terminal = module("terminal")


def screen(written, **size):
    return terminal.Screen(**size).feed(written)


def test_the_pictures_are_small():
    assert max(path.stat().st_size for path in MADE) < 200 * KIB
    assert sum(path.stat().st_size for path in MADE) < 1536 * KIB


def test_every_picture_is_shown_and_every_one_that_is_shown_is_there():
    assert {target.resolve() for _, _, target in SHOWN} == set(MADE)


@pytest.mark.parametrize("page", sorted({page for page, _, _ in SHOWN}), ids=lambda page: page.name)
def test_a_picture_says_in_words_what_it_shows(page):
    assert all(len(alt.split()) >= 5 for where, alt, _ in SHOWN if where == page)


def test_the_script_makes_these_pictures():
    script = (PICTURES / "make.py").read_text()
    assert not [path.stem for path in MADE if f'"{path.stem}"' not in script]


@pytest.mark.parametrize("path", [path for path in MADE if path.suffix == ".svg"], ids=lambda path: path.name)
def test_a_picture_of_a_terminal_needs_nothing_and_names_no_place_of_the_machine_it_was_made_on(path):
    svg = path.read_text(encoding="utf-8")
    drawn = re.sub(r"<text [^>]*>[^<]*</text>", "", svg)
    assert set(re.findall(r"https?://[^\"'<\s]+", drawn)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"@font-face|url\((?!#)|<image|<script|/tmp|/home|/root|127\.0\.0\.1|localhost", svg)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("one\r\ntwo", "one\ntwo"),
        ("12%\r34%", "34%"),
        ("a\r\nb\r\nc\x1b[1A\x1b[2K\rB", "a\nB\nc"),
        ("abc\x1b[2DX", "aXc"),
        ("abcdef\x1b[3G\x1b[K", "ab"),
        ("a\r\nb\x1b[H\x1b[Jc", "c"),
        ("wide 漢字 end\r\x1b[9C!", "wide 漢字!end"),
        ("\x1b]0;a title\x07text", "text"),
        ("before\x1b[?1049haside\x1b[?1049l after", "before after"),
        ("\x1b[?25la\x07b\x1b[?25h", "ab"),
    ],
)
def test_a_terminal_shows_what_was_written_to_it(written, shown):
    assert screen(written, width=20).text == shown


def test_a_line_that_is_too_long_goes_on_below():
    assert screen("abcdefg", width=3).text == "abc\ndef\ng"


def test_only_as_much_as_fits_is_seen():
    assert screen("1\r\n2\r\n3", height=2).text == "2\n3"


def test_colours_stay_with_what_was_written_in_them():
    [line] = screen("\x1b[1;31mred\x1b[0m plain").lines()
    assert [(span.start, span.end, span.style.color.number) for span in line.spans if span.style.color] == [(0, 3, 1)]


def test_what_a_terminal_of_ours_does_not_know_is_an_error():
    with pytest.raises(AssertionError, match="nobody knows"):
        screen("\x1b[5n")


def test_a_sequence_that_has_come_by_half_is_waited_for():
    assert terminal.without_half("done\x1b[3") == "done"
    assert terminal.without_half("done\x1b[0m") == "done\x1b[0m"


@pytest.mark.real_time
@pytest.mark.skipif(sys.platform == "win32", reason="there are no terminals of this kind")
def test_a_program_thinks_that_it_is_on_a_terminal_and_is_stopped_by_ctrl_c(tmp_path):
    program = "import sys, time; print(sys.stdout.isatty(), sys.argv[1], flush=True); time.sleep(1000)"
    typed = terminal.Terminal("look", [sys.executable, "-c", program, str(tmp_path / "file")], tmp_path, {})
    assert typed.wait(lambda text: "file" in text).text == "$ look\nTrue ~/shops/file"
    typed.type("\x03")
    assert "KeyboardInterrupt" in typed.wait().text
    typed.close()


def test_a_picture_holds_the_text(tmp_path):
    terminal.write_svg(screen("\x1b[32mall <is> well\x1b[0m"), tmp_path / "well.svg", "how it is")
    svg = (tmp_path / "well.svg").read_text()
    assert "all&#160;&lt;is&gt;&#160;well" in svg
    assert "how&#160;it&#160;is" in svg or "how it is" in svg
