"""Which layer wins, where each value came from, and complaints of all layers at once."""

import subprocess
import sys

import pytest

from outlast.config import RetryConfiguration, load_configuration
from outlast.errors import ConfigurationError

PYPROJECT = """
[project]
name = "theirs"

[tool.outlast]
concurrency = 2
store = "kept"

[tool.outlast.checkpoint]
interval = "1m"
retention_count = 2
"""
JOB = """
name = "shop"
concurrency = 3
max_failed = "1%"

[checkpoint]
retention_count = 3
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "shop.toml").write_text(JOB)
    return tmp_path


def refused(**layers):
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(**{"environ": {}, **layers})
    return caught.value


def test_a_later_layer_wins_and_the_others_show_through(project):
    loaded = load_configuration(
        file=project / "shop.toml",
        directory=project,
        environ={"OUTLAST_CONCURRENCY": "4", "OUTLAST_RETRY__MAX_CONCURRENT_RETRIES": "7", "PATH": "/bin"},
        arguments={"concurrency": 5, "retry": {"enabled": False}},
    )
    config = loaded.configuration
    assert (config.concurrency, config.store, config.name, str(config.max_failed)) == (5, "kept", "shop", "1%")
    assert (config.checkpoint.interval, config.checkpoint.retention_count) == (60, 3)
    assert config.retry == RetryConfiguration(enabled=False, max_concurrent_retries=7)
    assert {path: origin for path, origin in loaded.origins.items() if origin != "default"} == {
        "concurrency": "argument",
        "store": "pyproject.toml",
        "name": "shop.toml",
        "max_failed": "shop.toml",
        "checkpoint.interval": "pyproject.toml",
        "checkpoint.retention_count": "shop.toml",
        "retry.max_concurrent_retries": "OUTLAST_RETRY__MAX_CONCURRENT_RETRIES",
        "retry.enabled": "argument",
    }


@pytest.mark.parametrize(
    ("layers", "concurrency"),
    [
        ({}, 16),
        ({"directory": True}, 2),
        ({"directory": True, "file": True}, 3),
        ({"directory": True, "file": True, "environ": {"OUTLAST_CONCURRENCY": "4"}}, 4),
        (
            {"directory": True, "file": True, "environ": {"OUTLAST_CONCURRENCY": "4"}, "arguments": {"concurrency": 5}},
            5,
        ),
    ],
)
def test_the_layers_stand_in_their_order(project, layers, concurrency):
    paths = {"directory": project if "directory" in layers else project / "none"}
    paths |= {"file": project / "shop.toml"} if "file" in layers else {}
    loaded = load_configuration(**{"environ": {}, **layers, **paths})
    assert loaded.configuration.concurrency == concurrency


def test_every_setting_has_an_origin(tmp_path):
    loaded = load_configuration(environ={}, directory=tmp_path)
    dumped = loaded.configuration.model_dump()
    paths = {key for key, value in dumped.items() if not isinstance(value, dict) or key == "rate"}
    paths |= {f"{section}.{key}" for section, keys in dumped.items() if isinstance(keys, dict) for key in keys}
    assert loaded.origins == dict.fromkeys(paths, "default")


def test_a_section_may_be_given_as_an_argument_and_only_what_it_sets_counts(tmp_path):
    loaded = load_configuration(
        environ={"OUTLAST_RETRY__JITTER_ENABLED": "false"},
        directory=tmp_path,
        arguments={"retry": RetryConfiguration(enabled=False)},
    )
    assert loaded.configuration.retry == RetryConfiguration(enabled=False, jitter_enabled=False)
    assert loaded.origins["retry.jitter_enabled"] == "OUTLAST_RETRY__JITTER_ENABLED"


def test_only_what_was_set_counts_as_set(project):
    config = load_configuration(file=project / "shop.toml", environ={}, directory=project / "none").configuration
    assert config.checkpoint.model_fields_set == {"retention_count"}


def test_the_process_environment_and_the_working_directory_are_the_default(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setenv("OUTLAST_PATIENCE", "1h")
    loaded = load_configuration()
    assert (loaded.configuration.patience, loaded.configuration.concurrency) == (3600.0, 2)


def test_the_complaints_of_all_layers_come_at_once_each_with_its_layer(project):
    (project / "pyproject.toml").write_text("[tool.outlast]\nconcurency = 2\n[tool.outlast.retry]\nenabled = 'maybe'\n")
    (project / "shop.toml").write_text("[checkpoint]\ninterval = 0\n")
    error = refused(
        file=project / "shop.toml",
        directory=project,
        environ={"OUTLAST_DRAIN": "soon", "OUTLAST_RETRY__ENABELD": "1"},
        arguments={"abort": {"enabld": True}},
    )
    assert [(each["layer"], each["path"], each["nearest"]) for each in error.context["complaints"]] == [
        ("pyproject.toml", "retry.enabled", None),
        ("pyproject.toml", "concurency", "concurrency"),
        ("shop.toml", "checkpoint.interval", None),
        ("OUTLAST_RETRY__ENABELD", "", "OUTLAST_RETRY__ENABLED"),
        ("OUTLAST_DRAIN", "drain", None),
        ("argument", "abort.enabld", "enabled"),
    ]
    assert "shop.toml: checkpoint.interval: should be greater than or equal to 1, not 0" in str(error)
    assert "OUTLAST_RETRY__ENABELD: unknown variable; did you mean 'OUTLAST_RETRY__ENABLED'?" in str(error)


def test_a_wrong_value_is_a_complaint_even_where_a_later_layer_overrides_it(project):
    error = refused(directory=project, environ={"OUTLAST_CONCURRENCY": "0"}, arguments={"concurrency": 5})
    assert str(error) == "OUTLAST_CONCURRENCY: concurrency: should be greater than or equal to 1, not '0'"


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("OUTLAST_RETRY__MAX_CONCURENT_RETRIES", "OUTLAST_RETRY__MAX_CONCURRENT_RETRIES"),
        ("OUTLAST_RETRY_MAX_CONCURRENT_RETRIES", "OUTLAST_RETRY__MAX_CONCURRENT_RETRIES"),
        ("OUTLAST_RETYR__ENABLED", "OUTLAST_RETRY__ENABLED"),
        ("OUTLAST_CONCURENCY", "OUTLAST_CONCURRENCY"),
        ("OUTLAST_QQQ__ZZZ", None),
    ],
)
def test_a_variable_that_looks_like_a_setting_is_refused(variable, nearest, tmp_path):
    (complaint,) = refused(environ={variable: "1"}, directory=tmp_path).context["complaints"]
    assert (complaint["layer"], complaint["nearest"]) == (variable, nearest)


def test_a_variable_that_names_a_section_says_what_to_write(tmp_path):
    error = refused(environ={"OUTLAST_RETRY": "1"}, directory=tmp_path)
    assert str(error) == "OUTLAST_RETRY: is a section: set OUTLAST_RETRY__KEY"


def test_variables_that_are_no_settings_are_left_alone(tmp_path):
    environ = {
        "OUTLAST_ENCRYPTION_KEY": "a",
        "OUTLAST_ENCRYPTION_KEY_FILE": "b",
        "OUTLAST_ENCRYPTION_KEY__OLD": "c",
        "OUTLAST_CHROMIUM": "/usr/bin/chromium",
        "OUTLAST_XYZ": "of something else",
        "OUTLASTING": "1",
        "OUTLAST_STORE": "/data",
    }
    loaded = load_configuration(environ=environ, directory=tmp_path)
    assert {path: origin for path, origin in loaded.origins.items() if origin != "default"} == {
        "store": "OUTLAST_STORE"
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"name = 'a'\nconcurrency = = 3\n", "line 2: not TOML: "),
        (b"name = 'a'\nitems = [\n", "line 2: not TOML: "),
        (b"", None),
        (b"name = 'a'\noutput = '\xff'\n", "line 2: not UTF-8"),
    ],
)
def test_a_file_that_is_not_toml_is_named_with_its_line(tmp_path, content, problem):
    file = tmp_path / "shop.toml"
    file.write_bytes(content)
    if problem is None:
        assert load_configuration(file=file, environ={}, directory=tmp_path).configuration.name is None
        return
    assert str(refused(file=file, directory=tmp_path)).startswith(f"{file}: {problem}")


def test_a_missing_file_and_a_directory_are_named(tmp_path):
    missing, folder = tmp_path / "gone.toml", tmp_path
    assert str(refused(file=missing, directory=tmp_path)) == f"{missing}: cannot be read: No such file or directory"
    assert str(refused(file=folder, directory=tmp_path)) == f"{folder}: cannot be read: Is a directory"


@pytest.mark.parametrize("text", ["[tool]\noutlast = 3\n", "tool = 3\n", "[[tool]]\n"])
def test_a_table_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    assert "tool.outlast should be a table" in str(refused(directory=tmp_path))


@pytest.mark.parametrize("text", ["", "[project]\nname = 'a'\n", "[tool.ruff]\n"])
def test_a_pyproject_without_our_table_says_nothing(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    assert set(load_configuration(environ={}, directory=tmp_path).origins.values()) == {"default"}


def test_a_file_and_the_environment_complain_together(tmp_path):
    error = refused(file=tmp_path / "gone.toml", directory=tmp_path, environ={"OUTLAST_CONCURRENCY": "x"})
    assert len(error.context["complaints"]) == 2


def test_reading_a_configuration_loads_no_other_foreign_library(tmp_path):
    code = (
        "import sys; from outlast import load_configuration; load_configuration(environ={});"
        "assert not {'click', 'rich', 'apsw', 'orjson', 'aiohttp'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_all_paths_in_a_job_file_are_meant_from_where_it_is_and_only_there(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.outlast]\noutput = "here.jsonl"\n')
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "job.toml"
    file.write_text(
        'store = "kept"\n[checkpoint]\nstorage_path = "saved"\n[logging]\ndestination = "logs/x.log"\n'
        '[metrics]\ntextfile = "/var/m.prom"\n'
        '[notify]\nwebhook = "file:hook"\nurls = ["file:/run/url", "json://a.test"]\ncommand = ["say", "file:words"]\n'
    )
    config = load_configuration(
        file=file, directory=tmp_path, environ={"OUTLAST_LOGGING__LEVEL": "ERROR"}
    ).configuration
    sub = tmp_path / "sub"
    assert (config.store, config.output) == (str(sub / "kept"), "here.jsonl")
    assert config.checkpoint.storage_path == str(sub / "saved")
    assert config.logging.destination == str(sub / "logs" / "x.log")
    assert config.metrics.textfile == "/var/m.prom"
    assert config.notify.webhook == f"file:{sub}/hook"
    assert config.notify.urls == ("file:/run/url", "json://a.test")
    assert config.notify.command == ("say", f"file:{sub}/words")


def test_what_is_no_path_stays_as_it_is(tmp_path):
    (tmp_path / "job.toml").write_text('[logging]\ndestination = "stdout"\n')
    assert load_configuration(file=tmp_path / "job.toml", environ={}).configuration.logging.destination == "stdout"
