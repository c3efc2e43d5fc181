"""The published event, its sixteen types, the configuration's fields, the exceptions."""

import dataclasses
import inspect
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest

import outlast
from outlast import errors
from outlast.events import EVENTS

# Under this name, annotations of both print alike. The logging section is named in the text, but not spelled out.
PUBLISHED = {"__name__": "outlast.events", "LoggingConfiguration": outlast.LoggingConfiguration}
exec(Path(__file__).with_name("resilience_api.pyi.txt").read_text(), PUBLISHED)  # noqa: S102 - our own file

SECTIONS = [name for name in PUBLISHED if name.endswith("Configuration") and name != "LoggingConfiguration"]
EXCEPTIONS = [(concern, name) for concern, names in PUBLISHED["EXCEPTIONS"].items() for name in names]
OURS = [getattr(errors, name) for name in errors.__all__]


def test_an_event_has_the_published_fields():
    ours = {each.name: each.type for each in dataclasses.fields(outlast.ResilienceEvent)}
    published = PUBLISHED["ResilienceEvent"].__annotations__
    assert list(ours) == list(published)
    # `data` is handed out read-only.
    assert {name for name in ours if ours[name] != published[name]} == {"data"}


def test_the_event_types_are_the_sixteen_published_and_those_marked_as_ours():
    published = {name for names in PUBLISHED["EVENTS"].values() for name in names}
    assert len(published) == 16
    assert {kind.value for kind, spec in EVENTS.items() if spec.published} == published


@pytest.mark.parametrize(("component", "names"), PUBLISHED["EVENTS"].items())
def test_the_table_gives_a_published_event_its_component(component, names):
    assert {EVENTS[outlast.EventType(name)].component for name in names} == {component}


# Fields of ours beyond the published ones; all are off by default.
BEYOND = {
    "CheckpointConfiguration": ["retention_age", "retention_bytes", "keep_hourly"],
    "RetryConfiguration": ["rule"],
    "AbortConfiguration": ["policy"],
    "ResourceConfiguration": ["threshold"],
}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_configuration_has_the_published_fields_with_their_types(name):
    published = PUBLISHED[name].__annotations__
    ours = {key: field.annotation for key, field in getattr(outlast, name).model_fields.items()}
    for key in BEYOND.get(name, ()):
        assert ours.pop(key) and not getattr(getattr(outlast, name)(), key)
    assert {key: kind.__name__ for key, kind in ours.items()} == {key: kind.__name__ for key, kind in published.items()}


def test_the_defaults_of_every_section_are_valid_and_frozen():
    config = outlast.ResilienceConfiguration()
    for name in type(config).model_fields:
        section = getattr(config, name)
        assert type(section)(**section.model_dump()) == section
        with pytest.raises(ValueError, match="frozen"):
            section.enabled = False


@pytest.mark.parametrize(("concern", "name"), EXCEPTIONS)
def test_a_published_exception_belongs_to_its_concern(concern, name):
    ours = getattr(outlast, name)
    assert issubclass(ours, getattr(outlast, f"{concern.capitalize()}Error"))
    assert issubclass(ours, outlast.ResilienceException)


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_the_code_of_an_exception_is_its_name_and_its_docstring_is_its_message(cls):
    words = [""]
    for letter in cls.__name__:
        words = [*words, letter] if letter.isupper() else [*words[:-1], words[-1] + letter]
    assert cls.error_code == "_".join(words[1:]).upper()
    assert cls().message == str(cls()) == inspect.getdoc(cls).splitlines()[0]


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_an_exception_survives_pickling_with_all_its_published_fields(cls):
    error = cls("gone", context={"id": "7"}, timestamp=datetime(2026, 1, 31, tzinfo=UTC), correlation="ab" * 16)
    error.__cause__ = OSError("disk")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    for field in PUBLISHED["ResilienceException"].__annotations__:
        assert getattr(copy, field) == getattr(error, field)


def test_what_python_has_a_word_for_is_that_too():
    assert issubclass(outlast.ValidationError, ValueError)
    assert issubclass(outlast.ConfigurationError, ValueError)
    for name in ("CheckpointValidationError", "RetryConfigurationError", "AbortConfigurationError"):
        assert issubclass(getattr(outlast, name), outlast.ValidationError)
    for cls in OURS:
        assert issubclass(cls, LookupError) == cls.__name__.endswith("NotFoundError")
