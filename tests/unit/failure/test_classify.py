"""What went wrong, whose fault it is, whether it can pass."""

import asyncio
import errno
import http.client
import socket
import ssl
from datetime import UTC, datetime

import apsw
import pytest

from outlast.errors import (
    LedgerUnavailableError,
    MaxRetriesExceededError,
    PermanentFailureError,
    RetryConfigurationError,
)
from outlast.failure import Classification, FailureClass, Fault, classify, describe
from outlast.failure.model import NATURE, REMEDY, Remedy
from outlast.failure.rules import BY_TYPE

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


class Answered(Exception):
    """An error as HTTP clients raise it."""

    def __init__(self, status=None, headers=None, message="answered"):
        super().__init__(message)
        if status is not None:
            self.status = status
        if headers is not None:
            self.headers = headers


class Response:
    def __init__(self, headers=None, **fields):
        self.headers = headers or {}
        vars(self).update(fields)


def with_fields(error, **fields):
    for name, value in fields.items():
        setattr(error, name, value)
    return error


def caused(error, cause):
    error.__cause__ = cause
    return error


def named(name, *bases):
    """An exception class of a library that is not installed."""
    module, _, qualname = name.rpartition(".")
    return type(qualname, bases or (Exception,), {"__module__": module, "__qualname__": qualname})


def CURL(code, name="ConnectionError"):
    """A class of curl_cffi, whose errors carry curl's number as their `code`."""
    return type(name, (OSError,), {"__module__": "curl_cffi.requests.exceptions", "__qualname__": name, "code": code})


def judged(error, **rules):
    return classify(error, now=NOW, **rules)


def kind(error, **rules):
    return judged(error, **rules).failure_class


STATUSES = [
    (400, "client_error", False, "item"),
    (401, "auth_expired", False, "item"),
    (403, "blocked", False, "item"),
    (404, "not_found", False, "item"),
    (405, "client_error", False, "item"),
    (407, "auth_expired", False, "item"),
    (408, "timeout", True, "host"),
    (410, "not_found", False, "item"),
    (418, "client_error", False, "item"),
    (425, "throttled", True, "host"),
    (429, "throttled", True, "host"),
    (451, "blocked", False, "item"),
    (500, "server_error", True, "host"),
    (501, "unsupported", False, "host"),
    (502, "server_error", True, "host"),
    (503, "server_error", True, "host"),
    (504, "timeout", True, "host"),
    (505, "unsupported", False, "host"),
    (520, "server_error", True, "host"),
    (521, "server_error", True, "host"),
    (522, "timeout", True, "host"),
    (523, "server_error", True, "host"),
    (524, "timeout", True, "host"),
    (599, "server_error", True, "host"),
]


@pytest.mark.parametrize(("status", "failure_class", "transient", "fault"), STATUSES)
def test_a_status_decides(status, failure_class, transient, fault):
    assert judged(Answered(status)) == Classification(
        failure_class=FailureClass(failure_class),
        transient=transient,
        fault=Fault(fault),
        status=status,
        remedy=REMEDY[FailureClass(failure_class)],
    )


@pytest.mark.parametrize(
    "error",
    [
        Answered(503),
        with_fields(Exception(), status_code=503),
        with_fields(Exception(), code=503),
        with_fields(Exception(), response=Response(status_code=503)),
        with_fields(Exception(), response=Response(status=503)),
        with_fields(Exception(), status="UNAVAILABLE", code=503),
        with_fields(Exception(), status=None, status_code=http.HTTPStatus(503)),
    ],
)
def test_a_status_is_found_wherever_clients_put_it(error):
    found = judged(error)
    assert (found.failure_class, found.status) == (FailureClass.SERVER_ERROR, 503)
    assert type(found.status) is int


@pytest.mark.parametrize("status", [0, 99, 600, 1006, True, "503", None, 200, 302])
def test_what_is_no_status_of_a_failure_says_nothing(status):
    assert kind(with_fields(Exception("odd"), code=status)) is FailureClass.UNKNOWN


TYPES = [
    (TimeoutError(), "timeout"),
    (asyncio.TimeoutError(), "timeout"),
    (ConnectionError(), "network"),
    (ConnectionResetError(errno.ECONNRESET, "reset"), "network"),
    (BrokenPipeError(errno.EPIPE, "pipe"), "network"),
    (OSError(errno.EHOSTUNREACH, "no route"), "network"),
    (OSError(errno.ENETDOWN, "down"), "network"),
    (OSError(errno.ETIMEDOUT, "timed out"), "timeout"),
    (named("lib.ClientError", OSError)(errno.ETIMEDOUT, "timed out"), "timeout"),
    (socket.gaierror(socket.EAI_AGAIN, "try again"), "network"),
    (socket.gaierror(socket.EAI_NONAME, "unknown name"), "network"),
    (asyncio.IncompleteReadError(b"", 3), "network"),
    (http.client.RemoteDisconnected("gone"), "network"),
    (http.client.IncompleteRead(b""), "network"),
    (ssl.SSLError(1, "wrong version"), "network"),
    (ssl.SSLCertVerificationError(1, "certificate verify failed"), "certificate"),
    (OSError(errno.ENOSPC, "full"), "local_resource"),
    (OSError(errno.EMFILE, "too many"), "local_resource"),
    (OSError(errno.ENFILE, "too many"), "local_resource"),
    (MemoryError(), "local_resource"),
    (LedgerUnavailableError(), "store_unavailable"),
    (apsw.BusyError("busy"), "store_unavailable"),
    (Exception("database is locked"), "store_unavailable"),
    (TypeError(), "programming"),
    (AttributeError(), "programming"),
    (NameError(), "programming"),
    (KeyError("k"), "programming"),
    (IndexError(), "programming"),
    (ValueError(), "programming"),
    (AssertionError(), "programming"),
    (NotImplementedError(), "programming"),
    (ZeroDivisionError(), "programming"),
    (RecursionError(), "programming"),
    (ImportError(), "programming"),
    (RetryConfigurationError(), "programming"),
    (RuntimeError("odd"), "unknown"),
    (Exception(), "unknown"),
    (FileNotFoundError(errno.ENOENT, "gone"), "unknown"),
    (OSError("no number"), "unknown"),
    (named("playwright._impl._errors.TimeoutError")("Timeout 30000ms exceeded"), "timeout"),
    (named("playwright._impl._errors.TargetClosedError")("gone"), "browser"),
    (named("requests.exceptions.ReadTimeout", named("requests.exceptions.Timeout", OSError))(), "timeout"),
    (named("requests.exceptions.SSLError", named("requests.exceptions.ConnectionError", OSError))(
        "[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer"), "certificate"),
    (named("requests.exceptions.ProxyError", named("requests.exceptions.ConnectionError", OSError))(), "proxy"),
    (named("requests.exceptions.RetryError", OSError)("too many 503 error responses"), "server_error"),
    (CURL(7)("Failed to perform, curl: (7) Failed to connect to x.example after 0 ms"), "network"),
    (CURL(7)("Failed to perform, curl: (7) Failed to connect to x.example over proxy p after 0 ms"), "proxy"),
    (CURL(28, "Timeout")("Failed to perform, curl: (28) Operation timed out"), "timeout"),
    (CURL(60, "CertificateVerifyError")("Failed to perform, curl: (60)"), "certificate"),
    (CURL(47, "TooManyRedirects")(), "client_error"),
    (CURL(6, "RequestException")("Failed to perform, curl: (6) Could not resolve host: x.example"), "network"),
    (CURL(28, "RequestException")("Failed to perform, curl: (28) Operation timed out"), "timeout"),
    (CURL(97, "RequestException")("Failed to perform, curl: (97) Proxy handshake error"), "proxy"),
    (CURL(7, "RequestException")("curl: (7) Failed to connect to x.example over proxy p"), "proxy"),
    (CURL(2, "RequestException")("Failed to perform, curl: (2) Failed initialization"), "unknown"),
    (named("impit.ConnectError", named("impit.NetworkError", named("impit.TransportError")))(), "network"),
    (named("impit.ReadTimeout", named("impit.TimeoutException", named("impit.TransportError")))(), "timeout"),
    (named("impit.ProxyError", named("impit.TransportError"))(), "proxy"),
    (named("impit.UnsupportedProtocol", named("impit.TransportError"))(), "programming"),
    (named("aiodns.error.DNSError")(4, "Domain name not found"), "network"),
    (named("dns.resolver.NXDOMAIN", named("dns.exception.DNSException"))(), "network"),
    (named("websockets.exceptions.ConnectionClosedError", named("websockets.exceptions.ConnectionClosed"))(), "network"),
    (named("selenium.common.exceptions.InvalidSessionIdException")(), "browser"),
    (named("selenium.common.exceptions.TimeoutException")(), "timeout"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "failure_class"), TYPES, ids=[repr(error)[:50] for error, _ in TYPES])
def test_a_type_decides(error, failure_class):
    assert kind(error).value == failure_class


def test_a_status_counts_for_more_than_the_type():
    assert kind(with_fields(ValueError("unreadable"), status=503)) is FailureClass.SERVER_ERROR
    assert kind(with_fields(TimeoutError(), status=404)) is FailureClass.NOT_FOUND


def test_a_type_counts_for_more_than_the_message():
    assert kind(TimeoutError("net::ERR_CERT_DATE_INVALID")) is FailureClass.TIMEOUT


def test_running_out_of_files_is_the_machines_fault_whichever_library_reports_it():
    lost = named("aiohttp.client_exceptions.ClientConnectionError", OSError)
    found = judged(lost(errno.EMFILE, "Too many open files"))
    assert (found.failure_class, found.fault, found.transient) == (FailureClass.LOCAL_RESOURCE, Fault.MACHINE, False)
    assert kind(lost(errno.ECONNREFUSED, "refused")) is FailureClass.NETWORK


MESSAGES = [
    ("net::ERR_CONNECTION_RESET at https://x.example", "network"),
    ("net::ERR_CONNECTION_TIMED_OUT", "timeout"),
    ("net::ERR_TIMED_OUT", "timeout"),
    ("net::ERR_NETWORK_CHANGED", "network"),
    ("net::ERR_NAME_NOT_RESOLVED", "network"),
    ("net::ERR_SOCKET_NOT_CONNECTED", "network"),
    ("net::ERR_HTTP2_PROTOCOL_ERROR", "network"),
    ("net::ERR_EMPTY_RESPONSE", "network"),
    ("net::ERR_SSL_PROTOCOL_ERROR", "network"),
    ("net::ERR_CERT_DATE_INVALID", "certificate"),
    ("net::ERR_PROXY_CONNECTION_FAILED", "proxy"),
    ("net::ERR_TUNNEL_CONNECTION_FAILED", "proxy"),
    ("net::ERR_INSUFFICIENT_RESOURCES", "local_resource"),
    ("net::ERR_BLOCKED_BY_CLIENT", "blocked"),
    ("net::ERR_TOO_MANY_REDIRECTS", "client_error"),
    ("net::ERR_ABORTED; the target was closed", "unknown"),
    ("Page.goto: Target page, context or browser has been closed", "browser"),
    ("Target closed", "browser"),
    ("Page crashed", "browser"),
    ("Page.click: Target crashed", "browser"),
    ("the browser process crashed", "browser"),
    ("a car crashed into a shop", "unknown"),
    ("net::ERR_NO_SUPPORTED_PROXIES", "proxy"),
    ("net::ERR_INVALID_AUTH_CREDENTIALS", "auth_expired"),
    ("net::ERR_TEMPORARILY_THROTTLED", "throttled"),
    ("net::ERR_INVALID_HTTP_RESPONSE", "network"),
    ("net::ERR_FAILED", "unknown"),
    ("Page.goto: NS_ERROR_CONNECTION_REFUSED", "network"),
    ("Page.goto: NS_ERROR_UNKNOWN_HOST", "network"),
    ("Page.goto: NS_ERROR_NET_TIMEOUT", "timeout"),
    ("Page.goto: NS_ERROR_PROXY_CONNECTION_REFUSED", "proxy"),
    ("Page.goto: NS_ERROR_UNKNOWN_PROXY_HOST", "proxy"),
    ("Page.goto: NS_ERROR_REDIRECT_LOOP", "client_error"),
    ("Page.goto: SSL_ERROR_UNKNOWN", "network"),
    ("Page.goto: SEC_ERROR_UNKNOWN_ISSUER", "certificate"),
    ("Page.goto: Could not connect to server", "network"),
    ("Page.goto: Unacceptable TLS certificate", "certificate"),
    ("Browser has been closed", "browser"),
    ("Connection closed while reading from the driver", "browser"),
    ("Protocol error (Page.navigate): Session closed. Most likely the page has been closed.", "browser"),
    ("chrome not reachable", "browser"),
    ("disconnected: not connected to DevTools", "browser"),
    ("cannot execute INSERT in a read-only transaction", "store_unavailable"),
    ("the shop has been closed", "unknown"),
]


@pytest.mark.parametrize(("message", "failure_class"), MESSAGES)
def test_a_message_decides_where_the_type_says_nothing(message, failure_class):
    assert kind(named("playwright._impl._errors.Error")(message)).value == failure_class


@pytest.mark.parametrize("failure_class", list(FailureClass))
def test_every_class_has_a_nature_and_only_the_unknown_has_a_bound(failure_class):
    transient, fault = NATURE[failure_class]
    assert isinstance(transient, bool)
    assert fault in Fault
    assert set(NATURE) == set(FailureClass)
    assert {name for name, named_class in BY_TYPE.items() if named_class is FailureClass.UNKNOWN} == set()


@pytest.mark.parametrize("failure_class", list(FailureClass))
def test_a_class_is_mended_by_what_mends_it_or_by_nothing(failure_class):
    mended = {
        "auth_expired": "refresh_session",
        "blocked": "rotate_proxy",
        "proxy": "rotate_proxy",
        "browser": "restart_browser",
        "throttled": "defer",
        "not_found": "skip",
    }
    assert REMEDY[failure_class] == mended.get(failure_class)


@pytest.mark.parametrize("fault", list(Fault))
def test_there_is_no_fault_that_no_class_has(fault):
    assert fault in {each for _, each in NATURE.values()}


def test_an_unknown_error_may_be_tried_twice():
    assert judged(RuntimeError("odd")) == Classification(
        failure_class=FailureClass.UNKNOWN, transient=True, fault=Fault.ITEM, max_attempts=2
    )


@pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(503), GeneratorExit()])
def test_what_is_no_exception_is_never_transient(error):
    assert not judged(error).transient
    assert not judged(error, transient_patterns=["."]).transient


class TestHints:
    @pytest.mark.parametrize("retryable", [True, False])
    def test_an_exception_may_say_whether_it_is_retryable(self, retryable):
        for error in (Answered(404), Answered(503), ValueError(), RuntimeError()):
            found = judged(with_fields(error, retryable=retryable))
            assert (found.transient, found.max_attempts) == (retryable, None)

    def test_the_hint_changes_the_verdict_and_not_the_class(self):
        found = judged(with_fields(Answered(404), retryable=True))
        assert (found.failure_class, found.status) == (FailureClass.NOT_FOUND, 404)

    def test_a_hint_that_is_no_truth_value_is_none(self):
        assert not judged(with_fields(Answered(404), retryable="yes")).transient
        assert not judged(with_fields(Answered(404), retryable=lambda: True)).transient

    def test_an_exception_that_says_when_to_come_back_is_throttling(self):
        found = judged(with_fields(Exception("slow down"), retry_after=7))
        assert found == Classification(
            failure_class=FailureClass.THROTTLED, transient=True, fault=Fault.HOST, retry_after=7.0, remedy=Remedy.DEFER
        )
        assert type(found.retry_after) is float

    def test_retryable_counts_for_more_than_retry_after(self):
        assert not judged(with_fields(Exception(), retryable=False, retry_after=7)).transient

    @pytest.mark.parametrize("wish", [-1, float("nan"), "7", True, None, [7]])
    def test_a_wish_that_makes_no_sense_is_none(self, wish):
        found = judged(with_fields(Exception("slow down"), retry_after=wish))
        assert (found.failure_class, found.retry_after) == (FailureClass.UNKNOWN, None)

    @pytest.mark.parametrize("wish", [float("inf"), 10**400, 1e300])
    def test_a_wish_beyond_all_measure_is_bounded(self, wish):
        assert judged(with_fields(Exception(), retry_after=wish)).retry_after == 366 * 86_400


class TestRules:
    def test_a_status_may_be_made_retryable_or_not(self):
        found = judged(Answered(403), retryable_status={403})
        assert (found.transient, found.failure_class, found.status) == (True, FailureClass.BLOCKED, 403)
        assert not judged(Answered(503), non_retryable_status={503}).transient
        assert judged(Answered(503), non_retryable_status={500}).transient

    def test_a_pattern_is_searched_in_the_message_and_in_the_name_of_the_type(self):
        assert judged(ValueError("try later"), transient_patterns=["later$"]).transient
        assert judged(ValueError("x"), transient_patterns=[r"^builtins\.ValueError$"]).transient
        assert not judged(TimeoutError("account suspended"), permanent_patterns=["suspended"]).transient
        assert not judged(ValueError("try later"), transient_patterns=["LATER"]).transient

    def test_rules_beat_hints_and_permanent_rules_beat_transient_ones(self):
        assert not judged(with_fields(Exception("x"), retryable=True), permanent_patterns=["x"]).transient
        assert judged(with_fields(Exception("x"), retryable=False), transient_patterns=["x"]).transient
        assert not judged(Answered(503, message="x"), permanent_patterns=["x"], retryable_status={503}).transient
        assert not judged(Answered(503, message="x"), transient_patterns=["x"], non_retryable_status={503}).transient

    def test_an_error_that_a_rule_knows_is_not_bound_to_two_attempts(self):
        found = judged(RuntimeError("flaky"), transient_patterns=["flaky"])
        assert (found.failure_class, found.transient, found.max_attempts) == (FailureClass.UNKNOWN, True, None)


class TestChain:
    def test_the_outermost_that_says_anything_decides(self):
        assert kind(caused(RuntimeError("no page"), TimeoutError())) is FailureClass.TIMEOUT
        assert kind(caused(RuntimeError("a"), caused(RuntimeError("b"), Answered(404)))) is FailureClass.NOT_FOUND
        assert kind(caused(ValueError("unreadable"), TimeoutError())) is FailureClass.PROGRAMMING
        assert judged(caused(RuntimeError(), Answered(429, {"Retry-After": "9"}))).retry_after == 9

    def test_what_was_being_handled_counts_unless_it_is_suppressed(self):
        def raised(suppress):
            try:
                try:
                    raise ConnectionError
                except ConnectionError:
                    if suppress:
                        raise RuntimeError from None
                    raise RuntimeError
            except RuntimeError as error:
                return error

        assert kind(raised(suppress=False)) is FailureClass.NETWORK
        assert kind(raised(suppress=True)) is FailureClass.UNKNOWN

    def test_a_cause_hides_what_was_being_handled(self):
        error = caused(RuntimeError(), KeyError())
        error.__context__ = ConnectionError()
        assert kind(error) is FailureClass.PROGRAMMING

    def test_a_chain_that_bites_its_tail_ends(self):
        first, second = RuntimeError("a"), RuntimeError("b")
        first.__cause__, second.__cause__ = second, first
        assert kind(first) is FailureClass.UNKNOWN
        first.__cause__ = first
        assert kind(first) is FailureClass.UNKNOWN

    def test_eight_links_are_looked_at(self):
        def chained(links):
            error = TimeoutError()
            for _ in range(links - 1):
                error = caused(RuntimeError(), error)
            return error

        assert kind(chained(8)) is FailureClass.TIMEOUT
        assert kind(chained(9)) is FailureClass.UNKNOWN

    def test_a_cancellation_in_the_chain_says_nothing(self):
        assert kind(caused(RuntimeError(), caused(asyncio.CancelledError(), TimeoutError()))) is FailureClass.TIMEOUT

    def test_an_error_that_is_falsy_is_an_error_all_the_same(self):
        empty = type("Empty", (TimeoutError,), {"__len__": lambda self: 0})()
        assert kind(caused(RuntimeError(), empty)) is FailureClass.TIMEOUT

    def test_what_was_given_up_inside_keeps_its_class(self):
        assert judged(caused(MaxRetriesExceededError(), TimeoutError())).transient
        found = judged(caused(PermanentFailureError(), TimeoutError()))
        assert (found.failure_class, found.transient) == (FailureClass.TIMEOUT, False)
        assert not judged(PermanentFailureError()).transient


class TestGroups:
    def test_a_group_is_transient_only_if_every_leaf_is(self):
        assert judged(ExceptionGroup("g", [TimeoutError(), ConnectionError()])).transient
        found = judged(ExceptionGroup("g", [TimeoutError(), ExceptionGroup("h", [KeyError(), ConnectionError()])]))
        assert (found.transient, found.failure_class) == (False, FailureClass.PROGRAMMING)

    def test_the_longest_wish_and_the_tightest_bound_count(self):
        one, two = Answered(429, {"Retry-After": "3"}), Answered(503, {"Retry-After": "8"})
        found = judged(ExceptionGroup("g", [one, two, RuntimeError()]))
        assert (found.retry_after, found.max_attempts, found.failure_class) == (8, 2, FailureClass.THROTTLED)

    def test_a_cancellation_among_the_leaves_is_never_transient(self):
        assert not judged(BaseExceptionGroup("g", [TimeoutError(), asyncio.CancelledError()])).transient

    def test_a_group_may_stand_anywhere_in_the_chain(self):
        assert kind(caused(RuntimeError(), ExceptionGroup("g", [TimeoutError()]))) is FailureClass.TIMEOUT

    def test_rules_for_the_group_itself_beat_its_leaves(self):
        group = ExceptionGroup("storm", [KeyError()])
        assert judged(group, transient_patterns=["storm"]).transient

    def test_a_leaf_that_names_its_own_group_as_its_cause_ends(self):
        leaves = [RuntimeError(str(number)) for number in range(12)]
        group = ExceptionGroup("g", leaves)
        for leaf in leaves:
            leaf.__cause__ = group
        assert kind(group) is FailureClass.UNKNOWN

    def test_groups_inside_groups_end_at_eight(self):
        group = ExceptionGroup("g", [TimeoutError()])
        for _ in range(7):
            group = ExceptionGroup("g", [group])
        assert kind(group) is FailureClass.TIMEOUT
        for _ in range(2_000):
            group = ExceptionGroup("g", [group])
        assert kind(group) is FailureClass.UNKNOWN


class TestHostile:
    def test_an_exception_whose_properties_raise_says_nothing(self):
        class Hostile(Exception):
            @property
            def status(self):
                raise ValueError("not yet")

            response = headers = retry_after = retryable = status

            def __str__(self):
                raise RuntimeError("no words")

        assert kind(Hostile()) is FailureClass.UNKNOWN

    def test_an_errno_that_is_no_number_says_nothing(self):
        error = OSError([28], "full")
        assert kind(error) is FailureClass.UNKNOWN
        assert describe(error, judged(error)).signature == "builtins.OSError [Errno [<n>]] full"

    def test_a_response_without_anything_is_no_status(self):
        assert kind(with_fields(Exception(), response=None)) is FailureClass.UNKNOWN
        assert kind(with_fields(Exception(), response={"Error": {}})) is FailureClass.UNKNOWN

    def test_a_response_that_is_falsy_is_read(self):
        class Refused(Response):
            def __bool__(self):
                return False

        assert kind(with_fields(Exception(), response=Refused(status_code=404))) is FailureClass.NOT_FOUND


def test_asking_to_come_back_later_makes_a_refusal_throttling():
    for status in (403, 503):
        found = judged(Answered(status, {"Retry-After": "5"}))
        assert (found.failure_class, found.transient, found.retry_after) == (FailureClass.THROTTLED, True, 5)
    assert kind(Answered(404, {"Retry-After": "5"})) is FailureClass.NOT_FOUND
