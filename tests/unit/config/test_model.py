"""The configuration classes: bounds, kinds, and complaints that help."""

import pickle

import pytest

from outlast.config import (
    AbortConfiguration,
    CheckpointConfiguration,
    JobConfiguration,
    LoggingConfiguration,
    ResilienceConfiguration,
    ResourceConfiguration,
    RetryConfiguration,
)
from outlast.errors import ConfigurationError, ResilienceException


def complaints(build):
    with pytest.raises(ConfigurationError) as caught:
        build()
    return caught.value.context["complaints"]


def test_the_defaults_are_the_documented_ones():
    assert ResilienceConfiguration().model_dump() == {
        "checkpoint": {
            "enabled": True,
            "interval": 30,
            "retention_count": 5,
            "compression_enabled": True,
            "encryption_enabled": False,
            "storage_path": ".outlast/checkpoints",
            "validation_enabled": True,
            "retention_age": 0,
            "retention_bytes": 0,
            "keep_hourly": 0,
        },
        "retry": {
            "enabled": True,
            "default_policy": "exponential_backoff",
            "max_concurrent_retries": 32,
            "jitter_enabled": True,
            "failure_classification_enabled": True,
            "rule": (),
        },
        "resource": {
            "enabled": True,
            "monitoring_interval": 5,
            "default_threshold": "production",
            "auto_cleanup_enabled": True,
            "browser_restart_enabled": True,
            "memory_limit_mb": 0,
            "cpu_limit_percent": 0.0,
            "threshold": (),
        },
        "abort": {
            "enabled": True,
            "default_policy": "default",
            "evaluation_interval": 10,
            "min_operations_before_eval": 20,
            "abort_notification_enabled": True,
            "policy": (),
        },
        "logging": {
            "level": "INFO",
            "format": "text",
            "destination": "stderr",
            "correlation_enabled": True,
            "event_severity_min": "info",
            "redact": (
                "password",
                "passwd",
                "token",
                "authorization",
                "cookie",
                "set-cookie",
                "sessionid",
                "api_key",
                "secret",
            ),
            "repeats_per_minute": 60,
            "event_log_files": 4,
            "event_log_bytes": 8_388_608,
        },
    }


def test_the_defaults_of_a_job_are_the_documented_ones():
    job = JobConfiguration()
    assert (job.name, job.target, job.items, job.output) == (None, None, None, None)
    assert (job.concurrency, job.timeout, str(job.max_failed)) == (16, 60.0, "0")
    assert (job.drain, job.patience, job.store) == (20.0, None, ".outlast")


def test_an_unknown_key_names_the_nearest_one():
    assert complaints(lambda: CheckpointConfiguration(intervall=3)) == [
        {"path": "intervall", "problem": "unknown key", "nearest": "interval"}
    ]
    with pytest.raises(ValueError, match=r"^checkpoint\.intervall: unknown key; did you mean 'interval'\?$"):
        ResilienceConfiguration(checkpoint={"intervall": 3})


def test_a_key_that_resembles_nothing_gets_no_suggestion():
    assert complaints(lambda: RetryConfiguration(zzz=3)) == [{"path": "zzz", "problem": "unknown key", "nearest": None}]


def test_all_complaints_come_at_once_each_with_its_path():
    with pytest.raises(ConfigurationError) as caught:
        JobConfiguration(checkpoint={"interval": 0, "enabld": True}, retry=3, items=["a", 1], concurrency="many")
    paths = {each["path"] for each in caught.value.context["complaints"]}
    assert paths == {"checkpoint.interval", "checkpoint.enabld", "retry", "items[1]", "concurrency"}
    assert str(caught.value).startswith("5 complaints:\n  ")
    assert all(path in str(caught.value) for path in paths)


def test_the_error_is_a_value_error_of_ours_and_survives_pickling():
    with pytest.raises(ConfigurationError) as caught:
        RetryConfiguration(max_concurrent_retries=0)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, ResilienceException)
    assert pickle.loads(pickle.dumps(caught.value)).context == caught.value.context


@pytest.mark.parametrize(
    ("section", "setting"),
    [
        (CheckpointConfiguration, {"interval": 0}),
        (CheckpointConfiguration, {"interval": -30}),
        (CheckpointConfiguration, {"interval": 1.5}),
        (CheckpointConfiguration, {"interval": "1500ms"}),
        (CheckpointConfiguration, {"interval": True}),
        (CheckpointConfiguration, {"retention_count": 0}),
        (CheckpointConfiguration, {"enabled": "maybe"}),
        (CheckpointConfiguration, {"enabled": None}),
        (CheckpointConfiguration, {"storage_path": ""}),
        (RetryConfiguration, {"max_concurrent_retries": 0}),
        (RetryConfiguration, {"max_concurrent_retries": True}),
        (RetryConfiguration, {"default_policy": 3}),
        (ResourceConfiguration, {"memory_limit_mb": -1}),
        (ResourceConfiguration, {"cpu_limit_percent": -0.1}),
        (ResourceConfiguration, {"cpu_limit_percent": "nan"}),
        (ResourceConfiguration, {"cpu_limit_percent": True}),
        (ResourceConfiguration, {"monitoring_interval": 0}),
        (AbortConfiguration, {"evaluation_interval": "soon"}),
        (AbortConfiguration, {"min_operations_before_eval": -1}),
        (LoggingConfiguration, {"level": "LOUD"}),
        (LoggingConfiguration, {"level": 10}),
        (LoggingConfiguration, {"format": "xml"}),
        (LoggingConfiguration, {"event_severity_min": "debug"}),
        (LoggingConfiguration, {"redact": ["token", ""]}),
        (JobConfiguration, {"concurrency": 0}),
        (JobConfiguration, {"timeout": 0}),
        (JobConfiguration, {"timeout": float("inf")}),
        (JobConfiguration, {"drain": -1}),
        (JobConfiguration, {"patience": "never"}),
        (JobConfiguration, {"items": [""]}),
        (JobConfiguration, {"name": ""}),
    ],
)
def test_a_wrong_value_is_refused_and_shown(section, setting):
    (complaint,) = complaints(lambda: section(**setting))
    (name,) = setting
    assert complaint["path"].partition("[")[0] == name
    assert complaint["problem"].startswith("should ")
    assert ", not " in complaint["problem"]


def test_a_long_wrong_value_is_shown_in_part():
    (complaint,) = complaints(lambda: LoggingConfiguration(format="x" * 10_000))
    assert len(complaint["problem"]) < 200


@pytest.mark.parametrize(
    ("setting", "seconds"), [("30s", 30), ("5m", 300), ("2h", 7200), ("45", 45), (45, 45), (45.0, 45)]
)
def test_whole_seconds_may_be_written_with_a_unit(setting, seconds):
    interval = CheckpointConfiguration(interval=setting).interval
    assert (interval, type(interval)) == (seconds, int)


@pytest.mark.parametrize(
    ("setting", "timeout"), [("30s", 30.0), (2, 2.0), ("250ms", 0.25), ("none", None), (" None ", None), (None, None)]
)
def test_a_timeout_has_a_unit_or_is_none(setting, timeout):
    assert JobConfiguration(timeout=setting).timeout == timeout


@pytest.mark.parametrize(
    ("setting", "items"), [("urls.txt", ("urls.txt",)), (["a", "b"], ("a", "b")), (None, None), ("a,b", ("a,b",))]
)
def test_items_are_stored_as_a_tuple_and_a_comma_belongs_to_the_address(setting, items):
    assert JobConfiguration(items=setting).items == items


@pytest.mark.parametrize("setting", ["pin, cvv,,", ("pin", "cvv"), ["pin", "cvv"]])
def test_words_may_be_written_with_commas(setting):
    assert LoggingConfiguration(redact=setting).redact == ("pin", "cvv")


def test_a_level_is_understood_in_any_case():
    assert LoggingConfiguration(level="debug").level == "DEBUG"


def test_a_configuration_is_a_value():
    assert CheckpointConfiguration() == CheckpointConfiguration(interval=30)
    assert hash(JobConfiguration(items=["a"])) == hash(JobConfiguration(items=("a",)))


def test_a_configuration_survives_json():
    job = JobConfiguration(items=["a"], max_failed="2.5%", timeout="none", logging={"redact": ["pin"]})
    assert JobConfiguration.model_validate_json(job.model_dump_json()) == job
    assert JobConfiguration(**job.model_dump()) == job


def test_the_schema_describes_every_setting():
    schema = JobConfiguration.model_json_schema()
    tables = [schema, *schema["$defs"].values()]
    fields = [(name, field) for table in tables for name, field in table["properties"].items() if "$ref" not in field]
    assert len(fields) > 35
    assert not [name for name, field in fields if not field.get("description")]
    assert all(table["additionalProperties"] is False for table in tables)
