"""What may stand in a log line: secrets masked, control characters escaped, every value plain JSON and of bounded size."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from outlast.secrecy import secret_names

__all__ = ["MARGIN", "TEXT_MAX", "Mask", "clipped", "concealed", "escaped", "masking"]

MASK = "***"
DEPTH_MAX = 8
MEMBERS_MAX = 100
"""How many members of one list or object are written; what is left out is counted."""
KEY_MAX = 200
TEXT_MAX = 10_000
"""How many characters of one text are written."""

INTEGER_BITS_MAX = 256
MARGIN = 1_000
"""How much is looked at beyond what is written, so that a secret which ends just there is found as a whole."""

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

    Case, and `-` against `_`, do not matter: `api_key` covers `X-API-Key` and `apiKey`. A key is that of an object, the first of
    two in a list of pairs or in a pair, or an option before its argument. In a string, `key=value`, `"key": "value"` and
    `Key: value` are masked, and so are name and password in a URL. A text of more than `longest` characters is cut. Without
    names nothing is masked.
    """
    hiding = _hiding(frozenset(names))

    def clean(text: str) -> str:
        read = text[: longest + MARGIN]
        return clipped(hiding.hidden(read), longest, also=len(text) - len(read))

    return lambda value: _plain(value, hiding, clean, DEPTH_MAX)


def concealed(text: str, longest: int) -> str:
    """The text without its secrets, as far as needs be read to show `longest` characters of it."""
    return _hiding(secret_names()).hidden(text[: longest + MARGIN])


class _Hiding:
    """Finds what belongs to certain names."""

    def __init__(self, names: frozenset[str]) -> None:
        words = "|".join(re.escape(each).replace(r"\-", "_").replace("_", "[-_]?") for each in sorted(names))
        self._key = re.compile(rf"(?:{words})\Z" if words else r"(?!)", re.IGNORECASE)
        self._pair = re.compile(
            rf"""(?P<name>(?:{words}))
                 (?:(?P<sign>["']?\s*=\s*|["']\s*:\s*)(?P<value>{_QUOTED}|["'\[{{]{_REST_OF_LINE}|{_WORD})
                 |  (?P<colon>:\s*)(?P<inner>{_QUOTED}|{_REST_OF_LINE}))""",
            re.IGNORECASE | re.VERBOSE,
        )
        self._hides = bool(words)

    def is_key(self, name: str) -> bool:
        """Whether what belongs to this name is a secret."""
        return bool(self._key.search(name[-KEY_MAX:]))

    def hidden(self, text: str) -> str:
        if not self._hides:
            return text
        return self._pair.sub(_hidden, _USERINFO.sub(f"{MASK}@", text) if "://" in text else text)


_hiding = lru_cache(maxsize=16)(_Hiding)


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


def _plain(value: Any, hiding: _Hiding, clean: Callable[[str], str], depth: int, *, within: bool = False) -> Any:
    """The value as JSON has it; `within`: it stands in a list."""
    if value is None or isinstance(value, int | float):
        return _number(value)
    if depth and isinstance(value, Mapping):
        members = {
            clipped(hiding.hidden(key[: KEY_MAX + MARGIN]), KEY_MAX): MASK
            if hiding.is_key(key)
            else _plain(inner, hiding, clean, depth - 1)
            for key, inner in ((_name(name), inner) for name, inner in islice(value.items(), MEMBERS_MAX))
        }
        return members if len(value) <= MEMBERS_MAX else {**members, "...": f"{len(value) - MEMBERS_MAX} more"}
    if depth and isinstance(value, list | tuple | set | frozenset):
        some = list(islice(value, MEMBERS_MAX))
        is_pair = len(some) == 2 and (within or isinstance(value, tuple))
        plain = [
            MASK
            if before is not None and _announces(before, hiding, is_pair=is_pair)
            else _plain(each, hiding, clean, depth - 1, within=True)
            for before, each in zip([None, *some], some, strict=False)
        ]
        return plain if len(value) <= MEMBERS_MAX else [*plain, f"... {len(value) - MEMBERS_MAX} more"]
    return clean(_text(value))


def _announces(before: Any, hiding: _Hiding, *, is_pair: bool) -> bool:
    """Whether what stands in a list behind this is a secret: a header's value, the argument of `--password`."""
    if not isinstance(before, str | bytes):
        return False
    name = _name(before)
    return (is_pair or name.startswith("-")) and hiding.is_key(name)


def _number(value: Any) -> Any:
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS_MAX:
        return f"an integer of {value.bit_length()} bits"
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _name(value: Any) -> str:
    """A key as text: libraries give headers as bytes."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else _text(value)


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - whatever somebody's object does, its line is written
        return f"<{type(value).__name__} that cannot be told: {type(error).__name__}>"
