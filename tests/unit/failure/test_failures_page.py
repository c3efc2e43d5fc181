"""The page about failures says what the code says."""

import re
from pathlib import Path

from outlast.config import FailureRuleSettings
from outlast.failure import FailureClass, pages
from outlast.failure.actions import Action
from outlast.failure.bookkeeping import INCIDENTS_MAX, JOBS_MAX
from outlast.failure.describe import SAMPLES_MAX
from outlast.failure.model import REMEDY

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "failures.md").read_text()


def rows(heading):
    section = re.search(rf"^## {heading}$\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\|.*\|$", section, re.M)[2:]]


def test_every_key_of_a_rule_is_explained():
    told = {field.alias or name: field.description for name, field in FailureRuleSettings.model_fields.items()}
    assert dict(map(tuple, rows("Rules of your own"))) == {f"`{key}`": meaning for key, meaning in told.items()}


def test_every_remedy_stands_with_its_classes():
    said = {kind: row[1].strip("`") for row in rows("Remedies") for kind in re.findall(r"\w+", row[0])}
    assert said == {kind.value: REMEDY[kind].value for kind in FailureClass if REMEDY[kind]}


def test_every_vendor_and_number_is_named():
    assert {wall.vendor for wall in pages._WALLS} - {"captcha"} <= set(re.findall(r"[\w-]+|AWS WAF", PAGE)) | {
        "AWS WAF"
    }
    for number in (
        f"{pages.VISIBLE_MAX:,}",
        f"{pages.TEXT_MAX:,}",
        f"first {SAMPLES_MAX} failures",
        *map(str, pages.STATUSES),
    ):
        assert number in PAGE


def test_every_action_of_the_handler_and_every_bound_is_explained():
    assert {row[0].strip("`") for row in rows("The failure handler")} == set(Action)
    assert f"{INCIDENTS_MAX:,} are remembered" in PAGE
    assert f"{JOBS_MAX} jobs are told apart" in PAGE
