"""When are two failures of a kind? When their signatures are equal: type, code, and the message without its particulars."""

import re
from http import HTTPStatus

__all__ = ["MESSAGE_MAX", "SIGNATURE_MAX", "mask", "signature"]

SIGNATURE_MAX = 300
MESSAGE_MAX = 500

_PHRASES = "|".join(sorted((re.escape(status.phrase) for status in HTTPStatus), key=len, reverse=True))
# In this order: what is kept comes first, and a text in quotes goes as a whole, whatever stands in it.
_PARTICULARS = re.compile(
    rf"""
      (?P<kept> net::ERR_\w+ | \[Errno\ -?\d+\]
              | \b(?:HTTP(?:/[\d.]+)?|status(?:[\ _]?code)?)\W{{0,3}}[1-5]\d\d\b
              | \b[1-5]\d\d(?=,?\ (?:{_PHRASES})\b) )
    | (?P<url>  \b[a-z][a-z0-9+.-]{{1,15}}://[^\s'"<>)]+ )
    | (?P<uuid> \b[0-9a-f]{{8}}-(?:[0-9a-f]{{4}}-){{3}}[0-9a-f]{{12}}\b )
    | (?P<text> (?<!\w)(?:'[^']*'|"[^"]*"|`[^`]*`)(?!\w) )
    | (?P<hex>  \b0x[0-9a-f]+\b | \b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{{8,}}\b )
    | (?P<n>    \d+(?:[.,]\d+)* )
    """,
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)


def signature(type_name: str, code: str | None, message: str) -> str:
    """The signature of a failure of this type, with this code (a status, an errno, a `net::ERR_`), that says `message`."""
    first_line = message.strip().partition("\n")[0][:MESSAGE_MAX]
    return " ".join(filter(None, (type_name, code, mask(first_line))))[:SIGNATURE_MAX].rstrip()


def mask(text: str) -> str:
    """The text with numbers, hex, UUIDs, URLs and quoted words masked; HTTP statuses and `net::ERR_` codes stay."""
    return _PARTICULARS.sub(lambda match: match[0] if match["kept"] else f"<{match.lastgroup}>", text)
