"""What the documents tell a reader to type is typed here, and must do what they say.

The blocks of a page are carried out from top to bottom by one shell, in one empty directory:

- ```python, ```toml: the first line `# name.ext` names the file it is; other ```python is a script, run where it stands
- ```console: lines of `$ command`, which must end with exit code 0 or the one in `# exit code N`; `make` is looked up in the Makefile;
  a line `^C` after one: Ctrl-C is pressed once its output file has grown
- ```output: what the block of commands before it printed; dates, ids, seconds and `...` stand for any others
- ```text: shown, never run; ```{toctree}: the list of pages

Anything else is a failure. `https://example.com` is a small site on this machine, and port 8000 one that is free.
"""

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from outlast.browser import find_browser
from outlast.errors import BrowserUnavailableError
from outlast.testing import Faults, FlakySite

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "docs/tutorial.md",
        *ROOT.glob("docs/how-to/*.md"),
    ]
)

FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# ([\w.-]+\.\w+)\n")
EXIT_CODE = re.compile(r"# exit code (\d+)")
# As they look once re.escape has been over them.
VARIABLE = re.compile(r"01[0-9A-Z]{8,24}|\d{4}\\-\d\d\\-\d\dT[\d:]+Z|\d+\\\.\d\\ s|\\\.\\\.\\\.")
# Whoever waits wants to see a crawl come somewhere; the shell must not be faster than a busy machine.
SIZE = "$(stat -c %s {0} 2>/dev/null || echo 0)"
BEFORE = f"before={SIZE}"
ENOUGH = f'for _ in $(seq 600); do [ {SIZE} -gt "$before" ] && break; sleep 0.1; done'
ANSWERS = "for _ in $(seq 600); do (exec 3<>/dev/tcp/127.0.0.1/{0}) 2>/dev/null && break; sleep 0.1; done"
# Ctrl-C goes to all that the terminal runs in the foreground.
INTERRUPTED = "set -m; {command} & {enough}; kill -INT -- -$!; wait $!; code=$?; set +m; (exit $code)"
SERVES = re.compile(r"demo --site --port (\d+) &$")

NO_FAULTS = Faults(unavailable=0, reset=0, hang=0)
# pytest finds them.
READ_BY_ITSELF = re.compile(r"conftest\.py|test_\w+\.py")

SITE = {
    "/": b'<title>Start</title><a href="/one">1</a> <a href="/two">2</a>',
    "/one": b'<title>One</title><a href="/">back</a>',
    "/two": b"<title>\nTwo</title>",
    "/?page=2": b"<title>More</title>",
}


@dataclass(frozen=True)
class Block:
    language: str
    body: str
    line: int


@dataclass(frozen=True)
class Step:
    """One command, the line of its block, what the block must have printed by then."""

    command: str
    line: int
    shown: str = ""
    interrupted: bool = False

    @property
    def exit_code(self):
        told = EXIT_CODE.search(self.command)
        return int(told[1]) if told else 0


@dataclass(frozen=True)
class Typed:
    """What came of a page: the directory it was typed in, what each command printed, what was asked of the site."""

    directory: Path
    printed: dict[str, str]
    served: Counter

    def records(self, name):
        return [json.loads(line) for line in (self.directory / name).read_text().splitlines()]


@pytest.mark.real_time
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
async def test_what_a_page_tells_to_type_does_what_it_says(page, tmp_path, unused_tcp_port):
    await type_page(page, tmp_path / "reader", unused_tcp_port)


@pytest.mark.real_time
@pytest.mark.timeout(300)
async def test_what_the_readme_tells_to_type_does_what_it_says(tmp_path, unused_tcp_port):
    typed = await type_page("README.md", tmp_path / "reader", unused_tcp_port)
    assert typed.printed["python scrape.py"] == "completed 3 done 0 failed\n"
    expected = {"/": "Start", "/one": "One", "/two": "\nTwo"}
    for output in ("pages.jsonl", "items.jsonl"):
        assert {path_of(each["url"]): each["title"] for each in typed.records(output)} == expected
        assert len(typed.records(output)) == 3
    assert {path_of(each["url"]) for each in typed.records("quotes.jsonl")} == {"/", "/?page=2"}
    # Two crawls and one fetch: what the command line ran again was not fetched again.
    assert typed.served["/one"] == 2


@pytest.mark.parametrize(
    "block",
    [
        "```python\nprint(1)",
        "```console\noutput without a prompt\n```\n",
        "```console\n$ make nothing-of-the-kind\n```\n",
        "```ruby\nputs 1\n```\n",
        "```toml\nname = 'x'\n```\n",
        "```python\n# unused.py\nprint(1)\n```\n",
        "```output\nof what?\n```\n",
    ],
)
def test_a_block_that_nobody_can_run_is_a_failure(block, tmp_path):
    with pytest.raises(AssertionError):
        steps_of("page.md", f"# A page\n\n{block}", tmp_path)


@pytest.mark.parametrize(
    ("shown", "printed", "agrees"),
    [
        ("run 01KATGZ5M3 of job x", "run 01M850EH19BX9CA8SPRRPR4BG6 of job x", True),
        ("FINISHED in 0.2 s: 1 of 1", "FINISHED in 12.4 s: 1 of 1", True),
        ("FINISHED in 0.2 s: 1 of 1", "FINISHED in 0.2 s: 2 of 2", False),
        ("resuming, ... done", "resuming, 7 of 9 done", True),
    ],
)
def test_only_dates_ids_and_seconds_may_differ_from_what_is_shown(shown, printed, agrees):
    assert prints(shown, printed) is agrees


async def type_page(page, directory, port):
    directory.mkdir()
    pages = {path: ("text/html", body) for path, body in SITE.items()}
    async with FlakySite(pages, NO_FAULTS) as site:
        text = (ROOT / page).read_text().replace("https://example.com", site.url).replace("8000", str(port))
        steps = steps_of(page, text, directory)
        output = await asyncio.to_thread(in_shell, script_of(steps), directory)
    parts = re.split(r"\n<<<(\d+)>>>\n", output)
    assert len(parts) == 2 * len(steps) + 1, f"{page}: the shell ended early\n{output}"
    printed = defaultdict(str)
    for step, text, code in zip(steps, parts[::2], parts[1::2], strict=False):
        where = f"{page}:{step.line}: {step.command}"
        assert int(code) == step.exit_code, f"{where}\nended with {code}:\n{text}"
        printed[step.line] += text
        assert prints(step.shown, printed[step.line]), f"{where}\nprinted:\n{printed[step.line]}\nnot:\n{step.shown}"
    return Typed(directory, dict(zip((step.command for step in steps), parts[::2], strict=False)), site.served)


def steps_of(page, text, directory):
    """What a page tells to type, in order; its files are put down in `directory` under other names until their turn comes."""
    assert text.count("\n```") % 2 == 0, f"{page}: a block that does not end"
    blocks = [
        Block(each["language"], each["body"], text.count("\n", 0, each.start()) + 1) for each in FENCE.finditer(text)
    ]
    steps = []
    for before, block in zip([None, *blocks], blocks, strict=False):
        where = f"{page}:{block.line}"
        match block.language:
            case "text" | "{toctree}":
                continue
            case "output":
                assert before is not None and before.language == "console", f"{where}: whose output is this?"
                steps[-1] = replace(steps[-1], shown=block.body)
            case "console":
                steps += [step for step in commands_in(block, where) if not is_target(step.command, where)]
            case "python" | "toml":
                steps += file_steps(block, where, directory)
            case language:
                raise AssertionError(f"{where}: nobody knows how to run a block of {language or 'nothing'!r}")
    assert_all_used(page, blocks)
    return steps


def assert_all_used(page, blocks):
    named = {block: match[1] for block in blocks if (match := FILE_NAME.match(block.body))}
    for block, name in named.items():
        rest = "".join(each.body for each in blocks if each is not block)
        imported = re.search(rf"^(from|import) {name.removesuffix('.py')}\b", rest, re.MULTILINE)
        found = READ_BY_ITSELF.fullmatch(name) and "pytest" in rest
        assert name in rest or imported or found, f"{page}:{block.line}: nothing uses {name}"


def commands_in(block, where):
    steps = []
    for line in block.body.splitlines():
        if line == "^C" and steps:
            steps[-1] = replace(steps[-1], interrupted=True)
            continue
        assert line.startswith("$ "), f"{where}: output belongs into an ```output block: {line}"
        steps.append(Step(line.removeprefix("$ "), block.line))
    return steps


def is_target(command, where):
    words = shlex.split(command, comments=True)
    if words[0] != "make":
        return False
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(words[1:]) <= known, f"{where}: the Makefile has no target for {command!r}"
    return True


def file_steps(block, where, directory):
    named = FILE_NAME.match(block.body)
    assert named or block.language == "python", f"{where}: which file is this? Say so in its first line: # name.toml"
    (directory / f".block-{block.line}").write_text(block.body)
    name = named[1] if named else f"block_{block.line}.py"
    run = [] if named else [Step(f"python {name}", block.line)]
    return [Step(f"cp .block-{block.line} {name}", block.line), *run]


def script_of(steps):
    lines, output = ["exec 2>&1", "before=0"], "."
    for step in steps:
        command = step.command.replace(".venv/bin/", f"{BIN}/")
        if named := re.search(r" -o (\S+)", command):
            output = named[1]
            lines.append(BEFORE.format(output))
        if step.interrupted:
            lines.append(INTERRUPTED.format(command=command.partition("#")[0], enough=ENOUGH.format(output)))
        else:
            # The project's own tools are typed in the repository, everything else in the reader's directory.
            lines.append(f"( cd {shlex.quote(str(ROOT))} && {command}\n)" if command != step.command else command)
        lines.append(r"printf '\n<<<%s>>>\n' $?")
        if command.startswith("sleep "):
            lines.append(ENOUGH.format(output))
        if serves := SERVES.search(command):
            lines.append(ANSWERS.format(serves[1]))
    return "\n".join(lines)


def playwrights_own(directory):
    """Where Playwright finds a browser of its own: whatever browser is on this machine, under the names that it looks for."""
    with pytest.raises(BrowserUnavailableError) as nowhere:
        find_browser("chromium", None, {"PLAYWRIGHT_BROWSERS_PATH": str(directory)}, exists=lambda _: False)
    browser = find_browser("chromium").path
    for path in nowhere.value.context["looked_at"]:
        if path.startswith(str(directory)):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(f'#!/bin/sh\nexec {shlex.quote(browser)} "$@"\n')
            Path(path).chmod(0o755)
    return str(directory)


def in_shell(script, directory):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OUTLAST_")}
    environ |= {"PATH": f"{BIN}:{environ['PATH']}", "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    if any("chromium.launch()" in block.read_text() for block in directory.glob(".block-*")):
        environ |= {"PLAYWRIGHT_BROWSERS_PATH": playwrights_own(directory / ".browsers")}
    # Into a file, not a pipe: what the page leaves running in the background would hold a pipe open.
    with (directory / ".printed").open("w+b") as printed:
        shell = subprocess.Popen(
            ["bash", "-c", script],
            cwd=directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            start_new_session=True,
        )
        try:
            shell.wait(240)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
        printed.seek(0)
        return printed.read().decode()


def prints(shown, printed):
    """Whether every line shown was printed, in this order."""
    place = 0
    for line in shown.splitlines():
        # How wide a column is depends on what varies in it.
        pattern = re.sub(r"(\\ )+", r"\\s+", VARIABLE.sub(".+?", re.escape(line.strip())))
        found = re.compile(pattern).search(printed, place)
        if found is None:
            return False
        place = found.end()
    return True


def path_of(url):
    return "/" + url.split("/", 3)[3]
