"""`refuse_blocked` and `refuse_errors` in a handler, with the responses of the libraries."""

import pickle
from datetime import UTC, datetime

import httpx
import pytest
import requests

import outlast
from outlast.errors import BadStatusError, BlockedPageError, ValidationError
from outlast.failure import FailureClass, classify, refuse_blocked, refuse_errors

WALL = "<html><head><title>Just a moment...</title></head></html>"
PAGE = "<html><head><title>Shoes</title></head><body>Shoes</body></html>"
REQUEST = httpx.Request("GET", "https://x.example/7")


def httpx_response(text, status=200, history=(), url="https://x.example/7"):
    return httpx.Response(status, text=text, request=httpx.Request("GET", url), history=list(history))


def requests_response(text, status=200, url="https://x.example/7"):
    response = requests.Response()
    response.status_code, response.url, response._content = status, url, text.encode()
    return response


class Awaited:
    """As aiohttp and Playwright have it: the text must be awaited."""

    status = 203
    url = "https://x.example/7"
    headers = {}

    async def text(self):
        return WALL


@pytest.mark.parametrize("build", [httpx_response, requests_response])
def test_a_wall_is_refused_and_a_page_is_not(build):
    with pytest.raises(BlockedPageError, match=r"https://x\.example/7 is a block page \(Cloudflare\)") as caught:
        refuse_blocked(build(WALL, 203))
    assert caught.value.context == {"vendor": "Cloudflare", "status": 203, "url": "https://x.example/7"}
    assert refuse_blocked(build(PAGE)) is None


def test_a_text_alone_will_do():
    with pytest.raises(BlockedPageError, match="this is a block page"):
        outlast.refuse_blocked(WALL)
    assert outlast.refuse_blocked(PAGE) is None


def test_a_text_that_must_be_awaited_is_asked_for():
    with pytest.raises(BlockedPageError) as caught:
        refuse_blocked(Awaited(), WALL)
    assert caught.value.context["status"] == 203
    assert refuse_blocked(Awaited(), PAGE) is None
    with pytest.raises(ValidationError, match=r"the text of a Awaited must be given too"):
        refuse_blocked(Awaited())


def test_a_stream_that_was_not_read_is_asked_for_its_text():
    with pytest.raises(ValidationError):
        refuse_blocked(httpx.Response(200, stream=httpx.ByteStream(b"x"), request=REQUEST))


def test_it_is_known_whether_the_answer_came_from_where_it_was_asked():
    first = httpx_response("", 302)
    with pytest.raises(BlockedPageError, match="redirect"):
        refuse_blocked(httpx_response(PAGE, 203, [first], "https://x.example/block"))
    assert refuse_blocked(httpx_response(PAGE, 200, [], "https://x.example/block")) is None


class Shown:
    """As Playwright has it: an answer that is an error is shown like any other."""

    url = "https://x.example/7"

    def __init__(self, status, headers=()):
        self.status, self.headers = status, dict(headers)


@pytest.mark.parametrize("status", [200, 204, 304, 399])
def test_an_answer_that_is_no_error_is_not_refused(status):
    assert outlast.refuse_errors(Shown(status)) is None


def test_a_page_that_loaded_nothing_is_not_refused():
    assert refuse_errors(None) is None


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Shown(404), "https://x.example/7 answered 404 Not Found"),
        (Shown(599), "https://x.example/7 answered 599"),
        (httpx_response("", 503), "https://x.example/7 answered 503 Service Unavailable"),
        (requests_response("", 400), "https://x.example/7 answered 400 Bad Request"),
    ],
)
def test_an_answer_that_is_an_error_is_refused_with_its_status(answer, says):
    with pytest.raises(BadStatusError) as caught:
        refuse_errors(answer)
    assert str(caught.value).startswith(says)
    assert caught.value.context["url"] == "https://x.example/7"


@pytest.mark.parametrize(
    ("status", "headers", "judged"),
    [
        (404, {}, FailureClass.NOT_FOUND),
        (503, {}, FailureClass.SERVER_ERROR),
        (503, {"retry-after": "7"}, FailureClass.THROTTLED),
        (429, {"retry-after": "7"}, FailureClass.THROTTLED),
    ],
)
def test_it_is_judged_by_its_status_and_by_when_it_asks_to_come_back(status, headers, judged):
    with pytest.raises(BadStatusError) as caught:
        refuse_errors(Shown(status, headers))
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        found = classify(error, now=datetime(2026, 11, 23, tzinfo=UTC))
        assert (found.failure_class, found.status) == (judged, status)
        assert found.retry_after == (7.0 if headers else None)


def test_an_error_that_was_made_by_hand_says_nothing_of_a_status():
    assert (BadStatusError().status, BadStatusError().headers) == (None, {})
