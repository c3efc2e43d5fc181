"""What is read from the models: the outline, the schema for editors, the job file to begin with."""

import re
import tomllib
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from outlast.config import JobConfiguration
from outlast.config.outline import outline, plain_settings, schema
from outlast.config.section import Section
from outlast.config.template import job_file
from outlast.config.toml import toml_key, toml_value
from outlast.config.values import SECRET
from outlast.errors import ConfigurationError

COMMENTED = re.compile(r"^#(?=[\w\[\"])", re.MULTILINE)
SECTIONS = {
    name: field.annotation
    for name, field in JobConfiguration.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}


def settings(table, prefix=""):
    """Every setting by its path, those in tables of tables included."""
    for setting in table.settings:
        path = f"{prefix}{setting.key}"
        yield path, setting
        if setting.table is not None:
            yield from settings(setting.table, f"{path}.")


OUTLINE = dict(settings(outline()))


def test_the_outline_has_every_key_of_every_model():
    expected = set(JobConfiguration.model_fields)
    for name, section in SECTIONS.items():
        expected |= {f"{name}.{key}" for key in section.model_fields}
    assert expected <= set(OUTLINE)
    assert {"retry.rule.class", "abort.policy.name", "resource.threshold.rules.metric"} <= set(OUTLINE)


def test_every_key_says_what_it_means():
    silent = {path for path, setting in OUTLINE.items() if not (setting.meaning or setting.table)}
    assert not silent
    assert all(setting.table.meaning for setting in outline().settings if setting.table is not None)


def test_defaults_are_those_of_the_models():
    plain = plain_settings(JobConfiguration())
    for path, setting in OUTLINE.items():
        section, _, key = path.rpartition(".")
        if setting.table is None and section in {"", *SECTIONS}:
            assert setting.default == (plain[section][key] if section else plain[key]), path


def test_what_is_required_and_what_may_be_said_is_told():
    assert OUTLINE["retry.rule.class"].required
    assert "blocked" in OUTLINE["retry.rule.class"].choices
    assert OUTLINE["notify.on"].choices[:2] == ("completed", "completed_with_failures")
    assert not OUTLINE["retry.rule.name"].required
    assert OUTLINE["max_time"].default == "none"
    assert OUTLINE["target"].default is None


def test_addresses_of_notices_are_secrets():
    assert {path for path, setting in OUTLINE.items() if setting.secret} == {"notify.urls", "notify.webhook"}


def test_a_job_file_to_begin_with_is_one_that_sets_nothing():
    values = tomllib.loads(job_file("job.toml"))
    assert values == {name: {} for name in SECTIONS}
    assert JobConfiguration(**values) == JobConfiguration()


def test_a_job_file_to_begin_with_has_every_key():
    text = job_file("job.toml")
    for path, setting in OUTLINE.items():
        head = path if setting.table is not None else setting.key
        assert re.search(rf"^#?\[?\[?{re.escape(head)}(\]| =)", text, re.MULTILINE), path


def uncommented_one_by_one():
    """The job file with one line in use, and the heads above it; what is required beside it stands there too."""
    lines = job_file("job.toml").splitlines()
    for place, line in enumerate(lines):
        if not COMMENTED.match(line) or line.startswith("#["):
            continue
        first = max(at for at in range(place + 1) if lines[at].startswith(("[", "#[")) or at == 0)
        last = next((at for at in range(place, len(lines)) if lines[at].startswith(("[", "#["))), len(lines))
        chosen = {first, place} | {at for at in range(first, last) if "# required" in lines[at]}
        if lines[first] == "#[[resource.threshold.rules]]":
            outer = lines.index("#[[resource.threshold]]")
            chosen |= {outer, *(at for at in range(outer, first) if "# required" in lines[at])}
        yield "\n".join(COMMENTED.sub("", each) if at in chosen else each for at, each in enumerate(lines))


def test_every_line_of_a_job_file_may_be_put_to_use():
    texts = list(uncommented_one_by_one())
    for text in texts:
        JobConfiguration(**tomllib.loads(text))
    assert len(texts) == sum(setting.table is None for setting in OUTLINE.values())


def test_the_schema_stands_at_the_top_where_one_is_named():
    assert job_file("job.toml", schema="./s.json").splitlines()[0] == "#:schema ./s.json"
    assert "#:schema" not in job_file("job.toml")


class Later(Section):
    """A section that comes later."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Where it listens."""
    path: Annotated[str | None, SECRET] = None
    """Where it writes."""


class Grown(JobConfiguration):
    later: Later = Field(default_factory=Later)


def test_a_section_that_comes_later_appears_by_itself():
    found = dict(settings(outline(Grown)))
    assert (found["later.port"].default, found["later.path"].example, found["later.path"].secret) == (0, "...", True)
    text = job_file("job.toml", model=Grown)
    assert "# A section that comes later.\n[later]\n# Where it listens.\n#port = 0\n" in text
    assert schema(Grown)["$defs"]["Later"]["properties"]["port"]["maximum"] == 65_535


def test_the_schema_has_every_key_with_its_meaning_and_bounds_in_its_own_words():
    found = schema()
    assert found["properties"]["concurrency"] == {
        "default": 16,
        "description": "Items in flight at once.",
        "minimum": 1,
        "type": "integer",
    }
    assert found["additionalProperties"] is False
    assert set(found["properties"]) == set(JobConfiguration.model_fields)
    rule = found["$defs"]["FailureRuleSettings"]
    assert rule["required"] == ["class"]
    assert "failure_class" not in rule["properties"]
    assert found["$defs"]["CheckpointConfiguration"]["properties"]["interval"]["minimum"] == 1
    assert not [each for each in walked(found) if {"ge", "gt", "le", "lt"} & set(each)]


def test_every_reference_of_the_schema_leads_somewhere():
    found = schema()
    references = {each["$ref"] for each in walked(found) if "$ref" in each}
    assert references == {f"#/$defs/{name}" for name in found["$defs"]}


def walked(node):
    if isinstance(node, dict):
        yield node
        for each in node.values():
            yield from walked(each)
    elif isinstance(node, list):
        for each in node:
            yield from walked(each)


PLAIN = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.text(st.characters(exclude_categories=["Cs"])), PLAIN)
def test_what_is_written_as_toml_reads_back_the_same(key, value):
    assert tomllib.loads(f"{toml_key(key)} = {toml_value(value)}") == {key: value}


def test_halves_of_characters_are_written_as_what_cannot_be_told():
    assert tomllib.loads(f"a = {toml_value(chr(0xD800))}") == {"a": "\N{REPLACEMENT CHARACTER}"}


def test_none_has_no_word_in_toml():
    with pytest.raises(TypeError, match="no word for None"):
        toml_value(None)


@pytest.mark.parametrize(("key", "value"), [("urls", [SECRET]), ("webhook", "https://a/b")])
def test_a_mark_changes_nothing_about_a_value(key, value):
    assert JobConfiguration(notify={key: value}).notify.model_dump(mode="json")[key] == value


def test_a_mark_keeps_the_bounds():
    with pytest.raises(ConfigurationError, match=r"notify\.webhook"):
        JobConfiguration(notify={"webhook": ""})
