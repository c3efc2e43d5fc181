"""`outlast config`: a job file is written, checked, shown with its origins; no secret is."""

import json
import sys
import tomllib

from pathlib import Path

import pytest

from outlast.cli import main
from outlast.config import JobConfiguration, load_configuration

JOB = """
target = "scrape.py:scrape"
items = ["urls.txt", "https://ann:hunter2@shop.example/list"]
concurrency = 8
output = "out.jsonl"
store = "kept"

[[retry.rule]]
class = "blocked"
status = [403]
"""
SECRETS = """
[browser]
args = ["--proxy-server=http://ann:hunter2@proxy.example:1", "--password", "hunter2"]
context = { http_credentials = { username = "ann", password = "hunter2" }, extra_http_headers = { Authorization = "hunter2" } }

[notify]
urls = ["tgram://hunter2/55", "tgram://${BOT}/${CHAT}", "file:/run/secrets/address"]
webhook = "https://hooks.example/services/hunter2"
command = ["curl", "-H", "Authorization: Bearer hunter2", "--api-key", "hunter2", "{summary}"]
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("OUTLAST_STORE", "OUTLAST_CONFIG", "OUTLAST_ENCRYPTION_KEY", "OUTLAST_ENCRYPTION_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def job(tmp_path):
    """A job file with everything that it names."""
    (tmp_path / "scrape.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "urls.txt").write_text("https://shop.example/1\n")
    return write(tmp_path / "job.toml", JOB)


def write(path, text):
    path.write_text(text)
    return path


def called(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["config", *map(str, arguments)])
    told = capsys.readouterr()
    return ended.value.code, told.out, told.err


def rows(capsys, *arguments):
    code, out, _ = called(capsys, "show", *arguments, "--json")
    assert code == 0
    return {row["setting"]: row for row in json.loads(out)["settings"]}


def test_init_writes_a_job_file_that_is_right_as_it_stands(capsys, tmp_path):
    code, out, err = called(capsys, "init")
    assert (code, out) == (0, "")
    assert err.splitlines() == [
        "job.toml written. Fill in the target and the items; then:",
        "  check it   outlast config check job.toml",
        "  run it     outlast run job.toml",
    ]
    assert load_configuration(file=tmp_path / "job.toml", environ={}).configuration == JobConfiguration()
    assert called(capsys, "check", "job.toml")[0] == 0


@pytest.mark.parametrize("more", [(), ("--json",), ("--schema",)])
def test_init_leaves_alone_what_is_there(capsys, tmp_path, more):
    write(tmp_path / "job.toml", "theirs")
    code, _, err = called(capsys, "init", *more)
    assert code == 2
    assert "there is a 'job.toml' already: it is left as it is" in err
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("job.toml", "theirs")]


def test_init_may_write_the_schema_beside_it(capsys, tmp_path):
    code, out, _ = called(capsys, "init", "shop.toml", "--schema", "--json")
    assert code == 0
    assert json.loads(out) == {"schema_version": 1, "file": "shop.toml", "schema": "outlast.schema.json"}
    assert (tmp_path / "shop.toml").read_text().startswith("#:schema ./outlast.schema.json\n")
    written = json.loads((tmp_path / "outlast.schema.json").read_text())
    assert json.loads(called(capsys, "schema")[1]) == written
    assert called(capsys, "init", "other.toml", "--schema")[0] == 0


def test_init_does_not_take_another_schema_for_its_own(capsys, tmp_path):
    write(tmp_path / "outlast.schema.json", '{"title": "theirs"}')
    assert called(capsys, "init", "--schema")[0] == 2
    assert (tmp_path / "outlast.schema.json").read_text() == '{"title": "theirs"}'
    assert not (tmp_path / "job.toml").exists()


def test_init_writes_to_standard_output_and_to_toml_files_only(capsys, tmp_path):
    assert tomllib.loads(called(capsys, "init", "-")[1])
    assert called(capsys, "init", "-", "--schema")[0] == 2
    assert called(capsys, "init", "job.yaml")[0] == 2
    assert called(capsys, "init", "missing/job.toml")[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_check_says_that_nothing_is_wrong(capsys, job):
    assert called(capsys, "check", job.name) == (0, "", "job.toml: 6 settings in all layers, and nothing is wrong.\n")


def test_check_of_a_job_file_without_a_target_says_what_it_goes_with(capsys, tmp_path):
    write(tmp_path / "my job.toml", "concurrency = 2")
    assert called(capsys, "check", "my job.toml")[2].splitlines() == [
        "my job.toml: 1 setting in all layers, and nothing is wrong.",
        "It names no target, so that it goes with one:",
        "  run   outlast run FILE.py:FUNCTION --config 'my job.toml'",
    ]
    assert called(capsys, "check", "my job.toml", "-q") == (0, "", "")


def test_check_takes_the_job_file_of_the_option_too(capsys, job):
    assert called(capsys, "check", "--config", job.name)[2].startswith("job.toml: 6 settings")


def test_check_says_everything_at_once(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("OUTLAST_CHECKPOINT__INTERVALL", "5")
    write(tmp_path / "job.toml", 'concurency = 8\ntimeout = "soon"\n[notify]\non = ["sometimes"]\n')
    code, _, err = called(capsys, "check", "job.toml")
    assert code == 2
    lines = err.splitlines()
    assert lines[0] == "outlast: error: 4 complaints:"
    assert "  job.toml: concurency: unknown key; did you mean 'concurrency'?" in lines
    assert "  OUTLAST_CHECKPOINT__INTERVALL: unknown variable; did you mean 'OUTLAST_CHECKPOINT__INTERVAL'?" in lines


def test_check_finds_what_stands_for_nothing(capsys, tmp_path):
    write(
        tmp_path / "job.toml",
        """
        target = "scrap.py:scrape"
        items = "urls.txt"
        checkpoint.encryption_enabled = true
        retry.default_policy = "never-heard-of"
        resource.default_threshold = "produktion"
        abort.default_policy = "defualt"
        browser.executable = "/no/such/browser"
        browser.context = { locle = "de-DE" }
        browser.storage_state = "no-such-session.json"
        notify.urls = ["tgram://${NOBODY_SETS_THIS}/1"]
        notify.command = ["file:/no/such/file"]
        """,
    )
    code, out, _ = called(capsys, "check", "job.toml", "--json")
    document = json.loads(out)
    assert (code, document["sound"], document["settings"]) == (2, False, 11)
    assert [each["path"] for each in document["complaints"]] == [
        "target",
        "items",
        "browser.executable",
        "browser.context",
        "browser.storage_state",
        "checkpoint.encryption_enabled",
        "retry.default_policy",
        "resource.default_threshold",
        "abort.default_policy",
        "notify.urls",
        "notify.command",
    ]
    assert {each["layer"] for each in document["complaints"]} == {"job.toml"}
    assert "Playwright's contexts have no 'locle', did you mean 'locale'?" in out


def test_check_finds_what_stands_for_nothing_beside_what_is_wrong_in_itself(capsys, tmp_path):
    write(
        tmp_path / "job.toml",
        """
        target = "scrap.py:scrape"
        concurency = 3
        retry.default_policy = "mine"
        retry.policy = [{ name = "mine", max_attempts = "many" }]
        expect.fields = 7
        notify.on = ["sometimes"]
        notify.urls = ["tgram://${NOBODY_SETS_THIS}/1"]
        """,
    )
    document = json.loads(called(capsys, "check", "job.toml", "--json")[1])
    found = [each["path"] for each in document["complaints"]]
    assert sorted(found[:-2]) == ["concurency", "expect.fields", "notify.on[0]", "retry.policy"]
    assert found[-2:] == ["target", "notify.urls"]


@pytest.mark.parametrize(
    ("wrong", "complaints"),
    [("= 3", 1), ("expect = 5\nbrowser = 7\ntarget = 8", 3), ("max_failed = 1\nexpect.max_failed = 2", 1)],
)
def test_check_of_what_is_wrong_as_a_whole_says_that_and_nothing_else(capsys, tmp_path, wrong, complaints):
    write(tmp_path / "job.toml", wrong)
    document = json.loads(called(capsys, "check", "job.toml", "--json")[1])
    assert len(document["complaints"]) == complaints


def test_what_is_switched_off_is_not_checked(capsys, tmp_path):
    off = 'retry = { enabled = false, default_policy = "x" }\nabort = { enabled = false, default_policy = "x" }\n'
    write(tmp_path / "job.toml", f'{off}resource = {{ enabled = false, default_threshold = "x" }}')
    assert called(capsys, "check", "job.toml")[0] == 0


def test_check_with_json_says_complaints_as_data(capsys, tmp_path):
    write(tmp_path / "job.toml", "concurency = 8")
    code, out, _ = called(capsys, "check", "job.toml", "--json")
    assert code == 2
    complaint = {"path": "concurency", "problem": "unknown key", "nearest": "concurrency", "layer": "job.toml"}
    assert json.loads(out)["complaints"] == [complaint]


@pytest.mark.parametrize("verb", ["check", "show"])
def test_a_job_file_that_is_not_there_is_said(capsys, verb):
    code, _, err = called(capsys, verb, "jop.toml")
    assert code == 2
    assert "there is no job file 'jop.toml'" in err


def test_show_tells_every_setting_and_where_it_comes_from(capsys, tmp_path, job, monkeypatch):
    write(tmp_path / "pyproject.toml", "[tool.outlast]\nconcurrency = 2\ncheckpoint.keep_hourly = 3\n")
    monkeypatch.setenv("OUTLAST_CHECKPOINT__INTERVAL", "5m")
    monkeypatch.setenv("OUTLAST_RATE", "a.example=2/s")
    found = rows(capsys, job.name, "--timeout", "90s", "--rate", "shop.example=3/min", "--abort-policy", "strict")
    assert {
        path: (row["value"], row["layer"], row["origin"]) for path, row in found.items() if row["layer"] != "default"
    } == {
        "target": ("scrape.py:scrape", "job file", "job.toml"),
        "items": (["urls.txt", "https://***@shop.example/list"], "job file", "job.toml"),
        "concurrency": (8, "job file", "job.toml"),
        "output": ("out.jsonl", "job file", "job.toml"),
        "store": ("kept", "job file", "job.toml"),
        "checkpoint.keep_hourly": (3, "pyproject", "pyproject.toml"),
        "checkpoint.interval": (300, "environment", "OUTLAST_CHECKPOINT__INTERVAL"),
        "timeout": (90.0, "argument", "argument"),
        "rate": ({"shop.example": "3/min"}, "argument", "argument"),
        "abort.default_policy": ("strict", "argument", "argument"),
        "retry.rule": (found["retry.rule"]["value"], "job file", "job.toml"),
    }
    assert found["retry.rule"]["value"][0]["class"] == "blocked"
    assert found["patience"] == {"setting": "patience", "value": "none", "layer": "default", "origin": "default"}


def test_every_option_of_a_run_that_is_a_setting_is_shown_as_an_argument(capsys):
    options = {
        "name": ("--job", "shop"),
        "output": ("-o", "x.jsonl"),
        "concurrency": ("--concurrency", "3"),
        "timeout": ("--timeout", "none"),
        "max_failed": ("--max-failed", "2%"),
        "max_time": ("--max-time", "6h"),
        "rate": ("--rate", "*=1/s"),
        "abort.default_policy": ("--abort-policy", "strict"),
        "key": ("--key", "url"),
        "browser.concurrency": ("--pages", "2"),
        "browser.headless": ("--headed",),
        "store": ("--store", "elsewhere"),
        "logging.format": ("--log-format", "json"),
    }
    found = rows(capsys, *(word for option in options.values() for word in option))
    assert {path for path, row in found.items() if row["layer"] == "argument"} == set(options)


def test_what_is_shown_is_a_job_file_with_the_same_settings(capsys, tmp_path, job):
    shown = write(tmp_path / "shown.toml", called(capsys, "show", job.name, "--origin")[1])
    before, after = (load_configuration(file=Path(file.name), environ={}).configuration for file in (job, shown))
    masked = {"items": ("urls.txt", "https://***@shop.example/list")}
    assert after == before.model_copy(update=masked)


def test_origins_stand_behind_the_values_where_they_are_asked_for(capsys, job):
    plain, told = called(capsys, "show", job.name)[1], called(capsys, "show", job.name, "--origin")[1]
    assert "\nconcurrency = 8\n" in plain
    assert [line.split() for line in told.splitlines() if line.startswith(("concurrency", "#name"))][:2] == [
        ["#name", "#", "default"],
        ["concurrency", "=", "8", "#", "job.toml"],
    ]


@pytest.mark.parametrize("form", [(), ("--json",), ("--origin",)])
def test_no_secret_is_shown(capsys, job, monkeypatch, form):
    write(job, JOB + SECRETS)
    # What hides nothing in the log hides nothing less here.
    monkeypatch.setenv("OUTLAST_LOGGING__REDACT", "")
    code, out, _ = called(capsys, "show", job.name, *form)
    assert code == 0
    assert "hunter2" not in out
    for kept in ("tgram://${BOT}/${CHAT}", "file:/run/secrets/address", "https://hooks.example/***", "tgram://***"):
        assert kept in out


def test_a_reference_beside_a_secret_does_not_save_it(capsys, tmp_path):
    write(tmp_path / "job.toml", '[notify]\nurls = ["tgram://hunter2/${CHAT}", "${WHOLE}"]')
    assert rows(capsys, "job.toml")["notify.urls"]["value"] == ["tgram://***", "${WHOLE}"]


def test_hostile_values_stay_on_their_line(capsys, tmp_path):
    write(tmp_path / "job.toml", 'name = "a\\u001b[31m\\nb\\u007f\\u009b\\u202e"')
    out = called(capsys, "show", "job.toml")[1]
    assert out.splitlines()[0] == 'name = "a\\u001b[31m\\nb\\u007F\\u009B\\u202E"'
    assert not {"\x1b", "\x9b", "\u202e"} & set(out)


def test_show_of_settings_that_are_wrong_says_so(capsys, tmp_path):
    write(tmp_path / "job.toml", "concurrency = 0")
    code, out, err = called(capsys, "show", "job.toml")
    assert (code, out) == (2, "")
    assert "concurrency" in err


def test_an_extra_that_is_not_installed_is_missed(capsys, tmp_path, monkeypatch):
    for module in ("apprise", "prometheus_client"):
        monkeypatch.setitem(sys.modules, module, None)
    write(tmp_path / "job.toml", 'metrics.textfile = "x.prom"\nnotify.urls = ["json://127.0.0.1"]\n')
    document = json.loads(called(capsys, "check", "job.toml", "--json")[1])
    assert [(each["path"], each["problem"]) for each in document["complaints"]] == [
        ("metrics.textfile", "needs prometheus_client, which is not installed: pip install 'outlast[prometheus]'"),
        ("notify.urls", "needs apprise, which is not installed: pip install 'outlast[notify]'"),
    ]
