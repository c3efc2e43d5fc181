"""What can be asked of a threshold, and what is refused."""

import pytest

from outlast.errors import ValidationError
from outlast.resource.policy import Action, ResourceThreshold, Rule, further_bounds, shipped_thresholds


def complaints(config, **known):
    with pytest.raises(ValidationError) as caught:
        ResourceThreshold.from_dict(config, **known)
    return caught.value.context["complaints"]


def test_the_shipped_ones_are_those_of_the_contract():
    production, development = shipped_thresholds()
    assert {rule.name: rule.limit for rule in production.rules} == {
        "memory_percent": 80,
        "cpu_percent": 90,
        "browser_lifetime": 7_200,
        "disk_space": 512,
    }
    assert {rule.name: rule.limit for rule in development.rules} == {
        "memory_percent": 90,
        "cpu_percent": 95,
        "browser_lifetime": 14_400,
        "disk_space": 128,
    }


def test_a_share_is_critical_before_there_is_nothing_left():
    production, development = shipped_thresholds()
    assert production.rules[0].critical == pytest.approx(88)
    assert development.rules[0].critical == pytest.approx(95)


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ([], "must be a mapping of keys to values, not list"),
        ({}, "name: is missing"),
        ({"name": ""}, "name: must be a text of 1 to 200 characters, not ''"),
        ({"name": "x", "memory_absolut": 5}, "memory_absolut: is not a key, did you mean 'memory_absolute'?"),
        ({"name": "x", "memory_percent": 101}, "memory_percent: must be a number from 1 to 100, not 101"),
        ({"name": "x", "memory_percent": float("nan")}, "memory_percent: must be a number from 1 to 100, not nan"),
        ({"name": "x", "cpu_percent": True}, "cpu_percent: must be a number from 1 to 100, not True"),
        ({"name": "x", "is_active": 1}, "is_active: must be true or false, not 1"),
        ({"name": "x", "rules": "all"}, "rules: must be a list of at most 100 rules, not 'all'"),
        ({"name": "x", "rules": [5]}, "rules[0]: must be a mapping of keys to values, not 5"),
        ({"name": "x", "rules": [{"name": "r", "metric": "load1"}]}, "rules[0].limit: is missing"),
        (
            {"name": "x", "rules": [{"name": "r", "metric": "load", "limit": 5}]},
            "rules[0].metric: 'load' is not a metric, did you mean 'load1'?",
        ),
        (
            {"name": "x", "rules": [{"name": "r", "metric": "load1", "limit": 5, "recover": 6}]},
            "rules[0].recover: 6 is beyond the limit 5, so it could never end",
        ),
        (
            {"name": "x", "rules": [{"name": "r", "metric": "disk_free", "limit": 5, "op": "<=", "recover": 4}]},
            "rules[0].recover: 4 is beyond the limit 5, so it could never end",
        ),
        (
            {"name": "x", "rules": [{"name": "r", "metric": "load1", "limit": 5, "critical": 4}]},
            "rules[0].critical: 4 is not beyond the limit 5",
        ),
        (
            {"name": "x", "rules": [{"name": "r", "metric": "load1", "limit": 5, "op": ">"}]},
            "rules[0].op: must be one of >=, <=, not '>'",
        ),
        (
            {"name": "x", "rules": [{"name": "r", "metric": "load1", "limit": 5, "breach_samples": 0}]},
            "rules[0].breach_samples: must be a whole number from 1 to 1000, not 0",
        ),
        (
            {"name": "x", "rules": [{"name": "r", "metric": "load1", "limit": 5, "action": "kill"}]},
            "rules[0].action: must be one of tell, clean, restart, not 'kill'",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_words(config, complaint):
    assert complaints(config) == [complaint]


def test_all_complaints_come_at_once():
    assert len(complaints({"memory_percent": 0, "bogus": 1, "rules": [{"name": "r"}]})) == 5


def test_two_rules_of_one_name_are_refused():
    rule = {"name": "memory_percent", "metric": "load1", "limit": 5}
    assert complaints({"name": "x", "memory_percent": 80, "rules": [rule]}) == [
        "rules: 'memory_percent' is there twice"
    ]


def test_a_rule_may_be_about_a_probe_that_is_known():
    config = {"name": "x", "rules": [{"name": "r", "metric": "queue", "limit": 5}]}
    assert complaints(config) == ["rules[0].metric: 'queue' is not a metric"]
    assert ResourceThreshold.from_dict(config, probes={"queue"}).rules[0].metric == "queue"


def test_a_rule_that_cannot_be_is_unbuildable():
    with pytest.raises(ValidationError, match=r"r\.limit"):
        Rule(name="r", metric="m", limit=float("inf"))
    with pytest.raises(ValidationError):
        Rule(name="r", metric="m", limit=5, action="kill")


def test_the_way_back_is_a_tenth_away_on_the_right_side():
    assert Rule(name="r", metric="m", limit=100).recover == 90
    assert Rule(name="r", metric="m", limit=100, op="<=").recover == pytest.approx(110)
    assert Rule(name="r", metric="m", limit=-100).recover == -110
    assert Rule(name="r", metric="m", limit=100, recover=50).recover == 50


def test_plain_values_make_an_equal_one():
    for threshold in shipped_thresholds():
        assert ResourceThreshold.from_dict(threshold.to_dict()) == threshold


def test_the_limits_of_the_configuration_are_further_bounds_and_nought_is_none():
    assert further_bounds(0, 0) == ()
    memory, cpu = further_bounds(900, 150)
    assert (memory.name, memory.metric, memory.limit, memory.action) == (
        "memory_limit",
        "memory_usage",
        900,
        Action.RESTART,
    )
    assert (cpu.name, cpu.metric, cpu.limit, cpu.action) == ("cpu_limit", "tree_cpu_percent", 150, Action.TELL)


def test_a_rule_of_the_same_name_stays_what_it_was():
    mine = Rule(name="memory_limit", metric="memory_usage", limit=1)
    threshold = ResourceThreshold(name="x", rules=(mine,)).with_rules(further_bounds(900, 150))
    assert [rule.limit for rule in threshold.rules] == [1, 150]


def test_the_id_is_the_name_unless_it_is_given():
    assert ResourceThreshold(name="x").id == "x"
    assert ResourceThreshold.from_dict({"name": "x", "id": "y"}).id == "y"
