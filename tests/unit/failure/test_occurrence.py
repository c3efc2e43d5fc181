"""A failure that is reported as a dictionary, in whichever words."""

from datetime import UTC, datetime, timedelta

import pytest

from outlast.errors import ValidationError
from outlast.failure.occurrence import CATEGORY, read_occurrence
from outlast.failure import FailureClass
from outlast.failure.describe import TRACEBACK_MAX

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(event, context=()):
    return read_occurrence(event, dict(context), now=NOW)


@pytest.mark.parametrize(
    ("name", "message", "failure_class"),
    [
        ("TimeoutError", "", "timeout"),
        ("builtins.ConnectionResetError", "", "network"),
        ("UnicodeDecodeError", "no utf-8", "programming"),
        ("ExceptionGroup", "two", "unknown"),
        ("httpx.ProxyError", "", "proxy"),
        ("playwright.async_api.TimeoutError", "Timeout 30000ms exceeded", "timeout"),
        ("TargetClosedError", "", "browser"),
        ("httpx.ReadTimeout", "", "timeout"),
        ("ReadTimeout", "", "timeout"),
        ("NetworkError", "", "network"),
        ("DNSLookupError", "", "network"),
        ("PlaywrightError", "net::ERR_TIMED_OUT", "timeout"),
        ("Whatever", "odd", "unknown"),
        ("", "database is locked", "store_unavailable"),
        ("object", "odd", "unknown"),
    ],
)
def test_a_type_that_is_only_told_of_is_known_by_its_name(name, message, failure_class):
    found = read({"error_type": name, "message": message})
    assert found.classification.failure_class == failure_class
    assert found.failure.message == message


def test_it_stands_under_its_own_name():
    assert read({"error_type": "TimeoutError"}).failure.type == "builtins.TimeoutError"
    assert read({"error_type": "lib.OddError"}).failure.type == "lib.OddError"
    assert read({"error_type": "OddError", "message": "row 7"}).failure.signature == "reported.OddError row <n>"


def test_status_and_wish_may_be_told_too():
    found = read({"message": "no", "status_code": 429, "retry_after": 7}).classification
    assert (found.failure_class, found.status, found.retry_after) == (FailureClass.THROTTLED, 429, 7)
    assert read({"message": "no"}, {"status": 404}).classification.failure_class is FailureClass.NOT_FOUND


def test_a_class_that_is_named_counts():
    found = read({"error": TimeoutError(), "failure_class": "blocked"}).classification
    assert (found.failure_class, found.transient, found.remedy) == ("blocked", False, "rotate_proxy")


def test_an_exception_counts_for_more_than_what_is_told_beside_it():
    error = KeyError("k")
    found = read({"error": error, "error_type": "TimeoutError", "message": "slow"})
    assert found.error is error
    assert found.classification.failure_class is FailureClass.PROGRAMMING
    assert read({"exception": error}).error is error
    assert read({"error": "database is locked"}).failure.message == "database is locked"


@pytest.mark.parametrize(
    ("word", "severity"),
    [("info", "info"), ("warning", "warning"), ("error", "error"), ("critical", "critical"),
     ("low", "info"), ("medium", "warning"), ("HIGH", "error"), (None, "warning")],
)  # fmt: skip
def test_both_vocabularies_of_severity_are_understood(word, severity):
    found = read({"error": TimeoutError(), "severity": word})
    assert (found.severity, found.is_urgent) == (severity, severity == "critical")


def test_what_passes_is_a_warning_and_what_does_not_an_error():
    assert read({"error": TimeoutError()}).severity == "warning"
    assert read({"error": KeyError()}).severity == "error"


@pytest.mark.parametrize("failure_class", list(FailureClass))
def test_every_class_has_a_category(failure_class):
    assert CATEGORY[failure_class] in {"network", "browser", "system", "application", "external"}


def test_the_event_counts_for_more_than_its_context_and_that_for_more_than_the_callers():
    event = {"message": "x", "job_id": "a", "context": {"job_id": "b", "host": "b"}}
    found = read(event, {"job_id": "c", "host": "c", "key": "c"})
    assert (found.job_id, found.host, found.key) == ("a", "b", "c")


def test_the_host_may_be_that_of_the_url():
    assert read({"message": "x", "url": "https://shop.example:8/7"}).host == "shop.example"
    assert read({"message": "x", "url": "http://[broken"}).host == ""
    assert read({"message": "x"}).host == ""


@pytest.mark.parametrize(
    ("timestamp", "moment"),
    [
        (None, NOW),
        (NOW - timedelta(seconds=9), NOW - timedelta(seconds=9)),
        (NOW + timedelta(seconds=9), NOW),
        ("2025-12-31T23:00:00+00:00", NOW - timedelta(hours=1)),
        ("2025-12-31T23:00:00", NOW - timedelta(hours=1)),
    ],
)
def test_a_failure_happened_when_it_says_but_never_in_the_future(timestamp, moment):
    assert read({"message": "x", "timestamp": timestamp}).at == moment


@pytest.mark.parametrize(
    ("event", "context"),
    [
        ({}, {}), ({"error_type": ""}, {}), ([], {}), ({"message": "x"}, None), ({"message": "x", "severity": "bad"}, {}),
        ({"message": "x", "failure_class": "bad"}, {}), ({"message": "x", "failure_class": []}, {}),
        ({"message": "x", "timestamp": "noon"}, {}), ({"message": "x", "timestamp": 3}, {}),
        ({"message": "x", "attempt": 0}, {}), ({"message": "x", "attempt": True}, {}), ({"message": "x", "max_attempts": "3"}, {}),
    ],
)  # fmt: skip
def test_what_is_no_report_of_a_failure_is_refused(event, context):
    with pytest.raises(ValidationError):
        read_occurrence(event, context, now=NOW)


def test_a_traceback_may_be_told_as_text():
    assert read({"message": "x", "stack_trace": "Traceback: here"}).failure.traceback == "Traceback: here"
    assert len(read({"message": "x", "stack_trace": "y" * 10_000}).failure.traceback) == TRACEBACK_MAX
    assert read({"message": "x", "stack_trace": 3}).failure.traceback == "Exception: x"
    try:
        raise KeyError("k")
    except KeyError as error:
        assert "Traceback: here" not in read({"error": error, "stack_trace": "Traceback: here"}).failure.traceback
    untold = read_occurrence({"message": "x", "stack_trace": "here"}, {}, now=NOW, with_traceback=False)
    assert untold.failure.traceback == ""
