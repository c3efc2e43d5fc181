"""Rules of the user's own: what they match, what they make of it, and how they cannot be built."""

import asyncio
import concurrent.futures
import errno
import socket
import typing
from datetime import UTC, datetime

import aiohttp
import httpx
import pytest

from outlast.config import FailureRuleSettings, JobConfiguration, RetryConfiguration, load_configuration
from outlast.errors import ConfigurationError, PermanentFailureError, RetryConfigurationError
from outlast.failure import FailureClass, FailureRule, Fault, Remedy, classify, rules_of
from outlast.failure.hearing import RAISES_MAX, heard

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def rule(**given):
    return FailureRule(**{"failure_class": "blocked", **given})


def decided(error, *rules, host="", **policy):
    """The name of the rule that decided."""
    return classify(error, now=NOW, rules=rules, host=host, **policy).rule


def caused(error, cause):
    error.__cause__ = cause
    return error


def with_fields(error, **fields):
    for name, value in fields.items():
        setattr(error, name, value)
    return error


def refused(build):
    with pytest.raises(RetryConfigurationError) as caught:
        build()
    return caught.value.context["complaints"]


class TestTypes:
    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("ReadError", httpx.ReadError("")),
            ("httpx.ReadError", httpx.ReadError("")),
            ("TransportError", httpx.ReadError("")),
            (httpx.ReadError, httpx.ReadError("")),
            ("aiohttp.ServerDisconnectedError", aiohttp.ServerDisconnectedError()),
            ("aiohttp.client_exceptions.ClientError", aiohttp.ServerDisconnectedError()),
            ("OSError", ConnectionResetError()),
            ("builtins.OSError", ConnectionResetError()),
            ("IOError", ConnectionResetError()),
            ("asyncio.TimeoutError", TimeoutError()),
            ("socket.timeout", socket.timeout()),
            ("Exception", RuntimeError()),
        ],
    )
    def test_a_class_is_named_as_its_users_know_it(self, name, error):
        assert decided(error, rule(types=(name,), name="mine")) == "mine"

    @pytest.mark.parametrize("name", ["readerror", "aiohttp.ReadError", "Read", "httpx.ReadErrors", "x.y.ReadError"])
    def test_another_class_is_another(self, name):
        assert decided(httpx.ReadError(""), rule(types=(name,))) is None

    @pytest.mark.parametrize(
        "name",
        ["CancelledError", "asyncio.CancelledError", "KeyboardInterrupt", "builtins.SystemExit", "GeneratorExit",
         "BaseException", "trio.Cancelled", asyncio.CancelledError, KeyboardInterrupt],
    )  # fmt: skip
    def test_what_always_gets_through_cannot_be_named(self, name):
        [complaint] = refused(lambda: rule(types=(name,)))
        assert complaint.startswith("types: ")
        assert "is no Exception" in complaint

    def test_a_future_that_was_cancelled_is_an_exception_like_others(self):
        error = concurrent.futures.CancelledError()
        assert decided(error, rule(types=("concurrent.futures.CancelledError",), name="mine")) == "mine"
        assert decided(error, rule(types=(concurrent.futures.CancelledError,), name="mine")) == "mine"


class TestConditions:
    def test_a_status_is_found_where_clients_put_it(self):
        assert decided(with_fields(Exception(), status_code=406), rule(status={406}, name="m")) == "m"
        assert decided(with_fields(Exception(), status_code=407), rule(status={406})) is None
        assert decided(Exception(), rule(status={406})) is None

    def test_a_message_is_searched_in_what_is_said_and_in_the_name_of_the_type(self):
        assert decided(ValueError("try Later"), rule(message="(?i)later$", name="m")) == "m"
        assert decided(ValueError("x"), rule(message=r"^builtins\.ValueError$", name="m")) == "m"
        assert decided(ValueError("try Later"), rule(message="later")) is None

    def test_an_errno_may_be_named(self):
        for number in (errno.ECONNRESET, "ECONNRESET"):
            assert decided(OSError(errno.ECONNRESET, "reset"), rule(errno=[number], name="m")) == "m"
            assert decided(OSError(errno.EPIPE, "pipe"), rule(errno=[number])) is None

    @pytest.mark.parametrize(
        ("patterns", "host", "met"),
        [
            (["shop.example"], "shop.example", True),
            (["*.example"], "SHOP.example", True),
            (["*.Example", "other"], "other", True),
            (["*.example"], "example", False),
            (["*.example"], "", False),
            (["*"], "", True),
        ],
    )
    def test_hosts_are_patterns(self, patterns, host, met):
        assert (decided(KeyError(), rule(hosts=patterns, name="m"), host=host) == "m") is met

    def test_a_function_is_asked_last_and_one_that_raises_says_no(self):
        asked = []
        assert decided(KeyError(), rule(types=["ValueError"], when=asked.append)) is None
        assert asked == []
        assert decided(KeyError("k"), rule(when=lambda error: error.args == ("k",), name="m")) == "m"
        assert decided(KeyError("k"), rule(when=lambda error: error.status == 3)) is None

    def test_all_conditions_must_hold_and_on_the_same_link(self):
        both = rule(types=["ValueError"], message="x", name="m")
        assert decided(ValueError("x"), both) == "m"
        assert decided(ValueError("y"), both) is None
        assert decided(caused(ValueError("y"), KeyError("x")), both) is None


class TestOrder:
    def test_the_first_rule_wins_whichever_link_it_is_about(self):
        error = caused(RuntimeError("outer"), KeyError("inner"))
        one, two = rule(message="inner", name="one"), rule(message="outer", name="two")
        assert decided(error, one, two) == "one"
        assert decided(error, two, one) == "two"

    def test_a_rule_beats_hints_statuses_and_the_patterns_of_the_policy(self):
        found = classify(
            with_fields(Exception("x"), status=404, retryable=True),
            now=NOW,
            rules=[rule(failure_class="network", message="x", transient=True, max_attempts=7)],
            permanent_patterns=["x"],
            non_retryable_status={404},
        )
        assert (found.failure_class, found.transient, found.max_attempts, found.status) == ("network", True, 7, 404)
        assert not classify(TimeoutError("x"), now=NOW, rules=[rule(message="x")], transient_patterns=["x"]).transient

    def test_without_a_match_nothing_has_changed(self):
        for error in (TimeoutError(), KeyError(), RuntimeError(), with_fields(Exception(), status=429)):
            assert classify(error, now=NOW, rules=[rule(types=["LookupErrors"])]) == classify(error, now=NOW)

    def test_in_a_group_each_leaf_is_judged_by_the_rules(self):
        mine = rule(failure_class="network", types=["KeyError"], name="m")
        found = classify(ExceptionGroup("g", [KeyError(), TimeoutError()]), now=NOW, rules=[mine])
        assert found.transient
        assert classify(ExceptionGroup("g", [KeyError(), ValueError()]), now=NOW, rules=[mine]).rule is None
        group = rule(failure_class="network", types=["ExceptionGroup"], name="g")
        assert decided(ExceptionGroup("g", [ValueError()]), group) == "g"

    @pytest.mark.parametrize("error", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(3)])
    def test_what_is_no_exception_meets_no_rule(self, error):
        found = classify(error, now=NOW, rules=[rule(hosts=["*"], transient=True, max_attempts=2)])
        assert (found.transient, found.rule) == (False, None)
        group = BaseExceptionGroup("g", [error, KeyError()])
        group.__cause__ = KeyError()
        assert not classify(group, now=NOW, rules=[rule(types=["KeyError"], transient=True)]).transient

    def test_what_was_decided_inside_stands_unless_a_rule_insists(self):
        error = caused(PermanentFailureError(), TimeoutError())
        assert not classify(error, now=NOW, rules=[rule(failure_class="timeout", types=["TimeoutError"])]).transient
        insisting = rule(failure_class="timeout", types=["TimeoutError"], transient=True)
        assert classify(error, now=NOW, rules=[insisting]).transient


class TestVerdict:
    def test_the_class_brings_its_nature_and_its_remedy(self):
        found = classify(KeyError(), now=NOW, rules=[rule(types=["KeyError"], name="m")])
        assert (found.failure_class, found.fault, found.transient) == (FailureClass.BLOCKED, Fault.ITEM, False)
        assert (found.remedy, found.rule, found.max_attempts) == (Remedy.ROTATE_PROXY, "m", None)

    def test_the_rule_may_say_otherwise(self):
        mine = rule(types=["KeyError"], transient=True, remedy="refresh_session", retry_after=5, max_attempts=3)
        found = classify(KeyError(), now=NOW, rules=[mine])
        assert (found.transient, found.remedy, found.retry_after, found.max_attempts) == (True, "refresh_session", 5, 3)
        assert isinstance(found.remedy, Remedy)

    def test_what_a_rule_knows_is_not_bound_to_two_attempts(self):
        assert classify(RuntimeError(), now=NOW, rules=[rule(failure_class="unknown", types=["RuntimeError"])]) \
            .max_attempts is None  # fmt: skip

    def test_a_bound_on_attempts_means_nothing_where_there_is_one(self):
        assert classify(KeyError(), now=NOW, rules=[rule(types=["KeyError"], max_attempts=3)]).max_attempts is None

    @pytest.mark.parametrize(
        ("own", "asked", "expected"), [(5, "11", 11), (20, "11", 20), (None, "11", 11), (5, "x", 5)]
    )
    def test_nobody_is_asked_before_the_longest_wish(self, own, asked, expected):
        error = with_fields(Exception(), status=503, headers={"Retry-After": asked})
        found = classify(error, now=NOW, rules=[rule(failure_class="throttled", status={503}, retry_after=own)])
        assert found.retry_after == expected

    def test_status_and_wish_are_those_of_the_link_that_meets_the_rule(self):
        error = caused(ValueError("no page"), with_fields(Exception(), status=503, retry_after=9))
        found = classify(error, now=NOW, rules=[rule(status={503})])
        assert (found.status, found.retry_after) == (503, 9)


class TestBuilding:
    def test_every_complaint_comes_at_once(self):
        complaints = refused(
            lambda: FailureRule(
                failure_class="block",
                types=("no name!",),
                status={42},
                message="(",
                errno=["ENOSUCH"],
                hosts=("",),
                when=3,
                transient="yes",
                max_attempts=0,
                retry_after=-1,
                remedy="pray",
            )
        )
        assert [each.partition(":")[0] for each in complaints] == [
            "class", "types", "status", "message", "errno", "hosts", "when", "transient", "max_attempts",
            "retry_after", "remedy",
        ]  # fmt: skip
        assert "did you mean 'blocked'?" in complaints[0]

    @pytest.mark.parametrize(
        "given",
        [
            {"types": "KeyError"}, {"types": {"a": 1}}, {"status": 403}, {"status": [True]}, {"status": [[]]}, {"hosts": "x"},
            {"message": ""}, {"message": 3}, {"result": "["}, {"errno": [None]}, {"name": " ", "status": [403]},
            {"name": "x" * 201, "status": [403]}, {"status": [403], "retry_after": float("inf")},
            {"status": [403], "max_attempts": 101}, {"status": range(100, 5_000)},
        ],
    )  # fmt: skip
    def test_a_wrong_value_is_refused(self, given):
        assert refused(lambda: rule(**given))

    def test_a_rule_about_nothing_is_none(self):
        [complaint] = refused(rule)
        assert complaint.startswith("at least one condition is needed")

    @pytest.mark.parametrize("other", [{"types": ["KeyError"]}, {"message": "x"}, {"errno": [1]}])
    def test_no_result_has_a_type_a_message_or_an_errno(self, other):
        [complaint] = refused(lambda: rule(result="x", **other))
        assert complaint.startswith("result: ")

    def test_a_rule_without_a_name_is_called_by_its_conditions(self):
        assert rule(status=[406, 403], hosts=["x"]).name == "status [403, 406], hosts ['x']"
        assert len(rule(message="x" * 5_000).name) <= 80

    def test_a_rule_is_a_value(self):
        assert rule(status=[403], name="m") == rule(status={403}, name="m")
        assert hash(rule(status=[403])) == hash(rule(status={403}))


class TestFiles:
    PLAIN: typing.ClassVar = {
        "name": "m", "class": "blocked", "types": ["KeyError"], "status": [403], "message": "x", "errno": [104],
        "hosts": ["*"], "transient": True, "max_attempts": 3, "retry_after": 2.0, "remedy": "skip",
    }  # fmt: skip

    def test_a_rule_comes_back_as_it_went(self):
        made = FailureRule.from_dict(self.PLAIN)
        assert made.to_dict() == self.PLAIN
        assert FailureRule.from_dict(made.to_dict()) == made
        assert FailureRule.from_dict({"class": "blocked", "result": "x"}).to_dict()["result"] == "x"

    def test_every_complaint_comes_at_once(self):
        complaints = refused(lambda: FailureRule.from_dict({"stats": [403], "when": "x", "message": "("}))
        assert complaints == [
            "stats: is not a key, did you mean 'status'?",
            "when: is a function, and can be given in code only",
            "class: is missing",
            "message: '(' is not a regular expression: missing ), unterminated subpattern at position 0",
        ]
        assert refused(lambda: FailureRule.from_dict(["x"])) == ["must be a mapping of keys to values, not list"]
        assert refused(lambda: FailureRule.from_dict({"stats": [403]})) == [
            "stats: is not a key, did you mean 'status'?", "class: is missing",
        ]  # fmt: skip

    def test_the_rules_of_a_configuration_become_rules(self):
        config = RetryConfiguration(
            rule=[
                {"class": "blocked", "status": [203], "remedy": "refresh_session", "retry_after": "2m"},
                {"class": "not_found", "name": "gone", "result": "no such page"},
            ]
        )
        one, two = rules_of(config.rule)
        assert (one.failure_class, one.status, one.remedy) == (FailureClass.BLOCKED, {203}, Remedy.REFRESH_SESSION)
        assert (one.retry_after, one.name, two.name) == (120.0, "status [203]", "gone")
        assert rules_of(RetryConfiguration().rule) == ()

    def test_a_rule_may_stand_in_a_job_file_or_be_given_in_code(self, tmp_path):
        file = tmp_path / "job.toml"
        file.write_text(
            '[[retry.rule]]\nclass = "blocked"\nstatus = [203]\n[[retry.rule]]\nclass = "proxy"\nerrno = ["EPIPE"]\n'
        )
        loaded = load_configuration(file=file, environ={}, directory=tmp_path)
        assert [each.failure_class for each in rules_of(loaded.configuration.retry.rule)] == ["blocked", "proxy"]
        assert loaded.origins["retry.rule"] == "job.toml"
        given = RetryConfiguration(rule=[FailureRuleSettings(failure_class="blocked", status=(203,))])
        assert rules_of(given.rule) == rules_of(loaded.configuration.retry.rule)[:1]
        assert RetryConfiguration(**given.model_dump()) == given
        arguments = load_configuration(arguments={"retry": given}, environ={}, directory=tmp_path)
        assert arguments.configuration.retry.rule == given.rule

    def test_what_only_we_can_see_in_a_configuration_is_said_with_its_number(self):
        config = RetryConfiguration(
            rule=[
                {"class": "blocked", "status": [203]},
                {"class": "blocked", "types": ["CancelledError"]},
                {"class": "proxy"},
            ]
        )
        complaints = refused(lambda: rules_of(config.rule))
        assert [each.partition(":")[0] for each in complaints] == [
            "rule[1].types",
            "rule[2].at least one condition is needed",
        ]

    def test_wrong_rules_of_a_job_file_are_complained_about_with_their_path(self):
        with pytest.raises(ConfigurationError) as caught:
            JobConfiguration(retry={"rule": [{"class": "blockd"}, {"clas": "blocked", "message": "(", "status": [42]}]})
        assert {each["path"]: each["nearest"] for each in caught.value.context["complaints"]} == {
            "retry.rule[0].class": None,
            "retry.rule[1].class": None,
            "retry.rule[1].clas": "class",
            "retry.rule[1].message": None,
            "retry.rule[1].status[0]": None,
        }
        assert "retry.rule[1].class: is missing" in str(caught.value)

    def test_the_words_of_the_configuration_are_those_of_the_code(self):
        fields = FailureRuleSettings.model_fields
        assert set(typing.get_args(fields["failure_class"].annotation)) == set(FailureClass)
        assert set(typing.get_args(typing.get_args(fields["remedy"].annotation)[0])) == set(Remedy)
        assert set(fields) == set(FailureRule.__dataclass_fields__) - {"when"}


class TestAFunctionThatRaises:
    def asked(self, when, *errors):
        [odd] = heard([rule(when=when, name="odd")])
        return [decided(error, odd) for error in errors]

    def test_each_time_is_told_once(self, caplog):
        errors = [KeyError("x")] * (RAISES_MAX - 1)
        assert set(self.asked(lambda error: error.response.status == 403, *errors)) == {None}
        assert not caplog.records
        self.asked(lambda error: error.response.status == 403, *errors * 5)
        [told] = caplog.messages
        assert told.startswith(
            "rule 'odd' has never held: its `when` raised each of the 20 times it was asked, last Attrib"
        )

    def test_for_want_of_a_name_is_told_at_once(self, caplog):
        self.asked(lambda error: eror.status == 403, KeyError(), KeyError())  # noqa: F821
        [told] = caplog.messages
        assert "name 'eror' is not defined" in told

    def test_for_some_errors_only_is_as_it_should_be(self, caplog):
        errors = [*[KeyError()] * (RAISES_MAX - 1), OSError(errno.EIO, "x"), *[KeyError()] * (5 * RAISES_MAX)]
        assert self.asked(lambda error: error.errno == errno.EIO, *errors).count("odd") == 1
        assert not caplog.records

    def test_is_still_the_users_to_be_seen(self):
        def of_mine(error): ...

        given = rule(when=of_mine)
        [odd] = heard([given])
        assert odd.to_dict() == given.to_dict()
