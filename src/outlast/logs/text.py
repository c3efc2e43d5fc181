"""What may stand in a log line: secrets masked, control characters escaped, every value plain JSON and of bounded size."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

__all__ = ["TEXT_MAX", "Mask", "clipped", "escaped", "masking"]

MASK = "***"
DEPTH_MAX = 8
MEMBERS_MAX = 100
"""How many members of one list or object are written; what is left out is counted."""
KEY_MAX = 200
TEXT_MAX = 10_000
"""How many characters of one text are written."""

INTEGER_BITS_MAX = 256
# What is looked at beyond what is written, so that a secret which ends just there is found as a whole.
_MARGIN = 1_000

# Controls, line separators, bidirectional overrides, lone surrogates: they could forge, hide or break a line.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_QUOTED = r""" "(?:[^"\\]|\\.)*+" | '(?:[^'\\]|\\.)*+' """
_REST_OF_LINE = r"[^\r\n]++"
_WORD = r"""(?:(?:basic|bearer|digest|token)\s+)?[^\s"'&,;)\]}]++"""
# Name and password before the host of a URL.
_USERINFO = re.compile(r"""(?<=://)[^\s/?#"'<>]*@""")

Mask = Callable[[Any], Any]


def masking(names: Iterable[str], *, longest: int = TEXT_MAX) -> Mask:
    """A function that makes a value plain JSON and writes `***` for what belongs to a key that ends in one of `names`.

    Case, and `-` against `_`, do not matter: `api_key` covers `X-API-Key` and `apiKey`. In a string, `key=value`,
    `"key": "value"` and `Key: value` are masked, and so are name and password in a URL. A text of more than `longest` characters
    is cut. Without names nothing is masked.
    """
    words = "|".join(re.escape(each).replace(r"\-", "_").replace("_", "[-_]?") for each in sorted(names))
    if not words:
        return lambda value: _plain(value, lambda _: False, lambda text: clipped(text, longest), DEPTH_MAX)
    key = re.compile(rf"(?:{words})\Z", re.IGNORECASE)
    pair = re.compile(
        rf"""(?P<name>(?:{words}))
             (?:(?P<sign>["']?\s*=\s*|["']\s*:\s*)(?P<value>{_QUOTED}|["'\[{{]{_REST_OF_LINE}|{_WORD})
             |  (?P<colon>:\s*)(?P<inner>{_QUOTED}|{_REST_OF_LINE}))""",
        re.IGNORECASE | re.VERBOSE,
    )

    def clean(text: str) -> str:
        read = text[: longest + _MARGIN]
        seen = pair.sub(_hidden, _USERINFO.sub(f"{MASK}@", read) if "://" in read else read)
        return clipped(seen, longest, also=len(text) - len(read))

    return lambda value: _plain(value, lambda name: bool(key.search(name)), clean, DEPTH_MAX)


def escaped(text: str, *, keep: str = "") -> str:
    """The text on one line, with nothing in it that a terminal would obey; characters in `keep` stay."""
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else _code(found[0]), text)


def clipped(text: str, longest: int, *, also: int = 0) -> str:
    """The first `longest` characters of a text, and how many there are beyond them; `also` are more that were cut off before."""
    left = max(0, len(text) - longest) + also
    return f"{text[:longest]}... ({left} more characters)" if left else text


def _code(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _hidden(found: re.Match[str]) -> str:
    value = found["value"] or found["inner"]
    quote = value[0] if value[0] in "\"'" and value[-1] == value[0] else ""
    return f"{found['name']}{found['sign'] or found['colon']}{quote}{MASK}{quote}"


def _plain(value: Any, secret: Callable[[str], bool], clean: Callable[[str], str], depth: int) -> Any:
    if value is None or isinstance(value, int | float):
        return _number(value)
    if depth and isinstance(value, Mapping):
        members = {
            clipped(key, KEY_MAX): MASK if secret(key[-KEY_MAX:]) else _plain(inner, secret, clean, depth - 1)
            for key, inner in ((_text(name), inner) for name, inner in islice(value.items(), MEMBERS_MAX))
        }
        return members if len(value) <= MEMBERS_MAX else {**members, "...": f"{len(value) - MEMBERS_MAX} more"}
    if depth and isinstance(value, list | tuple | set | frozenset):
        some = [_plain(each, secret, clean, depth - 1) for each in islice(value, MEMBERS_MAX)]
        return some if len(value) <= MEMBERS_MAX else [*some, f"... {len(value) - MEMBERS_MAX} more"]
    return clean(_text(value))


def _number(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS_MAX:
        return f"an integer of {value.bit_length()} bits"
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - whatever somebody's object does, its line is written
        return f"<{type(value).__name__} that cannot be told: {type(error).__name__}>"
