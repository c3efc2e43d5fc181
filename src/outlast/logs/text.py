"""What may stand in a log line: secrets masked, control characters escaped, every value plain JSON."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["Mask", "escaped", "masking"]

MASK = "***"
DEPTH_MAX = 8

# Controls, line separators, bidirectional overrides, lone surrogates: they could forge, hide or break a line.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_QUOTED = r""" "(?:[^"\\]|\\.)*+" | '(?:[^'\\]|\\.)*+' """
_REST_OF_LINE = r"[^\r\n]++"
_WORD = r"""(?:(?:basic|bearer|digest|token)\s+)?[^\s"'&,;)\]}]++"""

Mask = Callable[[Any], Any]


def masking(names: Iterable[str]) -> Mask:
    """A function that makes a value plain JSON and writes `***` for what belongs to a key that ends in one of `names`.

    Case, and `-` against `_`, do not matter: `api_key` covers `X-API-Key` and `apiKey`. In a string, `key=value`,
    `"key": "value"` and `Key: value` are masked.
    """
    words = "|".join(re.escape(each).replace(r"\-", "_").replace("_", "[-_]?") for each in sorted(names))
    if not words:
        return lambda value: _plain(value, lambda _: False, lambda text: text, DEPTH_MAX)
    key = re.compile(rf"(?:{words})\Z", re.IGNORECASE)
    pair = re.compile(
        rf"""(?P<name>(?:{words}))
             (?:(?P<sign>["']?\s*=\s*|["']\s*:\s*)(?P<value>{_QUOTED}|["'\[{{]{_REST_OF_LINE}|{_WORD})
             |  (?P<colon>:\s*)(?P<inner>{_QUOTED}|{_REST_OF_LINE}))""",
        re.IGNORECASE | re.VERBOSE,
    )
    return lambda value: _plain(
        value, lambda name: bool(key.search(name)), lambda text: pair.sub(_hidden, text), DEPTH_MAX
    )


def escaped(text: str, *, keep: str = "") -> str:
    """The text on one line, with nothing in it that a terminal would obey; characters in `keep` stay."""
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else _code(found[0]), text)


def _code(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _hidden(found: re.Match[str]) -> str:
    value = found["value"] or found["inner"]
    quote = value[0] if value[0] in "\"'" and value[-1] == value[0] else ""
    return f"{found['name']}{found['sign'] or found['colon']}{quote}{MASK}{quote}"


def _plain(value: Any, secret: Callable[[str], bool], clean: Callable[[str], str], depth: int) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth and isinstance(value, Mapping):
        return {
            str(key): MASK if secret(str(key)) else _plain(inner, secret, clean, depth - 1)
            for key, inner in value.items()
        }
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_plain(each, secret, clean, depth - 1) for each in value]
    return clean(str(value))
