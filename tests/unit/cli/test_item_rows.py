"""A table for a spreadsheet: RFC 4180, one line a row, and nothing in it that is taken for a formula."""

import csv

import pytest

from outlast.cli.failures.item_rows import csv_text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("plain", "plain"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\uff1d1", "'\uff1d1"),
        ("a; =1;-2;b;@c", "a; '=1;'-2;b;'@c"),
        ('a;"=1', "a;\"'=1"),
        ("\t=1", "\\t=1"),
        ("a=1", "a=1"),
        ("two\r\nlines\x1b[31m", "two\\r\\nlines\\x1b[31m"),
        ('"a", b', '"a", b'),
        ("", ""),
    ],
)
def test_a_text_is_no_formula_and_stays_on_its_line(text, cell):
    written = csv_text([["head", text], [text, "tail"]])
    assert written.count("\n") == written.count("\r\n") == 2
    assert list(csv.reader(written.splitlines())) == [["head", cell], [cell, "tail"]]


def test_numbers_are_numbers_and_what_is_not_known_is_empty():
    assert csv_text([[-3, None, "x"]]) == "-3,,x\r\n"
