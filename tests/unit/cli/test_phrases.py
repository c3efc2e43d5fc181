"""Numbers and names as people read them."""

import subprocess
from datetime import UTC, datetime

import pytest

from outlast.cli.phrases import (
    clock_face,
    columns,
    commands,
    duration,
    moment,
    percent,
    plainly,
    quoted,
    rate,
    safe,
    size,
    typed,
    units,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (4.21, "4.2 s"),
        (60, "1 min"),
        (725, "12 min 5 s"),
        (3600, "1 h"),
        (33_120, "9 h 12 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("per_second", "text"),
    [(264.2, "264/s"), (4.4, "4.4/s"), (0.5, "30/min"), (0.02, "1.2/min"), (0.001, "4/h"), (0, "0/s")],
)
def test_a_rate_is_given_in_the_unit_in_which_it_can_be_read(per_second, text):
    assert rate(per_second) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_048_575, "1.0 MiB"),
        (5_138_022, "4.9 MiB"),
        (3 << 40, "3.0 TiB"),
        (5000 << 40, "5000.0 TiB"),
    ],
)
def test_a_size_is_given_in_the_unit_in_which_it_can_be_read(count, text):
    assert size(count) == text


def test_what_a_terminal_would_obey_is_written_out():
    assert safe("a\x1b[31mb\nc\u202ed[red]") == r"a\x1b[31mb\nc\u202ed[red]"


def test_a_long_text_is_cut():
    assert safe("x" * 500, 10) == "xxxxxxx..."


def test_a_name_can_be_typed_into_a_shell():
    assert quoted("docs") == "docs"
    assert quoted("my docs; rm") == "'my docs; rm'"


def test_a_moment_is_utc_to_the_second():
    assert moment(datetime(2026, 1, 2, 3, 4, 5, 6, UTC)) == "2026-01-02T03:04:05Z"
    assert moment("2026-01-02T03:04:05.000006+00:00") == "2026-01-02T03:04:05Z"
    assert moment("once\n") == r"once\n"


def test_small_things():
    assert clock_face(14_530) == "4:02:10"
    assert percent(1, 3) == "33.3%"
    assert percent(0, 0) == "0.0%"
    assert units(1, "item") == "1 item"
    assert units(0, "item") == "0 items"


@pytest.mark.parametrize(
    ("part", "text"), [(0, "0.0%"), (1, "0.1%"), (500, "25.0%"), (1999, "99.9%"), (2000, "100.0%"), (2001, "100.0%")]
)
def test_a_share_is_called_whole_or_nothing_only_where_it_is(part, text):
    assert percent(part, 2000) == text


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        ("builtins.ValueError scrape.py:parse no price", "ValueError scrape.py:parse no price"),
        (
            "20 of the last 20 operations failed (aiohttp.client_exceptions.ClientResponseError 403 shop.py:get <n>, "
            "message=<text>, url=<text>); no recovery in 42 s",
            "20 of the last 20 operations failed (ClientResponseError 403 shop.py:get); no recovery in 42 s",
        ),
        ("a.b.Error 404 shop.py:get <n>, message=<text>, url=<text>", "Error 404 shop.py:get"),
        ("a.b.Error shop.py:get page <n>", "Error shop.py:get page <n>"),
        ("a.b.Error <n>", "Error <n>"),
        ("failed at www.Shop.example (www.shop.example)", "failed at www.Shop.example (www.shop.example)"),
    ],
)
def test_a_signature_is_told_without_what_says_nothing_to_people(signature, text):
    assert plainly(signature) == text


def test_tables_and_commands_are_aligned():
    assert columns([("a", "1"), ("bcd", "22")], right=frozenset({1})) == ["a     1", "bcd  22"]
    assert commands([("go on", "x"), ("look at it", "y")]) == ["  go on        x", "  look at it   y"]
    assert commands([]) == []


@pytest.mark.parametrize(
    "word", ["sh op", "it's", "a\nb", "bell\x07 'n \\ tab\t", "\u202eabc", "-lead", "", "a\udcffb"]
)
def test_what_is_quoted_is_what_a_shell_reads(word):
    text = quoted(word)
    assert text.isprintable()
    said = subprocess.run(
        ["bash", "-c", f"printf %s {text}"],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    )
    assert said.stdout.decode("utf-8", "surrogateescape") == word


@pytest.mark.parametrize(
    ("command", "arranged"),
    [
        ("outlast results docs --store x", "outlast results docs --store x"),
        ("outlast results -lead", "outlast results -- -lead"),
        ("outlast resume -lead --store 'a b' --release-hold", "outlast resume --store 'a b' --release-hold -- -lead"),
        ("outlast checkpoint verify '-a b' --store s --deep", "outlast checkpoint verify --store s --deep -- '-a b'"),
        ("outlast resume $'-a\\nb'", "outlast resume -- $'-a\\nb'"),
        ("outlast retry -l --store s && outlast resume -l", "outlast retry --store s -- -l && outlast resume -- -l"),
        ("outlast resume 'a && outlast resume -x'", "outlast resume 'a && outlast resume -x'"),
        ("/tmp/out.jsonl", "/tmp/out.jsonl"),
    ],
)
def test_a_name_that_begins_with_a_dash_is_not_taken_for_an_option(command, arranged):
    assert typed(command) == arranged
    assert commands([("do it", command)]) == [f"  do it   {arranged}"]
