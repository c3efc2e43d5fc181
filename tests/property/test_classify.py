"""Classification, for every exception there can be: it never raises, never hangs, and says the same of the same."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from outlast.failure import FailureClass, FailureRule, Remedy, ResultJudge, classify, describe, judge_result
from outlast.failure.pages import blocked_by
from outlast.failure.retry_after import RETRY_AFTER_MAX, asked_delay
from outlast.failure.signature import SIGNATURE_MAX, mask

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.integers())
TYPES = [ConnectionError, TimeoutError, KeyError, RuntimeError, ValueError, Exception, MemoryError]


@st.composite
def leaves(draw):
    error = draw(st.sampled_from(TYPES))(draw(st.text()))
    for name in ("status", "status_code", "code", "retry_after", "retryable", "headers", "response"):
        if draw(st.integers(0, 3)) == 0:
            setattr(error, name, draw(ANYTHING))
    return error


errors = st.recursive(
    leaves(), lambda inner: st.builds(ExceptionGroup, st.text(), st.lists(inner, min_size=1, max_size=3)), max_leaves=6
)


@st.composite
def chains(draw):
    """Errors that name each other as cause and context at random, themselves included."""
    all_of_them = draw(st.lists(errors, min_size=1, max_size=5))
    for error in all_of_them:
        if draw(st.booleans()):
            error.__cause__ = draw(st.sampled_from(all_of_them))
        if draw(st.booleans()):
            error.__context__ = draw(st.sampled_from(all_of_them))
    return all_of_them[0]


@given(chains())
def test_whatever_it_is_given_it_answers_and_the_picture_is_plain_data(error):
    found = classify(error, now=NOW)
    assert found == classify(error, now=NOW)
    assert found.retry_after is None or 0 <= found.retry_after <= RETRY_AFTER_MAX
    assert found.status is None or 100 <= found.status < 600
    assert found.max_attempts is None or found.transient
    told = describe(error, found).to_dict()
    assert json.loads(json.dumps(told)) == told
    assert FailureClass(told["class"]) is found.failure_class


@st.composite
def rules(draw):
    """Rules that may match anything."""
    return FailureRule(
        failure_class=draw(st.sampled_from(FailureClass)),
        types=draw(
            st.lists(st.sampled_from(["KeyError", "OSError", "builtins.ValueError", "ExceptionGroup"]), max_size=2)
        ),
        status=draw(st.frozensets(st.integers(100, 599), max_size=2)),
        message=draw(st.none() | st.sampled_from(["", "a", r"\d", "Error"]).map(lambda text: text or None)),
        hosts=draw(st.sampled_from([["*"], ["x.example"]])),
        transient=draw(st.none() | st.booleans()),
        max_attempts=draw(st.none() | st.integers(1, 100)),
        retry_after=draw(st.none() | st.floats(0, RETRY_AFTER_MAX)),
        remedy=draw(st.none() | st.sampled_from(Remedy)),
    )


@given(chains(), st.lists(rules(), max_size=3))
def test_whatever_the_rules_the_first_that_matches_decides_and_else_nothing_has_changed(error, some):
    found = classify(error, now=NOW, rules=some, host="y.example", transient_patterns=["."], permanent_patterns=["."])
    assert found.max_attempts is None or found.transient
    assert found.retry_after is None or 0 <= found.retry_after <= RETRY_AFTER_MAX
    if isinstance(error, BaseExceptionGroup):
        return
    links = []
    link = error
    while link is not None and not any(link is each for each in links) and len(links) < 8:
        links.append(link)
        link = link.__cause__ if link.__cause__ is not None or link.__suppress_context__ else link.__context__
    first = next((rule for rule in some if any(rule.matches(each, "y.example") for each in links)), None)
    if first is not None:
        assert (found.failure_class, found.rule) == (first.failure_class, first.name)
        assert first.transient is None or found.transient is first.transient


@given(ANYTHING | st.dictionaries(st.text(), ANYTHING), st.lists(rules(), max_size=3))
def test_no_result_breaks_a_judge(result, some):
    judge = ResultJudge(rules=[*some, FailureRule(failure_class="blocked", result="x|null")])
    error = judge(result)
    assert (error is None) or not classify(error, now=NOW).transient
    assert judge_result(result, rules=some) is None


@given(
    st.none() | st.integers(100, 599),
    st.text(),
    st.none() | st.dictionaries(st.sampled_from(["cf-mitigated", "location", "x"]), st.text() | st.none()),
    st.text() | st.text().map(lambda text: f"<title>Just a moment...</title>{text}"),
    st.none() | st.booleans(),
)
def test_no_page_breaks_the_telling_of_walls(status, url, headers, text, redirected):
    vendor = blocked_by(status, url, headers, text, redirected=redirected)
    assert vendor is None or vendor


@given(st.lists(errors, min_size=1, max_size=4))
def test_a_group_is_transient_exactly_if_all_its_members_are(members):
    group = classify(ExceptionGroup("", members), now=NOW)
    assert group.transient == all(classify(member, now=NOW).transient for member in members)


@given(st.text() | st.from_regex(r'-?[0-9.]{1,30}|"[a-z]";r=0;t=[0-9]{1,400}', fullmatch=True))
def test_no_header_breaks_the_reading_of_it(text):
    for name in ("Retry-After", "RateLimit", "Date"):
        wish = asked_delay({name: text, "Retry-After": text}, NOW)
        assert wish is None or 0 <= wish <= RETRY_AFTER_MAX
        wish = asked_delay({name: text}, NOW)
        assert wish is None or 0 <= wish <= RETRY_AFTER_MAX


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)))
def test_every_moment_ahead_comes_back_in_every_form(moment):
    moment = moment.replace(microsecond=0)
    for form in ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", f"%a %b {moment.day:2} %H:%M:%S %Y"):
        wish = asked_delay({"Retry-After": moment.strftime(form)}, NOW)
        assert wish == (moment.replace(tzinfo=UTC) - NOW).total_seconds()


@given(st.text(), st.integers(0, 10**9), st.integers(0, 10**9))
def test_numbers_make_no_difference_to_a_mask(text, one, other):
    assert mask(f"{text} row {one} ") == mask(f"{text} row {other} ")


@given(chains())
def test_a_signature_is_one_short_line(error):
    signature = describe(error, classify(error, now=NOW)).signature
    assert len(signature) <= SIGNATURE_MAX
    assert "\n" not in signature
