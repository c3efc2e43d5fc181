"""The table of causes and hosts."""

from outlast.failure.groups import OTHER
from outlast.report.failures import CAUSES_SHOWN_MAX, HOSTS_SHOWN_MAX, failure_table

TRACE = 'Traceback (most recent call last):\n  File "/app/scrape.py", line 88, in fetch\n    raise\n'


def test_each_cause_stands_against_the_hosts_with_the_most_failures(group):
    table = failure_table(
        [group("a.Blocked 403", {"b.test": 5, "a.test": 1}, name="F-1"), group("b.No", {"a.test": 3}, name="F-2")]
    )
    assert table.hosts == ("b.test", "a.test")
    assert [(cause.name, cause.by_host, cause.count) for cause in table.causes] == [
        ("F-1", (5, 1), 6),
        ("F-2", (0, 3), 3),
    ]
    assert table.total == 9


def test_what_is_on_further_hosts_is_counted_as_elsewhere(group):
    hosts = {f"h{n}.test": 20 - n for n in range(HOSTS_SHOWN_MAX + 3)}
    [cause] = (table := failure_table([group("a.No", hosts)])).causes
    assert table.more_hosts == 3
    assert sum(cause.by_host) + cause.elsewhere == cause.count == sum(hosts.values())


def test_causes_beyond_the_bound_are_counted(group):
    table = failure_table([group(f"a.No{n}", {"a.test": 2}, name=f"F-{n}") for n in range(CAUSES_SHOWN_MAX + 4)])
    assert (len(table.causes), table.more_causes, table.more_failures) == (CAUSES_SHOWN_MAX, 4, 8)


def test_a_cause_is_told_by_type_code_message_and_the_line_of_code(group):
    [cause] = failure_table(
        [group("lib.HTTPError 403 scrape.py:fetch Forbidden for <url>", {"a.test": 1}, traceback=TRACE)]
    ).causes
    assert (cause.type, cause.message, cause.frame) == ("HTTPError", "403 Forbidden for <url>", "scrape.py:88 fetch")


def test_without_a_traceback_the_place_has_no_line(group):
    [cause] = failure_table([group("lib.No scrape.py:fetch sold out", {"a.test": 1})]).causes
    assert (cause.message, cause.frame) == ("sold out", "scrape.py:fetch")


def test_a_message_that_looks_like_an_address_is_no_place(group):
    [cause] = failure_table([group("lib.No host:80 at <url>", {"a.test": 1})]).causes
    assert (cause.message, cause.frame) == ("host:80 at <url>", "")


def test_what_is_beyond_the_bound_of_groups_is_one_cause_and_its_hosts_are_elsewhere(group):
    [cause] = (table := failure_table([group(OTHER, {OTHER: 2}, name=OTHER)])).causes
    assert (cause.type, cause.elsewhere, table.hosts, table.more_hosts) == (OTHER, 2, (), 1)


def test_hostile_names_are_clean_and_short(group):
    [cause] = (
        table := failure_table(
            [group("x.No \x1b[31m\u202eevil" + "m" * 10_000, {"\x1b]0;h\x07.test": 1}, key="k\n" * 9_999)]
        )
    ).causes
    assert "\x1b" not in cause.message + table.hosts[0] + cause.example
    assert "\n" not in cause.example
    assert max(map(len, (cause.message, cause.example))) < 400
