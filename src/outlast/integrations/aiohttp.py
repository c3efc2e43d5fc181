"""`http`: the aiohttp session that a job's handlers share (extra `http`)."""

import aiohttp

__all__ = ["http_session"]

CONNECT_SECONDS = 30.0


def http_session() -> aiohttp.ClientSession:
    """A session without limits of its own: the job's concurrency bounds the connections, its timeout each attempt."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
    )
