"""Results that are failures: by a rule, or because they are walls."""

import pickle
from datetime import UTC, datetime

import httpx
import pytest

from outlast.errors import BlockedPageError, RetryError, UnwantedResultError
from outlast.failure import FailureClass, FailureRule, Fault, Remedy, ResultJudge, classify, describe, judge_result
from outlast.failure.result_text import TEXT_MAX, result_text

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WALL = "<html><head><title>Just a moment...</title></head></html>"


def rule(**given):
    return FailureRule(**{"failure_class": "blocked", **given})


class Speechless:
    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("page", "page"),
        (b"page", "page"),
        (b"\xff", "�"),
        (None, ""),
        (7, "7"),
        ({"price": None, "ü": [1]}, '{"price": null, "ü": [1]}'),
        ([Speechless()], '[""]'),
        (Speechless(), ""),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        (httpx.Response(200, text="hello"), "hello"),
        ("x" * (TEXT_MAX + 7), "x" * TEXT_MAX),
    ],
)
def test_a_result_has_a_text(result, text):
    assert result_text(result) == text


def test_a_result_that_contains_itself_has_a_text():
    circle = []
    circle.append(circle)
    assert result_text(circle) == "[[...]]"


def test_the_first_rule_that_condemns_it_decides():
    one, two = rule(result="sold", name="one"), rule(failure_class="not_found", result="out", name="two")
    assert judge_result({"state": "sold out"}, rules=[one, two]).rule == "one"
    assert judge_result({"state": "out"}, rules=[one, two]).failure_class is FailureClass.NOT_FOUND
    assert judge_result({"state": "in stock"}, rules=[one, two]) is None
    assert judge_result("anything") is None


def test_hosts_statuses_and_functions_count_for_results_too():
    here = rule(result="x", hosts=["*.example"])
    assert judge_result("x", rules=[here], host="a.example")
    assert judge_result("x", rules=[here], host="other") is None
    odd = rule(result=".?", status=[203])
    assert judge_result(httpx.Response(203, text="x"), rules=[odd]).status == 203
    assert judge_result(httpx.Response(200, text="x"), rules=[odd]) is None
    empty = rule(when=lambda result: result["rows"] == [], failure_class="auth_expired")
    assert judge_result({"rows": []}, rules=[empty]).remedy is Remedy.REFRESH_SESSION
    assert judge_result({"rows": [1]}, rules=[empty]) is None
    assert judge_result("text", rules=[empty]) is None


@pytest.mark.parametrize(
    "about_errors",
    [{"hosts": ["*"]}, {"types": ["KeyError"], "when": lambda _: True}, {"status": [200], "when": lambda _: True},
     {"message": "."}, {"errno": [1], "when": lambda _: True}],
)  # fmt: skip
def test_a_rule_about_errors_condemns_no_result(about_errors):
    assert judge_result(httpx.Response(200, text="x"), rules=[rule(**about_errors)]) is None


def test_a_rule_about_results_meets_no_error():
    assert classify(ValueError("sold out"), now=NOW, rules=[rule(result="sold")]).rule is None


def test_a_condemned_result_is_an_error_that_brings_its_verdict_along():
    mine = rule(result="denied", transient=True, max_attempts=3, retry_after=9, remedy="refresh_session", name="mine")
    error = ResultJudge(rules=[mine])("access denied " * 100)
    assert isinstance(error, UnwantedResultError | RetryError)
    assert {key: error.context[key] for key in ("class", "rule")} == {"class": "blocked", "rule": "mine"}
    assert error.context["excerpt"] == ("access denied " * 100)[:200]
    for each in (error, pickle.loads(pickle.dumps(error))):
        found = classify(each, now=NOW, permanent_patterns=["Unwanted"])
        assert (found.failure_class, found.transient, found.fault) == (FailureClass.BLOCKED, True, Fault.ITEM)
        assert (found.max_attempts, found.retry_after, found.remedy) == (3, 9, Remedy.REFRESH_SESSION)
        assert found.rule == "mine"
    assert str(error) == "the result is blocked by the rule 'mine'"


def test_results_that_different_rules_condemn_are_failures_of_different_kinds():
    judge = ResultJudge(rules=[rule(result="one", name="rule 1"), rule(result="two", name="rule 2")])
    signatures = [
        describe(error, classify(error, now=NOW)).signature for error in map(judge, ("one", "two", "one more"))
    ]
    assert signatures == [f"outlast.errors.UnwantedResultError blocked rule {number}" for number in (1, 2, 1)]
    bare = UnwantedResultError("odd")
    assert describe(bare, classify(bare, now=NOW)).signature == "outlast.errors.UnwantedResultError odd"


@pytest.mark.parametrize("context", [None, {"class": "nonsense"}, {"class": 3}, {"class": "blocked", "remedy": "pray"}])
def test_an_unwanted_result_without_a_verdict_of_ours_is_judged_all_the_same(context):
    assert classify(UnwantedResultError("odd", context=context), now=NOW).failure_class in {
        FailureClass.UNKNOWN,
        FailureClass.BLOCKED,
    }


class TestJudge:
    def test_a_text_that_is_a_wall_is_blocked(self):
        error = ResultJudge()(WALL)
        assert isinstance(error, BlockedPageError)
        assert error.context == {"vendor": "Cloudflare"}
        found = classify(error, now=NOW)
        assert (found.failure_class, found.remedy, found.transient) == ("blocked", "rotate_proxy", False)

    @pytest.mark.parametrize("result", [None, {"html": WALL}, [WALL], "<html>a page</html>", "Just a moment...", 7])
    def test_what_is_no_wall_or_no_text_is_a_good_result(self, result):
        assert ResultJudge()(result) is None

    def test_the_rules_come_first_and_pages_can_be_left_alone(self):
        found = ResultJudge(rules=[rule(result="moment", failure_class="throttled")])(WALL)
        assert classify(found, now=NOW).failure_class is FailureClass.THROTTLED
        assert ResultJudge(pages=False)(WALL) is None

    def test_a_host_is_told_to_the_rules(self):
        judge = ResultJudge(rules=[rule(result="x", hosts=["a"])])
        assert judge("x", "a") is not None
        assert judge("x", "b") is None

    def test_a_judge_with_nothing_to_say_says_so(self):
        assert not ResultJudge().is_idle
        assert ResultJudge(rules=[rule(types=["KeyError"])], pages=False).is_idle
        assert not ResultJudge(rules=[rule(result="x")], pages=False).is_idle


def test_a_policy_may_say_that_walls_pass():
    error = BlockedPageError(context={"status": 203})
    found = classify(error, now=NOW, transient_patterns=["BlockedPageError"])
    assert (found.transient, found.status) == (True, 203)
    assert describe(error, found).status == 203
