"""Secrets out of what is shown: addresses that hold a password, a token or a key."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["MASK", "masked_url", "without"]

MASK = "***"
SECRET_MIN = 4
"""What is shorter than so many characters is masked as a part of the whole address only."""


def masked_url(url: str) -> str:
    """Where it goes, without what opens the door: of a web address scheme and host, of others the scheme alone."""
    scheme, found, rest = url.partition("://")
    if not found or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return MASK
    if scheme.lower() not in {"http", "https"}:
        return f"{scheme}://{MASK}"
    host = rest.partition("/")[0].partition("?")[0].partition("#")[0].rpartition("@")[2]
    return f"{scheme}://{host}/{MASK}"


def without(text: str, urls: Iterable[str]) -> str:
    """The text without these addresses, and without any part of them that may be a secret."""
    for url in urls:
        text = text.replace(url, masked_url(url))
        for part in sorted(_parts(url), key=len, reverse=True):
            text = text.replace(part, MASK)
    return text


def _parts(url: str) -> set[str]:
    rest = url.partition("://")[2]
    try:
        split = urlsplit(url)
        host, query = split.hostname or "", parse_qsl(split.query)
    except ValueError:
        host, query = "", []
    if not url.lower().startswith(("http://", "https://")):
        host = ""
    pieces = {piece for piece in re.split(r"[/?#@:&]", rest) if piece.lower() != host}
    pieces |= {value for _, value in query}
    pieces |= {unquote(piece) for piece in pieces}
    return {piece for piece in pieces if len(piece) >= SECRET_MIN}
