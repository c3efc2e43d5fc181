"""Durations and allowances mean what they look like."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.config.values import Allowance, seconds_in
from outlast.errors import ConfigurationError
from outlast.config.job import JobConfiguration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("0.5", 0.5),
        ("30s", 30),
        ("1.5m", 90),
        ("2h", 7200),
        ("1d", 86400),
        ("250ms", 0.25),
        ("1h 30m", 5400),
        (" 5 m ", 300),
        ("-3", -3),
    ],
)
def test_a_duration_is_read_with_its_unit(text, seconds):
    assert seconds_in(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "5 parsecs", "5m later", "-5m", "1e3", "nan", "inf", "5 5", "٥"])
def test_what_is_no_duration_is_refused(text):
    if text == "٥":
        # Digits of other scripts are digits to Python, and mean what they say.
        assert seconds_in(text) == 5
        return
    with pytest.raises(ValueError, match="should be a duration such as"):
        seconds_in(text)


@given(st.integers(0, 10**6), st.sampled_from(["s", "m", "h", "d"]))
def test_units_multiply(number, unit):
    assert seconds_in(f"{number}{unit}") == number * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


@pytest.mark.parametrize(
    ("setting", "allowance"),
    [
        (10, Allowance(items=10)),
        ("10", Allowance(items=10)),
        (0, Allowance()),
        ("1%", Allowance(share=Fraction(1, 100))),
        ("0.5 %", Allowance(share=Fraction(1, 200))),
        ("100%", Allowance(share=Fraction(1))),
        (Allowance(items=3), Allowance(items=3)),
    ],
)
def test_an_allowance_is_a_number_or_a_share(setting, allowance):
    assert JobConfiguration(max_failed=setting).max_failed == allowance


@pytest.mark.parametrize("setting", [0.5, 1.0, -1, "-1", "101%", "%", "many", True, None, "²"])
def test_a_setting_that_is_neither_is_refused(setting):
    with pytest.raises(ConfigurationError, match="max_failed: should be a number of items such as 10, or a share"):
        JobConfiguration(max_failed=setting)


@pytest.mark.parametrize(
    ("allowance", "failed", "total", "permitted"),
    [
        (Allowance(), 0, 0, True),
        (Allowance(), 1, 100, False),
        (Allowance(items=2), 2, 2, True),
        (Allowance(items=2), 3, 1_000_000, False),
        (Allowance(share=Fraction(1, 100)), 1, 100, True),
        (Allowance(share=Fraction(1, 100)), 1, 99, False),
        # In floats 0.29 * 100 is a little less than 29.
        (Allowance(share=Fraction(29, 100)), 29, 100, True),
        (Allowance(share=Fraction(29, 100)), 30, 100, False),
        (Allowance(items=5, share=Fraction(1, 100)), 5, 10, True),
    ],
)
def test_the_allowance_permits_up_to_its_bound(allowance, failed, total, permitted):
    assert allowance.permits(failed, total) is permitted


@given(st.integers(0, 1000) | st.integers(0, 1000).map(lambda permille: f"{permille / 10:g}%"))
def test_an_allowance_prints_as_it_was_written(setting):
    once = JobConfiguration(max_failed=setting).max_failed
    assert JobConfiguration(max_failed=str(once)).max_failed == once
