"""What a browser session holds, as data: checked when it comes back, compared when it was restored.

It is a secret: whoever has it is logged in. Only `described` is for logs and events.
"""

from collections.abc import Mapping
from typing import Any

from outlast.errors import ValidationError

__all__ = ["VERSION", "checked", "cookie_names", "described", "empty", "missing_after", "reduced"]

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
    wrong = [*_storage_complaints(state.get("storage_state")), *_page_complaints(state.get("pages", []))]
    if wrong:
        raise ValidationError("the browser state is not valid: " + "; ".join(wrong), context={"complaints": wrong})
    return {**empty(str(state.get("session_id", ""))), **state}


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


def _storage_complaints(storage: object) -> list[str]:
    if not isinstance(storage, Mapping):
        return ["$.storage_state: must be a mapping"]
    told = []
    for key, needed in (("cookies", _IDENTITY), ("origins", ("origin",))):
        rows = storage.get(key, [])
        if not isinstance(rows, list):
            told.append(f"$.storage_state.{key}: must be a list")
            continue
        told += [
            f"$.storage_state.{key}[{n}]: needs {', '.join(needed)}"
            for n, row in enumerate(rows)
            if not _has(row, needed)
        ]
    return told


def _page_complaints(pages: object) -> list[str]:
    if not isinstance(pages, list):
        return ["$.pages: must be a list"]
    return [f"$.pages[{n}]: needs name, url" for n, page in enumerate(pages) if not _has(page, ("name", "url"))]


def _has(row: object, keys: tuple[str, ...]) -> bool:
    return isinstance(row, Mapping) and all(isinstance(row.get(key), str) for key in keys)
