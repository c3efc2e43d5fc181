"""The exceptions that aiohttp and httpx really raise: when one of them is renamed, this turns red."""

import errno
import socket
import ssl
from datetime import UTC, datetime

import aiohttp
import httpcore
import httpx
import pytest
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


@pytest.mark.parametrize("name", [name for name in BY_TYPE if name.split(".")[0] in {"aiohttp", "httpx", "httpcore"}])
def test_every_name_in_the_table_is_a_class_of_its_library(name):
    libraries = {"aiohttp": aiohttp, "httpx": httpx, "httpcore": httpcore}
    found = getattr(libraries[name.split(".")[0]], name.rpartition(".")[2])
    assert f"{found.__module__}.{found.__qualname__}" == name
