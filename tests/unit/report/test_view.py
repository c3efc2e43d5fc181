"""What the page shows of a report: tiles, shades, tables behind the pictures, and how much of it."""

import pytest

from outlast.ledger.port import Counts
from outlast.report.attempts import attempt_rows
from outlast.report.chronicle import Chronicle
from outlast.report.html import page
from outlast.report.marks import MarkKind
from outlast.report.model import report_of
from outlast.report.stretches import ROWS_MAX
from outlast.report.tiles import tiles
from outlast.report.told import Grade, KeptCheckpoint, Standing
from outlast.report.view import CHECKPOINTS_SHOWN_MAX, DRAWN_MAX, MARKS_SHOWN_MAX, view


@pytest.fixture
def report(told):
    def make(*entries, **more):
        return report_of(told(**more), Chronicle.of(entries))

    return make


def tile(report, label):
    return next(each for each in tiles(report) if each.label == label)


def test_a_cell_is_the_darker_the_more_failures_by_the_square_root(report, group):
    level = view(report(groups=[group("a.No", {"a.test": 900, "b.test": 100})]))["level"]
    assert (level(0), level(1), level(100), level(900)) == (0, 1, 3, 9)


def test_attempts_fall_into_rows_that_miss_nobody():
    rows = attempt_rows({1: 90, 2: 4, 3: 2, 4: 1, 6: 1, 7: 1, 30: 1}, 10)
    assert [(row.attempt, row.items) for row in rows] == [
        ("first try", 90),
        ("second", 4),
        ("third", 2),
        ("4 to 6", 2),
        ("7 and more", 2),
        ("given up", 10),
    ]
    assert sum(row.share for row in rows) == pytest.approx(1, abs=1e-4)
    assert attempt_rows({}, 0) == ()


def test_the_best_hour_is_the_best_of_any_sixty_minutes(report, started, sample):
    entries = [started(0), sample(0), sample(5_400, 540), sample(9_000, 4_140), sample(18_000, 4_200)]
    told = report(*entries)
    assert told.numbers.best_rate == pytest.approx(60, abs=0.5)
    assert tile(told, "Throughput").lines == ("mean while working", "best hour 60")


def test_many_marks_of_a_kind_are_drawn_evenly_and_no_more_of_them_than_can_be_seen(report, entry):
    marks = [entry("host_parked", n, {"host": "a"}) for n in range(DRAWN_MAX + 50)]
    drawn = [each for each in view(report(*marks))["pictures"]["marks"] if each[1] == "host_down"]
    assert len(drawn) <= DRAWN_MAX
    assert drawn[0][0] + 2 == drawn[1][0]


def test_the_table_of_marks_is_not_about_many_checkpoints_and_has_the_newest(report, entry):
    saved = [entry("checkpoint_created", n, {"checkpoint_id": "c"}) for n in range(CHECKPOINTS_SHOWN_MAX + 1)]
    parked = [entry("host_parked", 100 + n, {"host": f"h{n}"}) for n in range(MARKS_SHOWN_MAX + 5)]
    running = Standing(word="running", grade=Grade.GOOD, run="R1", running=True)
    shown = view(report(*saved, *parked, standing=running))["events"]
    assert {mark.kind for mark in shown} == {MarkKind.HOST_DOWN}
    assert len(shown) == MARKS_SHOWN_MAX
    assert shown[-1].text.startswith(f"h{MARKS_SHOWN_MAX + 4}:")
    assert len(view(report(*saved[:-1], standing=running))["events"]) == CHECKPOINTS_SHOWN_MAX


def test_a_host_is_broken_at_its_joints_and_a_share_nowhere(report, group):
    told = page(report(groups=[group("a.No", {"shop.a-b.test:8102": 3})], counts=Counts(done=1, failed=3)))
    assert "<wbr>shop<wbr>.a-b<wbr>.test<wbr>:8102</th>" in told
    assert "(25.0\u202f%)" in told


def test_a_limit_far_above_what_was_used_is_told_and_not_drawn(report, sample):
    def shown(limit):
        return view(report(sample(0, memory_bytes=1 << 30), sample(60, memory_bytes=2 << 30, memory_limit_bytes=limit)))

    far, near = shown((8 << 30) + 1), shown(8 << 30)
    assert (far["limit_told"], far["pictures"]["limit"]) == ((8 << 30) + 1, [])
    assert (near["limit_told"], max(filter(None, near["pictures"]["limit"]))) == (None, 8 << 30)


def test_the_table_behind_the_pictures_is_short_and_misses_nothing(report, started, sample):
    entries = [started(0), sample(0, total=900, memory_bytes=1 << 30), sample(30_000, 900, 30, 60, total=930)]
    rows = view(report(*entries))["stretches"]
    assert len(rows) <= ROWS_MAX
    assert sum(int(row.cells[0]) for row in rows) == pytest.approx(900, abs=len(rows))
    assert rows[0].at == "21:00"
    assert rows[0].cells[3] == "1.0 GiB"


@pytest.mark.parametrize(
    ("label", "more", "value", "lines"),
    [
        (
            "Done",
            {"counts": Counts(done=5, pending=3, ignored=2)},
            "5",
            ("of 10 items (50.0 %)", "3 to do", "2 ignored"),
        ),
        ("Done", {"counts": Counts()}, "0", ("no items",)),
        ("Done", {"unread": "torn"}, "not known", ()),
        ("Given up", {"counts": Counts(done=5)}, "0", ()),
        ("Throughput", {}, "not known", ()),
        ("Retries", {}, "not known", ()),
        ("Stops", {}, "not known", ()),
        ("Memory, peak", {}, "not known", ()),
        ("Checkpoints", {}, "0", ("none kept",)),
    ],
)
def test_a_tile_says_what_is_known(report, label, more, value, lines):
    told = tile(report(**more), label)
    assert (told.value, told.lines) == (value, lines)


def test_the_tiles_of_a_rough_job(report, started, sample, ended, entry, group, at):
    told = report(
        started(0),
        sample(0),
        entry("browser_restarted", 5, {"reason": "memory"}),
        entry("browser_crashed", 6, {"reason": "gone"}),
        sample(60, 50, 4, 9, memory_bytes=3 << 30, memory_limit_bytes=4 << 30),
        started(100, run="R2", resumed=True),
        ended(160, "stopped", run="R2", done=60, failed=4, deferred=1),
        groups=[group("a.No", {"a": 3}, name="F-1"), group("b.No", {"a": 1}, name="F-2")],
        counts=Counts(done=60, failed=4, deferred=1),
        attempts={1: 45, 2: 15},
        checkpoints=[
            KeptCheckpoint(id="c-2", at=at(90), size=5, intact=False),
            KeptCheckpoint(id="c-1", at=at(60), size=5, intact=True),
        ],
    )
    assert tile(told, "Given up").lines == ("6.2 % of all", "in 2 groups; one is 75.0 %")
    assert (tile(told, "Stops").value, tile(told, "Stops").lines) == (
        "2",
        ("1 crash, 1 otherwise", "stood still for at most 40 s"),
    )
    assert tile(told, "Memory, peak").lines == ("limit 4.0 GiB", "1 browser restart, 1 crash")
    assert tile(told, "Retries").lines == ("25.0 % of the done needed one",)
    assert tile(told, "Checkpoints").lines == ("2 kept", "newest intact: 21:01")
