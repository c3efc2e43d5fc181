"""What came of the retries."""

from outlast.report.retries import Retries


def followed(*entries):
    retries = Retries()
    for each in entries:
        retries.note(each)
    return {row.delay: row for row in retries.rows}


def again(entry, key, attempt, delay):
    return entry("retry_attempted", 0, {"attempt": attempt, "delay": delay}, key=key)


def test_each_retry_is_followed_to_what_came_of_it(entry):
    rows = followed(
        again(entry, "a", 1, 0.5),
        again(entry, "a", 2, 2.0),
        entry("retry_succeeded", 1, {"attempt": 3}, key="a"),
        again(entry, "b", 1, 0.5),
        entry("retry_exhausted", 1, {"attempt": 2}, key="b"),
        again(entry, "c", 1, 0.7),
        entry("permanent_failure", 1, {"attempt": 2}, key="c"),
        again(entry, "d", 1, 0.7),
    )
    first, second = rows["up to 1 s"], rows["1 to 4 s"]
    assert (first.retries, first.succeeded, first.again, first.given_up, first.unknown) == (4, 0, 1, 2, 1)
    assert (second.retries, second.succeeded, second.unknown) == (1, 1, 0)


def test_where_one_in_between_was_left_out_it_is_not_known_what_came_of_it(entry):
    rows = followed(again(entry, "a", 1, 0.5), entry("retry_succeeded", 1, {"attempt": 3}, key="a"))
    assert (rows["up to 1 s"].retries, rows["up to 1 s"].unknown) == (1, 1)


def test_retries_that_were_only_counted_are_counted(entry, sample):
    rows = followed(again(entry, "a", 1, 500), sample(5, delays={"inf": 40, "60": 2}))
    assert (rows["over 5 min"].retries, rows["over 5 min"].unknown) == (40, 40)
    assert rows["16 to 60 s"].retries == 2


def test_a_run_that_was_killed_has_retries_beyond_its_last_sample(entry, sample):
    rows = followed(sample(5, delays={"1": 1}), again(entry, "a", 1, 0.5), again(entry, "b", 1, 0.5))
    assert rows["up to 1 s"].retries == 2


def test_an_event_of_no_item_is_nobodys_retry(entry):
    assert followed(entry("retry_attempted", 0, {"attempt": 1, "delay": 1}), entry("retry_succeeded", 0, {})) == {}


def test_counts_that_are_none_are_left_alone(sample):
    assert followed(sample(0, delays="many"), sample(1, delays={"1": "many"})) == {}
