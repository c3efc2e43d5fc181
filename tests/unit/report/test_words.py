"""How a report writes numbers and the texts of strangers."""

import pytest

from outlast.report.words import clean, duration, number, percent, plural, size, thinned


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.25, "0.2"), (9.96, "10"), (12.4, "12"), (1_204, "1\u202f204"), (1e7, "10\u202f000\u202f000")],
)
def test_numbers_have_their_thousands_apart(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 5, "0 %"),
        (1, 0, "0 %"),
        (1, 100_000, "< 0.1 %"),
        (16, 1_000, "1.6 %"),
        (99_999, 100_000, "99.9 %"),
        (5, 5, "100 %"),
    ],
)
def test_a_share_never_looks_like_none_or_all_when_it_is_not(part, whole, text):
    assert percent(part, whole) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0.2 s"), (59.9, "59 s"), (725, "12 min 5 s"), (33_120, "9 h 12 min"), (273_600, "3 d 4 h"), (3_600, "1 h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1_023, "1023 B"), (5_138_022, "4.9 MiB"), (2**50, "1024.0 TiB")]
)
def test_sizes(count, text):
    assert size(count) == text


def test_one_is_not_many():
    assert (plural(1, "crash", "crashes"), plural(2, "crash", "crashes"), plural(1_000, "item")) == (
        "1 crash",
        "2 crashes",
        "1\u202f000 items",
    )


@pytest.mark.parametrize("text", ["\x1b[31mred\x1b[0m", "a\nb\r\u2028c", "\u202eevil", "\ud800"])
def test_what_could_break_a_line_or_hide_in_it_is_escaped(text):
    assert clean(text).isprintable()


def test_a_megabyte_is_cut_and_says_so():
    assert len(clean("x" * 1_000_000)) < 350
    assert clean("x" * 1_000_000).endswith("(999700 more characters)")


def test_a_long_row_of_things_falls_into_few_stretches():
    spans = list(thinned(1_001, 48))
    assert len(spans) <= 48
    assert spans[0] == (0, 21)
    assert spans[-1][1] == 1_001
    assert list(thinned(3, 48)) == [(0, 1), (1, 2), (2, 3)]
