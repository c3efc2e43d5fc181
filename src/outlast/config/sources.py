"""Where settings are read: TOML files and environment variables. Each source answers with values and complaints."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from outlast.config.complaints import Complaint, nearest

__all__ = ["FILE", "Layer", "Source", "environment_source", "toml_source"]

Layer = Literal["default", "pyproject", "job file", "environment", "argument"]

_PREFIX = "OUTLAST_"
# Read elsewhere: keys must not stand in a configuration, the browser's path belongs to the machine, and how a command
# talks to whoever typed it is no setting of a job.
_NOT_SETTINGS = re.compile(
    r"OUTLAST_(ENCRYPTION_KEY.*|CHROMIUM|CONFIG|JSON|PROGRESS|COLOR|QUIET|VERBOSE|LOG_FORMAT|YES)"
)
FILE = "file:"
"""Stands before the path of a file that is meant by what is in it."""
_PATHS = frozenset({"output", "store", "checkpoint.storage_path", "logging.destination", "metrics.textfile"})
_NO_PATHS = frozenset({"", "stderr", "stdout"})
_WITH_FILES = frozenset({"notify.urls", "notify.webhook", "notify.command"})
_LINE = re.compile(r"line (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one layer says. `values` are nested like the configuration; `names` tells what a path is called there.

    `name` is a file's, or what kind of layer it is.
    """

    name: str
    layer: Layer
    values: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()

    def name_of(self, path: str) -> str:
        """What to call the place where `path` was set."""
        return self.names.get(path, self.name)


def toml_source(path: Path, *, layer: Layer = "job file", table: tuple[str, ...] = ()) -> Source:
    """The settings of a TOML file, or of one `table` in it. A file that cannot be read is a complaint with its line."""
    try:
        values: Any = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        return _unreadable(path, layer, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return _unreadable(path, layer, f"line {line}: not UTF-8")
    except tomllib.TOMLDecodeError as error:
        return _unreadable(path, layer, _with_line(str(error), path))
    for step in table:
        values = values.get(step, {}) if isinstance(values, dict) else values
    if not isinstance(values, dict):
        return _unreadable(path, layer, f"{'.'.join(table)} should be a table")
    if layer == "job file":
        values = _located(values, path.parent)
    return Source(name=path.name, layer=layer, values=values)


def environment_source(environ: Mapping[str, str], sections: Mapping[str, tuple[str, ...]], keys: set[str]) -> Source:
    """The settings in `OUTLAST_KEY` and `OUTLAST_SECTION__KEY`; a variable that looks like one but is none is a complaint."""
    valid = dict(_variables(sections, keys))
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    complaints: list[Complaint] = []
    for variable in sorted(environ):
        if not variable.startswith(_PREFIX) or _NOT_SETTINGS.fullmatch(variable):
            continue
        path = valid.get(variable)
        if path is not None:
            names[".".join(path)] = variable
            _put(values, path, environ[variable])
        elif meant := _meant(variable, valid, sections):
            complaints.append(meant)
    return Source(name="environment", layer="environment", values=values, names=names, complaints=tuple(complaints))


def _located(values: Mapping[str, Any], base: Path, prefix: str = "") -> dict[str, Any]:
    """The values, with their paths as seen from here: in a job file they are meant from where that is."""
    located: dict[str, Any] = {}
    for key, value in values.items():
        place = f"{prefix}{key}"
        if isinstance(value, Mapping):
            located[key] = _located(value, base, f"{place}.")
        elif place in _PATHS:
            located[key] = _beside(base, value)
        elif place in _WITH_FILES:
            located[key] = (
                [_beside_if_file(base, each) for each in value]
                if isinstance(value, list)
                else _beside_if_file(base, value)
            )
        else:
            located[key] = value
    return located


def _beside(base: Path, value: Any) -> Any:
    return str(base / value) if isinstance(value, str) and value not in _NO_PATHS else value


def _beside_if_file(base: Path, value: Any) -> Any:
    path = value.removeprefix(FILE) if isinstance(value, str) else value
    return value if path == value else f"{FILE}{base / path}"


def _variables(sections: Mapping[str, tuple[str, ...]], keys: set[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key in keys:
        yield f"{_PREFIX}{key.upper()}", (key,)
    for section, fields in sections.items():
        for key in fields:
            yield f"{_PREFIX}{section.upper()}__{key.upper()}", (section, key)


def _meant(variable: str, valid: Mapping[str, Any], sections: Mapping[str, Any]) -> Complaint | None:
    # The common prefix would make every name look like every other.
    own = variable.removeprefix(_PREFIX)
    if own.lower() in sections:
        return {"path": "", "problem": f"is a section: set {variable}__KEY", "nearest": None, "layer": variable}
    close = nearest(own, (each.removeprefix(_PREFIX) for each in valid))
    if close is None and "__" not in own:
        return None
    return {"path": "", "problem": "unknown variable", "nearest": close and _PREFIX + close, "layer": variable}


def _put(values: dict[str, Any], path: tuple[str, ...], value: str) -> None:
    for step in path[:-1]:
        values = values.setdefault(step, {})
    values[path[-1]] = value


def _with_line(message: str, path: Path) -> str:
    # tomllib says "(at line 3, column 5)" or "(at end of document)".
    found = _LINE.search(message)
    line = int(found[1]) if found else len(path.read_bytes().splitlines())
    return f"line {line}: not TOML: {message}"


def _unreadable(path: Path, layer: Layer, problem: str) -> Source:
    complaint: Complaint = {"path": "", "problem": problem, "nearest": None, "layer": str(path)}
    return Source(name=path.name, layer=layer, complaints=(complaint,))
