"""The contract's logging integration: what is logged, on which logger, and what each setting does to it."""

import io
import json
import logging
from datetime import UTC, datetime

import pytest

from outlast import EventBus, LoggingConfiguration, LoggingIntegration, Resilience, ResilienceConfiguration
from outlast.correlation import at_work, correlated
from outlast.events import EventType, ResilienceEvent
from outlast.logs import IdFilter

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def records(caplog):
    """What is logged while the test runs."""
    caplog.set_level(logging.DEBUG, "outlast")
    return lambda: caplog.records


@pytest.fixture
def working():
    token = at_work.set(("shop", "run-1", "https://x.test/1", 2))
    yield
    at_work.reset(token)


def event(kind=EventType.HOST_PARKED, **data):
    with correlated("ab" * 16):
        return ResilienceEvent.of(kind, "shop", data, MOMENT)


def integration(**settings):
    return LoggingIntegration(LoggingConfiguration(**settings))


async def test_an_event_is_a_record_with_its_ids_and_a_constant_message(records, working):
    await integration().log_resilience_event(event(host="x.test", failures=5))
    [record] = records()
    assert (record.name, record.message, record.levelname) == ("outlast.event", "host_parked", "WARNING")
    assert (record.job_id, record.run_id, record.item_key, record.attempt) == ("shop", "run-1", "https://x.test/1", 2)
    assert (record.correlation_id, record.component, record.severity) == ("ab" * 16, "job", "warning")
    assert record.data == {"host": "x.test", "failures": 5}


@pytest.mark.parametrize(
    ("word", "level"),
    [("critical", "CRITICAL"), ("high", "ERROR"), ("medium", "WARNING"), ("low", "INFO"), (None, "WARNING")],
)
async def test_a_failure_is_as_grave_as_it_says(records, word, level):
    await integration().log_failure_event({"job_id": "shop", "category": "network", "severity": word})
    [record] = records()
    assert (record.name, record.message, record.levelname) == ("outlast.failure", "failure", level)
    assert (record.job_id, record.data["category"]) == ("shop", "network")


async def test_a_failure_says_itself_which_item_and_attempt_it_is_about(records, working):
    told = {"job_id": "other", "run_id": "r9", "item_key": "https://y.test/?token=x", "attempt": 4}
    await integration().log_failure_event(told)
    [record] = records()
    assert (record.job_id, record.run_id, record.item_key, record.attempt) == (
        "other",
        "r9",
        "https://y.test/?token=***",
        4,
    )


async def test_a_failure_that_brings_its_error_has_the_traceback(records):
    try:
        raise ValueError("gone")
    except ValueError as error:
        await integration().log_failure_event({"error": error})
    [record] = records()
    assert record.exc_info[1].args == ("gone",)
    assert record.data["error"] == "gone"


async def test_a_recovery_is_information(records):
    await integration().log_recovery_event({"job_id": "shop", "run_id": "r", "what": "browser"})
    [record] = records()
    assert (record.name, record.message, record.levelname) == ("outlast.recovery", "recovery", "INFO")
    assert (record.run_id, record.data["what"]) == ("r", "browser")


async def test_secrets_are_masked_before_any_handler_sees_them(records):
    await integration().log_failure_event(
        {"request": {"headers": [{"Cookie": "hunter2"}]}, "url": "ftp://me:hunter2@x"}
    )
    assert "hunter2" not in str(vars(records()[0]))
    await integration(redact=["pin"]).log_recovery_event({"pin": "hunter2", "token": "seen"})
    assert records()[1].data == {"pin": "***", "token": "seen"}


async def test_what_is_not_grave_enough_is_not_logged(records):
    await integration(event_severity_min="error").log_resilience_event(event())
    await integration(event_severity_min="error").log_failure_event({"severity": "medium"})
    await integration(level="ERROR").log_recovery_event({})
    assert not records()
    await integration(event_severity_min="error", level="ERROR").log_failure_event({"severity": "high"})
    assert len(records()) == 1


async def test_without_correlation_a_record_has_no_such_id(records):
    await integration(correlation_enabled=False).log_resilience_event(event())
    assert not hasattr(records()[0], "correlation_id")


async def test_entered_it_writes_where_and_how_the_configuration_says(tmp_path):
    path = tmp_path / "x.log"
    bus = EventBus()
    async with LoggingIntegration(LoggingConfiguration(destination=str(path), format="json"), events=bus) as logs:
        bus.emit(event(host="x.test"))
        await logs.log_failure_event({"category": "network"})
    bus.emit(event(host="late"))
    await logs.log_recovery_event({"late": True})
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["message"] for row in rows] == ["host_parked", "failure"]


async def test_a_handler_of_ones_own_gets_form_and_ids(working):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(IdFilter())
    handler.setFormatter(integration(format="json").formatter())
    logger = logging.getLogger("outlast.test_of_handlers")
    logger.addHandler(handler)
    try:
        logger.warning("here", extra={"attempt": 7})
    finally:
        logger.removeHandler(handler)
    row = json.loads(stream.getvalue())
    assert (row["job_id"], row["item_key"], row["attempt"]) == ("shop", "https://x.test/1", 7)


async def test_resilience_writes_the_log_that_its_configuration_asks_for(tmp_path):
    path = tmp_path / "x.log"
    async with Resilience(ResilienceConfiguration(logging=LoggingConfiguration(destination=str(path)))) as resilience:
        resilience.events.emit(event(host="x.test"))
        await resilience.logging.log_recovery_event({"what": "session"})
    assert [line.split()[2] for line in path.read_text().splitlines()] == ["outlast.event", "outlast.recovery"]


async def test_resilience_that_was_not_asked_to_log_opens_nothing(tmp_path):
    before = list(logging.getLogger("outlast").handlers)
    asked = ResilienceConfiguration(logging=LoggingConfiguration(destination=str(tmp_path / "x.log")))
    async with Resilience(), Resilience(asked, writes_log=False):
        assert logging.getLogger("outlast").handlers == before
    assert not (tmp_path / "x.log").exists()
