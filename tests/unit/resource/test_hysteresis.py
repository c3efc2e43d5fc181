"""When a bound is broken, and when it is whole again."""

import random

import pytest

from outlast.resource.hysteresis import Change, Level, Standing, State, level_of, value_of
from outlast.resource.policy import ResourceThreshold, Rule
from outlast.resource.standing import breach_of

RULE = Rule(name="r", metric="m", limit=100, critical=120)


def stepped(rule, values, *, every=1.0):
    """The changes that these values bring about, with the time of each."""
    standing = Standing(rule)
    told = []
    for n, value in enumerate(values):
        change = standing.step({rule.metric: value}, n * every)
        if change is not None:
            told.append((change, n))
    return standing, told


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (None, Level.UNKNOWN),
        ("pss", Level.UNKNOWN),
        (0, Level.WELL),
        (90, Level.WELL),
        (90.1, Level.WITHIN),
        (99.9, Level.WITHIN),
        (100, Level.BEYOND),
        (119.9, Level.BEYOND),
        (120, Level.CRITICAL),
    ],
)
def test_where_a_value_stands(value, level):
    assert level_of(RULE, {"m": value}) is level


@pytest.mark.parametrize(
    ("value", "level"),
    [(600, Level.WELL), (564, Level.WELL), (563, Level.WITHIN), (512, Level.BEYOND), (256, Level.CRITICAL)],
)
def test_where_a_value_stands_that_may_not_fall(value, level):
    (rule,) = ResourceThreshold.from_dict({"name": "x", "disk_space": 512}).rules
    assert level_of(rule, {"disk_free": value}) is level


def test_a_limit_may_be_a_share_of_another_metric():
    rule = Rule(name="r", metric="process_fds", limit=80, limit_percent_of="process_fd_limit")
    assert value_of(rule, {"process_fds": 200, "process_fd_limit": 400}) == 50
    assert level_of(rule, {"process_fds": 330, "process_fd_limit": 400}) is Level.BEYOND
    assert level_of(rule, {"process_fds": 330, "process_fd_limit": None}) is Level.UNKNOWN
    assert level_of(rule, {"process_fds": 330, "process_fd_limit": 0}) is Level.UNKNOWN


def test_standing_still_for_want_of_memory_makes_a_broken_bound_critical_and_no_other():
    (memory,) = ResourceThreshold.from_dict({"name": "x", "memory_percent": 80}).rules
    pressed = {"psi_memory_full_avg10": 20.0, "psi_memory_some_avg10": 30.0}
    assert level_of(memory, {"memory_percent": 82, **pressed}) is Level.CRITICAL
    assert level_of(memory, {"memory_percent": 82, "psi_memory_full_avg10": 19.9}) is Level.BEYOND
    assert level_of(memory, {"memory_percent": 79, **pressed}) is Level.WITHIN
    cpu = Rule(name="c", metric="cpu_usage", limit=80, critical=99)
    assert level_of(cpu, {"cpu_usage": 82, **pressed}) is Level.BEYOND


def test_three_samples_in_a_row_break_it_and_two_do_not():
    _, told = stepped(RULE, [100, 100, 50, 100, 100, 99, 100, 100, 100])
    assert told == [(Change.BREACHED, 8)]


def test_one_critical_sample_breaks_it():
    _, told = stepped(RULE, [50, 120])
    assert told == [(Change.BREACHED, 1)]


def test_five_samples_in_a_row_that_are_well_mend_it_and_a_tremble_in_between_begins_anew():
    _, told = stepped(RULE, [100] * 3 + [90] * 4 + [95] + [90] * 4 + [100] + [90] * 5)
    assert told == [(Change.BREACHED, 2), (Change.RECOVERED, 17)]


def test_between_limit_and_recovery_nothing_ends():
    standing, told = stepped(RULE, [100] * 3 + [95] * 1_000)
    assert told == [(Change.BREACHED, 2)]
    assert standing.state is State.BREACHED


def test_what_is_not_known_breaks_nothing_and_mends_nothing():
    _, told = stepped(RULE, [100, None, 100, None, None, 100, *[None] * 50, *[90] * 4, None, 90])
    assert told == [(Change.BREACHED, 5), (Change.RECOVERED, 61)]


def test_an_episode_knows_when_it_began_its_peak_and_its_samples():
    standing, _ = stepped(RULE, [50, 100, 105, 110, 119, 95, 101, *[80] * 5])
    assert (standing.episode.since, standing.episode.peak, standing.episode.samples) == (1, 119, 5)
    assert standing.episode.is_critical is False
    again, _ = stepped(RULE, [130, 100])
    assert again.episode.is_critical is True


def test_the_peak_of_what_may_not_fall_is_its_lowest():
    (rule,) = ResourceThreshold.from_dict({"name": "x", "disk_space": 512}).rules
    standing, _ = stepped(rule, [600, 500, 300, 400])
    assert standing.episode.peak == 300


def test_an_excursion_that_came_to_nothing_leaves_nothing_to_the_next():
    standing, told = stepped(RULE, [119, 119, 50, 50, 100, 100, 100])
    assert told == [(Change.BREACHED, 6)]
    assert (standing.episode.since, standing.episode.peak, standing.episode.samples) == (4, 100, 3)


def test_becoming_critical_is_told_once_in_an_episode():
    _, told = stepped(RULE, [100] * 3 + [125, 105, 125, *[90] * 5])
    assert told == [(Change.BREACHED, 2), (Change.ESCALATED, 3), (Change.RECOVERED, 10)]


def test_after_its_end_a_bound_rests_unless_it_is_critical():
    values = [100] * 3 + [90] * 5 + [100] * 100
    _, told = stepped(RULE, values)
    assert told == [(Change.BREACHED, 2), (Change.RECOVERED, 7), (Change.BREACHED, 67)]
    _, told = stepped(RULE, [100] * 3 + [90] * 5 + [100, 120])
    assert told[-1] == (Change.BREACHED, 9)


def test_an_age_breaks_and_mends_with_one_sample():
    (rule,) = ResourceThreshold.from_dict({"name": "x", "browser_lifetime": 7_200}).rules
    _, told = stepped(rule, [7_199, 7_200, 7_205, 3])
    assert told == [(Change.BREACHED, 1), (Change.RECOVERED, 3)]


def test_the_rate_is_that_between_two_samples_that_are_known():
    standing, rates = Standing(RULE), []
    for now, value in ((0, 10), (2, 30), (4, 20), (4, 25), (5, None), (6, 40), (7, 45)):
        standing.step({"m": value}, float(now))
        rates.append(standing.rate)
    assert rates == [None, 10, -5, None, None, None, 5]


def test_a_breach_says_how_long_and_how_far():
    standing, _ = stepped(RULE, [100, 101, 103])
    breach = breach_of("t", standing, 10.0)
    assert (breach.threshold_id, breach.name, breach.metric, breach.limit) == ("t", "r", "m", 100)
    assert (breach.value, breach.peak, breach.since, breach.duration, breach.samples) == (103, 103, 0, 10, 3)


# The traces of an hour, one sample a second, around a limit of 2,000 MB.


def noise(chance):
    return [2_000 + chance.gauss(0, 60) for _ in range(3_600)]


def spikes(chance):
    values = [1_400 + chance.gauss(0, 30) for _ in range(3_600)]
    for _ in range(60):
        at = chance.randrange(3_590)
        values[at] = 2_150
    return values


def leak(chance):
    """Grows by 1.7 MB a second; whenever it is told of, a restart follows, and it begins anew."""
    standing, value, values = Standing(rule_of_memory()), 600.0, []
    for n in range(3_600):
        value += 1.7 + chance.gauss(0, 4)
        values.append(value)
        if standing.step({"memory_usage": value}, n) is Change.BREACHED:
            value = 600.0
    return values


def ramp(chance):
    return [1_000 + n * 0.35 + chance.gauss(0, 15) for n in range(3_600)]


def rule_of_memory():
    return ResourceThreshold.from_dict({"name": "x", "memory_absolute": 2_000}).rules[0]


@pytest.mark.parametrize(("trace", "episodes"), [(noise, 1), (spikes, 0), (leak, 4), (ramp, 1)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_recorded_hour_has_as_many_episodes_as_there_were(trace, episodes, seed):
    values = trace(random.Random(seed))
    raw = sum(now >= 2_000 > before for before, now in zip(values, values[1:]))
    _, told = stepped(rule_of_memory(), values)
    assert sum(change is Change.BREACHED for change, _ in told) == episodes
    assert raw > episodes or trace is not noise
