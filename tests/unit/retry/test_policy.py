"""What is wanted of retries, and what is refused."""

import dataclasses

import pytest

from outlast.errors import RetryConfigurationError, ValidationError
from outlast.retry import RetryPolicy
from outlast.retry.jitter import Jitter
from outlast.retry.policy import shipped_policies

FULL, EQUAL = "full", "equal"
SHIPPED = {
    # attempts, base, multiplier, max, jitter, attempt_timeout, max_elapsed
    "exponential_backoff": (5, 1, 2, 300, FULL, None, None),
    "conservative": (3, 2, 3, 120, FULL, None, None),
    "aggressive": (10, 0.5, 1.5, 30, FULL, None, None),
    "http": (4, 0.5, 2, 30, FULL, 30, 180),
    "navigation": (3, 2, 2, 60, EQUAL, 60, 240),
    "browser": (3, 1, 3, 30, EQUAL, 60, None),
    "storage": (5, 0.05, 2, 2, FULL, None, 15),
    "polite": (5, 5, 2, 300, EQUAL, 60, 900),
    "none": (1, 1, 2, 300, FULL, None, None),
}


def test_the_shipped_policies_are_these():
    found = {
        policy.id: (
            policy.max_attempts,
            policy.base_delay,
            policy.multiplier,
            policy.max_delay,
            policy.jitter.value,
            policy.attempt_timeout,
            policy.max_elapsed,
        )
        for policy in shipped_policies()
    }
    assert found == SHIPPED


@pytest.mark.parametrize("policy", shipped_policies(), ids=lambda policy: policy.id)
def test_a_policy_comes_back_from_plain_values(policy):
    assert RetryPolicy.from_dict(policy.to_dict()) == policy


def test_every_key_reaches_the_policy():
    config = {
        "id": "shop-1",
        "name": "shop",
        "max_attempts": 7,
        "base_delay": 2,
        "multiplier": 3,
        "max_delay": 40,
        "jitter": "decorrelated",
        "jitter_factor": 0.25,
        "attempt_timeout": 9,
        "max_elapsed": 100,
        "retry_after_cap": 60,
        "failure_classifier": {
            "transient_patterns": ["later"],
            "permanent_patterns": ["never"],
            "retryable_status_codes": [403],
            "non_retryable_status_codes": [500, 503],
        },
    }
    policy = RetryPolicy.from_dict(config)
    assert policy == RetryPolicy(
        id="shop-1",
        name="shop",
        max_attempts=7,
        base_delay=2.0,
        multiplier=3.0,
        max_delay=40.0,
        jitter=Jitter.DECORRELATED,
        jitter_factor=0.25,
        attempt_timeout=9.0,
        max_elapsed=100.0,
        retry_after_cap=60.0,
        transient_patterns=("later",),
        permanent_patterns=("never",),
        retryable_status_codes=frozenset({403}),
        non_retryable_status_codes=frozenset({500, 503}),
    )
    assert policy.to_dict() == config
    assert {type(policy.base_delay), type(policy.attempt_timeout), type(policy.retry_after_cap)} == {float}


@pytest.mark.parametrize("given", [{}, {"id": None}])
def test_without_an_id_the_name_is_the_id(given):
    assert RetryPolicy.from_dict({"name": "shop", **given}).id == "shop"


def test_a_policy_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RetryPolicy(name="x").max_attempts = 3


WRONG = [
    ({"name": ""}, "name: must be a text"),
    ({"name": 7}, "name: must be a text"),
    ({"name": "x" * 201}, "name: must be a text"),
    ({"id": ""}, "id: must be a text"),
    ({"max_attempts": 0}, "max_attempts: must be a whole number from 1 to 100, not 0"),
    ({"max_attempts": 101}, "max_attempts: must be a whole number"),
    ({"max_attempts": True}, "max_attempts: must be a whole number from 1 to 100, not True"),
    ({"max_attempts": 2.0}, "max_attempts: must be a whole number"),
    ({"max_attempts": "5"}, "max_attempts: must be a whole number from 1 to 100, not '5'"),
    ({"base_delay": -1}, "base_delay: must be a number from 0 to 60, not -1"),
    ({"base_delay": 60.1}, "base_delay: must be a number"),
    ({"base_delay": False}, "base_delay: must be a number"),
    ({"base_delay": float("nan")}, "base_delay: must be a number"),
    ({"multiplier": 0.9}, "multiplier: must be a number from 1 to 10"),
    ({"multiplier": 11}, "multiplier: must be a number"),
    ({"max_delay": float("inf")}, "max_delay: must be a number"),
    ({"max_delay": 0.5}, "max_delay: must be at least base_delay (1), not 0.5"),
    ({"base_delay": 9, "max_delay": 8}, "max_delay: must be at least base_delay (9), not 8"),
    ({"jitter": "some"}, "jitter: must be one of full, equal, decorrelated, none, not 'some'"),
    ({"jitter": True}, "jitter: must be one of"),
    ({"jitter_factor": 1.1}, "jitter_factor: must be a number from 0 to 1"),
    ({"attempt_timeout": 0}, "attempt_timeout: must be more than 0"),
    ({"max_elapsed": -1}, "max_elapsed: must be more than 0"),
    ({"max_elapsed": "1m"}, "max_elapsed: must be more than 0"),
    ({"retry_after_cap": None}, "retry_after_cap: must be a number"),
    ({"retries": 3}, "retries: is not a key"),
    ({"max_attempt": 3}, "max_attempt: is not a key, did you mean 'max_attempts'?"),
    ({"transient_patterns": ["x"]}, "transient_patterns: is not a key"),
    ({"failure_classifier": ["x"]}, "failure_classifier: must be a mapping"),
    ({"failure_classifier": {"transient_pattern": []}}, "did you mean 'transient_patterns'?"),
    ({"failure_classifier": {"transient_patterns": "x"}}, "transient_patterns: must be a list of regular expressions"),
    ({"failure_classifier": {"transient_patterns": None}}, "transient_patterns: must be a list of regular expressions"),
    ({"failure_classifier": {"transient_patterns": ["x"] * 1_001}}, "transient_patterns: must be a list"),
    ({"failure_classifier": {"permanent_patterns": ["(", 7]}}, "7 is not a regular expression"),
    ({"failure_classifier": {"permanent_patterns": ["("]}}, "'(' is not a regular expression: missing )"),
    ({"failure_classifier": {"retryable_status_codes": 403}}, "retryable_status_codes: must be a list of HTTP status"),
    ({"failure_classifier": {"retryable_status_codes": "403"}}, "retryable_status_codes: must be a list of HTTP status"),
    ({"failure_classifier": {"non_retryable_status_codes": [7, "404", True]}}, "[7, '404', True] are not HTTP status"),
    (
        {"failure_classifier": {"retryable_status_codes": [403, 500], "non_retryable_status_codes": [403]}},
        "[403] cannot be in non_retryable_status_codes too",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("config", "complaint"), WRONG, ids=lambda each: str(each)[:40])
def test_what_is_wrong_is_refused_and_named(config, complaint):
    with pytest.raises(RetryConfigurationError) as caught:
        RetryPolicy.from_dict({"name": "x", **config})
    assert complaint in caught.value.message
    assert len(caught.value.context["complaints"]) == 1
    assert complaint in caught.value.context["complaints"][0]
    assert isinstance(caught.value, ValidationError)


def test_every_complaint_comes_at_once():
    with pytest.raises(RetryConfigurationError) as caught:
        RetryPolicy.from_dict(
            {"max_attempts": True, "base_dely": 1, "failure_classifier": {"x": 1, "permanent_patterns": [")"]}}
        )
    complaints = caught.value.context["complaints"]
    assert [each.partition(":")[0] for each in complaints] == [
        "base_dely",
        "failure_classifier.x",
        "name",
        "max_attempts",
        "permanent_patterns",
    ]
    assert caught.value.message.startswith("the retry policy is not valid: 5 complaints: ")
    assert all(complaint in caught.value.message for complaint in complaints)


@pytest.mark.parametrize("config", [None, [], "name", 7])
def test_a_policy_is_a_mapping(config):
    with pytest.raises(RetryConfigurationError, match="must be a mapping"):
        RetryPolicy.from_dict(config)


def test_a_policy_cannot_be_built_wrong_in_code_either():
    with pytest.raises(RetryConfigurationError, match="max_attempts"):
        RetryPolicy(name="x", max_attempts=0)
    with pytest.raises(RetryConfigurationError, match="max_delay"):
        RetryPolicy(name="x", base_delay=5, max_delay=4)
    with pytest.raises(RetryConfigurationError, match="name"):
        RetryPolicy(name="")
