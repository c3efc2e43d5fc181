"""When are two failures of a kind? When their signatures are equal.

A signature is the type, the code, the place in the user's code, and the message without its particulars. An exception may
bring its own instead: `error.fingerprint`, a tuple of texts.
"""

import re
from http import HTTPStatus

from outlast.failure.facts import attribute

__all__ = ["MESSAGE_MAX", "SIGNATURE_MAX", "fingerprint", "mask", "signature"]

SIGNATURE_MAX = 300
MESSAGE_MAX = 500

_PHRASES = "|".join(sorted((re.escape(status.phrase) for status in HTTPStatus), key=len, reverse=True))
# In this order: what is kept comes first (codes, and what Python and JavaScript quote of the program itself), and a text in quotes goes as a whole, whatever stands in it.
_PARTICULARS = re.compile(
    rf"""
      (?P<kept> net::ERR_\w+ | \[Errno\ -?\d+\]
              | \b(?:HTTP(?:/[\d.]+)?|status(?:[\ _]?code)?)(?!://)\W{{0,3}}[1-5]\d\d\b
              | \b[1-5]\d\d(?=,?\ (?:{_PHRASES})\b)
              | (?<=\battribute\ )'[a-z_]+' | (?<=\bargument\ )'[a-z_]+' | (?<=\breading\ )'[a-z_]+'
              | (?<=\bname\ )'[a-z_]+'(?=\ is\ not\ defined) | '[a-z_]+'(?=\ object\b) | \A'[a-z_]+'\Z )
    | (?P<url>  \b[a-z][a-z0-9+.-]{{1,15}}://[^\s'"<>)]+ )
    | (?P<uuid> \b[0-9a-f]{{8}}-(?:[0-9a-f]{{4}}-){{3}}[0-9a-f]{{12}}\b )
    | (?P<text> (?<!\w)(?:'[^']*'|"[^"]*"|`[^`]*`)(?!\w) )
    | (?P<path> (?<![\w.<>/])(?:/[\w.@~+%=-]+){{2,}}/? | \b[a-z]:\\[\w.\\@~+%=-]+ )
    | (?P<host> (?<=\bhost\ )[\w.-]+(?::\d+)? | \b(?:\d{{1,3}}\.){{3}}\d{{1,3}}\b(?::\d+)?
              | \b(?:[a-z0-9-]+\.)+[a-z]{{2,}}:\d+\b | \b[\w.+-]+@(?:[a-z0-9-]+\.)+[a-z]{{2,}}\b )
    | (?P<hex>  \b0x[0-9a-f]+\b | \b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{{8,}}\b )
    | (?P<n>    \d+(?:[.,]\d+)* )
    """,
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)


def signature(type_name: str, code: str | None, message: str, frame: str | None = None) -> str:
    """The signature of a failure of this type, with this code (a status, an errno, a `net::ERR_`), that says `message`.

    `frame` is the place where it happened, as `file.py:function`.
    """
    first_line = message.strip().partition("\n")[0][:MESSAGE_MAX]
    return " ".join(filter(None, (type_name, code, frame, mask(first_line))))[:SIGNATURE_MAX].rstrip()


def fingerprint(error: BaseException) -> str | None:
    """The signature that the error brings itself, in its attribute `fingerprint`; None without a sequence of texts there."""
    own = attribute(error, "fingerprint")
    if not isinstance(own, tuple | list) or not own or not all(isinstance(part, str) for part in own):
        return None
    text = " ".join(" ".join(own).split()).encode("utf-8", "replace").decode()
    return text[:SIGNATURE_MAX].rstrip() or None


def mask(text: str) -> str:
    """The text with numbers, hex, UUIDs, URLs, paths, hosts and quoted words masked; HTTP statuses and `net::ERR_` codes stay."""
    return _PARTICULARS.sub(lambda match: match[0] if match["kept"] else f"<{match.lastgroup}>", text)
