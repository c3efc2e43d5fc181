"""What is wrong with a configuration: every complaint at once, each with its path and the nearest valid key."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NotRequired, TypedDict

from pydantic import ValidationError

from outlast.errors import ConfigurationError

__all__ = ["Complaint", "WrongEntryError", "complaints_of", "nearest", "refusal"]

SHOWN_MAX = 60
# pydantic says "Input should be", "String should have": the path is the subject already.
_SUBJECT = re.compile(r"^\w+ (?=should )")


class WrongEntryError(ValueError):
    """One entry of a table is wrong; it says which, and what was given."""


class Complaint(TypedDict):
    """`path` is dotted (`checkpoint.interval`), and empty where the whole is meant; `layer` says where it was written."""

    path: str
    problem: str
    nearest: str | None
    layer: NotRequired[str]


def refusal(complaints: Sequence[Complaint]) -> ConfigurationError:
    """The error that carries all `complaints`, in its message and in `context["complaints"]`."""
    lines = [_line(each) for each in complaints]
    message = lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} complaints:", *lines])
    return ConfigurationError(message, context={"complaints": list(complaints)})


def complaints_of(error: ValidationError, keys: Iterable[str]) -> list[Complaint]:
    """What pydantic found, in our words. `keys` are the model's own; a section inside has complained for itself."""
    known = list(keys)
    found: list[Complaint] = []
    for row in error.errors(include_url=False):
        path, cause = _dotted(row["loc"]), row.get("ctx", {}).get("error")
        if row["type"] == "extra_forbidden":
            found.append({"path": path, "problem": "unknown key", "nearest": nearest(path, known)})
        elif isinstance(cause, ConfigurationError):
            found.extend(_inside(path, inner) for inner in cause.context["complaints"])
        elif row["type"] == "missing":
            found.append({"path": path, "problem": "is missing", "nearest": None})
        elif row["type"] == "model_type":
            found.append({"path": path, "problem": "is a section: it should hold keys", "nearest": None})
        else:
            problem = str(cause) if cause else _SUBJECT.sub("", row["msg"])
            # What is wrong with the whole is in how its keys go together, and names them.
            is_told = not path or isinstance(cause, WrongEntryError)
            given = "" if is_told else f", not {_shown(row['input'])}"
            found.append({"path": path, "problem": f"{problem}{given}", "nearest": None})
    return found


def nearest(key: str, known: Iterable[str]) -> str | None:
    """The valid key that was probably meant."""
    return next(iter(get_close_matches(key, list(known), n=1)), None)


def _inside(section: str, complaint: Complaint) -> Complaint:
    path = ".".join(filter(None, (section, complaint["path"])))
    return {"path": path, "problem": complaint["problem"], "nearest": complaint["nearest"]}


def _line(complaint: Complaint) -> str:
    hint = f"; did you mean {complaint['nearest']!r}?" if complaint["nearest"] else ""
    return ": ".join(filter(None, (complaint.get("layer"), complaint["path"], complaint["problem"]))) + hint


def _dotted(location: Iterable[int | str]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).removeprefix(".")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."
