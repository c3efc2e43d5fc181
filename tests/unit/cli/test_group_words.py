"""What is said of the failures of a job."""

from datetime import UTC, datetime, timedelta

from outlast.cli.words.acted import ignored_lines, retried_lines
from outlast.cli.failures.acting import Acted
from outlast.cli.failures.choice import Choice
from outlast.cli.words.group import Telling, cause_of, group_lines, groups_lines
from outlast.cli.failures.grouping import Grouped
from outlast.cli.words.pause import paused_lines, unpaused_lines
from outlast.cli.pausing import Ordered
from outlast.jobs.orders import Orders
from outlast.ledger.port import ItemStatus

AT = datetime(2026, 11, 23, 2, 35, 12, tzinfo=UTC)
DOCS = Telling(job="docs", hint="")


def test_the_groups_of_a_job_are_a_table_with_what_can_be_typed(group):
    blocked = group("httpx.HTTPStatusError 403 Forbidden", {"b.de": 3, "c.fr": 1}, failure_class="blocked", at=AT)
    price = group("builtins.ValueError selector <text> not found", {"a.com": 2}, key="https://a.com/9")
    assert groups_lines(Grouped((blocked, price)), Telling(job="docs", hint=" --store s", taken=3)) == [
        "job docs: 6 items failed, in 2 groups; 3 ignored",
        "group     items  class    host     first seen            last seen             attempts",
        f"{blocked.name}      4  blocked  2 hosts  2026-11-23T02:35:12Z  2026-11-23T02:35:12Z         8",
        "              3             b.de   2026-11-23T02:35:12Z  2026-11-23T02:35:12Z         6",
        "              1             c.fr   2026-11-23T02:35:12Z  2026-11-23T02:35:12Z         2",
        "          HTTPStatusError 403 Forbidden  e.g. https://b.de/1",
        f"{price.name}      2  unknown  a.com    ?                     ?                            4",
        "          ValueError selector <text> not found  e.g. https://a.com/9",
        f"  see one group     outlast failures docs {blocked.name} --store s",
        f"  try it again      outlast retry docs --group {blocked.name} --store s",
        f"  leave it out      outlast ignore docs --group {blocked.name} --store s",
        "  see the ignored   outlast failures docs --ignored --store s",
    ]


def test_in_a_narrow_terminal_times_are_short_and_then_what_matters_least_is_left_out(group):
    blocked = group("E x", {"b.de": 3}, failure_class="blocked", at=AT)
    wide = len("group     items  class    host  first seen            last seen             attempts")

    def table(width, *more):
        return groups_lines(Grouped((blocked, *more)), Telling(job="docs", hint="", width=width))[1:3]

    assert table(wide) == table(None)
    assert table(wide - 1) == [
        "group     items  class    host  first seen  last seen  attempts",
        f"{blocked.name}      3  blocked  b.de  02:35:12    02:35:12          6",
    ]
    assert table(50) == ["group     items  class    host  last seen", f"{blocked.name}      3  blocked  b.de  02:35:12"]
    later = group("E y", {"b.de": 1}, failure_class="blocked", at=AT + timedelta(days=1))
    assert table(50, later)[1].endswith("b.de  11-23 02:35")


def test_a_cause_that_is_all_particulars_is_told_by_its_type_code_and_place(group):
    signature = "aiohttp.client_exceptions.ClientResponseError 404 shop.py:get <n>, message=<text>, url=<text>"
    assert cause_of(group(signature, {"b.de": 1})) == "ClientResponseError 404 shop.py:get"


def test_a_group_in_full_shows_its_items_and_a_traceback(group):
    price = group("E x", {"": 2}, traceback="Traceback\n  File \x1b\nE: no", failure_class="poison")
    lines = group_lines(price, DOCS)
    assert lines[:2] == [f"{price.name}: 2 items of job docs failed, class poison", "E x"]
    assert lines[3].split()[3:5] == ["(no", "host)"]
    assert lines[4:9] == [
        "items: https://b.de/1, ...",
        "one of them:",
        "    Traceback",
        r"      File \x1b",
        "    E: no",
    ]
    assert lines[9:] == [
        f"  see all its items   outlast failures docs {price.name} --items",
        f"  try it again        outlast retry docs --group {price.name}",
        f"  leave it out        outlast ignore docs --group {price.name}",
    ]


def test_of_an_untraced_failure_the_message_is_shown(group):
    assert group_lines(group("E x", {"a": 1}), DOCS)[6:8] == ["    E: no", "    (no traceback was kept)"]
    assert "    E: no" in groups_lines(Grouped((group("E x", {"a": 1}),)), Telling(job="d", hint="", traceback=True))


def test_of_many_hosts_the_first_are_named_and_the_rest_added_up(group):
    hosts = {f"h{number}": 9 - number for number in range(8)}
    many = group("E x", hosts, at=AT)
    lines = groups_lines(Grouped((many,)), DOCS)
    assert lines[2].split()[1:5] == [str(sum(hosts.values())), "unknown", "8", "hosts"]
    assert [line.split()[1] for line in lines[3:8]] == ["h0", "h1", "h2", "h3", "h4"]
    assert lines[8].split()[:4] == ["9", "3", "other", "hosts"]
    assert sum("h7" in line for line in group_lines(many, DOCS)) == 1


def test_while_the_job_runs_nothing_is_offered_that_would_be_refused(group):
    running = Telling(job="docs", hint="", running=True)
    told = groups_lines(Grouped((group("E x", {"a": 1}),)), running) + group_lines(group("E x", {"a": 1}), running)
    assert not any("outlast retry" in line or "outlast ignore" in line for line in told)
    assert sum("outlast failures docs F-" in line for line in told) == 2


def test_what_is_beyond_the_bound_is_shown_and_has_no_commands(group):
    lines = groups_lines(Grouped((group("other", {"a": 1}),)), DOCS)
    assert lines[2].startswith("other ")
    assert not any("outlast" in line for line in lines)
    assert group_lines(group("other", {"a": 1}), DOCS)[-1] == "    (no traceback was kept)"


def test_the_ignored_are_told_of_in_the_same_words(group):
    ignored = Telling(job="docs", hint="", ignored=True, taken=1)
    one = group("E x", {"a": 1})
    lines = groups_lines(Grouped((one,)), ignored)
    assert lines[0] == "job docs: 1 item ignored, in 1 group; 1 failed"
    assert lines[-2:] == [
        f"  see one group   outlast failures docs {one.name} --ignored",
        f"  try it again    outlast retry docs --group {one.name} --ignored",
    ]


def test_that_nothing_failed_is_said_with_what_was_left_out():
    assert groups_lines(Grouped(), DOCS) == ["job docs: no failed items"]
    chosen = Telling(job="docs", hint="", taken=2, chosen=True)
    assert groups_lines(Grouped(untimed=3), chosen) == [
        "job docs: no failed items of that kind; 2 ignored",
        "3 items left out: an earlier version recorded them, without a time",
        "  see the ignored   outlast failures docs --ignored",
    ]


def test_what_was_retried_is_told_with_what_was_not(group):
    choice = Choice(hosts=("*.de",))
    acted = Acted(changed=4, skipped=2, left=1, groups=[group("E x", {"a": 6})])
    assert retried_lines("docs", acted, choice, ItemStatus.FAILED, dry_run=False, hint=" --store s") == [
        "4 failed items of job docs will be tried again; 1 other stays failed.",
        "2 items skipped: damage has taken the payload, or the row cannot be trusted (outlast verify); added again, it is done again",
        "  do it   outlast resume docs --store s",
    ]
    dry = retried_lines("docs", acted, choice, ItemStatus.IGNORED, dry_run=True, hint="")
    assert dry[0] == "4 ignored items of job docs would be tried again; 1 other stays ignored."
    assert dry[1] == f"  {acted.groups[0].name}  6  E x"
    assert dry[-1] == "  do it   outlast retry docs --host '*.de' --ignored"
    by_script = Acted(changed=1, skipped=0, left=0, by_script=True)
    assert retried_lines("docs", by_script, Choice(), ItemStatus.FAILED, dry_run=False, hint="")[-1] == (
        "  do it   run the script that started it again"
    )


def test_what_was_ignored_can_be_taken_back():
    acted = Acted(changed=2, skipped=0, left=3)
    choice = Choice(groups=("F-3a9c2f",))
    assert ignored_lines("docs", acted, choice, dry_run=False, hint="") == [
        "2 failed items of job docs will no longer count as failures; 3 others stay failed.",
        "  judge the job anew   outlast resume docs",
        "  take it back         outlast retry docs --group F-3a9c2f --ignored",
    ]
    one = Acted(changed=1, skipped=0, left=0)
    assert ignored_lines("docs", one, choice, dry_run=False, hint="")[0] == (
        "1 failed item of job docs will no longer count as a failure."
    )
    assert ignored_lines("docs", acted, choice, dry_run=True, hint="")[-1] == (
        "  do it   outlast ignore docs --group F-3a9c2f"
    )


def test_of_many_groups_a_dry_run_names_the_first(group):
    groups = [group(f"E {name}", {"a": 1}) for name in "abcdefghijklm"]
    acted = Acted(changed=13, skipped=0, left=0, groups=groups)
    lines = ignored_lines("docs", acted, Choice(classes=("unknown",)), dry_run=True, hint="")
    assert lines[11] == "  and 3 other groups"


def test_that_nothing_was_changed_is_said_with_why():
    nothing = Acted(changed=0, skipped=0, left=0)
    said = retried_lines("docs", nothing, Choice(), ItemStatus.FAILED, dry_run=False, hint="")
    assert said == ["job docs has no failed items: nothing was changed"]
    some = Acted(changed=0, skipped=0, left=3)
    assert ignored_lines("docs", some, Choice(hosts=("x",)), dry_run=False, hint="") == [
        "job docs has no failed items of that kind (3 others): nothing was changed"
    ]
    lost = Acted(changed=0, skipped=1, left=0)
    assert retried_lines("docs", lost, Choice(), ItemStatus.FAILED, dry_run=False, hint="")[0] == (
        "job docs: nothing was changed"
    )


def ordered(before, after, **more):
    return Ordered(before=Orders(frozenset(before)), after=Orders(frozenset(after)), **more)


def test_what_was_paused_is_told_with_the_way_back():
    changed = ordered([], ["b.de"])
    assert paused_lines("docs", ["B.de"], changed, running=True, hint=" --store s") == [
        "job docs: b.de paused; the run notices within a second.",
        "  take it back   outlast unpause docs --host B.de --store s",
    ]
    assert paused_lines("docs", ["B.de"], changed, running=False, hint="")[0] == (
        "job docs: b.de paused from the next run on."
    )
    same = ordered(["b.de", "c"], ["b.de", "c"])
    assert paused_lines("docs", ["b.de", "c"], same, running=False, hint="")[0] == (
        "job docs: b.de, c were paused already; nothing was changed"
    )


def test_what_was_unpaused_is_told_with_what_still_is_paused():
    changed = ordered(["b.de", "c.fr", ""], ["c.fr"])
    assert unpaused_lines("docs", ["b.de", ""], changed, running=False, hint="") == [
        "job docs: (no host), b.de unpaused; still paused: c.fr.",
        "  unpause all   outlast unpause docs --all",
        "  go on         outlast resume docs",
    ]
    assert len(unpaused_lines("docs", ["b.de"], ordered(["b.de"], []), running=True, hint="")) == 1
    coded = ordered(["a"], [], by_script=True)
    assert unpaused_lines("docs", [], coded, running=False, hint="")[1] == (
        "  go on   run the script that started it again"
    )
    assert unpaused_lines("docs", ["x"], ordered([], []), running=False, hint="") == [
        "job docs: x was not paused; nothing was changed"
    ]
    assert unpaused_lines("docs", [], ordered([], []), running=False, hint="") == [
        "job docs: the job was not paused; nothing was changed"
    ]


def test_the_whole_job_is_told_apart_from_its_hosts():
    whole, neither = Orders(frozenset({"a"}), job_paused=True), Orders(frozenset({"a"}))
    paused, unpaused = Ordered(before=neither, after=whole), Ordered(before=whole, after=neither)
    assert paused_lines("docs", [], paused, running=True, hint="") == [
        "job docs: paused; the run notices within a second, and finishes what is in flight.",
        "  take it back   outlast unpause docs",
    ]
    assert paused_lines("docs", [], paused, running=False, hint="")[0] == "job docs: paused from the next run on."
    assert paused_lines("docs", [], Ordered(before=whole, after=whole), running=True, hint="")[0] == (
        "job docs: the whole job is paused already; nothing was changed"
    )
    assert unpaused_lines("docs", [], unpaused, running=True, hint=" --store s") == [
        "job docs: the whole job unpaused; still paused: a.",
        "  unpause all   outlast unpause docs --all --store s",
    ]
    assert unpaused_lines("docs", [], Ordered(before=neither, after=neither), running=True, hint="") == [
        "job docs: the whole job was not paused, but a; nothing was changed",
        "  unpause all   outlast unpause docs --all",
    ]
    assert unpaused_lines("docs", [], Ordered(before=whole, after=Orders()), running=True, hint="") == [
        "job docs: the whole job and a unpaused."
    ]
    one = Ordered(before=whole, after=Orders(job_paused=True))
    assert unpaused_lines("docs", ["a"], one, running=True, hint="")[0] == (
        "job docs: a unpaused; still paused: the whole job."
    )


def test_nothing_hostile_reaches_the_terminal(group):
    hostile = group("E \x1b[2J", {"h\x1b\n": 1, "i": 1}, key="k\x1b", message="m\x1b", at=AT - timedelta(days=1))
    telling = Telling(job="j\x1b", hint="", traceback=True)
    for line in [*groups_lines(Grouped((hostile,)), telling), *group_lines(hostile, telling)]:
        assert line.isprintable(), line
