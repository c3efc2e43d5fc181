"""What the documents show and nobody runs is at least possible: settings that are accepted, verbs and options that there are, Python that compiles."""

import ast
import re
import shlex
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import click
import pytest

from outlast.cli.entry import VERBS
from outlast.config import JobConfiguration

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(?P<language>[\w{}-]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(outlast [a-z][^`]*)`")
NO_SETTINGS = re.compile(r"\[(Service|project|tool)\b")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def blocks(page, *languages):
    return [each["body"] for each in FENCE.finditer(page.read_text(encoding="utf-8")) if each["language"] in languages]


def settings_in(text):
    """The table of settings that a block is; None where it is something else, or a part of one that does not stand alone."""
    if NO_SETTINGS.match(text):
        return None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


def settings_shown(page):
    for text in blocks(page, "text", "toml"):
        found = settings_in(text)
        # One page shows what is said of a file that is wrong.
        if found and "concurency" not in found:
            yield text, found


@each_page
def test_settings_that_are_shown_are_accepted(page):
    for text, found in settings_shown(page):
        try:
            JobConfiguration(**found)
        except Exception as error:
            pytest.fail(f"{text}\n{error}")


@each_page
def test_a_block_that_says_toml_is_toml(page):
    assert all(settings_in(text) is not None for text in blocks(page, "toml") if not NO_SETTINGS.match(text))


@cache
def options_of(verb, inner=""):
    """Every option of a verb, or of a verb of a verb, and whether it takes a value."""
    command = import_module(f"outlast.cli.verbs.{verb}{'.' + inner if inner else ''}").command
    found = {
        name: not each.is_flag and not each.count
        for each in command.params
        if isinstance(each, click.Option)
        for name in (*each.opts, *each.secondary_opts)
    }
    return found | {"--help": False, "-h": False}, tuple(getattr(command, "verbs", ()))


def problem_of(words):
    """What is wrong with `outlast WORDS`; None: nothing."""
    if words[0].startswith("-"):
        return None
    verb, *rest = words
    if verb not in VERBS:
        return f"there is no verb {verb}"
    known, inner = options_of(verb)
    if inner and rest and rest[0].islower():
        if rest[0] not in inner:
            return f"there is no verb {verb} {rest[0]}"
        known, _ = options_of(verb, rest[0])
    given = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    unknown = [option for option in given if option not in known and not re.fullmatch(r"-v+", option)]
    return f"{verb} does not take {', '.join(unknown)}" if unknown else None


def commands_in(page):
    """Every command line of outlast on a page, from the word after `outlast` to the end of the command."""
    text = page.read_text(encoding="utf-8")
    shown = [line for block in blocks(page, "console", "text") for line in block.splitlines()]
    lines = [line for line in shown if re.search(r"(^|\$ |&& )outlast [a-z-]", line)]
    for line in [*lines, *INLINE.findall(FENCE.sub("", text))]:
        for part in re.split(r"&&|\|\||[|;]|\s[&>]|\s2>", line):
            found = re.search(r"(?:^|\s)outlast ([a-z-].*)", part)
            if found:
                try:
                    yield line, shlex.split(found[1], comments=True)
                except ValueError:  # it goes on in a line that is not here
                    continue


@each_page
def test_the_verbs_and_options_that_are_shown_exist(page):
    wrong = [f"{line}: {problem}" for line, words in commands_in(page) if words and (problem := problem_of(words))]
    assert not wrong


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("run scrape.py:scrape urls.txt --job x -o y", None),
        ("checkpoint verify x --deep", None),
        ("run scrape.py:scrape --retries 3", "run does not take --retries"),
        ("checkpoint mend x", "there is no verb checkpoint mend"),
        ("go", "there is no verb go"),
    ],
)
def test_a_command_that_nobody_could_type_is_found(typed, problem):
    assert problem_of(shlex.split(typed)) == problem


@each_page
def test_python_that_is_shown_compiles(page):
    for text in blocks(page, "python"):
        compile(text, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
