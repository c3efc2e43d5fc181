"""The reference of the report as data has each field that there is, and each kind of mark."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args, get_type_hints

from outlast.report import failures, marks, model, timeline
from outlast.report.marks import MarkKind
from outlast.report.model import Report

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "report.md").read_text()


def names_of(kind):
    """The names of the fields of a dataclass, and of those in it; those of the counts are told elsewhere."""
    for name, hint in get_type_hints(kind).items():
        yield name
        for inner in (hint, *get_args(hint)):
            if is_dataclass(inner) and inner.__name__ != "Counts":
                yield from names_of(inner)


def test_every_field_of_the_report_is_in_its_reference():
    told_of = set(re.findall(r"`(\w+)`", PAGE))
    assert len(fields(Report)) > 15
    assert set(names_of(Report)) <= told_of


def test_every_kind_of_mark_is_in_its_reference():
    rows = {
        kind for row in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.M) for kind in re.findall(r"`(\w+)`", row)
    }
    assert {kind.value for kind in MarkKind} <= rows


def test_the_bounds_are_those_of_the_code():
    said = " ".join(PAGE.split())
    for bound in (
        f"{timeline.STEPS_MAX} steps of time, {marks.MARKS_KEPT_MAX} marks of a kind",
        f"{failures.CAUSES_SHOWN_MAX} causes, the {failures.HOSTS_SHOWN_MAX} hosts with the most failures, {model.CHECKPOINTS_SHOWN_MAX} checkpoints",
    ):
        assert bound in said
