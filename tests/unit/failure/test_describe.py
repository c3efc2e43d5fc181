"""A failure as plain values, and when two of them are of a kind."""

import errno
import gc
import json
import weakref

import pytest

from outlast.failure import Classification, FailureClass, Fault, describe
from outlast.failure.describe import TRACEBACK_MAX
from outlast.failure.signature import SIGNATURE_MAX, mask, signature


def known(status=None):
    return Classification(failure_class=FailureClass.NETWORK, transient=True, fault=Fault.HOST, status=status)


def raised(error):
    try:
        raise error
    except BaseException as caught:
        return caught


def test_a_failure_is_plain_data():
    told = describe(raised(ConnectionError("refused\nby nobody")), known(503)).to_dict()
    assert json.loads(json.dumps(told)) == told
    assert {key: told[key] for key in ("type", "message", "status", "class", "signature")} == {
        "type": "builtins.ConnectionError",
        "message": "refused",
        "status": 503,
        "class": "network",
        "signature": "builtins.ConnectionError 503 test_describe.py:raised refused",
    }
    assert all(type(value) in {str, int} for value in told.values())
    assert told["traceback"].startswith("Traceback (most recent call last):")
    assert "in raised" in told["traceback"]


def test_a_failure_that_never_was_raised_and_says_nothing_is_described():
    failure = describe(RuntimeError(), known())
    assert (failure.message, failure.signature, failure.status) == ("", "builtins.RuntimeError", None)
    assert failure.traceback == "RuntimeError"


def test_an_error_without_words_is_described():
    class Speechless(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    assert describe(Speechless(), known()).message == ""


def test_text_that_is_not_unicode_becomes_it():
    told = describe(raised(RuntimeError("half \ud800 pair")), known()).to_dict()
    for value in told.values():
        str(value).encode()


def test_a_page_of_html_in_the_message_does_not_push_the_frames_out():
    failure = describe(raised(RuntimeError("<html>\n" * 5_000)), known())
    assert "in raised" in failure.traceback
    assert len(failure.traceback) <= TRACEBACK_MAX
    assert len(describe(RuntimeError("x" * 5_000), known()).message) == 500


def test_of_a_long_traceback_the_innermost_is_kept():
    def deep(levels):
        return deep(levels - 1) if levels % 2 else other(levels - 1)

    def other(levels):
        if levels <= 0:
            the_line_that_broke = {}
            the_line_that_broke["x"]
        return deep(levels - 1)

    with pytest.raises(KeyError) as caught:
        deep(300)
    text = describe(caught.value, known()).traceback
    assert len(text) <= TRACEBACK_MAX
    assert 'the_line_that_broke["x"]' in text
    assert text.endswith("KeyError: 'x'")


def test_of_too_long_a_text_the_end_is_kept():
    error = RuntimeError("the last")
    for number in range(30):
        error, cause = RuntimeError(f"link {number} {'x' * 300}"), error
        error.__cause__ = cause
    text = describe(error, known()).traceback
    assert len(text) == TRACEBACK_MAX
    assert text.startswith("...")
    assert "link 29" in text
    assert "the last" not in text


def test_a_description_keeps_nothing_of_the_error_alive():
    class Page:
        pass

    def broken():
        page = Page()
        refs.append(weakref.ref(page))
        raise RuntimeError("gone")

    refs = []
    gc.disable()
    try:
        try:
            broken()
        except RuntimeError as error:
            failure = describe(error, known())
        assert refs[0]() is None
    finally:
        gc.enable()
    assert failure.message == "gone"


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (OSError(errno.ECONNREFUSED, "Connection refused"), None,
         "builtins.ConnectionRefusedError ECONNREFUSED [Errno 111] Connection refused"),
        (OSError(9_999, "odd"), None, "builtins.OSError errno 9999 [Errno 9999] odd"),
        (OSError("no number"), None, "builtins.OSError no number"),
        (RuntimeError("net::ERR_TIMED_OUT at https://x.example/7"), None,
         "builtins.RuntimeError net::ERR_TIMED_OUT net::ERR_TIMED_OUT at <url>"),
        (RuntimeError("page 7"), 429, "builtins.RuntimeError 429 page <n>"),
    ],
)  # fmt: skip
def test_the_signature_has_the_code(error, status, expected):
    assert describe(error, known(status)).signature == expected


def test_the_code_may_come_from_the_cause():
    error = RuntimeError("no page")
    error.__cause__ = ConnectionResetError(errno.ECONNRESET, "reset")
    assert describe(error, known()).signature == "builtins.RuntimeError ECONNRESET no page"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("row 17 of 1,234.5", "row <n> of <n>"),
        ("Timeout 30000ms exceeded", "Timeout <n>ms exceeded"),
        ("GET https://x.example/a?b=1 failed", "GET <url> failed"),
        ("wss://x.example/s", "<url>"),
        ("no 'price' in \"item\" `x`", "no <text> in <text> <text>"),
        ("can't and won't", "can't and won't"),
        ("'price'", "'price'"),
        ("'sku-7'", "<text>"),
        ("'Berlin Mitte'", "<text>"),
        ("'NoneType' object has no attribute 'text'", "'NoneType' object has no attribute 'text'"),
        ("name 'pirce' is not defined", "name 'pirce' is not defined"),
        ("f() got an unexpected keyword argument 'x'", "f() got an unexpected keyword argument 'x'"),
        ("Cannot read properties of null (reading 'id')", "Cannot read properties of null (reading 'id')"),
        ("could not convert string to float: 'sold'", "could not convert string to float: <text>"),
        ("no /data/shop-7/x.json here", "no <path> here"),
        ("C:\\data\\x.json is gone", "<path> is gone"),
        ("and/or, 1/2", "and/or, <n>/<n>"),
        ("Cannot connect to host a.shop.example:443 ssl:default", "Cannot connect to host <host> ssl:default"),
        ("10.0.0.7:8080 refused", "<host> refused"),
        ("api.shop.example:443 is down", "<host> is down"),
        ("for jane@shop.example", "for <host>"),
        ("Page.goto: Timeout", "Page.goto: Timeout"),
        ("at 0xDEADbeef", "at <hex>"),
        ("commit 9d3ad8c0ff", "commit <hex>"),
        ("the deadbeef and a decade", "the deadbeef and a decade"),
        ("id 123e4567-e89b-12d3-a456-426614174000 gone", "id <uuid> gone"),
        ("429 Too Many Requests", "429 Too Many Requests"),
        ("503, Service Unavailable", "503, Service Unavailable"),
        ("HTTP 404", "HTTP 404"),
        ("HTTP/1.1 502", "HTTP/1.1 502"),
        ("status code: 500", "status code: 500"),
        ("status=418", "status=418"),
        ("status 9999", "status <n>"),
        ("item 404 is gone", "item <n> is gone"),
        ("net::ERR_HTTP2_PROTOCOL_ERROR", "net::ERR_HTTP2_PROTOCOL_ERROR"),
        ("[Errno 111] refused", "[Errno 111] refused"),
        ("", ""),
    ],
)
def test_particulars_are_masked_and_codes_are_kept(text, masked):
    assert mask(text) == masked


def test_failures_of_a_kind_have_one_signature():
    one = signature("E", None, "no price on https://x.example/1 (row 1)\n  call log")
    two = signature("E", None, "no price on https://y.example/22 (row 9)\n  another log")
    assert one == two == "E no price on <url> (row <n>)"
    assert signature("E", "404", "m") != signature("E", "500", "m")
    assert len(signature("E", None, "word " * 200)) <= SIGNATURE_MAX


def test_a_url_whose_host_begins_like_a_status_is_masked_as_a_whole():
    assert mask("no price at http://127.0.0.1:36637/9") == "no price at <url>"
    assert mask("HTTP 503 for http://203.0.113.9/a") == "HTTP 503 for <url>"
