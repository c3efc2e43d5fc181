"""Values as TOML writes them, on one line each."""

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["toml_key", "toml_value"]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
# JSON leaves them as they are. A terminal would obey some, TOML does not take DEL, and no file takes halves of characters.
_CODED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_INTEGERS_EXACT_MAX = 1e15


def toml_value(value: Any) -> str:
    """The value as text that reads back as the same value. Raises `TypeError` for what TOML has no word for."""
    match value:
        case bool():
            return str(value).lower()
        case float() if value.is_integer() and abs(value) < _INTEGERS_EXACT_MAX:
            return str(int(value))
        case int() | float():
            return repr(value)
        case str():
            return _CODED.sub(_code, json.dumps(value, ensure_ascii=False))
        case list() | tuple():
            return f"[{', '.join(map(toml_value, value))}]"
        case Mapping():
            pairs = (f"{toml_key(str(key))} = {toml_value(each)}" for key, each in value.items())
            return f"{{ {', '.join(pairs)} }}" if value else "{}"
        case _:
            raise TypeError(f"TOML has no word for {value!r}")


def toml_key(key: str) -> str:
    """A key, in quotes where it needs them."""
    return key if _BARE.fullmatch(key) else toml_value(key)


def _code(found: re.Match[str]) -> str:
    # Half of a character is shown as the character that stands for what cannot be told.
    half = "\ud800" <= found[0] <= "\udfff"
    return "\\uFFFD" if half else f"\\u{ord(found[0]):04X}"
