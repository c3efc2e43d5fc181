"""Logging as configured: where lines go, what is in them, and what is left when it is switched off."""

import json
import logging
import re
from datetime import UTC, datetime

import pytest

from outlast.config import LoggingConfiguration
from outlast.correlation import at_work, correlated
from outlast.errors import ConfigurationError
from outlast.events import EventBus, EventType, ResilienceEvent
from outlast.logs import configure

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def logger():
    ours = logging.getLogger("outlast")
    before = (list(ours.handlers), ours.level, ours.propagate)
    yield ours
    assert (list(ours.handlers), ours.level, ours.propagate) == before, "the test left its logging on"


@pytest.fixture
def logged(tmp_path, logger):
    """Run a block with logging to a file, and give its lines."""

    def run(block, *, bus=None, **settings):
        path = tmp_path / "logs" / "run.log"
        detach = configure(LoggingConfiguration(destination=str(path), **settings), bus or EventBus())
        try:
            block()
        finally:
            detach()
        return path.read_text(encoding="utf-8").splitlines()

    return run


def log(*args, level=logging.INFO, **kwargs):
    logging.getLogger("outlast.jobs").log(level, *args, **kwargs)


def event(kind=EventType.CHECKPOINT_CREATED, **data):
    with correlated("ab" * 16):
        return ResilienceEvent.of(kind, "shop", data, MOMENT)


def test_a_text_line_has_time_level_logger_message_and_ids(logged):
    with correlated("cd" * 16):
        (line,) = logged(lambda: log("fetched %s", "a", extra={"job_id": "shop", "item_key": "a b"}))
    pattern = r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO outlast\.jobs fetched a correlation_id=(cd){16} job_id=shop item_key="a b"'
    assert re.fullmatch(pattern, line)


def test_a_json_line_holds_the_same_as_fields(logged):
    with correlated("cd" * 16):
        (line,) = logged(
            lambda: log("fetched", extra={"job_id": "shop", "attempt": 2, "level": "forged"}), format="json"
        )
    row = json.loads(line)
    assert datetime.fromisoformat(row.pop("timestamp")).tzinfo == UTC
    assert row == {
        "level": "INFO",
        "logger": "outlast.jobs",
        "message": "fetched",
        "correlation_id": "cd" * 16,
        "job_id": "shop",
        "attempt": 2,
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_without_correlation_no_line_has_the_id(logged, form):
    bus = EventBus()
    lines = logged(lambda: (log("x"), bus.emit(event())), bus=bus, format=form, correlation_enabled=False)
    assert len(lines) == 2
    assert not [line for line in lines if "correlation_id" in line]


def test_the_level_is_the_lowest_that_is_written(logged):
    def block():
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            log("x", level=level)

    assert [line.split()[1] for line in logged(block, level="warning")] == ["WARNING", "ERROR"]
    lines = logged(block, level="DEBUG")
    assert [line.split()[1] for line in lines[2:]] == ["DEBUG", "INFO", "WARNING", "ERROR"]


def test_events_become_lines_with_their_data(logged):
    bus = EventBus()
    (line,) = logged(lambda: bus.emit(event(checkpoint_id="c1", size_bytes=9)), bus=bus, format="json")
    row = json.loads(line)
    assert (row["logger"], row["message"], row["level"]) == ("outlast.event", "checkpoint_created", "INFO")
    assert (row["job_id"], row["component"], row["severity"]) == ("shop", "checkpoint", "info")
    assert (row["data"], row["correlation_id"]) == ({"checkpoint_id": "c1", "size_bytes": 9}, "ab" * 16)


@pytest.mark.parametrize(
    ("floor", "levels"),
    [
        ("info", ["INFO", "WARNING", "ERROR", "CRITICAL"]),
        ("warning", ["WARNING", "ERROR", "CRITICAL"]),
        ("error", ["ERROR", "CRITICAL"]),
        ("critical", ["CRITICAL"]),
    ],
)
def test_only_events_of_enough_severity_become_lines(logged, floor, levels):
    bus = EventBus()
    kinds = (
        EventType.RUN_STARTED,
        EventType.HOST_PARKED,
        EventType.CHECKPOINT_CORRUPTED,
        EventType.ABORT_TRIGGERED,
    )
    lines = logged(lambda: [bus.emit(event(kind)) for kind in kinds], bus=bus, event_severity_min=floor)
    assert [line.split()[1] for line in lines] == levels


@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_are_masked_in_messages_extras_events_and_tracebacks(logged, form):
    bus = EventBus()

    def block():
        log("GET /?token=%s", "hunter2", extra={"password": "hunter2", "headers": {"Cookie": "hunter2"}})
        bus.emit(event(EventType.RETRY_EXHAUSTED, error="Authorization: Bearer hunter2"))
        try:
            raise ValueError("api_key='hunter2'")
        except ValueError:
            log("failed", exc_info=True)

    lines = logged(block, bus=bus, format=form)
    assert "***" in lines[0]
    assert not [line for line in lines if "hunter2" in line]


def test_the_names_to_mask_are_the_configured_ones(logged):
    lines = logged(lambda: log("pin=1234 token=abc"), redact=["pin"])
    assert "pin=*** token=abc" in lines[0]


def test_what_is_logged_cannot_forge_a_line(logged):
    forged = "x\n2026-01-31T12:00:00.000Z INFO outlast.event run_ended\x1b[2K"

    def block():
        log(forged, extra={"item_key": forged})
        try:
            raise ValueError(forged)
        except ValueError:
            log("failed", exc_info=True, stack_info=True)

    lines = logged(block)
    records = [line for line in lines if not line.startswith("  | ")]
    assert len(records) == 2
    assert "\x1b" not in "".join(lines)
    assert any("ValueError" in line for line in lines)


def test_a_traceback_is_one_field_of_a_json_line(logged):
    def block():
        try:
            raise ValueError("gone")
        except ValueError:
            log("failed", exc_info=True)

    (line,) = logged(block, format="json")
    assert json.loads(line)["exception"].endswith("ValueError: gone")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_lone_surrogate_can_be_written(logged, form):
    (line,) = logged(lambda: log("name \udc80"), format=form)
    assert "\\udc80" in line


@pytest.mark.parametrize(("destination", "stream"), [("stderr", "err"), ("stdout", "out")])
def test_a_standard_stream_is_written_and_left_open(destination, stream, capsys, logger):
    detach = configure(LoggingConfiguration(destination=destination), EventBus())
    log("here")
    detach()
    print("still open", end="")
    captured = capsys.readouterr()
    assert "here" in getattr(captured, stream)
    assert captured.out.endswith("still open")


def test_a_file_is_appended_to_and_closed(logged, tmp_path, logger):
    logged(lambda: log("one"))
    assert len(logged(lambda: log("two"))) == 2
    detach = configure(LoggingConfiguration(destination=str(tmp_path / "x.log")), EventBus())
    (output,) = logger.handlers
    detach()
    assert output.stream.closed


@pytest.mark.parametrize("away", [lambda path: path.rename(f"{path}.1"), lambda path: path.unlink()])
def test_a_file_that_was_put_aside_is_begun_anew(tmp_path, logger, away):
    path = tmp_path / "x.log"
    detach = configure(LoggingConfiguration(destination=str(path)), EventBus())
    logger.info("before")
    away(path)
    logger.info("after")
    detach()
    assert [line.split()[-2:][0] for line in path.read_text().splitlines()] == ["after"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_whose_place_is_gone_is_written_on(tmp_path, logger):
    (tmp_path / "logs").mkdir()
    detach = configure(LoggingConfiguration(destination=str(tmp_path / "logs" / "x.log")), EventBus())
    (tmp_path / "logs").rename(tmp_path / "old")
    logger.info("after")
    detach()
    assert "after" in (tmp_path / "old" / "x.log").read_text()


def test_a_destination_that_cannot_be_opened_is_a_configuration_error(tmp_path, logger):
    with pytest.raises(
        ConfigurationError, match=r"logging\.destination: .* cannot be written: Is a directory"
    ) as caught:
        configure(LoggingConfiguration(destination=str(tmp_path)), EventBus())
    assert caught.value.context["complaints"][0]["path"] == "logging.destination"


def test_a_full_disk_costs_lines_is_told_once_and_stops_nobody(logger, capsys):
    detach = configure(LoggingConfiguration(destination="/dev/full"), EventBus())
    for number in range(3):
        log("line %d", number)
    detach()
    said = capsys.readouterr().err
    assert said == "outlast: log lines are lost, the job goes on: /dev/full: No space left on device\n"


def test_a_line_that_is_wrong_in_itself_is_told_as_logging_does_it(logger, tmp_path, capsys):
    detach = configure(LoggingConfiguration(destination=str(tmp_path / "x.log")), EventBus())
    log("line %d", "one")
    detach()
    assert "--- Logging error ---" in capsys.readouterr().err


def test_the_root_logger_is_left_alone_and_prints_nothing_twice(tmp_path, logger, caplog):
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    detach = configure(LoggingConfiguration(destination=str(tmp_path / "x.log")), EventBus())
    log("once")
    assert (list(root.handlers), root.level) == before
    assert not caplog.records
    detach()
    log("now to the others", level=logging.ERROR)
    assert [each.message for each in caplog.records] == ["now to the others"]


def test_switched_off_nothing_is_left(tmp_path, logger):
    bus = EventBus()
    detach = configure(LoggingConfiguration(destination=str(tmp_path / "x.log")), bus)
    assert bus.wants(EventType.RUN_ENDED)
    detach()
    detach()
    assert not bus.wants(EventType.RUN_ENDED)


def test_a_second_call_ends_the_first(tmp_path, logger):
    first_bus, second_bus = EventBus(), EventBus()
    first = configure(LoggingConfiguration(destination=str(tmp_path / "a.log"), level="ERROR"), first_bus)
    second = configure(LoggingConfiguration(destination=str(tmp_path / "b.log")), second_bus)
    log("x")
    first()
    log("y")
    second()
    assert not first_bus.wants(EventType.RUN_ENDED)
    assert (tmp_path / "a.log").read_text() == ""
    assert len((tmp_path / "b.log").read_text().splitlines()) == 2


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_megabyte_is_one_bounded_line(logged, form):
    huge = "<b>\x1b[31m\n\u2028\udc80" * 200_000
    lines = logged(lambda: log(huge, extra={"item_key": huge, huge: 1}), format=form)
    assert len(lines) == 1
    assert len(lines[0]) < 400_000
    assert "more characters" in lines[0]
    assert "\x1b" not in lines[0]


def test_a_long_traceback_loses_its_middle(logged):
    def block():
        try:
            raise ValueError("the reason\n" + "x\n" * 500_000 + "the end")
        except ValueError:
            log("failed", exc_info=True)

    (line,) = logged(block, format="json")
    trace = json.loads(line)["exception"]
    assert len(trace) < 20_000
    assert "the reason" in trace
    assert trace.endswith("the end")
    assert "characters left out" in trace


def test_lines_carry_the_ids_of_what_is_worked_on(logged):
    at_work.set(("shop", "run-1", "k", 3))
    try:
        (line,) = logged(lambda: log("x"), format="json")
    finally:
        at_work.set(None)
    row = json.loads(line)
    assert (row["job_id"], row["run_id"], row["item_key"], row["attempt"]) == ("shop", "run-1", "k", 3)
