"""`refuse_blocked` in a handler, with the responses of the libraries."""

import httpx
import pytest
import requests

import outlast
from outlast.errors import BlockedPageError, ValidationError
from outlast.failure import refuse_blocked

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
