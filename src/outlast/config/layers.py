"""Which value wins: defaults < `[tool.outlast]` in pyproject.toml < job file < environment < arguments."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from outlast.config.complaints import Complaint, refusal
from outlast.config.expect import allowance_moved
from outlast.config.job import JobConfiguration
from outlast.config.model import Section
from outlast.config.sources import Layer, Source, environment_source, toml_source
from outlast.errors import ConfigurationError

__all__ = ["Loaded", "load_configuration"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and for each dotted path where its value came from: in `origins` by name, in `layers` by kind.

    A setting that is a table of its own, such as `rate`, has both for itself, the latest, and for each of its keys.
    """

    configuration: JobConfiguration
    origins: dict[str, str]
    layers: dict[str, Layer]


def load_configuration(
    *,
    file: Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
    without_wrong: bool = False,
) -> Loaded:
    """Join all layers. `ConfigurationError` holds the complaints of every layer, overridden values included.

    `arguments` are nested mappings or sections; what was not given is left out of them. `directory` is where
    pyproject.toml is looked for, and `environ` stands in for the process's environment. `without_wrong` leaves out what there are
    complaints about, and raises nothing.
    """
    sources = [
        *_files(file, directory or Path()),
        environment_source(os.environ if environ is None else environ, _sections(), _own_keys()),
        Source(name="argument", layer="argument", values=_as_mappings(arguments or {})),
    ]
    if without_wrong:
        sources = [_sound(source) for source in sources]
    elif complaints := [each for source in sources for each in _complaints(source)]:
        raise refusal(complaints)
    origins = dict.fromkeys(_paths(), "default")
    layers: dict[str, Layer] = dict.fromkeys(origins, "default")
    merged: dict[str, Any] = {}
    for source in map(_with_one_allowance, sources):
        for path in _merge(merged, source.values):
            origins[path] = source.name_of(path)
            layers[path] = source.layer
    return Loaded(JobConfiguration(**merged), origins, layers)


def _files(file: Path | None, directory: Path) -> Iterator[Source]:
    project = directory / "pyproject.toml"
    if project.is_file():
        yield toml_source(project, layer="pyproject", table=("tool", "outlast"))
    if file is not None:
        yield toml_source(file)


def _complaints(source: Source) -> list[Complaint]:
    # No setting depends on another, so each layer can be judged alone and be named in its complaints.
    try:
        JobConfiguration(**source.values)
    except ConfigurationError as error:
        return [*source.complaints, *(_located(each, source) for each in error.context["complaints"])]
    return list(source.complaints)


def _sound(source: Source) -> Source:
    """What is left of a source without the keys that there are complaints about: nothing, where it is wrong as a whole."""
    values = {key: dict(value) if isinstance(value, Mapping) else value for key, value in source.values.items()}
    for complaint in _complaints(source):
        key, _, inner = complaint["path"].partition("[")[0].partition(".")
        inner = inner.partition(".")[0]
        table = values.get(key)
        if inner and isinstance(table, dict):
            table.pop(inner, None)
        else:
            values.pop(key, None)
    sound = replace(source, values=values, complaints=())
    return replace(source, values={}, complaints=()) if _complaints(sound) else sound


def _located(complaint: Complaint, source: Source) -> Complaint:
    return {
        "path": complaint["path"],
        "problem": complaint["problem"],
        "nearest": complaint["nearest"],
        "layer": source.name_of(complaint["path"]),
    }


def _with_one_allowance(source: Source) -> Source:
    # Before layers are joined, so that the later of the two ways to write it wins.
    moved = source.names.get("expect.max_failed")
    names = source.names if moved is None else {**source.names, "max_failed": moved}
    return replace(source, values=allowance_moved(source.values), names=names)


def _merge(merged: dict[str, Any], values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            # The whole of a setting that is a mapping is as new as the newest of its keys; a section is none.
            yield from () if key in _sections() else (key,)
            yield from (f"{key}.{inner}" for inner in value)
            # A mapping that the environment gives as text is whole: it is not joined with others.
            before = merged.get(key)
            merged[key] = {**(before if isinstance(before, Mapping) else {}), **value}
        else:
            yield key
            merged[key] = value


def _as_mappings(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: {name: getattr(value, name) for name in value.model_fields_set} if isinstance(value, Section) else value
        for key, value in arguments.items()
    }


def _sections() -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(field.annotation.model_fields)
        for name, field in JobConfiguration.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    }


def _own_keys() -> set[str]:
    return set(JobConfiguration.model_fields) - set(_sections())


def _paths() -> Iterator[str]:
    yield from sorted(_own_keys())
    for section, keys in _sections().items():
        yield from (f"{section}.{key}" for key in keys)
