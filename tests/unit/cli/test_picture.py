"""The live view as text: what stands in it on screens of several sizes, and what never does."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from outlast.cli.failures.choice import group_name
from outlast.cli.screen.happened import Happened
from outlast.cli.screen.live import Drawn
from outlast.cli.screen.pace import Eta
from outlast.cli.screen.picture import picture
from outlast.cli.rows import plain, wide
from outlast.cli.screen.view import InTrouble, View
from outlast.jobs.causes import Cause
from outlast.jobs.host import Reason
from outlast.jobs.progress import Trouble
from outlast.ledger.port import Counts

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SIZES = [(width, height) for width in (120, 80, 40) for height in (24, 10)]
HOSTILE = "\x1b[31m\x9b2J\r\nred\x00\u202e 你好🙂 [bold]" + "x" * 1_000_000


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def cause(signature, failed, retried=0, host="shop-a.com", hosts_seen=1, last=4):
    return Cause(
        signature=signature,
        failure_class="timeout",
        failed=failed,
        retried=retried,
        hosts=(host,),
        hosts_seen=hosts_seen,
        last=ago(last).isoformat(),
    )


def view(**changes):
    values = {
        "now": NOW,
        "elapsed": 725.0,
        "counts": Counts(pending=74_000, done=45_871, failed=210, deferred=37, leased=362),
        "in_flight": 8,
        "concurrency": 8,
        "rate": 4.4,
        "eta": Eta(242 * 60, 271 * 60),
    }
    return View(**values | changes)


CAUSES = (
    cause("playwright.TimeoutError Page.goto: Timeout <n>ms", 96, 210),
    cause("builtins.ValueError selector '.price' not found", 71, last=31),
    cause("aiohttp.ClientResponseError 404", 43, host="shop-c.fr", hosts_seen=3, last=130),
    cause("builtins.OSError [Errno 104] reset", 0, 12),
)
HOSTS = (
    InTrouble(host="shop-b.de", reason=Reason.PARKED, since=ago(130), seconds=4.0),
    InTrouble(host="shop-d.it", reason=Reason.PAUSED),
    InTrouble(host="shop-e.es", reason=Reason.ASKED_TO_WAIT, seconds=61.0),
    InTrouble(host="shop-f.pt", reason=Reason.RATE, seconds=0.0),
)
TROUBLE = Trouble(
    reason="26 of the last 30 operations failed (builtins.ValueError no price)",
    seconds=63.0,
    probes=7,
    good_probes=2,
    next_probe_in=4.0,
    gives_up_in=122.0,
)
EVERYTHING = {
    "causes": CAUSES,
    "hosts": HOSTS,
    "hosts_waiting": 9,
    "trouble": TROUBLE,
    "suspended": "it fails",
    "memory_mb": 1945.6,
    "memory_limit_mb": 2560.0,
    "memory_trend": (600.0, 1200.0, 1945.6),
    "pages_max": 3,
    "happened": Happened(
        checkpoint_id="cp-shop-000015",
        checkpoint_at=ago(12),
        restarts=2,
        crashes=1,
        browser="memory_limit",
        browser_at=ago(180),
    ),
}


def shown(width=120, height=24, title="shop", **changes):
    return [plain(row) for row in picture(title, view(**changes), width=width, height=height)]


def test_a_wide_screen_shows_all_there_is():
    first, second, third, names = (group_name(each.signature) for each in CAUSES)
    assert shown(height=30, **EVERYTHING) == [
        "shop ━━━━━━━━━━━━━━━━━━━━──────────────────────────────────"
        "  46081/120480  38.2%  4.4/s  ETA 4 h 02 - 4 h 31  12 min 5 s",
        "ok 45871  retrying 37  failed 210  in flight 8/8  memory 1.9 GiB of 2.5 GiB ▂▄▇  at most 3 pages for want of it",
        "suspended for 63 s: 26 of the last 30 operations failed (ValueError no price)",
        "  7 probed, 2 good, next probe in 4 s, aborts in 3 min",
        "checkpoint cp-shop-000015 12 s ago  browser 2 restarts, 1 crash; renewed 3 min ago (memory_limit)",
        "",
        "failures  class         by cause                                                  failed  retried  host             last",
        f"{first}  timeout       TimeoutError Page.goto: Timeout <n>ms                         96      210  shop-a.com        4 s",
        f"{second}  timeout       ValueError selector '.price' not found                        71           shop-a.com       31 s",
        f"{third}  timeout       ClientResponseError 404                                       43           shop-c.fr +2    3 min",
        "          timeout       OSError [Errno 104] reset                                              12  shop-a.com        4 s",
        "",
        "shop-b.de  down for 3 min, next probe in 4 s",
        "shop-d.it  paused",
        "shop-e.es  asked to be left alone, asked again in 61 s",
        "shop-f.pt  kept to its rate, asked again now",
        "and 5 more hosts",
        "",
        "Ctrl-C: finish what is in flight, then stop. Twice: stop now. Both are safe.",
    ]
    assert names not in "".join(shown(**EVERYTHING)), "no verb knows a group before an item was given up with it"


def test_a_job_that_is_paused_says_so_before_why_it_would_wait_anyway():
    lines = shown(**EVERYTHING | {"job_paused": True})
    assert lines[2:4] == [
        "paused: nothing is begun until the job is unpaused",
        "suspended for 63 s: 26 of the last 30 operations failed (ValueError no price)",
    ]


def test_a_narrow_screen_shows_what_matters_most():
    assert shown(40, 10, **EVERYTHING) == [
        "shop ━━━━━─────────  46081/120480  38.2%",
        "ok 45871  retrying 37  failed 210",
        "in flight 8/8",
        "memory 1.9 GiB of 2.5 GiB ▂▄▇",
        "at most 3 pages for want of it",
        "suspended for 63 s: 26 of the last 30...",
        "  7 probed, 2 good, next probe in 4 s...",
        f"{group_name(CAUSES[0].signature)}  TimeoutError Page....       96",
        "shop-b.de  down for 3 min, next probe...",
    ]


def test_a_job_that_goes_well_takes_three_lines():
    assert shown(80, 24) == [
        "shop ━━━━━─────────  46081/120480  38.2%  4.4/s  ETA 4 h 02 - 4 h 31  12 min 5 s",
        "ok 45871  retrying 37  failed 210  in flight 8/8",
        "Ctrl-C: finish what is in flight, then stop. Twice: stop now. Both are safe.",
    ]
    assert shown(40, 24)[-1] == "Ctrl-C: stop in order. Twice: stop now."
    assert shown(20, 24)[-1] == "Ctrl-C: stop"


@pytest.mark.parametrize(("width", "height"), [*SIZES, (3, 2), (1, 1), (0, 0), (500, 200)])
def test_nothing_is_wider_or_higher_than_the_screen(width, height):
    for changes in ({}, EVERYTHING, {**EVERYTHING, "stopping": True}, {"counts": Counts(), "rate": None, "eta": None}):
        rows = picture("a job with a name", view(**changes), width=width, height=height)
        assert max(map(wide, rows)) <= width
        assert len(rows) <= max(1, height - 1)


@pytest.mark.parametrize(("width", "height"), [*SIZES, (7, 30)])
def test_what_strangers_wrote_reaches_no_terminal(width, height):
    hostile = view(
        causes=(cause(HOSTILE, 3, host=HOSTILE), cause("你好 " * 99, 1, host="你好" * 99)),
        hosts=(InTrouble(host=HOSTILE, reason=Reason.PARKED), InTrouble(host="", reason=Reason.PAUSED)),
        trouble=Trouble(reason=HOSTILE, seconds=None, probes=0, good_probes=0, next_probe_in=None, gives_up_in=None),
        happened=Happened(
            checkpoint_id=HOSTILE,
            checkpoint_at=NOW,
            checkpoint_problem=HOSTILE,
            browser=HOSTILE,
            browser_at=NOW,
            no_browser=True,
        ),
    )
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=True, color_system=None)
    console.print(Drawn(HOSTILE, hostile), end="")
    lines = out.getvalue().split("\n")
    assert not [line for line in lines if wide([(line, "")]) > width]
    text = "".join(lines)
    assert text.isprintable()
    assert len(lines) <= height
    assert "[bold]" in text or width < 60, "markup is text like any other"


def test_a_host_that_is_cut_says_so():
    [row] = [row for row in shown(causes=(cause("E x", 1, host="h" * 40, hosts_seen=3),)) if "hhh" in row]
    assert f"  {'h' * 18}... +2  " in row


def test_the_end_of_the_bar_is_red_where_items_failed_and_told_apart_without_colour():
    [row, *_] = picture("shop", view(counts=Counts(pending=50, done=49, failed=1)), width=80, height=24)
    bars = [(text[0], style, len(text)) for text, style in row if text[:1] in {"━", "─"}]
    assert [(character, style) for character, style, _ in bars] == [("━", "green"), ("━", "red"), ("─", "dim")]
    assert bars[1][2] == 1
    assert abs(bars[0][2] + bars[1][2] - bars[2][2]) <= 1


def test_a_checkpoint_that_failed_is_red_and_goes_before_what_is_well():
    changes = {
        "happened": Happened(checkpoint_problem="No space left on device", checkpoint_id="cp", checkpoint_at=NOW)
    }
    rows = picture("shop", view(**changes), width=80, height=5)
    assert ("checkpoint failed: ", "bold red") in rows[2]
    assert "checkpoint failed: No space left on device" in [plain(row) for row in rows]
    assert "checkpoint cp 0 s ago" in shown(80, 10, **changes)


def test_a_browser_that_has_not_come_back_is_said_to_be_gone():
    lost = Happened(crashes=2, browser="its driver died", browser_at=ago(3), no_browser=True)
    assert "browser 2 crashes; gone 3 s ago (its driver died)" in shown(happened=lost)
    none = Happened(browser="none starts", browser_at=ago(3), no_browser=True)
    assert "browser gone 3 s ago (none starts)" in shown(happened=none)


def test_a_run_that_stops_says_so_wherever_there_is_room_for_three_lines():
    assert shown(80, 4, **EVERYTHING, stopping=True)[-1] == "stopping: 8 in flight ... (again: stop now)"


def test_a_long_name_leaves_room_for_how_far_the_job_is():
    [head, *_] = shown(40, 24, title="你好" * 20)
    assert head.startswith("你好你好你...")
    assert "46081/120480  38.2%" in head


def test_a_terminal_that_knows_ascii_alone_gets_ascii():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    console = Console(file=out, width=80, height=24, force_terminal=True, color_system=None)
    console.print(Drawn("你好", view(memory_mb=9.0, memory_trend=(1.0, 9.0))))
    out.seek(0)
    text = out.read()
    assert "?? =" in text
    assert "memory 9.0 MiB _;" in text


def test_what_is_not_known_is_not_shown():
    bare = Trouble(
        reason="no host answers", seconds=None, probes=0, good_probes=0, next_probe_in=None, gives_up_in=None
    )
    lines = shown(rate=None, eta=None, concurrency=None, elapsed=3.0, trouble=bare, causes=(cause("x", 1),))
    assert "?/s  ETA unknown  3 s" in lines[0]
    assert "in flight 8" in lines[1]
    assert "/8" not in lines[1]
    assert lines[2] == "waiting: no host answers"
    assert "probe" not in "".join(lines)
    assert "retried" not in lines[4], "a column that would be empty"


@pytest.mark.parametrize(
    ("width", "columns"), [(84, "failed retried host last"), (80, "failed retried host"), (52, "failed retried")]
)
def test_a_cause_that_has_cost_no_item_yet_has_a_number_on_a_narrow_screen_too(width, columns):
    lines = shown(width=width, causes=(cause("aiohttp.ClientConnectorError", 0, 137),))
    assert lines[3].split() == ["failures", "by", "cause", *columns.split()]
    assert " 137" in lines[4]


def test_a_failure_without_a_time_has_none():
    untimed = Cause(signature="x", failure_class="unknown", failed=1, retried=0, hosts=("",), hosts_seen=1, last="")
    assert "(no host)" in shown(causes=(untimed,))[-3]
