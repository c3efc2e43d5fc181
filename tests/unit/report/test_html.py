"""The page: valid, self-contained, and deaf to what strangers have written into it."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from outlast.ledger.port import Counts
from outlast.report.chronicle import Chronicle
from outlast.report.html import page, split_page
from outlast.report.markdown import markdown
from outlast.report.model import report_of
from outlast.report.told import Grade, KeptCheckpoint, Standing

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}'\"`\x1b[31m\u202e\n\u2028"
VOID = {"meta", "link", "br", "path", "rect", "img", "wbr"}


class Page(HTMLParser):
    """The elements of a page, and whether each is closed where it has to be."""

    def __init__(self, text):
        super().__init__()
        self.open, self.found, self.scripts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open and self.open[-1] in {"script", "style"}:
            self.scripts.append((self.open[-1], dict(self.found[-1][1]), text))


@pytest.fixture
def evil(told, group, at, started, sample, entry, ended):
    """A report in which everything a stranger can write is hostile."""
    entries = [
        started(0),
        sample(0, total=10),
        entry("host_parked", 5, {"host": EVIL, "failures": 3, "error": EVIL}),
        entry("checkpoint_created", 6, {"checkpoint_id": EVIL}),
        entry("retry_attempted", 7, {"attempt": 1, "delay": 2}, key=EVIL),
        entry("abort_triggered", 8, {"reason": EVIL * 10_000}),
        ended(60, EVIL, done=5, failed=5),
        sample(
            60, 5, 5, 1, memory_bytes=1 << 30, browser_memory_bytes=1 << 29, memory_limit_bytes=1 << 31, delays={"4": 3}
        ),
        started(120, run=EVIL, resumed=True),
        sample(180, run=EVIL),
    ]
    return report_of(
        told(
            job=EVIL,
            counts=Counts(done=5, failed=5, ignored=1, deferred=2),
            groups=[
                group(f"x.{EVIL} scrape.py:f {EVIL}", {EVIL: 2, "": 1}, key=EVIL, at=at(9)),
                group("y.No", {f"h{n}": 1 for n in range(9)}, name="F-2"),
            ],
            attempts={1: 4, 3: 1},
            checkpoints=[
                KeptCheckpoint(id=EVIL, at=at(6), size=500, reason=EVIL, intact=True),
                KeptCheckpoint(id="c", at=None, size=5, intact=False),
            ],
            steps=[(EVIL, f"outlast resume {EVIL}"), ("by hand", "run the script again")],
            notes=[EVIL],
            standing=Standing(word=EVIL, grade=Grade.BAD, detail=EVIL, run="R1"),
        ),
        Chronicle.of(entries),
    )


def test_the_page_is_well_formed_and_has_no_element_of_a_stranger(evil):
    found = Page(page(evil))
    tags = [tag for tag, _ in found.found]
    assert tags.count("script") == 3
    assert "img" not in tags
    attributes = {name for _, attrs in found.found for name in attrs}
    assert not {name for name in attributes if name.startswith("on")}
    assert "style" not in attributes
    assert not attributes & {"src", "href"}


def test_nothing_is_loaded_and_only_our_scripts_may_run(evil):
    found = Page(page(evil))
    [policy] = [attrs["content"] for tag, attrs in found.found if attrs.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"

    def hashed(text):
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    ours = [hashed(text) for tag, attrs, text in found.scripts if tag == "script" and "type" not in attrs]
    assert rules["script-src"].split() == ours
    assert rules["style-src"].split() == [hashed(text) for tag, _, text in found.scripts if tag == "style"]


def test_the_data_of_the_pictures_is_json_that_cannot_end_its_element(evil):
    [text] = [text for _, attrs, text in Page(page(evil)).scripts if attrs.get("type") == "application/json"]
    assert not re.search("[<>&\u2028]", text)
    data = json.loads(text)
    assert len(data["times"]) == len(data["rates"]["finished"]) == len(data["memory"])
    assert any("alert(1)" in mark[2] for mark in data["marks"])


def test_the_page_names_no_place_in_the_network(evil):
    text = page(evil)
    # An example is told as text, and what draws the pictures says where it comes from.
    assert set(re.findall(r"https?://[^\s\"'<>)]+", text)) <= {"https://github.com/leeoniya/uPlot", "https://a.test/1"}
    assert not re.search(r"<(?:a|link|img|iframe|object|base)\b|url\(|@import", text.replace(EVIL, ""))


def test_no_control_character_gets_through(evil):
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\ud800-\udfff]", page(evil))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u2028\u202e\ud800-\udfff]", markdown(evil))


def test_a_template_within_the_data_is_text(evil):
    assert "{{7*7}}" in page(evil)


def test_a_megabyte_of_message_makes_no_large_page(evil):
    assert len(page(evil)) < 200_000


def test_split_leaves_nothing_within_the_page_that_a_strict_server_refuses(evil):
    files = split_page(evil, "out.htm")
    assert sorted(files) == ["out.css", "out.htm", "out.js"]
    found = Page(files["out.htm"])
    assert [attrs for tag, attrs in found.found if tag == "script"] == [
        {"type": "application/json", "id": "data"},
        {"src": "out.js"},
    ]
    assert [attrs["href"] for tag, attrs in found.found if tag == "link"] == ["out.css"]
    assert not [tag for tag, _ in found.found if tag == "style"]


def test_a_job_of_which_nothing_is_known_has_a_page(told):
    empty = told(counts=Counts(), standing=Standing(word="not begun", grade=Grade.WARNING))
    found = Page(page(report_of(empty, Chronicle())))
    assert "table" not in [tag for tag, _ in found.found]


def test_a_job_of_which_nothing_is_known_has_a_markdown_too(told):
    empty = told(counts=Counts(), standing=Standing(word="not begun", grade=Grade.WARNING))
    text = markdown(report_of(empty, Chronicle()))
    assert text.startswith("# shop: not begun\n\nmade 2026-11-24 00:46:40 UTC\n")
    assert "##" not in text


def test_markdown_tells_of_a_run_that_goes_on_until_now(told, started, sample, group):
    running = Standing(word="running", grade=Grade.GOOD, run="R1", running=True)
    groups = [group(f"a.No{n}", {"a.test": 1}, name=f"F-{n}") for n in range(25)]
    one = report_of(told(standing=running, groups=groups), Chronicle.of([started(0), sample(60, 5)]), "R1")
    text = markdown(one)
    assert "\nonly run R1, 2026-11-22 21:00 to now UTC (1 d 3 h), made 2026-11-24 00:46 UTC\n" in text
    assert "\nAnd 5 further groups.\n" in text
    assert "## Runs" not in text


def test_every_picture_has_its_table(evil):
    text = page(evil)
    for heading in (
        "The same as a table",
        "The marks as a table",
        "Did waiting help?",
        "Attempts needed",
        "Checkpoints",
        "Runs",
    ):
        assert heading in text


def test_markdown_has_no_markup_of_a_stranger(evil):
    text = markdown(evil)
    bare = re.sub(r"(`+) ?.*?\1", "", text).replace("<br>", "")
    assert "<" not in bare
    assert "\x1b" not in text
    assert not re.search(r"(?<!\\)!\[|\]\(", bare)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


def test_a_table_in_markdown_has_as_many_cells_in_every_row(evil):
    widths = []
    for line in markdown(evil).splitlines():
        if line.startswith("|"):
            widths[-1].add(len(re.findall(r"(?<!\\)\|", line)))
        else:
            widths.append(set())
    assert all(len(each) <= 1 for each in widths)
