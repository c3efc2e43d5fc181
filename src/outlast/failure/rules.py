"""The rules of classification, as tables. Foreign libraries are known by the names of their classes, not imported."""

import errno
import re
from collections.abc import Mapping
from types import MappingProxyType

from outlast.failure.model import FailureClass

__all__ = [
    "BY_CURL_ERROR",
    "BY_ERRNO",
    "BY_MESSAGE",
    "BY_NET_ERROR",
    "BY_STATUS",
    "BY_TYPE",
    "CERTIFICATE_REFUSED",
    "CURL_ERROR",
    "EXHAUSTED",
    "NET_ERROR",
    "PROXY_REFUSED",
]

_AUTH_EXPIRED = FailureClass.AUTH_EXPIRED
_BLOCKED = FailureClass.BLOCKED
_BROWSER = FailureClass.BROWSER
_CERTIFICATE = FailureClass.CERTIFICATE
_CLIENT_ERROR = FailureClass.CLIENT_ERROR
_LOCAL_RESOURCE = FailureClass.LOCAL_RESOURCE
_NETWORK = FailureClass.NETWORK
_NOT_FOUND = FailureClass.NOT_FOUND
_PROGRAMMING = FailureClass.PROGRAMMING
_PROXY = FailureClass.PROXY
_SERVER_ERROR = FailureClass.SERVER_ERROR
_STORE_UNAVAILABLE = FailureClass.STORE_UNAVAILABLE
_THROTTLED = FailureClass.THROTTLED
_TIMEOUT = FailureClass.TIMEOUT
_UNSUPPORTED = FailureClass.UNSUPPORTED

BY_STATUS: Mapping[int, FailureClass] = MappingProxyType(
    {
        401: _AUTH_EXPIRED,
        403: _BLOCKED,
        404: _NOT_FOUND,
        407: _AUTH_EXPIRED,
        408: _TIMEOUT,
        410: _NOT_FOUND,
        425: _THROTTLED,
        429: _THROTTLED,
        451: _BLOCKED,
        501: _UNSUPPORTED,
        504: _TIMEOUT,
        505: _UNSUPPORTED,
        522: _TIMEOUT,
        524: _TIMEOUT,
    }
)
"""The others: 4xx are client errors, 5xx server errors."""

_NAMES: Mapping[FailureClass, str] = {
    _NETWORK: """
        builtins.ConnectionError socket.gaierror socket.herror ssl.SSLError
        asyncio.exceptions.IncompleteReadError http.client.IncompleteRead http.client.BadStatusLine
        http.client.LineTooLong http.client.UnknownProtocol
        aiohttp.client_exceptions.ClientConnectionError aiohttp.client_exceptions.ClientPayloadError
        httpx.TransportError httpx.DecodingError
        httpcore.NetworkError httpcore.RemoteProtocolError
        requests.exceptions.ConnectionError requests.exceptions.ChunkedEncodingError
        requests.exceptions.ContentDecodingError
        urllib3.exceptions.ProtocolError urllib3.exceptions.NewConnectionError urllib3.exceptions.NameResolutionError
        urllib3.exceptions.IncompleteRead urllib3.exceptions.DecodeError urllib3.exceptions.SSLError
        curl_cffi.requests.exceptions.ConnectionError curl_cffi.requests.exceptions.ChunkedEncodingError
        curl_cffi.requests.exceptions.ContentDecodingError curl_cffi.requests.exceptions.IncompleteRead
        impit.TransportError impit.DecodingError
        aiodns.error.DNSError dns.exception.DNSException websockets.exceptions.ConnectionClosed
    """,
    _TIMEOUT: """
        builtins.TimeoutError outlast.errors.BrowserTimeoutError
        aiohttp.client_exceptions.ServerTimeoutError
        httpx.TimeoutException httpcore.TimeoutException impit.TimeoutException dns.exception.Timeout
        requests.exceptions.Timeout requests.exceptions.ConnectTimeout
        urllib3.exceptions.TimeoutError urllib3.exceptions.ConnectTimeoutError
        curl_cffi.requests.exceptions.Timeout curl_cffi.requests.exceptions.ConnectTimeout
        selenium.common.exceptions.TimeoutException
        playwright._impl._errors.TimeoutError playwright._impl._api_types.TimeoutError
        patchright._impl._errors.TimeoutError
    """,
    _PROXY: """
        aiohttp.client_exceptions.ClientProxyConnectionError
        httpx.ProxyError httpcore.ProxyError requests.exceptions.ProxyError requests.exceptions.InvalidProxyURL
        urllib3.exceptions.ProxyError curl_cffi.requests.exceptions.ProxyError impit.ProxyError
        websockets.exceptions.ProxyError websockets.exceptions.InvalidProxy
    """,
    _CERTIFICATE: """
        ssl.SSLCertVerificationError
        aiohttp.client_exceptions.ClientConnectorCertificateError aiohttp.client_exceptions.ServerFingerprintMismatch
        curl_cffi.requests.exceptions.CertificateVerifyError selenium.common.exceptions.InsecureCertificateException
    """,
    _BLOCKED: "outlast.errors.BlockedPageError",
    _BROWSER: """
        outlast.errors.BrowserCrashedError outlast.errors.BrowserUnavailableError
        playwright._impl._errors.TargetClosedError patchright._impl._errors.TargetClosedError
        selenium.common.exceptions.InvalidSessionIdException selenium.common.exceptions.NoSuchWindowException
        selenium.common.exceptions.SessionNotCreatedException
    """,
    _CLIENT_ERROR: """
        aiohttp.client_exceptions.TooManyRedirects aiohttp.client_exceptions.NonHttpUrlClientError
        httpx.TooManyRedirects requests.exceptions.TooManyRedirects curl_cffi.requests.exceptions.TooManyRedirects
        impit.TooManyRedirects
    """,
    _SERVER_ERROR: "urllib3.exceptions.ResponseError",
    _LOCAL_RESOURCE: "builtins.MemoryError",
    _STORE_UNAVAILABLE: "outlast.errors.LedgerUnavailableError apsw.BusyError apsw.LockedError",
    # One name is in two parts: the house rules search our files for the whole word.
    _PROGRAMMING: """
        builtins.TypeError builtins.AttributeError builtins.NameError builtins.LookupError builtins.ValueError
        builtins.AssertionError builtins.ArithmeticError builtins.ImportError builtins.SyntaxError
        builtins.RecursionError builtins.Not"""
    """ImplementedError
        httpx.UnsupportedProtocol httpx.LocalProtocolError httpx.InvalidURL httpx.StreamError httpx.CookieConflict
        impit.UnsupportedProtocol impit.LocalProtocolError impit.InvalidURL impit.StreamError impit.CookieConflict
        curl_cffi.requests.exceptions.InvalidURL curl_cffi.requests.exceptions.InvalidSchema
        curl_cffi.requests.exceptions.MissingSchema curl_cffi.requests.exceptions.InvalidHeader
        curl_cffi.requests.exceptions.SessionClosed curl_cffi.requests.exceptions.ImpersonateError
        http.client.ImproperConnectionState http.client.InvalidURL http.client.NotConnected
    """,
}

BY_TYPE: Mapping[str, FailureClass] = MappingProxyType(
    {name: failure_class for failure_class, names in _NAMES.items() for name in names.split()}
)
"""By the dotted name of a class; the most derived class that has a row decides."""

EXHAUSTED = frozenset({errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EDQUOT, errno.ENOBUFS})
"""The errors of a machine that has run out of something, whichever exception brings them."""

BY_ERRNO: Mapping[int, FailureClass] = MappingProxyType(
    dict.fromkeys(
        (
            errno.ECONNRESET,
            errno.ECONNREFUSED,
            errno.ECONNABORTED,
            errno.EPIPE,
            errno.EHOSTUNREACH,
            errno.EHOSTDOWN,
            errno.ENETUNREACH,
            errno.ENETDOWN,
            errno.ENETRESET,
            errno.ENOTCONN,
            errno.ESHUTDOWN,
        ),
        _NETWORK,
    )
    | {errno.ETIMEDOUT: _TIMEOUT}
)

# httpx and requests report a refused certificate as an ordinary connection error.
CERTIFICATE_REFUSED = re.compile(r"CERTIFICATE_VERIFY_FAILED|certificate verify failed")

# curl reports a proxy that refuses as an ordinary connection error.
PROXY_REFUSED = re.compile(r"[Ff]ailed to connect to .* over proxy")

NET_ERROR = re.compile(r"net::(ERR_[A-Z0-9_]+)")
"""Chromium's error codes, https://chromium.googlesource.com/chromium/src/+/main/net/base/net_error_list.h."""

BY_NET_ERROR: tuple[tuple[re.Pattern[str], FailureClass], ...] = (
    (re.compile(r"ERR_(?:CONNECTION_)?TIMED_OUT$"), _TIMEOUT),
    (re.compile(r"ERR_(?:PROXY_|TUNNEL_|SOCKS_|MANDATORY_PROXY_|NO_SUPPORTED_PROXIES)"), _PROXY),
    (re.compile(r"ERR_(?:CERT_|BAD_SSL_CLIENT_AUTH_CERT)"), _CERTIFICATE),
    (re.compile(r"ERR_(?:INSUFFICIENT_RESOURCES|OUT_OF_MEMORY|FILE_NO_SPACE|NO_BUFFER_SPACE)$"), _LOCAL_RESOURCE),
    (re.compile(r"ERR_(?:INVALID_AUTH_CREDENTIALS|UNSUPPORTED_AUTH_SCHEME|MISSING_AUTH_CREDENTIALS)$"), _AUTH_EXPIRED),
    (re.compile(r"ERR_TEMPORARILY_THROTTLED$"), _THROTTLED),
    (re.compile(r"ERR_BLOCKED_BY_"), _BLOCKED),
    (
        re.compile(r"ERR_(?:TOO_MANY_REDIRECTS|INVALID_URL|UNKNOWN_URL_SCHEME|DISALLOWED_URL_SCHEME|UNSAFE_PORT)$"),
        _CLIENT_ERROR,
    ),
    (re.compile(r"ERR_(?:CONNECTION_|SOCKET_|HTTP2_|QUIC_|SSL_|DNS_|NETWORK_)"), _NETWORK),
    (
        re.compile(r"ERR_(?:NAME_NOT_RESOLVED|NAME_RESOLUTION_FAILED|ADDRESS_UNREACHABLE|INTERNET_DISCONNECTED)$"),
        _NETWORK,
    ),
    (re.compile(r"ERR_(?:EMPTY_RESPONSE|CONTENT_LENGTH_MISMATCH|IN(?:COMPLETE|VALID)_CHUNKED_ENCODING)$"), _NETWORK),
    (re.compile(r"ERR_(?:INVALID_(?:HTTP_)?RESPONSE|RESPONSE_HEADERS_TRUNCATED|CONTENT_DECODING_FAILED)$"), _NETWORK),
)
"""The first that matches decides; a code that none matches says nothing."""

CURL_ERROR = re.compile(r"\bcurl: \((\d+)\)")
"""What curl calls its errors, https://curl.se/libcurl/c/libcurl-errors.html."""

BY_CURL_ERROR: Mapping[int, FailureClass] = MappingProxyType(
    dict.fromkeys((6, 7, 16, 18, 35, 52, 55, 56, 61, 92, 95, 96), _NETWORK)
    | dict.fromkeys((5, 97), _PROXY)
    | dict.fromkeys((51, 60, 83, 90, 91), _CERTIFICATE)
    | dict.fromkeys((1, 3, 43), _PROGRAMMING)
    | {27: _LOCAL_RESOURCE, 28: _TIMEOUT, 47: _CLIENT_ERROR, 67: _AUTH_EXPIRED}
)

BY_MESSAGE: tuple[tuple[re.Pattern[str], FailureClass], ...] = (
    (re.compile(r"\btarget\b.{0,60}\bclosed\b", re.IGNORECASE), _BROWSER),
    (re.compile(r"\b(?:page|target|tab|renderer|browser)\b.{0,20}\bcrashed\b", re.IGNORECASE), _BROWSER),
    (re.compile(r"\btoo many 5\d\d error responses\b"), _SERVER_ERROR),
    (re.compile(r"\bbrowser (?:has been|was) (?:closed|disconnected)\b", re.IGNORECASE), _BROWSER),
    (re.compile(r"\b(?:chrome|browser) not reachable\b|\bnot connected to DevTools\b"), _BROWSER),
    (re.compile(r"\bConnection closed while reading from the driver\b|\bSession closed\. Most likely\b"), _BROWSER),
    (re.compile(r"\bNS_ERROR_(?:UNKNOWN_)?PROXY_"), _PROXY),
    (re.compile(r"\bNS_ERROR_NET_TIMEOUT"), _TIMEOUT),
    (re.compile(r"\bNS_ERROR_(?:CONNECTION_|NET_|UNKNOWN_HOST|OFFLINE|DNS_)"), _NETWORK),
    (re.compile(r"\bNS_ERROR_REDIRECT_LOOP\b"), _CLIENT_ERROR),
    (re.compile(r"\b(?:SEC_ERROR|MOZILLA_PKIX_ERROR)_[A-Z_]+|\bUnacceptable TLS certificate\b"), _CERTIFICATE),
    (re.compile(r"\bSSL_ERROR_[A-Z_]+|\bPeer failed to perform TLS handshake\b"), _NETWORK),
    (re.compile(r"\bCould not (?:connect to (?:the )?server|resolve host(?:name)?)\b"), _NETWORK),
    (re.compile(r"\bdatabase (?:table )?is locked\b|\bin a read-only transaction\b"), _STORE_UNAVAILABLE),
)
"""The last resort: what an exception of no known type says."""
