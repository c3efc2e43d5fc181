"""What is said of damage: what is wrong, what repairing does, what is lost, and what to type next."""

from dataclasses import replace
from pathlib import Path

import pytest

from outlast.checkpoint import Verdict
from outlast.cli.compared import Compared, Comparison
from outlast.cli.words.finding import FINDINGS_SHOWN_MAX, REMEDIES, finding_lines
from outlast.cli.words.health import health_document, health_lines, verdict_lines
from outlast.cli.inspection import Inspection
from outlast.cli.reading import Holder
from outlast.cli.words.repair import ending_lines, mended_document, mended_lines
from outlast.cli.repairing import Mended
from outlast.ledger.health import Finding, Health, Remedy
from outlast.ledger.repair import Repaired

ROW = Finding("items", 7, "https://a/\x1b[2J\n", "its state does not fit its checksum", Remedy.PENDING)
NAMELESS = Finding("facts", "output", None, "its checksum does not fit", Remedy.REMOVED)
INTACT, BROKEN, OLD = (
    Verdict("c3", 3, "available"),
    Verdict("c2", 2, "corrupted", "checkpoint c2: the body does not match its checksum"),
    Verdict("c1", 1, "corrupted", "it was found damaged and is in quarantine"),
)
SOUND = Health(items=100, results=90, facts=9)
FILE = Compared(path=Path("/x/out.jsonl"), state=Comparison.SOUND, size=2048, results=90)


def looked(**changes):
    return Inspection(**{"job_id": "docs", "verdicts": (INTACT,), "health": SOUND, "output": FILE} | changes)


def test_a_sound_job_is_a_line_for_each_part():
    assert health_lines(looked()) == [
        "job docs",
        "  ledger       sound  100 items, 90 results, 9 facts",
        "  checkpoints  sound  1 of 1 intact, every byte read",
        "  output       sound  90 results in /x/out.jsonl (2.0 KiB)",
    ]
    assert verdict_lines(looked(), "") == ["SOUND: everything that was checked is as it was written."]
    document = health_document(looked())
    assert (document["sound"], document["damaged"], document["ledger"]["readable"]) == (True, False, True)


def test_every_finding_is_named_and_nothing_hostile_reaches_the_terminal():
    damaged = looked(
        verdicts=(INTACT, BROKEN, OLD),
        quarantined=frozenset({"c1"}),
        health=replace(SOUND, damaged=2, findings=(ROW, NAMELESS)),
        output=replace(FILE, state=Comparison.DAMAGED, problem="byte 7 is not what was recorded"),
    )
    lines = health_lines(damaged)
    assert lines[1:4] == [
        "  ledger       DAMAGED  100 items, 90 results, 9 facts: 2 findings",
        "  checkpoints  DAMAGED  1 of 3 intact, every byte read; 1 in quarantine",
        "  output       DAMAGED  /x/out.jsonl",
    ]
    assert [tuple(line.strip().split("  ")[0:1]) for line in lines[4:]] == [
        ("where",),
        ("ledger items",),
        ("ledger facts",),
        ("checkpoint",),
        ("output",),
    ]
    assert r"https://a/\x1b[2J\n" in lines[5]
    assert lines[5].endswith("pending again")
    assert "row output" in lines[6]
    assert lines[7].split("  ")[-1] == "moved to quarantine"
    assert "checkpoint c2:" not in lines[7]
    assert all(line.isprintable() for line in lines)
    assert verdict_lines(damaged, " --store s") == [
        "DAMAGED: 4 findings. Nothing was changed.",
        "  mend it   outlast repair docs --store s",
    ]
    document = health_document(damaged)
    assert document["ledger"]["findings"][0]["remedy"] == "pending"
    assert [each["quarantined"] for each in document["checkpoints"]] == [False, False, True]
    assert document["output"]["path"] == "/x/out.jsonl"


def test_a_checkpoint_in_quarantine_is_known_and_no_damage():
    assert looked(verdicts=(INTACT, OLD), quarantined=frozenset({"c1"})).sound


@pytest.mark.parametrize("readable", [True, False])
def test_a_file_that_has_to_be_built_anew_is_told_with_what_would_be_saved(readable):
    structure = ("Tree 4 page 4: btreeInitPage() returns error code 11",)
    foretold = Repaired(structure=("1 page cannot be read",), items=99, results=88, rebuilt=True)
    health = replace(SOUND, structure=structure) if readable else None
    damaged = looked(health=health, output=None, foretold=foretold, unreadable=None if readable else "not a database")
    lines = health_lines(damaged)
    problem = structure[0] if readable else "1 page cannot be read"
    assert lines[-1] == f"  ledger  the file  {problem}  the file is built anew from what is intact"
    assert verdict_lines(damaged, "") == [
        "DAMAGED: 1 finding. Nothing was changed.",
        "A repair would save 99 items and 88 results of the ledger.",
        "  see what would be saved   outlast repair docs --dry-run",
        "  mend it                   outlast repair docs",
    ]
    assert health_document(damaged)["ledger"]["repair_would_save"] == {"items": 99, "results": 88}


def test_where_nothing_can_be_saved_nothing_is_promised():
    damaged = looked(health=None, output=None, unreadable="the ledger is damaged (not a database)")
    assert health_lines(damaged)[-1].split("  ")[3] == "the ledger is damaged (not a database)"
    assert verdict_lines(damaged, "")[1] == "  mend it   outlast repair docs"


def test_a_running_job_is_stopped_before_it_is_mended():
    running = looked(running=Holder(42, "box", "x"), health=replace(SOUND, damaged=1, findings=(ROW,)))
    assert health_lines(running)[0] == "job docs (running: pid 42 on box)"
    assert verdict_lines(running, "")[1] == "  stop the job, then mend it   outlast repair docs"


def test_what_could_not_be_read_is_neither_sound_nor_damaged():
    unread = looked(verdicts=(Verdict("c1", 1, "locked", "\x1bkey"),), output=None, unread=("checkpoint c1: \x1bkey",))
    assert (unread.sound, unread.damaged) == (False, False)
    assert health_lines(unread)[2] == "  checkpoints  not read  0 of 1 intact; 1 cannot be read here"
    assert verdict_lines(unread, "") == [
        r"NOT VERIFIED: checkpoint c1: \x1bkey.",
        "  once that can be read   outlast verify docs",
    ]
    assert verdict_lines(replace(unread, locked_by="12ab"), " --store s")[1] == (
        "  with its key   put the key 12ab into OUTLAST_ENCRYPTION_KEY, then: outlast verify docs --store s"
    )


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (replace(FILE, state=Comparison.ABSENT), "absent  /x/out.jsonl: the next run writes it anew"),
        (replace(FILE, state=Comparison.UNKNOWN, problem="no"), "unknown  /x/out.jsonl: no"),
        (
            replace(FILE, state=Comparison.BEHIND, results=0, size=0, missing=9),
            "behind  0 of 9 results are noted of /x/out.jsonl: the next run writes the rest",
        ),
    ],
)
def test_the_output_file_has_its_own_states(output, line):
    assert f"output       {line}" in health_lines(looked(output=output))[3]


def test_an_output_that_lacks_results_is_not_called_as_it_should_be():
    behind = looked(output=replace(FILE, state=Comparison.BEHIND, missing=1))
    assert (behind.sound, behind.damaged) == (True, False)
    assert verdict_lines(behind, " --store s") == [
        "SOUND: everything that was checked is as it was written, and the output file lacks 1 result.",
        "  let the next run write them   outlast resume docs --store s",
    ]
    running = replace(behind, running=Holder(1, "h", "now"))
    assert verdict_lines(running, "") == verdict_lines(looked(), ""), "it is being written"


def test_an_older_ledger_has_no_checksums_and_that_is_said():
    assert "of an older format without checksums" in health_lines(looked(health=replace(SOUND, proved=False)))[1]


def test_of_many_findings_the_first_are_listed():
    lines = finding_lines([("ledger items", f"k{n}", "p", "r") for n in range(FINDINGS_SHOWN_MAX + 10)], 10_000)
    assert len(lines) == FINDINGS_SHOWN_MAX + 2
    assert lines[-1] == "  and 9950 findings more"
    assert finding_lines([], 0) == []


def test_every_remedy_has_its_words():
    assert set(REMEDIES) == set(Remedy)


def mended(**changes):
    return Mended(**{"job_id": "docs", "dry_run": False, "ledger": Repaired(items=100, results=90)} | changes)


RETRIED = Repaired(
    findings=(ROW,), remedies={Remedy.PENDING: 1}, items=100, results=89, kept_as=Path("/s/aside/1/ledger.db")
)


def test_where_nothing_was_damaged_nothing_was_changed():
    assert mended_lines(mended()) == []
    assert ending_lines(mended(), "") == ["SOUND: nothing of job docs is damaged; nothing was changed."]
    assert mended_document(mended())["sound"] is True


def test_what_was_mended_is_told_with_where_the_damaged_files_are():
    done = mended(
        ledger=RETRIED,
        checkpoints=(BROKEN,),
        output=replace(FILE, state=Comparison.DAMAGED, problem="byte 7 is not what was recorded"),
        output_kept_as=Path("/x/out.01J.jsonl"),
    )
    assert len(mended_lines(done)) == 5
    assert ending_lines(done, "") == [
        "MENDED: 3 findings.",
        "The ledger has 100 items and 89 results.",
        "The damaged ledger is kept in /s/aside/1/ledger.db",
        "1 damaged checkpoint moved to quarantine.",
        "The output file is kept as /x/out.01J.jsonl; the next run writes it anew.",
        "  check   outlast verify docs",
        "  go on   outlast resume docs",
    ]
    document = mended_document(done)
    assert (document["lossless"], document["ledger"]["kept_as"]) == (True, "/s/aside/1/ledger.db")
    assert (document["ledger"]["remedies"], document["output"]["kept_as"]) == ({"pending": 1}, "/x/out.01J.jsonl")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"remedies": {Remedy.FAILED: 2}}, "2 items cannot be done again: what they were is lost."),
        (
            {"lost_items": 3, "lost_results": 4},
            "By the ledger's own counts 3 items and 4 results are gone without a trace.",
        ),
        ({"lost_items": None, "lost_results": None}, "How many more there were cannot be told"),
    ],
)
def test_what_is_lost_is_said(changes, line):
    done = mended(ledger=replace(RETRIED, rebuilt=True, **changes))
    assert not done.lossless
    lines = ending_lines(done, "")
    assert lines[0].startswith("MENDED, WITH LOSSES: ")
    assert lines[1] == "The ledger has 100 items and 89 results, in a new file."
    assert lines[2].startswith(line)


def test_results_that_are_done_again_are_no_loss():
    assert mended(ledger=replace(RETRIED, lost_results=4)).lossless


def test_a_dry_run_says_what_would_be():
    lines = ending_lines(mended(ledger=RETRIED, dry_run=True), "")
    assert lines == [
        "DAMAGED: 1 finding. This was a dry run: nothing was changed.",
        "The ledger would have 100 items and 89 results.",
        "  mend it   outlast repair docs",
    ]


def test_damage_that_is_still_there_is_not_called_mended():
    lines = ending_lines(mended(ledger=RETRIED, still_damaged=True), "")
    assert lines[0].startswith("STILL DAMAGED: ")
    assert "The damaged ledger is kept in /s/aside/1/ledger.db" in lines
    assert lines[-1].endswith("with --fresh")
