"""After an error: what to type next, with the job's own name and its store."""

import pytest

from outlast.cli.exits import tell
from outlast.cli.options import Settings
from outlast.cli.ways_out import ways_out
from outlast.errors import JobNotFoundError, LedgerCorruptionError, OutputError
from outlast.jobs.store import job_directory


def damaged(path=None):
    return LedgerCorruptionError("the ledger is damaged", context={} if path is None else {"path": str(path)})


@pytest.mark.parametrize(
    ("job", "word"), [("docs", "docs"), ("sh op", "'sh op'"), ("a/../b", "a/../b"), ("--x", "-- --x")]
)
def test_of_a_damaged_ledger_the_way_out_has_the_name_of_the_job(tmp_path, job, word):
    directory = job_directory(tmp_path, job)
    directory.lock(job, "now").close()
    [line] = ways_out(damaged(directory.ledger), Settings(store="st ore"), 4)
    if job.startswith("-"):
        more = "See what is damaged: outlast verify --store 'st ore' -- --x. Mend it: outlast repair --store 'st ore' -- --x"
    else:
        more = f"See what is damaged: outlast verify {word} --store 'st ore'. Mend it: outlast repair {word} --store 'st ore'"
    assert line == more


def test_the_name_is_known_without_a_lock_where_the_directory_says_it(tmp_path):
    assert "outlast verify docs." in ways_out(damaged(job_directory(tmp_path, "docs").ledger), Settings(), 4)[0]
    assert "outlast verify JOB." in ways_out(damaged(job_directory(tmp_path, "a b").ledger), Settings(), 4)[0]


def test_a_lock_that_names_another_job_is_not_believed(tmp_path):
    directory = job_directory(tmp_path, "docs")
    directory.lock("other", "now").close()
    assert directory.name == "docs"


def test_an_error_that_names_no_file_is_of_the_job_that_runs():
    settings = Settings(job="docs", hint=" --store x")
    assert ways_out(damaged(), settings, 4)[0].endswith("outlast repair docs --store x")


def test_other_errors_have_none():
    assert ways_out(JobNotFoundError("no"), Settings(), 6) == []


@pytest.mark.parametrize("code", [2, 7, 70])
def test_a_run_that_was_begun_goes_on_when_its_trouble_is_over(code):
    [line] = ways_out(OutputError("no"), Settings(begun=True, job="-docs", hint=" --store x"), code)
    assert line.startswith("What was recorded is kept. When ")
    assert line.endswith(": outlast resume --store x -- -docs")
    if code != 7:
        assert ways_out(OutputError("no"), Settings(job="docs"), code) == [], "nothing was begun"


def test_what_could_not_be_begun_for_want_of_room_is_begun_by_the_same_command():
    [line] = ways_out(OutputError("no"), Settings(job="docs"), 7)
    assert line == (
        "Nothing was started. When there is room, or the store and the output can be written again: the same command"
    )
    assert ways_out(OutputError("no"), Settings(), 7) == [], "no job was to be begun"


def test_the_way_out_is_a_line_of_its_own(capsys):
    assert tell(damaged(), Settings(job="docs"), as_json=False) == 4
    assert capsys.readouterr().err.splitlines() == [
        "outlast: error: the ledger is damaged",
        "  See what is damaged: outlast verify docs. Mend it: outlast repair docs",
    ]
