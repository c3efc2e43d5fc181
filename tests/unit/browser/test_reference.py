"""The reference says what the policy holds."""

import dataclasses
import re
from pathlib import Path

from outlast import BrowserPolicy
from outlast.browser import Deadlines

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "browser.md").read_text(encoding="utf-8")


def said(value):
    return "none" if value is None else f"`{value}`" if isinstance(value, bool) else f"{value:,g}"


def test_every_field_of_the_policy_stands_with_its_default():
    rows = [row for row in re.findall(r"^\| (`.*?`) \| (.*?) \|", PAGE, re.MULTILINE) if "`restart_enabled`" not in row]
    told = {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}
    for each in dataclasses.fields(BrowserPolicy):
        if each.name in {"deadlines", "restart_enabled", "idle_before_probe"}:
            continue
        assert said(each.default) in told[each.name], each.name
    assert "`restart_enabled` | `True`" in PAGE
    assert f"`idle_before_probe` ({BrowserPolicy().idle_before_probe:g} s)" in PAGE


def test_every_deadline_stands_with_its_default():
    for each in dataclasses.fields(Deadlines):
        assert re.search(rf"`{each.name}`\s{each.default:g}\b", PAGE), each.name
