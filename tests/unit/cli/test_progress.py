"""How fast, how long still: a decision over samples."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outlast.cli.failures.choice import group_name
from outlast.cli.screen.happened import Happened
from outlast.cli.screen.pace import Eta, Pace
from outlast.cli.screen.progress import plain_line, status_object, told_eta
from outlast.cli.screen.view import InTrouble, View
from outlast.jobs.causes import Cause
from outlast.jobs.host import Reason
from outlast.jobs.progress import Trouble
from outlast.ledger.port import Counts

NOW = datetime(2026, 11, 23, 0, 18, 4, tzinfo=UTC)
TROUBLE = Trouble(reason="no host answers", seconds=60.0, probes=7, good_probes=2, next_probe_in=1.0, gives_up_in=90.0)


def paced(rows, *, parked=False):
    pace = Pace()
    for at, done, total in rows:
        pace.note(Counts(pending=total - done, done=done), at, parked=parked)
    return pace


def steady(seconds, per_second, total):
    return [(float(at), at * per_second, total) for at in range(seconds + 1)]


def left(done, total):
    return Counts(pending=total - done, done=done)


def view(**changes):
    values = {
        "now": NOW,
        "elapsed": 30.0,
        "counts": Counts(pending=7868 - 12, done=4600, failed=12, deferred=12),
        "in_flight": 8,
        "rate": 264.0,
        "eta": Eta(60 * 242, 60 * 271),
    }
    return View(**values | changes)


def test_the_plain_line_has_every_number_in_its_place():
    assert plain_line(view()) == (
        "2026-11-23T00:18:04Z INFO 4612/12480 37.0% 264/s ok=4600 retrying=12 failed=12 in_flight=8 eta=4:02:00-4:31:00"
    )


def waits(reason, *hosts):
    return tuple(InTrouble(host=host, reason=reason) for host in hosts)


def test_hosts_that_are_waited_for_are_in_the_line_without_what_a_terminal_would_obey():
    line = plain_line(view(hosts=waits(Reason.PARKED, "a.test", "\x1b[31mb\n.test", "", "d.test")))
    assert r"parked=a.test,\x1b[31mb\n.test,(no host),..." in line
    line = plain_line(
        view(hosts=(*waits(Reason.PAUSED, "a.test"), *waits(Reason.ASKED_TO_WAIT, "b.test"), *waits(Reason.RATE, "c")))
    )
    assert "in_flight=8 paused=a.test asked_to_wait=b.test eta=" in line


def test_a_steady_pace_gives_its_rate_and_the_time_that_is_left():
    pace = paced(steady(20, 10, 1000))
    assert pace.rate() == 10
    assert pace.eta(left(200, 1000)) == Eta(80.0, 80.0)


def test_an_uneven_pace_gives_a_range():
    done, rows = 0, []
    for at in range(21):
        rows.append((float(at), done, 1000))
        done += 5 if at % 2 else 15
    eta = paced(rows).eta(left(done, 1000))
    assert eta == Eta((1000 - done) / 15, (1000 - done) / 5)


def test_the_end_is_unknown_before_there_is_a_pace():
    assert Pace().eta(left(0, 10)) is None
    assert Pace().rate() is None
    assert paced([(0.0, 8, 1000)]).rate() is None, "one sample is no pace, however much was done before it"
    assert "?/s" in plain_line(view(rate=None))
    assert paced(steady(3, 10, 1000)).eta(left(30, 1000)) is None


def test_the_end_is_unknown_while_the_work_grows_faster_than_it_is_done():
    growing = [(float(at), at * 10, 100 + at * 20) for at in range(20)]
    assert paced(growing).eta(left(190, 480)) is None
    grown = growing + [(20.0 + at, 190 + at * 10, 480) for at in range(15)]
    assert paced(grown).eta(left(330, 480)) is not None


def test_the_first_items_to_arrive_are_no_growth():
    assert paced([(0.0, 0, 0), *((float(at), at * 10, 1000) for at in range(1, 8))]).eta(left(70, 1000)) is not None


def test_the_end_is_unknown_when_nothing_is_done_at_all():
    assert paced([(float(at), 5, 100) for at in range(20)]).eta(left(5, 100)) is None


def test_items_that_come_in_batches_far_apart_have_an_end_too():
    batch = paced([(float(at), 8 * (at // 12), 100) for at in range(20)])
    assert batch.eta(left(8, 100)) == Eta(pytest.approx(92 / (8 / 19)), None)


def test_a_pace_that_stood_still_has_no_late_end():
    rows = steady(10, 10, 1000) + [(11.0 + at, 100, 1000) for at in range(6)]
    eta = paced(rows).eta(left(100, 1000))
    assert eta is not None
    assert eta.late is None
    assert told_eta(eta) == "0:01:30-?"


def test_waiting_for_hosts_is_no_pace_and_is_left_out_of_it_afterwards():
    pace = paced(steady(20, 10, 1000))
    for at in range(21, 200):
        pace.note(left(200, 1000), float(at), parked=True)
    assert pace.rate() == 0
    assert pace.eta(left(200, 1000)) is None
    for at in range(200, 210):
        pace.note(left(210 + 10 * (at - 200), 1000), float(at), parked=True)
    assert pace.rate() == pytest.approx(10)
    assert pace.eta(left(300, 1000)) == Eta(pytest.approx(70), None), "nobody knows how long that one is waited for"
    pace.note(left(310, 1000), 210.0, parked=False)
    assert pace.eta(left(300, 1000)).late == pytest.approx(70)


def kept_to_a_rate(seconds, *, pending, deferred, allowed=0.5):
    """Of hosts of which one is asked twice a minute, the others at once."""
    pace = Pace()
    for at in range(seconds):
        counts = Counts(done=10 * at, pending=pending, deferred=deferred)
        pace.note(counts, float(at), parked=False, allowed=allowed)
    return pace.eta(counts)


def test_a_host_that_is_kept_to_its_rate_is_waited_for_to_the_end():
    assert kept_to_a_rate(21, pending=0, deferred=300) == Eta(600, 600)
    assert kept_to_a_rate(21, pending=0, deferred=300, allowed=0.0) == Eta(30, 30)


def test_what_nobody_has_come_to_yet_is_taken_to_be_like_what_somebody_has():
    assert kept_to_a_rate(21, pending=600, deferred=100) == Eta(200, (100 + 600 / 3) / 0.5)


def test_a_rate_that_does_not_bind_changes_nothing():
    assert kept_to_a_rate(21, pending=600, deferred=1) == Eta(60.1, 60.1)


def test_a_host_that_was_asked_just_now_is_not_forgotten_at_once():
    pace = Pace()
    for at in range(40):
        counts = Counts(done=10 * at, deferred=300)
        pace.note(counts, float(at), parked=False, allowed=0.5 if at < 30 and at % 4 == 0 else 0.0)
        if at in {29, 39}:
            assert pace.eta(counts).late == (600 if at == 29 else 30)


def test_samples_are_taken_once_a_second_however_often_they_are_offered():
    pace = Pace()
    for step in range(100):
        pace.note(left(step, 1000), step / 10, parked=False)
    assert pace.rate() == 10


def test_an_unknown_end_is_called_unknown():
    assert told_eta(None) == "unknown"


def test_what_the_job_holds_is_in_the_line_and_how_many_pages_that_leaves():
    assert "in_flight=8 memory=512.5MiB eta=" in plain_line(view(memory_mb=512.5))
    assert "in_flight=8 memory=1.5GiB pages_max=2 eta=" in plain_line(view(memory_mb=1536.0, pages_max=2))


def test_why_the_job_is_suspended_is_in_the_line():
    line = plain_line(
        view(suspended="26 of the last 30 operations failed (builtins.ValueError no price); probing, next in 4 s")
    )
    assert line.endswith(" suspended: 26 of the last 30 operations failed (ValueError no price); probing, next in 4 s")
    assert "suspended" not in plain_line(view())
    assert plain_line(view(job_paused=True)).endswith(" paused: nothing is begun until the job is unpaused")


def cause(signature="builtins.ValueError no price", **changes):
    values = {"failure_class": "programming", "failed": 3, "retried": 9, "hosts": ("a.test",), "hosts_seen": 1}
    return Cause(signature=signature, last=NOW.isoformat(), **values | changes)


def test_what_else_is_known_is_in_the_line_where_it_is_known():
    happened = Happened(checkpoint_id="cp", checkpoint_at=NOW - timedelta(seconds=72), restarts=2, crashes=1)
    line = plain_line(
        view(
            memory_mb=512.0,
            memory_limit_mb=2048.0,
            happened=happened,
            trouble=TROUBLE,
            causes=(cause(), cause("builtins.TimeoutError slow", failed=0)),
        )
    )
    assert line.endswith(
        "memory=512.0MiB memory_limit=2.0GiB checkpoint_age=0:01:12 restarts=2 crashes=1 probes=7 good_probes=2 "
        f"aborts_in=0:01:30 eta=4:02:00-4:31:00 causes={group_name('builtins.ValueError no price')}:3"
    )
    assert "checkpoint=failed" in plain_line(view(happened=Happened(checkpoint_problem="disk full")))


def test_a_program_gets_every_number_and_no_words_to_take_apart():
    told = status_object(
        view(
            hosts=(InTrouble(host="b.de", reason=Reason.PARKED, since=NOW, seconds=4.0),),
            hosts_waiting=1,
            causes=(cause(),),
            happened=Happened(checkpoint_id="cp-1", checkpoint_at=NOW, browser="its driver died", browser_at=NOW),
            suspended="it fails",
            concurrency=16,
        )
    )
    assert json.loads(json.dumps(told))["causes"][0]["hosts"] == ["a.test"]
    assert told["counts"]["total"] == 12480
    assert (told["finished"], told["per_second"], told["eta"]) == (4612, 264.0, {"early": 14520, "late": 16260})
    assert told["hosts"] == [{"host": "b.de", "reason": "parked", "since": NOW.isoformat(), "seconds": 4.0}]
    assert told["causes"][0]["group"] == group_name("builtins.ValueError no price")
    assert told["checkpoint"] == {"id": "cp-1", "at": NOW.isoformat(), "problem": None}
    assert told["browser"]["reason"] == "its driver died"
    assert (told["suspended"], told["trouble"], told["concurrency"]) == (True, None, 16)
    assert status_object(view(eta=None))["eta"] is None


def test_what_is_beyond_the_bound_of_kinds_has_the_name_that_no_verb_takes():
    assert "causes=other:3" in plain_line(view(causes=(cause("other"),)))


def test_the_reference_names_every_field_of_a_status():
    text = (Path(__file__).parents[3] / "docs/reference/cli.md").read_text()
    rows = re.search(r"\| field of a `status` \| \|\n(.*?)\n\n", text, re.DOTALL)[1]
    named = {name for row in rows.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == {"job_id", *status_object(view())}
    told = status_object(view(causes=(cause(),), hosts=waits(Reason.PARKED, "a"), trouble=TROUBLE, eta=Eta(1, 2)))
    for field in ("causes", "hosts", "checkpoint", "browser", "trouble", "eta"):
        [row] = [row for row in rows.splitlines() if f"`{field}`" in row.split("|")[1]]
        inner = told[field][0] if isinstance(told[field], list) else told[field]
        assert set(inner) <= set(re.findall(r"`(\w+)`", row)), field


def test_the_reference_names_every_key_of_a_line():
    text = (Path(__file__).parents[3] / "docs/reference/cli.md").read_text()
    section = re.search(r"### Lines\n(.*?)\n### ", text, re.DOTALL)[1]
    happened = Happened(checkpoint_problem="x", restarts=1, crashes=1)
    everywhere = (*waits(Reason.PARKED, "a"), *waits(Reason.PAUSED, "b"), *waits(Reason.ASKED_TO_WAIT, "c"))
    memory = {"memory_mb": 1.0, "memory_limit_mb": 2.0, "pages_max": 2}
    line = plain_line(view(happened=happened, trouble=TROUBLE, causes=(cause(),), hosts=everywhere, **memory))
    keys = set(re.findall(r" (\w+)=", line))
    assert "aborts_in" in keys
    assert not {key for key in keys if not re.search(rf"[ `]{key}\b", section)}
