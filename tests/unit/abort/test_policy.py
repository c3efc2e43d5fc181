"""What may be wanted of aborting, and what is refused."""

import pytest

from outlast.abort import AbortPolicy, Kind, shipped_policies
from outlast.abort.policies import Policies
from outlast.errors import AbortConfigurationError, AbortPolicyNotFoundError


@pytest.mark.parametrize("policy", shipped_policies(), ids=lambda policy: policy.id)
def test_a_policy_is_the_same_after_it_was_written_down(policy):
    assert AbortPolicy.from_dict(policy.to_dict()) == policy


def test_the_shipped_policies():
    kinds = {policy.id: policy.kind for policy in shipped_policies()}
    assert kinds == {
        "default": Kind.TWO_STAGE,
        "conservative": Kind.TWO_STAGE,
        "production": Kind.WINDOWED,
        "development": Kind.WINDOWED,
        "strict": Kind.STRICT,
        "never": Kind.NEVER,
    }
    ignoring = {policy.id for policy in shipped_policies() if policy.ignored_classes == {"not_found"}}
    assert ignoring == {"default", "conservative"}


def test_a_policy_that_speaks_of_a_window_is_windowed():
    told = {"name": "mine", "failure_rate_threshold": 0.4, "window_size": 20, "window_duration": 60}
    assert AbortPolicy.from_dict(told).kind is Kind.WINDOWED
    assert AbortPolicy.from_dict({"name": "mine"}).kind is Kind.TWO_STAGE


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("min_operations", -1, "a whole number from 0"),
        ("min_operations", True, "a whole number from 0"),
        ("false_alarm_bound", 0, "between 0 and 1"),
        ("rate_healthy", 1, "between 0 and 1"),
        ("rate_failing", 0.2, "more than rate_healthy (0.3)"),
        ("patience", -1, "from 0"),
        ("patience_blocked", "long", "from 0"),
        ("failure_rate_threshold", 1.1, "from 0 to 1"),
        ("window_size", 0, "from 1"),
        ("window_duration", 0, "more than 0"),
        ("consecutive_crashes", 1.5, "a whole number"),
        ("crash_window", float("nan"), "more than 0"),
        ("crashes_max", -1, "a whole number"),
        ("crashes_window", 0, "more than 0"),
        ("ignored_classes", ["not_fuond"], "['not_fuond'] are no failure classes"),
        ("ignored_classes", "not_found", "must be a list of failure classes"),
        ("abort_actions", ["explode"], "['explode'] are no actions"),
        ("abort_actions", ["notify", "notify"], "each action once"),
        ("action_timeout", 0, "more than 0"),
        ("kind", "loose", "one of two_stage, windowed, strict, never"),
        ("kind", ["strict"], "one of two_stage"),
        ("name", "", "a text of 1"),
        ("id", 7, "a text of 1"),
    ],
)
def test_a_wrong_value_cannot_be_built(key, value, said):
    with pytest.raises(AbortConfigurationError, match=f"^the abort policy is not valid: {key}: ") as caught:
        AbortPolicy.from_dict({"name": "mine", key: value})
    assert said in str(caught.value)
    with pytest.raises(AbortConfigurationError):
        AbortPolicy(**{"name": "mine", key: value})


def test_every_complaint_comes_at_once_and_an_unknown_key_names_the_nearest():
    with pytest.raises(AbortConfigurationError) as caught:
        AbortPolicy.from_dict({"window_sise": 5, "patience": -1, "kind": "strict"})
    assert caught.value.context["complaints"] == [
        "window_sise: is not a key, did you mean 'window_size'?",
        "name: is missing",
        "patience: must be a number from 0 to 31622400, not -1",
    ]
    assert caught.value.__class__.__mro__.count(ValueError) == 1


@pytest.mark.parametrize(
    ("kind", "key"),
    [("strict", "window_size"), ("windowed", "rate_failing"), ("never", "patience"), ("two_stage", "window_duration")],
)
def test_a_key_that_has_no_effect_in_a_policy_of_this_kind_is_refused(kind, key):
    told = AbortPolicy(name="mine").__getattribute__(key)
    with pytest.raises(AbortConfigurationError, match=f"{key}: has no effect in a policy of the kind '{kind}'"):
        AbortPolicy.from_dict({"name": "mine", "kind": kind, key: told})


def test_what_is_no_mapping_is_no_policy():
    with pytest.raises(AbortConfigurationError, match="must be a mapping of keys to values, not list"):
        AbortPolicy.from_dict(["name"])


def test_the_id_is_the_name_unless_one_is_given():
    assert AbortPolicy.from_dict({"name": "mine"}).id == "mine"
    assert AbortPolicy.from_dict({"name": "mine", "id": None}).id == "mine"
    assert AbortPolicy.from_dict({"name": "mine", "id": "m1"}).id == "m1"


def test_an_unknown_policy_names_those_there_are():
    with pytest.raises(AbortPolicyNotFoundError) as caught:
        Policies(default="default").get("strickt")
    assert "there is no abort policy 'strickt', did you mean 'strict'?" in str(caught.value)
    assert caught.value.context["known"] == [
        "conservative",
        "default",
        "development",
        "never",
        "production",
        "strict",
    ]
    with pytest.raises(AbortPolicyNotFoundError):
        Policies(default="default").get(None)


def test_default_stands_for_the_configured_one_until_a_policy_has_that_name():
    policies = Policies(default="strict")
    assert policies.get("default").id == "strict"
    assert not policies.keep(AbortPolicy(name="mine"))
    assert policies.keep(AbortPolicy(name="default", min_operations=7))
    assert policies.get("default").min_operations == 7
