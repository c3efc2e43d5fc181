"""The exceptions that the clients really raise: when one of them is renamed, this turns red."""

import errno
import importlib
import importlib.util
import socket
import ssl
import urllib.request
from datetime import UTC, datetime

import aiohttp
import httpcore
import httpx
import pytest
import requests
import urllib3
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict
from yarl import URL

from outlast.failure import FailureClass, Fault, classify
from outlast.failure.rules import BY_TYPE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ConnectionKey("x.example", 443, True, True, None, None, None)
REQUEST_INFO = aiohttp.RequestInfo(URL("https://x.example"), "GET", CIMultiDict(), URL("https://x.example"))
REQUEST = httpx.Request("GET", "https://x.example")


def os_error(number):
    return OSError(number, "as the system says")


def answered(status, **headers):
    return aiohttp.ClientResponseError(REQUEST_INFO, (), status=status, headers=CIMultiDict(headers))


def httpx_answered(status, headers=None):
    response = httpx.Response(status, headers=headers, request=REQUEST)
    try:
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        return error


AIOHTTP = [
    (aiohttp.ClientConnectionError(), "network"),
    (aiohttp.ClientConnectionResetError(), "network"),
    (aiohttp.ServerDisconnectedError(), "network"),
    (aiohttp.ClientOSError(errno.ECONNRESET, "reset"), "network"),
    (aiohttp.ClientPayloadError("incomplete"), "network"),
    (aiohttp.ClientConnectorError(KEY, os_error(errno.ECONNREFUSED)), "network"),
    (aiohttp.ClientConnectorError(KEY, os_error(errno.EMFILE)), "local_resource"),
    (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_NONAME, "unknown")), "network"),
    (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "eof")), "network"),
    (aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError(1, "self-signed")), "certificate"),
    (aiohttp.ServerFingerprintMismatch(b"a", b"b", "x.example", 443), "certificate"),
    (aiohttp.ClientProxyConnectionError(KEY, os_error(errno.ECONNREFUSED)), "proxy"),
    (aiohttp.ServerTimeoutError(), "timeout"),
    (aiohttp.ConnectionTimeoutError(), "timeout"),
    (aiohttp.SocketTimeoutError(), "timeout"),
    (aiohttp.InvalidURL("x"), "programming"),
    (aiohttp.NonHttpUrlClientError("ftp://x"), "client_error"),
    (aiohttp.TooManyRedirects(REQUEST_INFO, (), status=302), "client_error"),
    (aiohttp.ContentTypeError(REQUEST_INFO, (), status=200), "unknown"),
    (aiohttp.ClientResponseError(REQUEST_INFO, ()), "unknown"),
    (answered(404), "not_found"),
    (answered(503), "server_error"),
]

HTTPX = [
    (httpx.ConnectError("All connection attempts failed"), "network"),
    (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed"), "certificate"),
    (httpx.ReadError(""), "network"),
    (httpx.WriteError(""), "network"),
    (httpx.CloseError(""), "network"),
    (httpx.RemoteProtocolError("Server disconnected without sending a response."), "network"),
    (httpx.DecodingError("bad gzip"), "network"),
    (httpx.ConnectTimeout(""), "timeout"),
    (httpx.ReadTimeout(""), "timeout"),
    (httpx.WriteTimeout(""), "timeout"),
    (httpx.PoolTimeout(""), "timeout"),
    (httpx.ProxyError("407"), "proxy"),
    (httpx.UnsupportedProtocol("no http://"), "programming"),
    (httpx.LocalProtocolError("illegal header"), "programming"),
    (httpx.InvalidURL("x"), "programming"),
    (httpx.StreamConsumed(), "programming"),
    (httpx.CookieConflict("two"), "programming"),
    (httpx.TooManyRedirects("20"), "client_error"),
    (httpx_answered(404), "not_found"),
    (httpx_answered(500), "server_error"),
    (httpx_answered(302), "unknown"),
    (httpcore.ConnectError(), "network"),
    (httpcore.ReadTimeout(), "timeout"),
    (httpcore.ProxyError(), "proxy"),
    (httpcore.RemoteProtocolError(), "network"),
]


@pytest.mark.parametrize(("error", "failure_class"), AIOHTTP + HTTPX, ids=lambda each: f"{each!r}"[:40])
def test_an_error_of_a_real_client_is_known(error, failure_class):
    assert classify(error, now=NOW).failure_class.value == failure_class


@pytest.mark.parametrize("error", [answered(429, **{"Retry-After": "11"}), httpx_answered(429, {"retry-after": "11"})])
def test_the_wish_of_a_throttling_server_is_found(error):
    found = classify(error, now=NOW)
    assert (found.failure_class, found.fault, found.retry_after) == (FailureClass.THROTTLED, Fault.HOST, 11)


# What a library had under this name before the release that is installed here.
FORMER = {"playwright._impl._api_types.TimeoutError"}
INSTALLED = [name for name in BY_TYPE if name not in FORMER and importlib.util.find_spec(name.partition(".")[0])]


@pytest.mark.parametrize("name", INSTALLED)
def test_every_name_in_the_table_is_a_class_of_its_library(name):
    module, _, kind = name.rpartition(".")
    found = getattr(importlib.import_module(module), kind)
    assert issubclass(found, Exception)
    assert f"{found.__module__}.{found.__qualname__}" == name


def test_the_libraries_that_can_be_checked_here_are():
    assert {"aiohttp", "httpx", "httpcore", "playwright", "requests", "urllib3", "ssl", "http"} <= {
        name.partition(".")[0] for name in INSTALLED
    }


@pytest.fixture
def refusing():
    """The URL of a port that nobody listens at."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    return f"http://127.0.0.1:{port}/"


@pytest.fixture
def silent():
    """The URL of a server that takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def raised_by(call):
    with pytest.raises(Exception) as caught:
        call()
    return classify(caught.value, now=NOW).failure_class.value


@pytest.mark.real_time
def test_what_the_blocking_clients_raise_is_known(refusing, silent):
    pool, patient = urllib3.PoolManager(retries=0), urllib3.PoolManager(retries=False, timeout=0.1)
    assert raised_by(lambda: requests.get(refusing)) == "network"
    assert raised_by(lambda: requests.get(silent, timeout=0.1)) == "timeout"
    assert raised_by(lambda: requests.get("http://x.invalid/", proxies={"http": refusing})) == "proxy"
    assert raised_by(lambda: requests.get("nonsense")) == "programming"
    assert raised_by(lambda: pool.request("GET", refusing)) == "network"
    assert raised_by(lambda: patient.request("GET", silent)) == "timeout"
    assert raised_by(lambda: urllib.request.urlopen(refusing)) == "network"
    assert raised_by(lambda: urllib.request.urlopen(silent, timeout=0.1)) == "timeout"
    assert raised_by(lambda: httpx.get(refusing)) == "network"
    assert raised_by(lambda: httpx.get(silent, timeout=0.1)) == "timeout"
