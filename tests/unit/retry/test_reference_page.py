"""The tables of the reference are those of the code."""

import re
from pathlib import Path
from typing import get_args

from outlast.errors import MaxRetriesExceededError
from outlast.retry.breaker import TRANSITIONS
from outlast.retry.decide import Reason
from outlast.retry.policy import RetryPolicy

PAGE = (Path(__file__).parents[3] / "docs/reference/retry.md").read_text()


def rows(heading):
    section = re.search(rf"^## {heading}$\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]
    tables = re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in tables[-1].splitlines()[2:]]


def test_every_key_of_a_policy_stands_with_its_default():
    keys = {row[0].strip("`"): row[2].strip("`") for row in rows("Policies of your own")}
    policy = RetryPolicy(name="p").to_dict()
    assert set(keys) == set(policy)
    for key in set(policy) - {"name", "id", "failure_classifier"}:
        assert keys[key] == ("none" if policy[key] is None else str(policy[key]).removesuffix(".0")), key
    classifier = rows("Policies of your own")[-1][3]
    assert all(f"`{key}`" in classifier for key in policy["failure_classifier"])


def test_every_reason_is_explained():
    said = {row[0].strip("`"): row[1].strip("`") for row in rows("How a call ends")}
    assert said.pop("permanent") == "PermanentFailureError"
    assert said == dict.fromkeys(get_args(Reason), MaxRetriesExceededError.__name__)


def test_the_states_of_the_breaker_are_those_of_its_table():
    said = [(row[0].strip("`"), row[2].strip("`")) for row in rows("One host")]
    assert said == [(before.value, after.value) for (before, _), after in TRANSITIONS.items()]
