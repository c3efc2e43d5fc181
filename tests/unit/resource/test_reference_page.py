"""The tables of the reference are those of the code."""

import re
from pathlib import Path

import pytest

from outlast.config import ResourceRuleSettings, ResourceThresholdSettings
from outlast.resource.checks import SHORTHAND_KEYS
from outlast.resource.hysteresis import TRANSITIONS
from outlast.resource.policy import ResourceThreshold, Rule, shipped_thresholds
from outlast.resource.readings import METRICS
from outlast.resource.steps import Step

PAGE = (Path(__file__).parents[3] / "docs/reference/resources.md").read_text()


def tables(heading):
    section = re.search(rf"^## {heading}$\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
    found = re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE)
    return [[[cell.strip() for cell in line.strip("|").split("|")] for line in rows.splitlines()[2:]] for rows in found]


def test_every_metric_stands_with_its_meaning():
    assert tables("Metrics")[0] == [[f"`{name}`", meaning] for name, meaning in METRICS.items()]


def test_the_shipped_thresholds_stand_with_their_limits():
    assert tables("Thresholds")[0] == [
        [f"`{each.id}`", *(f"{rule.limit:g}" for rule in each.rules)] for each in shipped_thresholds()
    ]


def test_every_short_key_stands_with_what_it_is_about():
    rows = {row[0].strip("`"): row for row in tables("Thresholds")[1]}
    assert tuple(rows) == SHORTHAND_KEYS
    for key, row in rows.items():
        (rule,) = ResourceThreshold.from_dict({"name": "x", key: 60}).rules
        assert row[1].strip("`") == rule.metric
        assert ("below" in row[2]) is (rule.op == "<=")
        assert (row[3] == "-") is (rule.critical is None)
        assert row[4].strip("`") == rule.action


def test_every_key_of_a_rule_stands_with_its_default():
    rows = {row[0].strip("`"): row[1].strip("`") for row in tables("Thresholds")[2]}
    values = Rule(name="r", metric="m", limit=100).to_dict()
    assert set(rows) == set(values)
    for key in set(values) - {"name", "metric", "limit", "recover"}:
        assert rows[key] == ("none" if values[key] is None else str(values[key]).removesuffix(".0")), key
    assert values["recover"] == 90


def test_the_states_of_a_bound_are_those_of_its_table():
    said = [tuple(cell.strip("`") for cell in row) for row in tables("Breaches")[0]]
    assert said == [(state.value, turn.value, after.value) for (state, turn), after in TRANSITIONS.items()]


def test_the_steps_are_those_of_the_ladder():
    assert [row[0].strip("`") for row in tables("What is done about it")[0]] == list(Step)


@pytest.mark.parametrize("settings", [ResourceThresholdSettings, ResourceRuleSettings])
def test_the_job_file_has_the_same_keys_and_defaults_as_code(settings):
    if settings is ResourceRuleSettings:
        mine = Rule(name="r", metric="m", limit=100).to_dict()
        theirs = ResourceRuleSettings(name="r", metric="m", limit=100).model_dump()
        assert {**mine, "recover": None} == theirs
    else:
        assert set(ResourceThresholdSettings.model_fields) == {"name", "id", "is_active", "rules", *SHORTHAND_KEYS}
