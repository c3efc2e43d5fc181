"""A number in a few characters."""

import pytest

from outlast.cli.screen.trend import STRETCHES_MAX, Trend, sparkline


def test_a_trend_keeps_the_most_of_each_stretch_and_never_grows():
    trend = Trend()
    for at in range(10_000):
        trend.note(float(at % 1000), float(at))
    assert len(trend.values) <= STRETCHES_MAX
    assert max(trend.values) == 999.0
    assert len(trend.values) > STRETCHES_MAX // 2


def test_what_a_number_was_when_nobody_looked_is_what_it_was_next():
    trend = Trend()
    trend.note(5.0, 0.2)
    trend.note(3.0, 0.8)
    trend.note(7.0, 3.1)
    assert trend.values == (5.0, 7.0, 7.0, 7.0)


@pytest.mark.parametrize(
    ("values", "limit", "shown"),
    [
        ((), None, ""),
        ((0.0, 0.0), None, ""),
        ((0.0, 50.0, 99.0, 100.0, 130.0), 100.0, "▁▅███"),
        ((10.0, 10.0), 10_000.0, "▅▅"),
        ((1.0, 5.0, 10.0), None, "▁▃▅"),
    ],
)
def test_bars_go_up_to_the_limit_where_that_is_in_sight(values, limit, shown):
    assert sparkline(values, limit) == shown
