"""The command as a whole: its verbs, its help, its speed."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from outlast.cli.entry import VERBS, main, outlast
from outlast.cli.options import Settings
from outlast.cli.verbs.checkpoint import group

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
SCREEN_LINES = 44
SCREEN_COLUMNS = 80


def called(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


def test_every_verb_has_its_module_and_its_help():
    for verb in VERBS:
        command = import_module(f"outlast.cli.verbs.{verb}").command
        assert command.name == verb
        assert command.get_short_help_str(200).rstrip(".") in VERBS[verb]
        assert outlast.get_command(click.Context(outlast), verb) is command


def test_every_verb_of_a_group_has_its_module_and_its_help():
    for verb in group.VERBS:
        command = import_module(f"outlast.cli.verbs.checkpoint.{verb}").command
        assert command.name == verb
        assert command.get_short_help_str(200) == group.VERBS[verb]
        assert group.command.get_command(click.Context(group.command), verb) is command


def test_help_fits_a_screen(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(SCREEN_COLUMNS))
    for arguments in (["--help"], ["checkpoint", "--help"]):
        lines = called(capsys, *arguments)[1].splitlines()
        assert len(lines) <= SCREEN_LINES
        assert max(map(len, lines)) <= SCREEN_COLUMNS


def test_help_names_the_verbs(capsys):
    code, out, _ = called(capsys, "--help")
    assert code == 0
    assert all(f"\n  {verb} " in out for verb in VERBS)
    assert called(capsys, "-h")[1] == out


@pytest.mark.parametrize("arguments", [["--help"], ["checkpoint", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys\n"
        "from outlast.cli import main\n"
        f"try: main({arguments})\n"
        "except SystemExit: print([n for n in ('pydantic', 'apsw', 'rich', 'orjson', 'asyncio') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_told(capsys):
    code, out, _ = called(capsys, "--version")
    assert (code, out.split()[0]) == (0, "outlast")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["rnu"], "there is no verb 'rnu'; did you mean 'run'?"),
        (["zzz"], f"there is no verb 'zzz'; there are: {', '.join(VERBS)}"),
        (["checkpoint", "prnue"], "there is no verb 'checkpoint prnue'; did you mean 'prune'?"),
        (["checkpoint", "zzz"], f"there is no verb 'checkpoint zzz'; there are: {', '.join(group.VERBS)}"),
        (["checkpoint"], "which verb? There are: ls, show, verify, prune, restore, export"),
        ([], f"which verb? There are: {', '.join(VERBS)}"),
        (["checkpoint", "prune", "docs", "--keep", "0"], "Invalid value for '--keep': 0 is not in the range x>=1."),
        (["run"], "Missing argument 'TARGET'."),
        (["run", "x", "--concurrency", "many"], "Invalid value for '--concurrency': 'many' is not a valid integer."),
        (
            ["run", "x", "--rate", "30/min"],
            "Invalid value for '--rate': '30/min' should be a host and its rate, such as shop.de=30/min",
        ),
        (["ls", "--qqqqq"], "No such option '--qqqqq'."),
    ],
)
def test_wrong_usage_is_one_clear_line_and_code_2(capsys, arguments, line):
    code, out, err = called(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[0] == f"outlast: error: {line}"


def test_wrong_usage_with_json_is_json(capsys):
    code, _, err = called(capsys, "run", "--json")
    assert code == 2
    assert err.startswith('{"schema_version": 1, "message_type": "exit_error", "code": 2, "error_code": "USAGE_ERROR"')


def test_shared_options_are_taken_before_and_after_the_verb_and_after_wins():
    seen = []

    @click.command("probe")
    @click.pass_obj
    def probe(settings):
        seen.append(settings)

    from outlast.cli.options import common

    command = click.Group("g", commands={"probe": common("store", "json", "verbose")(probe)})
    command = common("store", "json", "quiet")(command)
    for arguments in (["--store", "a", "--json", "probe"], ["--store", "a", "probe", "--store", "b", "-vv"]):
        with command.make_context("g", arguments, obj=Settings()) as context:
            command.invoke(context)
    assert [(each.store, each.json, each.verbose) for each in seen] == [("a", True, 0), ("b", False, 2)]


def test_the_store_may_come_from_the_environment(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("OUTLAST_STORE", str(tmp_path / "elsewhere"))
    assert called(capsys, "ls")[2] == f"no jobs in {tmp_path / 'elsewhere'}\n"


def commands():
    """Every verb, by its whole name."""
    for verb in VERBS:
        command = import_module(f"outlast.cli.verbs.{verb}").command
        yield verb, command
        for inner in getattr(command, "verbs", ()):
            yield f"{verb} {inner}", import_module(f"outlast.cli.verbs.{verb}.{inner}").command


def test_the_reference_has_every_verb_and_every_option():
    text = REFERENCE.read_text()
    described = re.findall(r"^\| `((?:checkpoint )?[a-z]+)(?: [A-Z\[][^`]*)?`", text, re.MULTILINE)
    for name, command in commands():
        assert name in described, name
        options = [each for each in command.params if isinstance(each, click.Option)]
        missing = [option.opts[-1] for option in options if not re.search(rf"`[^`]*{option.opts[-1]}\b", text)]
        assert not missing, name


def test_every_verb_but_demo_takes_every_shared_option():
    shared = {"--store", "--json", "--progress", "--color", "-q", "--quiet", "-v", "--verbose"}
    for name, command in commands():
        taken = {option for each in command.params if isinstance(each, click.Option) for option in each.opts}
        assert name in {"demo", "checkpoint"} or shared <= taken, name


def test_the_reference_says_what_json_each_verb_answers_with():
    rows = re.search(r"\| verb \| answers with \|\n(.*?)\n\n", REFERENCE.read_text(), re.DOTALL)[1]
    answered = {name for row in rows.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    offered = {name for name, command in commands() if any("--json" in each.opts for each in command.params)}
    assert answered == offered
