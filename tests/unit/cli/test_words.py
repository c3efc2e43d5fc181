"""What is said at the end of a run: what happened, and what to type next."""

from datetime import UTC, datetime

import pytest

from outlast.cli.hosts import Down
from outlast.cli.words.group import failure_lines
from outlast.cli.words.ending import (
    Ended,
    beginning,
    ending,
    style_of,
)
from outlast.jobs import Outcome, Summary
from outlast.jobs.outcome import BY_COMMAND, UNREAD
from outlast.ledger.port import Counts

NOW = datetime(2026, 11, 23, 2, 35, 12, tzinfo=UTC)


def summary(outcome=Outcome.COMPLETED, *, exit_code=0, total=100, done=100, failed=0, deferred=0, **more):
    values = {"retries": 3, "repeated": 0, "damaged": 0, "run_id": "01J", "job_id": "docs"} | more
    return Summary(
        outcome=outcome, exit_code=exit_code, total=total, done=done, failed=failed, deferred=deferred, **values
    )


def ended(told, **changes):
    values = {
        "before": Counts(),
        "seconds": 33_120.0,
        "now": NOW,
        "groups": (),
        "down": (),
        "output": None,
        "allowed": "1%",
        "patience": 900.0,
        "sources": ("urls.txt",),
        "hint": "",
    }
    return Ended(summary=told, **values | changes)


def test_finished():
    assert ending(ended(summary())) == [
        "FINISHED in 9 h 12 min: 100 of 100 done, none failed, 3 retries.",
        "  records   outlast results docs",
    ]


def test_finished_after_a_kill_says_what_was_done_here_and_perhaps_twice():
    told = ended(
        summary(repeated=8, retries=1), before=Counts(done=60, pending=40), output="/x/docs.jsonl", hint=" --store s"
    )
    assert ending(told) == [
        "FINISHED in 9 h 12 min: 100 of 100 done (40 in this run), none failed, 1 retry.",
        "An earlier process was killed: at most 8 items may have been fetched twice.",
        "  records   /x/docs.jsonl",
    ]


@pytest.mark.parametrize("outcome", [Outcome.STOPPED, Outcome.TIMED_OUT, Outcome.ABORTED])
def test_a_run_that_ends_early_after_a_kill_says_as_well_what_was_done_perhaps_twice(outcome):
    told = summary(outcome, exit_code=130, done=90, deferred=10, repeated=8)
    assert "An earlier process was killed: at most 8 items may have been fetched twice." in ending(ended(told))


def test_what_has_failed_in_this_run_is_not_done_in_it():
    told = summary(Outcome.COMPLETED_WITH_FAILURES, done=33, failed=3, total=36)
    first = "33 of 36 done (31 in this run), 3 failed (8.3%; allowed: 1%)"
    assert first in ending(ended(told, before=Counts(done=2, pending=34)))[0]


def test_what_nobody_has_tried_is_said_to_be_tried_by_the_same_command():
    told = summary(Outcome.COMPLETED_WITH_FAILURES, exit_code=1, done=90, failed=10, untried=7)
    lines = ending(ended(told))
    assert lines[1] == "7 of the failed were not tried, as their host did not answer: the same command tries them."
    assert lines[2].split(maxsplit=3)[:3] == ["try", "the", "untried"]
    assert lines[2].endswith("outlast resume docs")


def test_who_is_stopped_since_nothing_came_of_the_items_has_to_start_over():
    unmet = ("results: none of 215 items gave a record, expected some (results = true)",)
    lines = ending(ended(summary(Outcome.STOPPED, exit_code=1, done=215, total=3_000, deferred=2_785, unmet=unmet)))
    assert f"Not as expected: {unmet[0]}." in lines
    assert lines[3].split(maxsplit=4)[:4] == ["when", "that", "is", "mended"]
    assert lines[3].endswith("outlast resume docs --fresh")


def test_what_an_abort_has_taken_back_is_said_of_a_silence_too():
    told = summary(Outcome.ABORTED, exit_code=3, done=90, deferred=10, taken_back=1)
    assert "  1 item given up meanwhile waits again" in ending(ended(told))


@pytest.mark.parametrize(
    ("repeatable", "command"),
    [(True, "outlast resume docs"), (False, "the same run command with what its source still holds")],
)
def test_stopped_before_the_source_was_read_is_said_and_how_to_go_on(repeatable, command):
    told = summary(Outcome.STOPPED, exit_code=143, reason=UNREAD)
    lines = ending(ended(told, repeatable=repeatable))
    assert lines[:2] == [
        "Stopped by SIGTERM after 9 h 12 min.",
        "100 of 100 done, its source was not read to its end. What is recorded is kept.",
    ]
    assert lines[2].endswith(f"   {command}")


@pytest.mark.parametrize(
    ("damaged", "said"), [(1, "1 row of the ledger was damaged;"), (3, "3 rows of the ledger were damaged;")]
)
@pytest.mark.parametrize(
    ("outcome", "before"),
    [
        (Outcome.COMPLETED, Counts()),
        (Outcome.COMPLETED, Counts(done=100)),
        (Outcome.STOPPED, Counts()),
        (Outcome.ABORTED, Counts()),
    ],
)
def test_damage_that_was_found_is_said_however_the_run_ended(outcome, before, damaged, said):
    lines = ending(ended(summary(outcome, damaged=damaged), before=before))
    assert sum(line.startswith(said) for line in lines) == 1
    assert not any("damaged" in line for line in ending(ended(summary(outcome), before=before)))


def test_finished_with_failures_names_their_causes_and_the_way_to_try_them_again(blocked, no_price):
    told = summary(Outcome.COMPLETED_WITH_FAILURES, exit_code=1, total=2000, done=608, failed=1392)
    assert ending(ended(told, groups=(blocked, no_price), hint=" --store s")) == [
        "FINISHED WITH FAILURES in 9 h 12 min: 608 of 2000 done, 1392 failed (69.6%; allowed: 1%), 3 retries.",
        f"  {blocked.name}  1204  HTTPStatusError 403 Forbidden         e.g. https://b.de/1",
        f"  {no_price.name}   188  ValueError selector <text> not found  e.g. https://a.com/9",
        "  try the failed ones again   outlast retry docs --store s && outlast resume docs --store s",
        "  see why they failed         outlast failures docs --store s",
        f"  retry one group             outlast retry docs --group {blocked.name} --store s",
        "  report                      outlast report docs --store s",
        "  records                     outlast results docs --store s",
    ]


def test_aborted_names_the_hosts_that_are_down():
    told = summary(Outcome.ABORTED, exit_code=3, done=79, deferred=20, failed=1)
    down = (Down("b.de", datetime(2026, 11, 23, 2, 20, 12, tzinfo=UTC)), Down("", NOW))
    assert ending(ended(told, down=down)) == [
        "ABORTED after 9 h 12 min: no host answered for 15 min.",
        "  b.de                    down since 2026-11-23T02:20:12Z (15 min)",
        "  (items without a host)  down since 2026-11-23T02:35:12Z (0.0 s)",
        "79 of 100 done, 1 failed, 20 still to do. What is recorded is kept.",
        "  go on              outlast resume docs",
        "  go on without it   outlast resume docs --pause-host b.de",
        "  look               outlast status docs",
        "  report             outlast report docs",
        "  records            outlast results docs",
    ]


def test_who_has_aborted_it_and_why_is_said_as_it_was_given():
    note = {
        "ordered": True,
        "reason": "builtins.Prices are wrong\x1b.",
        "silence": False,
        "hosts": [],
        "analysis": None,
    }
    told = summary(Outcome.ABORTED, exit_code=3, done=80, deferred=20, reason=note["reason"])
    assert ending(ended(told, aborted=note))[:2] == [
        r"ABORTED by `outlast abort` after 9 h 12 min: builtins.Prices are wrong\x1b.",
        "80 of 100 done, 20 still to do. What is recorded is kept.",
    ]


def test_a_run_that_was_told_to_stop_was_stopped_by_no_signal():
    told = summary(Outcome.STOPPED, exit_code=130, done=80, deferred=20, reason=BY_COMMAND)
    assert ending(ended(told, job_paused=True))[:3] == [
        "Stopped by `outlast stop` after 9 h 12 min.",
        "80 of 100 done, 20 still to do. What is recorded is kept.",
        "  go on     outlast unpause docs && outlast resume docs",
    ]


def test_of_many_hosts_the_first_are_named():
    told = summary(Outcome.ABORTED, exit_code=3, done=0, deferred=100)
    lines = ending(ended(told, down=[Down(f"h{each}", NOW) for each in range(12)]))
    assert lines[10].startswith("  h9")
    assert lines[11] == "  and 2 other hosts"
    assert ending(ended(told))[1].startswith("0 of 100 done")


@pytest.mark.parametrize(
    ("outcome", "code", "first"),
    [
        (Outcome.STOPPED, 130, "Stopped by you (SIGINT) after 9 h 12 min."),
        (Outcome.STOPPED, 143, "Stopped by SIGTERM after 9 h 12 min."),
        (Outcome.STOPPED, 3, "Stopped after 9 h 12 min."),
        (Outcome.TIMED_OUT, 7, "OUT OF TIME after 9 h 12 min."),
    ],
)
def test_stopped_says_by_what_and_how_to_go_on(outcome, code, first):
    lines = ending(ended(summary(outcome, exit_code=code, done=46, deferred=54)))
    assert lines[:3] == [
        first,
        "46 of 100 done, 54 still to do. What is recorded is kept.",
        "  go on     outlast resume docs",
    ]


def test_a_run_out_of_time_names_its_limit_and_how_to_lift_it():
    told = summary(Outcome.TIMED_OUT, exit_code=7, done=46, deferred=54)
    lines = ending(ended(told, seconds=5.1, max_time=3.0, hint=" --store s"))
    assert lines[0] == "OUT OF TIME after 5.1 s (max_time: 3.0 s)."
    assert "  without a limit   outlast resume docs --max-time none --store s" in lines
    assert not any("--max-time" in line for line in ending(ended(told)))
    paused = ending(ended(told, max_time=3.0, job_paused=True))
    assert "  without a limit   outlast unpause docs && outlast resume docs --max-time none" in paused


def test_what_could_not_be_started_says_where_to_look_before_it_is_tried_again():
    told = summary(Outcome.STOPPED, exit_code=2, done=0, deferred=100, reason="browsers need Playwright")
    assert ending(ended(told)) == [
        "NOT STARTED after 9 h 12 min.",
        "browsers need Playwright",
        "0 of 100 done, 100 still to do. What is recorded is kept.",
        "  when that is mended   outlast resume docs",
        "  find out why          outlast doctor",
        "  look                  outlast status docs",
    ]


def test_a_file_without_records_is_not_offered():
    told = summary(Outcome.STOPPED, exit_code=130, done=0, deferred=100)
    assert not any(line.startswith("  records") for line in ending(ended(told, output="/x/docs.jsonl")))


def test_no_items_is_said_with_where_they_were_looked_for():
    told = summary(Outcome.EMPTY, exit_code=1, total=0, done=0)
    assert ending(ended(told)) == [
        "EMPTY: there were no items: urls.txt held none.",
        "  when there are some   outlast resume docs",
    ]
    assert ending(ended(told, sources=())) == [
        "EMPTY: there were no items: none were given.",
        "  name some   the same command with ITEMS behind its target",
    ]


def test_a_job_that_was_finished_says_so():
    assert ending(ended(summary(), before=Counts(done=100))) == [
        "Nothing left to do: all 100 items of job docs are finished.",
        "  records      outlast results docs",
        "  start over   outlast resume docs --fresh",
    ]
    one = ending(ended(summary(total=1, done=1), before=Counts(done=1)))
    assert one[0] == "Nothing left to do: the 1 item of job docs is finished."
    failed = summary(Outcome.COMPLETED_WITH_FAILURES, exit_code=1, done=98, failed=2)
    assert ending(ended(failed, before=Counts(done=98, failed=2)))[:2] == [
        "Nothing left to do: all 100 items of job docs are finished, 2 of them failed.",
        "That is more than may fail (allowed: 1%).",
    ]


def test_the_first_line_says_what_is_begun_or_gone_on_with():
    assert beginning("docs", "01J", Counts(), store=".outlast", fresh=False) == (
        "run 01J of job docs: beginning, kept in .outlast. The same command goes on."
    )
    over = beginning("docs", "01J", Counts(), store=".outlast", fresh=True)
    assert over.endswith("starting over, kept in .outlast. Without --fresh the same command goes on.")
    counts = Counts(done=46_118, pending=74_360, failed=2)
    assert beginning("docs", "01J", counts, store=".outlast", fresh=False) == (
        "run 01J of job docs: resuming, 46118 of 120480 done, 2 failed. Start over: --fresh"
    )


def test_nothing_hostile_reaches_the_terminal(group):
    hostile = group("E \x1b[2J\n[red]", {"h\x1b": 1}, key="https://a/\x1b]0;x\x07")
    told = summary(Outcome.ABORTED, exit_code=3, job_id="a\x1bb", done=0, deferred=1, failed=1)
    lines = ending(ended(told, groups=[hostile], down=[Down("h\x1b\n", NOW)]))
    assert not [character for line in lines for character in line if not character.isprintable()]
    assert any("[red]" in line for line in lines)


def test_of_many_causes_the_most_frequent_are_listed(group):
    groups = [group(f"E{each}", {"b.de": 9 - each}) for each in range(8)]
    assert failure_lines(groups)[-2:] == [
        f"  {groups[4].name}  5  E4  e.g. https://b.de/1",
        "  and 9 failures of 3 other kinds",
    ]
    assert failure_lines([]) == []


def test_the_colour_follows_the_exit_code():
    assert style_of(summary()) == "green"
    assert style_of(summary(Outcome.STOPPED, exit_code=130)) == "yellow"
    assert style_of(summary(Outcome.ABORTED, exit_code=3)) == "red"


def test_what_is_ignored_is_told_beside_what_failed():
    told = summary(Outcome.COMPLETED_WITH_FAILURES, total=100, done=90, failed=3)
    assert " 3 failed (3.0%; allowed: 1%), 7 ignored, 3 retries." in ending(ended(told))[0]
    over = ending(ended(told, before=Counts(done=90, failed=3, ignored=7)))
    assert over[0].endswith("are finished, 3 of them failed, 7 ignored.")
    stopped = ending(ended(summary(Outcome.STOPPED, exit_code=130, done=90, failed=3, deferred=5)))
    assert stopped[1].startswith("90 of 100 done, 3 failed, 2 ignored, 5 still to do.")


def test_a_run_that_has_only_paused_hosts_left_says_so_and_how_they_go_on():
    told = summary(Outcome.STOPPED, exit_code=3, done=80, deferred=20, paused=("b.de", "c.fr"))
    lines = ending(ended(told, hint=" --store s", paused=told.paused))
    assert lines[0] == "Stopped after 9 h 12 min. What is left waits for paused hosts: b.de, c.fr."
    assert "  go on with the paused   outlast unpause docs --all --store s && outlast resume docs --store s" in lines
    by_signal = ending(ended(summary(Outcome.STOPPED, exit_code=130, done=80, deferred=20)))
    assert by_signal[0] == "Stopped by you (SIGINT) after 9 h 12 min."


@pytest.mark.parametrize("outcome", [Outcome.ABORTED, Outcome.STOPPED, Outcome.TIMED_OUT])
def test_a_paused_host_is_not_forgotten_however_a_run_ended_before_its_items(outcome):
    told = summary(outcome, exit_code=3, done=80, deferred=20)
    assert any("go on with the paused  " in line for line in ending(ended(told, paused=("b.de",))))
    assert not any("go on with the paused  " in line for line in ending(ended(told)))


def test_a_group_that_has_no_name_is_not_offered_to_be_tried_again(group):
    other = group("other", {"b.de": 5})
    told = summary(Outcome.COMPLETED_WITH_FAILURES, exit_code=1, done=95, failed=5)
    lines = ending(ended(told, groups=(other,)))
    assert lines[1].startswith("  other  5")
    assert not any("--group" in line for line in lines)


def test_a_run_that_a_limit_has_stopped_says_which_and_what_to_type():
    told = ended(
        summary(Outcome.STOPPED, done=60, deferred=40, exit_code=7, reason="The disk of /srv has 100 MB free.")
    )
    lines = ending(told)
    assert lines[:3] == [
        "STOPPED BY A LIMIT after 9 h 12 min.",
        "The disk of /srv has 100 MB free.",
        "60 of 100 done, 40 still to do. What is recorded is kept.",
    ]
    assert any("outlast resume docs" in line for line in lines[3:])


def test_a_run_without_a_browser_has_not_started():
    told = ended(summary(Outcome.STOPPED, done=0, deferred=100, exit_code=2, reason="There is no browser."))
    assert ending(told)[:2] == ["NOT STARTED after 9 h 12 min.", "There is no browser."]
    assert any(line.split("  ")[-1].strip() == "outlast doctor" for line in ending(told))
