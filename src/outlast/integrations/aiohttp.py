"""`http`: the aiohttp session that a job's handlers share (extra `http`)."""

import aiohttp

__all__ = ["http_session"]

CONNECT_SECONDS = 30.0


def http_session() -> aiohttp.ClientSession:
    """A session without limits of its own: the job's concurrency bounds the connections, its timeout each attempt.

    Nor does it repeat by itself what breaks off: that is an attempt that failed, and the job's to repeat.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        middlewares=(_once,),
    )


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        # aiohttp sends a GET again at these two, and there is no option against it; a host that is down would be asked twice.
        raise aiohttp.ClientConnectionResetError(*error.args) from error
