"""What a browser session holds, as data: checked when it comes back, compared when it was restored.

It is a secret: whoever has it is logged in. Only `described` is for logs and events.
"""

from collections.abc import Callable, Mapping
from typing import Any

from outlast.errors import ValidationError

__all__ = ["VERSION", "can_be_restored", "checked", "cookie_names", "described", "empty", "missing_after", "reduced"]

VERSION = 1

# What stands in every cookie, and makes it the one it is.
_IDENTITY = ("name", "domain", "path")


def empty(session_id: str) -> dict[str, Any]:
    """The state of a session that has had no browser yet."""
    return {
        "version": VERSION,
        "session_id": session_id,
        "captured_at": None,
        "generation": 0,
        "engine": None,
        "engine_version": None,
        "storage_state": {"cookies": [], "origins": []},
        "pages": [],
        "partial": False,
        "missing": [],
        "source": "empty",
    }


def checked(state: object) -> dict[str, Any]:
    """The state, if it is one that this version can restore. Raises `ValidationError` that names what is wrong, without values."""
    if not isinstance(state, Mapping):
        raise ValidationError(f"a browser state is a mapping, not {type(state).__name__}")
    if state.get("version") != VERSION:
        raise ValidationError(
            f"a browser state of version {state.get('version')!r}: this release restores version {VERSION}"
        )
    wrong = [*_storage_complaints(state.get("storage_state")), *_complaints("$.pages", state.get("pages", []))]
    if not _are(_is_text, state.get("missing", [])):
        wrong.append("$.missing: must be a list of texts")
    if wrong:
        raise ValidationError("the browser state is not valid: " + "; ".join(wrong), context={"complaints": wrong})
    blank = empty(str(state.get("session_id", "")))
    return {**blank, **state, "storage_state": {**blank["storage_state"], **state["storage_state"]}}


def reduced(state: dict[str, Any], engine: str) -> dict[str, Any]:
    """What of the state another engine can take: cookies and storage, no pages."""
    if state["engine"] in (None, engine) or not state["pages"]:
        return state
    return {**state, "pages": [], "partial": True, "missing": [*state["missing"], "pages"]}


def cookie_names(cookies: list[dict[str, Any]], now: float) -> set[tuple[str, ...]]:
    """Which cookies there are, without the expired ones. `now` is in seconds since 1970; those of a session never expire."""
    return {
        tuple(str(each.get(key, "")) for key in _IDENTITY)
        for each in cookies
        if not 0 < float(each.get("expires", -1)) <= now
    }


def missing_after(wanted: Mapping[str, Any], found: Mapping[str, Any], now: float) -> list[str]:
    """What of a storage state is not there after it was restored, in words that tell no values."""
    lost = cookie_names(wanted.get("cookies", []), now) - cookie_names(found.get("cookies", []), now)
    told = [f"{len(lost)} cookies"] if lost else []
    there = {each["origin"]: len(each.get("localStorage", [])) for each in found.get("origins", [])}
    for origin in wanted.get("origins", []):
        entries = len(origin.get("localStorage", []))
        if there.get(origin["origin"], 0) < entries:
            told.append(f"local storage of {origin['origin']}")
    return told


def described(state: Mapping[str, Any]) -> dict[str, Any]:
    """How much there is in a state: counts, and no values."""
    storage = state.get("storage_state") or {}
    return {
        "cookies": len(storage.get("cookies", [])),
        "origins": len(storage.get("origins", [])),
        "pages": len(state.get("pages", [])),
        "partial": bool(state.get("partial")),
        "missing": list(state.get("missing", [])),
        "source": state.get("source"),
    }


def can_be_restored(page: Mapping[str, Any]) -> bool:
    """Whether this is a named page as `checked` wants it: a hostile one may say anything of itself."""
    return not _complaints("$.pages", [page])


def _storage_complaints(storage: object) -> list[str]:
    if not isinstance(storage, Mapping):
        return ["$.storage_state: must be a mapping"]
    places = ("$.storage_state.cookies", "$.storage_state.origins")
    return [each for place in places for each in _complaints(place, storage.get(place.rpartition(".")[2], []))]


def _complaints(place: str, rows: object) -> list[str]:
    """What is wrong with these rows; without values, for they are secrets."""
    if not isinstance(rows, list):
        return [f"{place}: must be a list"]
    needed, optional = _ROWS[place]
    told = []
    for n, row in enumerate(rows):
        if not isinstance(row, Mapping) or not all(isinstance(row.get(key), str) for key in needed):
            told.append(f"{place}[{n}]: needs {', '.join(needed)}")
            continue
        told += [
            f"{place}[{n}].{key}: must be {words}"
            for key, (words, fits) in optional.items()
            if key in row and not fits(row[key])
        ]
    return told


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are(fits: Callable[[object], bool], value: object, length: int | None = None) -> bool:
    return isinstance(value, list | tuple) and length in (None, len(value)) and all(fits(each) for each in value)


def _are_mappings(value: object) -> bool:
    return _are(lambda each: isinstance(each, Mapping), value)


_ROWS: Mapping[str, tuple[tuple[str, ...], Mapping[str, tuple[str, Callable[[object], bool]]]]] = {
    "$.storage_state.cookies": (_IDENTITY, {"expires": ("a number", _is_number)}),
    "$.storage_state.origins": (
        ("origin",),
        dict.fromkeys(("localStorage", "indexedDB"), ("a list of mappings", _are_mappings)),
    ),
    "$.pages": (
        ("name", "url"),
        {
            "origin": ("a text", _is_text),
            "scroll": ("two numbers", lambda value: _are(_is_number, value, 2)),
            "session_storage": (
                "a list of pairs of texts",
                lambda value: _are(lambda each: _are(_is_text, each, 2), value),
            ),
        },
    ),
}
