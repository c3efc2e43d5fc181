"""HTTP on this machine for whoever collects numbers. Who asks may be slow, rude, or many: it is never the job's trouble."""

import io
import logging
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RDWR, socket
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from typing_extensions import override

__all__ = ["CONNECTIONS_MAX", "Server"]

CONNECTIONS_MAX = 8
"""Connections at once, each with a thread; for a further one the oldest is closed."""
SILENCE_SECONDS = 5.0
LOCALHOST = "127.0.0.1"
_NAMES = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?", re.IGNORECASE)

_log = logging.getLogger("outlast.job")


class _Request(WSGIRequestHandler):
    """One request, of which nothing is said on stderr; who is silent for too long is left."""

    timeout = SILENCE_SECONDS

    @override
    def log_message(self, format: str, *args: Any) -> None:
        _log.debug("asked for metrics: %s", format % args)

    @override
    def get_stderr(self) -> Any:
        # A traceback for each client that goes away would stand in the job's view.
        return io.StringIO()


def _for_this_machine(application: Callable[..., Any], path: str) -> Callable[..., Any]:
    """The application at its path alone, and for who calls this machine by its own name.

    A page in a browser here may have its own name lead to 127.0.0.1, and would read what is served; its name stands in `Host`.
    """

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        refused = None
        if _NAMES.fullmatch(environ.get("HTTP_HOST", LOCALHOST)) is None:
            refused = "403 Forbidden"
        elif environ.get("PATH_INFO") != path:
            refused = "404 Not Found"
        if refused is None:
            return application(environ, start_response)
        start_response(refused, [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return []

    return guarded


class Server(ThreadingMixIn, WSGIServer):
    """Serves `application` at `path` of a port of 127.0.0.1 until stopped. Raises `OSError` or `RuntimeError` when it cannot."""

    daemon_threads = True

    def __init__(self, port: int, application: Callable[..., Any], *, path: str) -> None:
        self._open: dict[Any, None] = {}
        self._lock = threading.Lock()
        super().__init__((LOCALHOST, port), _Request)
        self.set_app(_for_this_machine(application, path))
        # A daemon, as those of the connections: nobody who asks keeps the process from its end.
        self._thread = threading.Thread(target=self.serve_forever, name="outlast-metrics", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self.server_close()
            raise

    def stop(self) -> None:
        """Waits for what serves, so not to be called on an event loop."""
        self.shutdown()
        self.server_close()
        with self._lock:
            for each in self._open:
                _cut_off(each)
        self._thread.join()

    @override
    def server_bind(self) -> None:
        # Not as the parents do it: they ask the resolver for a name, which may take its time.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOCALHOST, self.server_address[1]
        self.setup_environ()

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            while len(self._open) >= CONNECTIONS_MAX:
                oldest = next(iter(self._open))
                del self._open[oldest]
                _cut_off(oldest)
            self._open[request] = None
        super().process_request(request, client_address)

    @override
    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("a request for metrics failed: %s", sys.exc_info()[1])


def _cut_off(request: socket) -> None:
    with suppress(OSError):
        request.shutdown(SHUT_RDWR)
