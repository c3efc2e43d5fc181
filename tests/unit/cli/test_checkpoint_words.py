"""What is said of checkpoints, to people and to programs."""

import pytest

from outlast.checkpoint import LatestCheckpoint, Pruned, Verdict
from outlast.cli.words.checkpoint import (
    KEYS_SHOWN_MAX,
    checkpoint_table,
    contents,
    label,
    pruned_line,
    shown_lines,
    summary_of,
    verdict_document,
    verdict_line,
    verdict_table,
)

ID = "docs-46b42b4229cd7a39-00000003"


def row(**changes):
    return {
        "id": ID,
        "job_id": "docs",
        "sequence_number": 3,
        "timestamp": "2026-11-23T02:35:12.5+00:00",
        "status": "available",
        "size_bytes": 5_138_022,
        "compressed": True,
        "encrypted": True,
        "checksum": "ab" * 32,
        "version": "2.0",
        "metadata": {"reason": "end"},
    } | changes


DAMAGED = row(
    status="corrupted", timestamp=None, compressed=None, encrypted=None, checksum=None, version=None, metadata={}
)


def opened(data):
    return LatestCheckpoint(
        id=ID, job_id="docs", sequence_number=3, timestamp="2026-11-23T02:35:12+00:00", data=data, metadata={}
    )


JOB_DATA = {
    "state": {"cursor": "p7", "seen": [1, 2]},
    "counts": {"pending": 2, "leased": 1, "done": 90, "failed": 5, "deferred": 0, "ignored": 2},
    "position": 88,
}


def test_a_table_has_a_row_for_each_and_question_marks_for_what_is_lost():
    rows = [row(), DAMAGED, row(compressed=False, encrypted=False, metadata={"reason": "\x1b[2J" * 20})]
    assert checkpoint_table(rows) == [
        "id                              taken                    size  status     why                             written",
        f"{ID}  2026-11-23T02:35:12Z  4.9 MiB  available  end                             gzip, encrypted",
        f"{ID}  ?                     4.9 MiB  DAMAGED",
        f"{ID}  2026-11-23T02:35:12Z  4.9 MiB  available  \\x1b[2J\\x1b[2J\\x1b[2J\\x1b[2...",
    ]


def test_in_a_narrow_terminal_a_table_does_not_say_how_they_are_written():
    narrow = checkpoint_table([row()], width=80)
    assert narrow[0].split() == ["id", "taken", "size", "status", "why"]
    assert narrow[1].endswith("available  end")


def test_a_jobs_checkpoint_is_told_as_one():
    assert shown_lines(row(), opened(JOB_DATA)) == [
        f"checkpoint {ID}: available",
        "  job              docs",
        "  number           3",
        "  taken            2026-11-23T02:35:12Z",
        "  size             4.9 MiB, gzip, encrypted",
        "  format           2.0",
        f"  checksum         {'ab' * 32}",
        '  metadata reason  "end"',
        "  position         result 88 of the ledger",
        "  items            97 of 100 finished (97.0%), 5 failed",
        '  state cursor     "p7"',
        "  state seen       list of 2",
    ]
    assert contents(opened(JOB_DATA)) == {
        "position": 88,
        "counts": JOB_DATA["counts"],
        "state": {"cursor": "p7", "seen": "list of 2"},
    }


@pytest.mark.parametrize("data", [{"state": 1, "counts": {}, "position": 2}, {"state": {}, "counts": {}}, {"page": 7}])
def test_other_data_is_told_as_it_is(data):
    told = {name: summary_of(value) if isinstance(value, dict) else value for name, value in data.items()}
    assert contents(opened(data)) == {"data": told}
    assert shown_lines(row(metadata={}), opened(data))[-1].split()[:2] == ["data", list(data)[-1]]


def test_a_damaged_one_shows_what_is_left_of_it():
    assert shown_lines(DAMAGED, None)[0] == f"checkpoint {ID}: DAMAGED"
    assert "  taken     ?" in shown_lines(DAMAGED, None)


def test_many_keys_are_not_all_shown():
    lines = shown_lines(row(metadata={}), opened({f"k{n}": n for n in range(KEYS_SHOWN_MAX + 3)}))
    assert sum("data k" in line for line in lines) == KEYS_SHOWN_MAX
    assert lines[-1] == "  data      and 3 keys more"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": 1}, "object of 1 key"),
        ([], "list of 0"),
        ("x", '"x"'),
        ("\x1b[2J\n", '"\\x1b[2J\\n"'),
        ("x" * 61, "text of 61 characters"),
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (1.5, "1.5"),
    ],
)
def test_a_value_in_a_few_words(value, told):
    assert summary_of(value) == told


INTACT = Verdict(ID, 3, "available")
BROKEN = Verdict("b", 2, "corrupted", "the body\x1b does not match its checksum")
LOCKED = Verdict("c", 1, "locked", "it is sealed by the key 12, which is not at hand")


@pytest.mark.parametrize(
    ("verdicts", "deep", "line"),
    [
        ([INTACT], True, "SOUND: 1 checkpoint of job docs (every byte was read)."),
        ([INTACT], False, "SOUND: 1 checkpoint of job docs (headers were read; --deep reads every byte)."),
        ([INTACT, BROKEN], True, "DAMAGED: 1 of 2 checkpoints of job docs damaged (every byte was read)."),
        (
            [BROKEN, LOCKED],
            True,
            "DAMAGED: 1 of 2 checkpoints of job docs damaged, 1 cannot be read here (every byte of the others was read).",
        ),
        (
            [INTACT, LOCKED],
            True,
            "NOT VERIFIED: 0 of 2 checkpoints of job docs damaged, 1 cannot be read here (every byte of the others was read).",
        ),
        (
            [LOCKED],
            True,
            "NOT VERIFIED: 0 of 1 checkpoint of job docs damaged, 1 cannot be read here (headers were read).",
        ),
    ],
)
def test_what_checking_comes_to(verdicts, deep, line):
    assert verdict_line("docs", verdicts, deep=deep) == line


def test_each_verdict_has_its_problem():
    assert verdict_table([INTACT, BROKEN]) == [
        f"{ID}  available",
        f"b{' ' * 29}  DAMAGED    the body\\x1b does not match its checksum",
    ]
    assert verdict_table([]) == []
    assert verdict_document([BROKEN]) == [
        {"id": "b", "sequence_number": 2, "status": "corrupted", "problem": "the body\x1b does not match its checksum"}
    ]


@pytest.mark.parametrize(
    ("pruned", "dry_run", "line"),
    [
        (Pruned(("a",), ("b", "c"), 2048), False, "2 checkpoints of job docs were deleted, 2.0 KiB freed, 1 kept."),
        (Pruned(("a",), ("b",), 10), False, "1 checkpoint of job docs was deleted, 10 B freed, 1 kept."),
        (
            Pruned(("a",), ("b",), 10),
            True,
            "1 checkpoint of job docs would be deleted, 10 B would be freed, 1 would be kept.",
        ),
        (Pruned(("a",), (), 0), False, "0 checkpoints of job docs were deleted, 1 kept."),
    ],
)
def test_what_was_deleted_or_would_be(pruned, dry_run, line):
    assert pruned_line("docs", pruned, dry_run=dry_run) == line


def test_a_checkpoint_in_a_sentence():
    assert label(row()) == f"{ID} (taken 2026-11-23T02:35:12Z)"
