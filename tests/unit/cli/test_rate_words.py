"""How often hosts are asked, in words: what the job says, and what was ordered in its place."""

from outlast.cli.pausing import Ordered
from outlast.cli.words.rate import rate_document, rate_lines, rate_table, rates_in_force, rates_text
from outlast.jobs.orders import Orders

OWN = {"a.de": "30/min", "*": "5/s"}


def ordered(before, after):
    return Ordered(before=Orders(rates=before), after=Orders(rates=after), own_rates=OWN)


def test_what_was_ordered_wins_over_what_the_job_says():
    assert rate_table(rates_in_force(OWN, {"*": "none", "b\x1b": "1/h"})) == [
        "*      none    by the order",
        "a.de   30/min  by the job",
        r"b\x1b  1/h     by the order",
    ]
    assert rate_table([]) == []


def test_a_rate_is_ordered_and_how_it_is_taken_back():
    told = ordered({}, {"a.de": "1/s", "b c": "none"})
    assert rate_lines("shop", ["a.de", "b c"], told, running=True, hint=" --store s") == [
        "job shop: a.de 1/s, b c none; the run notices within a second.",
        "  take it back   outlast rate shop --clear a.de 'b c' --store s",
    ]
    assert rate_lines("shop", ["a.de"], told, running=False, hint="")[0] == ("job shop: a.de 1/s from the next run on.")
    assert rate_document("shop", told) == {
        "job_id": "shop",
        "rates": [
            {"host": "*", "rate": "5/s", "by": "job"},
            {"host": "a.de", "rate": "1/s", "by": "order"},
            {"host": "b c", "rate": "none", "by": "order"},
        ],
        "ordered": {"a.de": "1/s", "b c": "none"},
        "changed": ["a.de", "b c"],
    }


def test_what_is_taken_back_is_as_the_job_says_again():
    told = ordered({"a.de": "1/s", "c": "1/s", "d": "1/s"}, {"d": "1/s"})
    assert rate_lines("shop", ["a.de", "c"], told, running=True, hint="") == [
        "job shop: as the job itself says: a.de 30/min, nothing is ordered any more for c; the run notices within a second."
    ]


def test_what_changes_nothing_is_said():
    same = ordered({"a.de": "1/s"}, {"a.de": "1/s"})
    assert rate_lines("shop", ["a.de"], same, running=True, hint="")[0] == (
        "job shop: a.de 1/s is ordered already; nothing was changed"
    )
    assert rate_lines("shop", ["x"], same, running=True, hint="") == [
        "job shop: no such rate was ordered; nothing was changed"
    ]


def test_of_many_the_first_are_named():
    many = {f"h{number}": "1/s" for number in range(9)}
    assert rates_text(many).endswith("h4 1/s and 4 more")
    [line] = rate_lines("shop", list(many), ordered(many, {}), running=True, hint="")
    assert "for h0, h1, h2, h3, h4 and 4 more;" in line
