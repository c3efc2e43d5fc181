"""What can be configured, read from the models themselves: every table, every setting, what it means, what it is without being set."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from outlast.config.job import JobConfiguration
from outlast.config.section import Section
from outlast.config.values import SECRET

__all__ = ["Setting", "Table", "outline", "plain_settings", "schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_MADE_UP = {"string": "...", "integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key. `default` is as it would be written in a file, or None; `example` is something that may be written there.

    `table` is set when the key stands for a table of its own, or for several of them (`many`).
    """

    key: str
    meaning: str
    default: Any
    example: Any
    choices: tuple[str, ...]
    required: bool
    secret: bool
    table: "Table | None" = None
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A group of settings: those outside of any section have no `meaning`."""

    meaning: str
    settings: tuple[Setting, ...]


def outline(model: type[Section] = JobConfiguration) -> Table:
    """Everything that may stand in a job file."""
    whole = schema(model)
    return Table(meaning="", settings=tuple(_settings(model, whole, whole)))


def plain_settings(section: Section) -> dict[str, Any]:
    """The settings of a section as a file has them; what TOML has no word for is `"none"` where that may be written, else None."""
    values: dict[str, Any] = section.model_dump(mode="json", by_alias=True)
    for name, field in type(section).model_fields.items():
        key, value = field.alias or name, getattr(section, name)
        if isinstance(value, Section):
            values[key] = plain_settings(value)
        elif _sections_in(field) is not None:
            values[key] = [plain_settings(each) for each in value]
        elif value is None and _is_written_none(field):
            values[key] = "none"
    return values


def schema(model: type[Section] = JobConfiguration) -> dict[str, Any]:
    """The JSON Schema of a job file, for editors: with what each key means."""
    found: dict[str, Any] = _in_the_standard_words(model.model_json_schema(mode="validation"))
    return {
        "$schema": DIALECT,
        **found,
        "title": "A job file of outlast",
        "description": "What to run, on which items, and how. Durations are seconds, or text such as '30s' and '1h 30m'.",
    }


def _table(model: type[Section], whole: Mapping[str, Any]) -> Table:
    told = whole["$defs"][model.__name__]
    return Table(meaning=told.get("description", ""), settings=tuple(_settings(model, told, whole)))


def _settings(model: type[Section], told: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[Setting]:
    defaults = _defaults(model)
    for name, field in model.model_fields.items():
        key = field.alias or name
        yield _setting(key, field, defaults, told["properties"][key], whole)


def _setting(
    key: str, field: FieldInfo, defaults: Mapping[str, Any], told: Mapping[str, Any], whole: Mapping[str, Any]
) -> Setting:
    inner = _sections_in(field)
    single = _section_of(field.annotation)
    table = inner or single
    default = None if table else defaults.get(key)
    return Setting(
        key=key,
        meaning=told.get("description", ""),
        default="none" if default is None and _is_written_none(field) else default,
        example=_example(told, default),
        choices=tuple(_choices(told)),
        required=field.is_required(),
        secret=SECRET in field.metadata,
        table=None if table is None else _table(table, whole),
        many=inner is not None,
    )


def _defaults(model: type[Section]) -> dict[str, Any]:
    values = {
        name: field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
        if not field.is_required() and _section_of(field.annotation) is None
    }
    # What is required has no default; the rest is serialized as the model would do it.
    return json.loads(  # type: ignore[no-any-return] # a JSON object
        model.__pydantic_serializer__.to_json(model.model_construct(**values), by_alias=True, warnings=False)
    )


def _is_written_none(field: FieldInfo) -> bool:
    kind: Any = Annotated[field.annotation, "", *field.metadata]
    try:
        found: Any = TypeAdapter(kind).validate_python("none")
    except ValidationError:
        return False
    return found is None


def _section_of(annotation: Any) -> type[Section] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _sections_in(field: FieldInfo) -> type[Section] | None:
    """The table of which a key holds several; None: it holds none."""
    kinds = get_args(field.annotation) if get_origin(field.annotation) in {Union, UnionType} else (field.annotation,)
    for kind in kinds:
        if get_origin(kind) is tuple and (found := _section_of(get_args(kind)[0])) is not None:
            return found
    return None


def _example(told: Mapping[str, Any], default: Any) -> Any:
    given = told.get("examples")
    if given:
        return given[0]
    if default is not None:
        return default
    choice = next(_choices(told), None)
    return choice if choice is not None else next((_MADE_UP[kind] for kind in _types(told) if kind in _MADE_UP), "...")


def _choices(told: Mapping[str, Any]) -> Iterator[str]:
    for each in (told, *told.get("anyOf", ()), told.get("items", {})):
        yield from each.get("enum", ())
        if each is not told and "items" in each:
            yield from each["items"].get("enum", ())


def _types(told: Mapping[str, Any]) -> Iterator[str]:
    yield told.get("type", "null")
    for each in told.get("anyOf", ()):
        yield from _types(each)


def _in_the_standard_words(told: Any) -> Any:
    """Bounds as JSON Schema calls them, whichever validator they stood behind; no titles that only repeat the key."""
    if isinstance(told, list):
        return [_in_the_standard_words(each) for each in told]
    if not isinstance(told, dict):
        return told
    return {
        _BOUNDS[key] if key in _BOUNDS and isinstance(value, int | float) else key: _in_the_standard_words(value)
        for key, value in told.items()
        if not (key == "title" and isinstance(value, str))
    }
