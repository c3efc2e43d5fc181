"""The pages of the standard library: many, real, and all of them reachable."""

import re
import sys

import pytest

from outlast.testing import stdlib_pages
from outlast.testing.stdlib_pages import build_pages, load_pages, render_pages
from outlast.testing.stdlib_render import render_all

SOME = ("json", "xml", "this", "antigravity", "_json", "winreg")


@pytest.fixture(scope="module")
def rendering(tmp_path_factory):
    return render_pages(tmp_path_factory.mktemp("pages"), SOME)


def crawl(pages):
    found, waiting = set(), ["/"]
    while waiting:
        path = waiting.pop()
        if path in pages and path not in found:
            found.add(path)
            waiting += [f"/{target}" for target in re.findall(r'href="([^"#/:]+\.html)', pages[path][1].decode())]
    return found


def test_modules_and_what_is_below_them_have_pages(rendering):
    assert {"index", "json", "json.decoder", "xml.etree.ElementTree", "_json"} <= set(rendering.pages)
    assert all(page.name == f"{name}.html" for name, page in rendering.pages.items())


def test_a_page_holds_the_documentation(rendering):
    page = rendering.pages["json"].read_text(encoding="utf-8")
    assert "JSON" in page
    assert 'href="json.decoder.html"' in page


def test_modules_that_would_open_a_window_or_print_are_left_out(rendering):
    assert not {"this", "antigravity"} & set(rendering.pages)
    assert not {"this", "antigravity"} & set(rendering.failed)


@pytest.mark.skipif(sys.platform == "win32", reason="there it can be imported")
def test_a_module_that_cannot_be_imported_is_counted(rendering):
    assert rendering.failed == ("winreg",)


def test_every_page_is_reached_from_the_index(rendering):
    pages = load_pages(rendering.pages["index"].parent)
    assert crawl(pages) == {"/"} | {f"/{name}.html" for name in rendering.pages if name != "index"}


def test_a_page_that_nothing_links_to_is_linked_from_the_index():
    links = {"a": {"b.c", "nowhere"}, "b.c": {"a"}, "lost.x": {"lost.y"}, "lost.y": set()}
    assert stdlib_pages._entrances(links) == ["a", "lost.x"]


def test_the_index_is_served_at_both_its_addresses(rendering):
    pages = load_pages(rendering.pages["index"].parent)
    assert pages["/"] == pages["/index.html"]
    assert pages["/json.html"][0] == "text/html; charset=utf-8"


def test_the_same_modules_give_the_same_pages(rendering, tmp_path):
    again = render_pages(tmp_path, reversed(SOME))
    assert list(again.pages) == list(rendering.pages)
    assert load_pages(tmp_path) == load_pages(rendering.pages["index"].parent)


def test_nothing_of_the_environment_is_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET", "hunter2")
    assert "hunter2" not in render_pages(tmp_path, ["os"]).pages["os"].read_text(encoding="utf-8")


def test_a_module_that_kills_its_process_costs_only_itself(tmp_path):
    # A renderer that dies whenever it meets "bad", as a crash in C would.
    calls = []

    def run(directory, names):
        calls.append(tuple(names))
        return None if "bad" in names else [name for name in names if name == "odd"]

    assert stdlib_pages._render(run, tmp_path, ["good", "bad", "odd"]) == ["bad", "odd"]
    assert calls == [("good", "bad", "odd"), ("good",), ("bad",), ("odd",)]


def test_a_renderer_that_fails_or_hangs_is_noticed(tmp_path):
    assert stdlib_pages._run_renderer(tmp_path, ["json"], tmp_path / "missing.py") is None
    slow = tmp_path / "slow.py"
    slow.write_text("import time; time.sleep(60)")
    assert stdlib_pages._run_renderer(tmp_path, ["json"], slow, seconds_max=0.2) is None


def test_rendering_leaves_out_and_reports(tmp_path):
    assert render_all(tmp_path, ["wsgiref", "this", "no_such_module"]) == ["no_such_module"]
    names = {page.stem for page in tmp_path.iterdir()}
    assert {"wsgiref", "wsgiref.headers"} <= names
    assert not {"this", "no_such_module"} & names


def test_no_page_tells_where_its_objects_lie_in_memory(rendering):
    assert not [name for name, page in rendering.pages.items() if " at 0x" in page.read_text(encoding="utf-8")]


def test_no_modules_give_an_empty_index(tmp_path):
    rendering = render_pages(tmp_path / "new", ())
    assert list(rendering.pages) == ["index"]
    assert crawl(load_pages(tmp_path / "new")) == {"/"}


def test_the_command_line_wants_a_directory(capsys):
    assert stdlib_pages._main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_command_line_says_how_many_pages_there_are(tmp_path, capsys):
    assert stdlib_pages._main([str(tmp_path)], ["wave", "no_such_module"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 pages in ")
    assert out.endswith("1 modules cannot be imported here\n")


def test_the_whole_library_is_several_hundred_pages(tmp_path):
    # The one slow test here: it is what the demo crawls.
    built = build_pages(tmp_path)
    pages = load_pages(tmp_path)
    assert len(built) == len(pages) - 1 > 400
    assert {"/asyncio.tasks.html", "/urllib.request.html", "/builtins.html", "/zipfile.html"} <= set(pages)
    assert not [path for path in pages if path.startswith(("/idlelib", "/test.", "/turtledemo"))]
    assert crawl(pages) == set(pages) - {"/index.html"}
