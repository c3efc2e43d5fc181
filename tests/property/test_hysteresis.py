"""Whatever the values: breaches and recoveries take turns, and nothing is made of what is not known."""

from hypothesis import given
from hypothesis import strategies as st

from outlast.resource.hysteresis import Change, Level, Standing, level_of
from outlast.resource.policy import Rule

values = st.one_of(st.none(), st.floats(0, 200), st.sampled_from([90.0, 95.0, 100.0, 120.0]))
rules = st.builds(
    Rule,
    name=st.just("r"),
    metric=st.just("m"),
    limit=st.just(100.0),
    op=st.sampled_from([">=", "<="]),
    critical=st.none(),
    breach_samples=st.integers(1, 5),
    recover_samples=st.integers(1, 5),
    cooldown=st.sampled_from([0.0, 3.0, 60.0]),
)


def run(rule, trace):
    standing = Standing(rule)
    told = []
    for n, value in enumerate(trace):
        change = standing.step({"m": value}, float(n))
        if change is not None:
            told.append((change, n, standing.episode))
    return standing, told


@given(rules, st.lists(values, max_size=200))
def test_breaches_and_recoveries_take_turns_and_the_state_agrees(rule, trace):
    standing, told = run(rule, trace)
    kinds = [change for change, *_ in told if change is not Change.ESCALATED]
    assert kinds == [Change.BREACHED, Change.RECOVERED] * (len(kinds) // 2) + [Change.BREACHED] * (len(kinds) % 2)
    assert standing.is_breached is bool(len(kinds) % 2)


@given(rules, st.lists(values, max_size=200))
def test_a_breach_had_as_many_samples_in_a_row_beyond_the_limit_as_it_needs(rule, trace):
    known = [(n, value) for n, value in enumerate(trace) if value is not None]
    at = {n: index for index, (n, _) in enumerate(known)}
    for change, n, episode in run(rule, trace)[1]:
        if change is Change.BREACHED:
            row = known[at[n] - rule.breach_samples + 1 : at[n] + 1]
            assert len(row) == rule.breach_samples
            assert all(level_of(rule, {"m": value}) is Level.BEYOND for _, value in row)
            assert episode.samples >= rule.breach_samples
            assert episode.since <= row[0][0]


@given(rules, st.lists(values, max_size=200), st.data())
def test_unknown_values_may_be_put_in_anywhere_and_change_nothing_told(rule, trace, data):
    # At the same moments: what is not known only takes time, and a rest is the only thing that asks for the time.
    known = [value for value in trace if value is not None]
    calm = Rule(**{**rule.to_dict(), "cooldown": 0.0})
    gaps = [data.draw(st.integers(0, 2)) for _ in known]
    padded = [each for value, gap in zip(known, gaps) for each in (*[None] * gap, value)]
    assert [change for change, *_ in run(calm, known)[1]] == [change for change, *_ in run(calm, padded)[1]]


@given(rules, st.lists(st.floats(0, 200), min_size=1, max_size=200))
def test_the_peak_is_the_worst_value_of_its_episode(rule, trace):
    worst = max if rule.op == ">=" else min
    for change, n, episode in run(rule, trace)[1]:
        if change is Change.RECOVERED:
            assert episode.peak == worst(trace[int(episode.since) : n + 1])
