"""How long the other side asks to be left alone."""

from datetime import UTC, datetime

import multidict
import pytest

from outlast.failure.retry_after import RETRY_AFTER_MAX, asked_delay, parse_http_date

NOW = datetime(1994, 11, 6, 8, 49, 7, tzinfo=UTC)
DATES = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("99999999999", RETRY_AFTER_MAX),
        ("9" * 5_000, RETRY_AFTER_MAX),
        ("-3", None),
        ("1.5", None),
        ("nan", None),
        ("inf", None),
        ("1e3", None),
        ("٣", None),
        ("", None),
        ("soon", None),
    ],
)
def test_seconds_are_a_whole_number_that_is_not_negative(text, seconds):
    assert asked_delay({"Retry-After": text}, NOW) == seconds


@pytest.mark.parametrize("date", DATES)
def test_the_three_forms_of_a_date_are_understood(date):
    assert asked_delay({"Retry-After": date}, NOW) == 30


@pytest.mark.parametrize("date", DATES)
def test_the_date_of_the_response_is_what_a_date_is_compared_with(date):
    headers = {"Retry-After": "Sun, 06 Nov 1994 08:50:00 GMT", "Date": date}
    assert asked_delay(headers, datetime(2026, 1, 1, tzinfo=UTC)) == 23


def test_a_date_of_the_response_that_is_garbage_is_not_used():
    assert asked_delay({"Retry-After": DATES[0], "Date": "yesterday"}, NOW) == 30


@pytest.mark.parametrize(
    "date",
    [
        "Sun, 06 Nov 1994 08:49:00 GMT",  # has passed
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 31 Feb 1995 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "1994-11-06T08:49:37Z",
    ],
)
def test_a_date_that_has_passed_or_is_none_is_ignored(date):
    assert asked_delay({"Retry-After": date}, NOW) is None


def test_a_leap_second_is_a_second():
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", NOW) == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("year", "now", "meant"), [(94, 1994, 1994), (26, 2026, 2026), (76, 2026, 2076), (77, 2026, 1977)]
)
def test_a_year_of_two_digits_is_at_most_fifty_years_ahead(year, now, meant):
    found = parse_http_date(f"Sunday, 06-Nov-{year} 08:49:37 GMT", datetime(now, 1, 1, tzinfo=UTC))
    assert found.year == meant


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ('"default";r=0;t=30', 30),
        ('"default"; r=0; t=30', 30),
        ('"a,b;r=1";r=0;t=30', 30),
        ("default;r=0;t=30;pk=:sQ==:", 30),
        ('"day";r=0;t=30, "hour";r=0;t=5', 30),
        ('"day";r=7;t=30, "hour";r=0;t=5', 5),
        ('"default";r=1;t=30', None),
        ('"default";r=0', None),
        ('"default";t=30', None),
        ('"default";r=0;t=-3', None),
        ('"default";r=0;t=1.5', None),
        ("", None),
        ("garbage", None),
    ],
)
def test_the_rate_limit_counts_where_nothing_is_left_of_it(value, seconds):
    assert asked_delay({"RateLimit": value}, NOW) == seconds


def test_retry_after_takes_precedence_even_when_it_is_garbage():
    assert asked_delay({"Retry-After": "4", "RateLimit": '"d";r=0;t=30'}, NOW) == 4
    assert asked_delay({"Retry-After": "?", "RateLimit": '"d";r=0;t=30'}, NOW) is None


class OnlyGet:
    def get(self, name):
        return b"6" if name.lower() == "retry-after" else None


class Broken:
    def get(self, name):
        raise RuntimeError("closed")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "6"}, 6),
        ({"RETRY-AFTER": "6"}, 6),
        (multidict.CIMultiDict({"retry-after": "6"}), 6),
        (OnlyGet(), 6),
        ({"Retry-After": 6}, None),
        ({}, None),
        (None, None),
        (Broken(), None),
        ([("Retry-After", "6")], None),
    ],
)
def test_any_mapping_of_headers_will_do(headers, seconds):
    assert asked_delay(headers, NOW) == seconds
