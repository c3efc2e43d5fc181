"""Are failures grouped as a person would group them? 20,000 synthetic ones of 26 causes, three of which share each place and type.

A group is right when it holds all failures of one cause and no other; a failure is mixed when its group holds several causes.
"""

import errno
import json
import random
from collections import Counter, defaultdict
from datetime import UTC, datetime

import httpx
import pytest

from outlast.failure import classify, describe

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAILURES = 20_000

PlaywrightError = type("Error", (Exception,), {"__module__": "playwright._impl._errors"})
PlaywrightTimeout = type("TimeoutError", (PlaywrightError,), {"__module__": "playwright._impl._errors"})
TargetClosed = type("TargetClosedError", (PlaywrightError,), {"__module__": "playwright._impl._errors"})
WORDS = "amber birch cedar delta ember fjord grove haven inlet jade".split()


class Particulars:
    """What differs from one failure to the next."""

    def __init__(self, seed):
        self.chance = random.Random(seed)

    def number(self, low=0, high=99_999):
        return self.chance.randint(low, high)

    @property
    def host(self):
        return f"{self.chance.choice(WORDS)}-{self.number(1, 40)}.example"

    @property
    def url(self):
        return f"https://{self.host}/{self.chance.choice(WORDS)}/{self.number()}?page={self.number(1, 9)}"

    @property
    def words(self):
        return " ".join(self.chance.choice(WORDS) for _ in range(self.number(1, 3)))

    @property
    def hexadecimal(self):
        return f"{self.chance.getrandbits(64):016x}"


def answered(status):
    def build(one):
        request = httpx.Request("GET", one.url)
        try:
            httpx.Response(status, request=request).raise_for_status()
        except httpx.HTTPStatusError as error:
            return error.with_traceback(None)

    return build


def system(number, text):
    return lambda one: OSError(number, text, f"/data/{one.words.replace(' ', '/')}/{one.number()}.json")


# Few places, as in a scraper: the place alone tells little.
def fetch(error):
    raise error


def interact(error):
    raise error


def parse(error):
    raise error


def parse_stock(error):
    raise error


def save(error):
    raise error


CAUSES = {
    "goto timeout": (fetch, lambda one: PlaywrightTimeout(
        f'Page.goto: Timeout {one.number()}ms exceeded.\nCall log:\n  - navigating to "{one.url}"')),
    "refused": (fetch, lambda one: PlaywrightError(f"Page.goto: net::ERR_CONNECTION_REFUSED at {one.url}\nCall log:")),
    "no name": (fetch, lambda one: PlaywrightError(f"Page.goto: net::ERR_NAME_NOT_RESOLVED at {one.url}\nCall log:")),
    "not found": (fetch, answered(404)),
    "forbidden": (fetch, answered(403)),
    "throttled": (fetch, answered(429)),
    "unavailable": (fetch, answered(503)),
    "connect timeout": (fetch, lambda one: httpx.ConnectTimeout("")),
    "cut short": (fetch, lambda one: httpx.RemoteProtocolError(
        f"peer closed connection without sending complete message body (received {one.number()} bytes, expected {one.number()})")),
    "no connection": (fetch, lambda one: ConnectionError(
        f"Cannot connect to host {one.host}:443 ssl:default [Connect call failed ('10.{one.number(0, 255)}.0.{one.number(0, 255)}', 443)]")),
    "selector timeout": (interact, lambda one: PlaywrightTimeout(
        f'Page.wait_for_selector: Timeout {one.number()}ms exceeded.\nCall log:\n  - waiting for locator(".p{one.number()}")')),
    "click timeout": (interact, lambda one: PlaywrightTimeout(f"Locator.click: Timeout {one.number()}ms exceeded.")),
    "closed": (interact, lambda one: TargetClosed("Page.click: Target page, context or browser has been closed")),
    "crashed": (interact, lambda one: PlaywrightError("Page.click: Target crashed")),
    "script": (interact, lambda one: PlaywrightError(
        f"Page.evaluate: TypeError: Cannot read properties of undefined (reading 'price')\n    at eval (eval at evaluate (:{one.number()}:30))")),
    "no price": (parse, lambda one: KeyError("price")),
    "no title": (parse, lambda one: KeyError("title")),
    "no id": (parse, lambda one: KeyError(f"sku-{one.number()}")),
    "no number": (parse, lambda one: ValueError(f"could not convert string to float: '{one.words}'")),
    "no node": (parse, lambda one: AttributeError("'NoneType' object has no attribute 'text'")),
    "no node either": (parse, lambda one: AttributeError("'NoneType' object has no attribute 'attrs'")),
    "no node in the stock": (parse_stock, lambda one: AttributeError("'NoneType' object has no attribute 'text'")),
    "short row": (parse, lambda one: ValueError(f"row {one.number()} of {one.hexadecimal} has {one.number(1, 9)} cells")),
    "full": (save, system(errno.ENOSPC, "No space left on device")),
    "read-only": (save, system(errno.EROFS, "Read-only file system")),
    # Words without quotes look like any others: nobody can mask them.
    "unknown product": (parse, lambda one: LookupError(f"no product is called {one.words}")),
}  # fmt: skip
RARE = {"unknown product"}


def corpus(seed):
    """Pairs of cause and signature; the rare cause makes up a fiftieth of them."""
    one = Particulars(seed)
    frequent = sorted(set(CAUSES) - RARE)
    for number in range(FAILURES):
        cause = one.chance.choice(sorted(RARE)) if number % 50 == 0 else one.chance.choice(frequent)
        place, build = CAUSES[cause]
        try:
            place(build(one))
        except Exception as error:
            yield cause, describe(error, classify(error, now=NOW), with_traceback=False).signature


def scores(pairs):
    """The shares of failures that are grouped right, and that are in a group with other causes."""
    causes, groups = Counter(cause for cause, _ in pairs), defaultdict(Counter)
    for cause, signature in pairs:
        groups[signature][cause] += 1
    right = sum(each.total() for each in groups.values() if len(each) == 1 and each.total() == causes[next(iter(each))])
    mixed = sum(each.total() for each in groups.values() if len(each) > 1)
    return right / len(pairs), mixed / len(pairs)


@pytest.mark.parametrize("seed", [20260101])
def test_failures_are_grouped_as_a_person_would_group_them(seed):
    right, mixed = scores(list(corpus(seed)))
    print(f"right {right:.1%}, mixed {mixed:.1%}")
    assert right >= 0.95
    assert mixed == 0


def test_the_score_tells_good_groups_from_bad_ones():
    assert scores([("a", "1"), ("b", "2")]) == (1, 0)
    assert scores([("a", "1"), ("a", "2"), ("b", "3"), ("b", "3")]) == (0.5, 0)
    assert scores([("a", "1"), ("b", "1"), ("c", "2"), ("c", "2")]) == (0.5, 0.5)


class TestPlace:
    def signature(self, error):
        return describe(error, classify(error, now=NOW)).signature

    def raised(self, act):
        with pytest.raises(Exception) as caught:
            act()
        return self.signature(caught.value)

    def test_it_is_the_innermost_frame_of_the_users_own_code(self):
        def scrape():
            json.loads("{")

        assert self.raised(scrape).startswith("json.decoder.JSONDecodeError test_grouping.py:scrape Expecting ")

    def test_a_library_that_is_installed_is_not_the_users(self):
        def get():
            httpx.Client().get("nonsense://x")

        assert " test_grouping.py:get " in self.raised(get)

    def test_outlast_is_not_the_users(self):
        from outlast.failure import FailureRule

        def rule():
            FailureRule(failure_class="blocked")

        assert " test_grouping.py:rule " in self.raised(rule)

    def test_a_comprehension_counts_as_the_function_around_it(self):
        def rows():
            return [int(each) for each in ["x"]]

        assert " test_grouping.py:rows " in self.raised(rows)

    def test_an_error_that_a_library_wraps_has_the_place_of_its_cause(self):
        def deep():
            raise KeyError("k")

        try:
            deep()
        except KeyError as error:
            wrapped = RuntimeError("no luck")
            wrapped.__cause__ = error
        assert self.signature(wrapped) == "builtins.RuntimeError test_grouping.py:deep no luck"

    def test_an_error_that_was_never_raised_has_none(self):
        assert self.signature(RuntimeError("odd")) == "builtins.RuntimeError odd"


class TestFingerprint:
    def signature(self, fingerprint, cause=None):
        error = RuntimeError("odd")
        error.fingerprint = fingerprint
        error.__cause__ = cause
        return describe(error, classify(error, now=NOW)).signature

    def test_an_exception_may_bring_its_own(self):
        assert self.signature(("checkout", "no stock 17")) == "checkout no stock 17"
        assert self.signature(["checkout"]) == "checkout"

    def test_a_cause_may_too(self):
        cause = KeyError()
        cause.fingerprint = ("mine",)
        assert self.signature(None, cause) == "mine"

    @pytest.mark.parametrize("odd", [None, "text", (), (3,), [b"x"], ("",), (" ", "\n"), {"a": "b"}])
    def test_what_is_no_sequence_of_texts_is_none(self, odd):
        assert self.signature(odd) == "builtins.RuntimeError odd"

    def test_it_is_one_short_line_of_valid_text(self):
        assert self.signature(("a\nb", "\ud800" * 500)).startswith("a b ?")
        assert len(self.signature(("x" * 5_000,))) == 300
