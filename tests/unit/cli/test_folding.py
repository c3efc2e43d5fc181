"""Lines that are longer than the terminal is wide."""

import io

from outlast.cli.folding import WIDTH_MIN, Whole, folded, width_of
from outlast.cli.phrases import commands

ENDING = "FINISHED WITH FAILURES in 6.8 s: 33 of 36 done, 3 failed (8.3%; allowed: 0), 5 retries."


def test_a_sentence_is_broken_between_words_and_what_follows_is_set_in():
    assert folded([ENDING], 40) == [
        "FINISHED WITH FAILURES in 6.8 s: 33 of",
        "  36 done, 3 failed (8.3%; allowed: 0),",
        "  5 retries.",
    ]


def test_a_row_goes_on_below_its_last_column():
    assert folded(["  F-664f73  2  ValueError of one page  e.g. http://127.0.0.1/6"], 46) == [
        "  F-664f73  2  ValueError of one page",
        "               e.g. http://127.0.0.1/6",
    ]
    assert folded(["ok  open files  20000 at once, which is more than enough"], 48)[1] == " " * 16 + "than enough"
    assert folded([f"  {'label' * 3}   and what it is about"], 30)[1] == "    it is about"


def test_what_is_to_be_typed_stays_in_one_piece():
    [row] = folded(commands([("go on", f"outlast resume {'x' * 60}")]), 40)
    assert row.endswith(f"outlast resume {'x' * 60}")
    assert folded(["What was recorded is kept. When that is mended: outlast resume a-shop"], 60) == [
        "What was recorded is kept. When that is mended:",
        "  outlast resume a-shop",
    ]
    assert folded(["'F-5' is no group: they have names (outlast failures JOB lists them)"], 40)[1] == (
        "  (outlast failures JOB lists them)"
    )
    assert folded(["Stopped by somebody who typed `outlast stop` after 4 s."], 40)[1] == "  `outlast stop` after 4 s."


def test_a_word_that_fits_no_line_is_left_to_the_terminal():
    assert folded([f"kept in {'/long' * 20}, all of it"], 40) == ["kept in", f"  {'/long' * 20},", "  all of it"]


def test_what_fits_what_is_read_by_a_program_and_what_goes_nowhere_special_is_left_as_it_is():
    data = Whole('{"message": "one that is longer than the terminal is wide"}')
    assert folded([data], 40) == [data]
    assert folded([ENDING], len(ENDING)) == [ENDING]
    assert folded([ENDING], None) == folded([ENDING], WIDTH_MIN - 1) == [ENDING]
    assert width_of(io.StringIO()) is None
