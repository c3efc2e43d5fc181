"""The command as a whole: its verbs, its help, its speed."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from outlast.cli.entry import GROUPS, VERBS, main, outlast
from outlast.cli.options import _COMMON, Settings, common, variable_of
from outlast.cli.verbs.checkpoint import group
from outlast.cli.verbs.config import group as config_group
from outlast.config import JobConfiguration, load_configuration

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"
SCREEN_LINES = 24
SCREEN_COLUMNS = 80
# What has more to say than a small screen takes.
LONGER = {"": 52, "run": 38, "resume": 36, "config show": 28}
SHARED = ("store", "config", "json", "progress", "color", "quiet", "verbose", "log_format", "yes")


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
    for name, of in (("checkpoint", group), ("config", config_group)):
        for verb in of.VERBS:
            command = import_module(f"outlast.cli.verbs.{name}.{verb}").command
            assert command.name == verb
            assert command.get_short_help_str(200) == of.VERBS[verb]
            assert of.command.get_command(click.Context(of.command), verb) is command


def test_help_fits_a_screen(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(SCREEN_COLUMNS))
    for name in ("", *(name for name, _ in commands())):
        lines = called(capsys, *name.split(), "--help")[1].splitlines()
        assert len(lines) <= LONGER.get(name, SCREEN_LINES), name
        assert max(map(len, lines)) <= SCREEN_COLUMNS, name


def test_help_names_the_verbs_by_what_they_are_for(capsys):
    code, out, _ = called(capsys, "--help")
    assert code == 0
    assert all(f"\n  {verb} " in out for verb in VERBS)
    assert all(f"\n{heading}:\n" in out for heading in GROUPS)
    assert "More:" not in out
    assert called(capsys, "-h")[1] == out


def test_every_verb_stands_in_one_group():
    grouped = [verb for verbs in GROUPS.values() for verb in verbs]
    assert set(VERBS) <= set(grouped)
    assert len(grouped) == len(set(grouped))


def test_help_names_the_variables_of_the_environment(capsys):
    out = called(capsys, "run", "--help")[1]
    named = set(re.findall(r"\[env: (\w+)", out))
    shared = {variable_of(f"--{name.replace('_', '-')}") for name in SHARED} - {"OUTLAST_YES"}
    settings = {f"OUTLAST_{key}" for key in "NAME OUTPUT CONCURRENCY TIMEOUT MAX_FAILED MAX_TIME RATE KEY".split()}
    of_sections = {"OUTLAST_ABORT__DEFAULT_POLICY", "OUTLAST_BROWSER__CONCURRENCY", "OUTLAST_BROWSER__HEADLESS"}
    assert named == shared | settings | of_sections
    load_configuration(environ=dict.fromkeys(of_sections - {"OUTLAST_ABORT__DEFAULT_POLICY"}, "1"))
    assert {name.lower().removeprefix("outlast_") for name in settings} <= set(JobConfiguration.model_fields)


def test_a_variable_of_a_shared_option_is_no_wrong_setting():
    assert set(_COMMON) == set(SHARED)
    variables = {variable_of(f"--{name.replace('_', '-')}") for name in SHARED}
    loaded = load_configuration(environ=dict.fromkeys(variables, "x"))
    assert {path: origin for path, origin in loaded.origins.items() if origin != "default"} == {
        "store": "OUTLAST_STORE"
    }


@pytest.mark.parametrize("arguments", [["--help"], ["checkpoint", "--help"], ["config", "--help"]])
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
        (["checkpoint"], "which verb? There are: now, ls, show, verify, prune, restore, export"),
        ([], f"which verb? There are: {', '.join(VERBS)}"),
        (
            ["checkpoint", "prune", "docs", "--keep", "0"],
            "Invalid value for '--keep' / '--keep-last': 0 is not in the range x>=1.",
        ),
        (["run"], "Missing argument 'TARGET'."),
        (["run", "x", "--concurrency", "many"], "Invalid value for '--concurrency': 'many' is not a valid integer."),
        (
            ["run", "x", "--rate", "30/min"],
            "Invalid value for '--rate': '30/min' should be a host and its rate, such as shop.de=30/min",
        ),
        (["ls", "--qqqqq"], "No such option '--qqqqq'."),
        (["run", "x", "--concurency", "8"], "No such option '--concurency'. Did you mean '--concurrency'?"),
        (["config", "chek"], "there is no verb 'config chek'; did you mean 'check'?"),
        (["completion", "tcsh"], "Invalid value for 'bash|zsh|fish': 'tcsh' is not one of 'bash', 'zsh', 'fish'."),
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

    command = click.Group("g", commands={"probe": common("store", "json", "verbose")(probe)})
    command = common("store", "json", "quiet")(command)
    for arguments in (["--store", "a", "--json", "probe"], ["--store", "a", "probe", "--store", "b", "-vv"]):
        with command.make_context("g", arguments, obj=Settings()) as context:
            command.invoke(context)
    assert [(each.store, each.json, each.verbose) for each in seen] == [("a", True, 0), ("b", False, 2)]


def given_to(monkeypatch, arguments, environ):
    """What the shared options come to."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    seen = []

    @click.command("probe")
    @click.pass_obj
    def probe(settings):
        seen.append(settings)

    command = common()(click.Group("g", commands={"probe": common()(probe)}))
    with command.make_context("g", arguments, obj=Settings()) as context:
        command.invoke(context)
    return seen[0]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("store", "s", "s"),
        ("config", "c.toml", "c.toml"),
        ("json", "1", True),
        ("json", "false", False),
        ("progress", "off", "off"),
        ("color", "never", "never"),
        ("quiet", "yes", True),
        ("verbose", "2", 2),
        ("log_format", "json", "json"),
        ("yes", "true", True),
    ],
)
def test_every_shared_option_may_come_from_the_environment(monkeypatch, name, value, expected):
    settings = given_to(monkeypatch, ["probe"], {f"OUTLAST_{name.upper()}": value})
    assert getattr(settings, name) == expected


@pytest.mark.parametrize("arguments", [["--progress", "live", "probe"], ["probe", "--progress", "live"]])
def test_what_is_typed_wins_over_the_environment_wherever_it_stands(monkeypatch, arguments):
    assert given_to(monkeypatch, arguments, {"OUTLAST_PROGRESS": "off"}).progress == "live"


def test_a_variable_that_is_no_such_value_is_wrong_usage(capsys, monkeypatch):
    monkeypatch.setenv("OUTLAST_PROGRESS", "sometimes")
    code, _, err = called(capsys, "ls")
    assert code == 2
    assert "'sometimes' is not one of" in err


def test_the_store_of_a_job_file_is_meant_from_where_the_file_is(capsys, monkeypatch, tmp_path):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "shop.toml").write_text('store = "kept"')
    monkeypatch.chdir(tmp_path)
    assert called(capsys, "ls", "--config", "jobs/shop.toml")[2] == "no jobs in jobs/kept\n"
    monkeypatch.setenv("OUTLAST_CONFIG", "jobs/shop.toml")
    assert called(capsys, "ls")[2] == "no jobs in jobs/kept\n"
    assert called(capsys, "ls", "--store", "here")[2] == "no jobs in here\n"


def test_a_job_file_that_is_not_there_is_said_by_every_verb(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, _, err = called(capsys, "ls", "--config", "no.toml")
    assert code == 2
    assert "there is no job file 'no.toml'" in err


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
    described = re.findall(r"^\| `((?:checkpoint |config )?[a-z]+)(?: [A-Z\[][^`]*)?`", text, re.MULTILINE)
    for name, command in commands():
        assert name in described, name
        options = [each for each in command.params if isinstance(each, click.Option)]
        missing = [option.opts[-1] for option in options if not re.search(rf"`[^`]*{option.opts[-1]}\b", text)]
        assert not missing, name


def test_every_verb_but_demo_takes_every_shared_option():
    shared = {f"--{name.replace('_', '-')}" for name in SHARED} | {"-q", "-v", "-y"}
    for name, command in commands():
        taken = {option for each in command.params if isinstance(each, click.Option) for option in each.opts}
        assert name in {"demo", "checkpoint", "config"} or shared <= taken, name


def test_the_reference_says_what_json_each_verb_answers_with():
    rows = re.search(r"\| verb \| answers with \|\n(.*?)\n\n", REFERENCE.read_text(), re.DOTALL)[1]
    answered = {name for row in rows.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    offered = {name for name, command in commands() if any("--json" in each.opts for each in command.params)}
    assert answered == offered
