"""Every verb on real jobs in a real store; each way to fail has its code and its line."""

import asyncio
import json
import os
import shutil

import pytest

from outlast.jobs import Run

pytestmark = pytest.mark.real_time


def test_a_job_runs_and_the_same_command_has_nothing_left_to_do(outlast, tmp_path):
    code, out, err = outlast("run", "scrape.py:scrape", "urls.txt", "-o", "out.jsonl")
    assert (code, out) == (0, "")
    first, second, third = err.splitlines()
    assert first.endswith("of job scrape: beginning, kept in .outlast. The same command goes on.")
    assert second.startswith("FINISHED in ")
    assert second.endswith(": 6 of 6 done, none failed, 0 retries.")
    assert third == f"  records   {tmp_path}/out.jsonl"
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 6
    code, _, err = outlast("run", "scrape.py:scrape", "urls.txt", "-o", "out.jsonl")
    assert code == 0
    assert "resuming, 6 of 6 done. Start over: --fresh" in err.splitlines()[0]
    assert err.splitlines()[1] == "Nothing left to do: all 6 items of job scrape are finished."
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 6


def test_the_output_of_a_job_goes_on_in_a_run_that_names_none(outlast, tmp_path):
    outlast("run", "scrape.py:scrape", "urls.txt", "-o", "out.jsonl")
    code, _, err = outlast("run", "scrape.py:scrape", "urls.txt", "https://a.test/more")
    assert code == 0
    assert err.splitlines()[1] == f"Its output goes on in {tmp_path}/out.jsonl; -o names another file."
    assert err.splitlines()[-1] == f"  records   {tmp_path}/out.jsonl"
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 7
    code, out, _ = outlast("resume", "--json")
    assert json.loads(out)["output"] == f"{tmp_path}/out.jsonl"
    outlast("run", "scrape.py:scrape", "-o", "other.jsonl")
    assert len((tmp_path / "other.jsonl").read_text().splitlines()) == 7
    assert "output       sound  7 results in " in outlast("verify", "scrape")[1]
    outlast("run", "scrape.py:scrape", "urls.txt", "--fresh")
    assert outlast("verify", "scrape")[1].count("output") == 0


def test_new_items_are_all_that_is_done_the_second_time(outlast):
    outlast("run", "scrape.py:scrape", "urls.txt")
    code, _, err = outlast("run", "scrape.py:scrape", "urls.txt", "https://a.test/more")
    assert code == 0
    assert ": 7 of 7 done (1 in this run), none failed" in err


def test_fresh_starts_over(outlast):
    outlast("run", "scrape.py:scrape", "urls.txt")
    _, _, err = outlast("run", "scrape.py:scrape", "urls.txt", "--fresh")
    assert "starting over" in err
    assert ": 6 of 6 done, none failed" in err


def test_failures_are_grouped_and_retried(outlast):
    code, _, err = outlast("run", "scrape.py:scrape", "some.txt", "--job", "sh op")
    assert code == 1
    assert "FINISHED WITH FAILURES" in err
    assert "1 of 3 done, 2 failed (66.7%; allowed: 0)" in err
    assert "  2  ValueError scrape.py:scrape no price on bad <n> \\x1b[<n>m  e.g. bad 1" in err
    assert "\x1b" not in err
    assert "outlast retry 'sh op' && outlast resume 'sh op'" in err
    code, _, err = outlast("retry", "sh op")
    assert (code, err.splitlines()[0]) == (0, "2 failed items of job sh op will be tried again.")
    assert outlast("status", "--json")[1].count('"pending": 2') == 1
    code, _, err = outlast("resume", "sh op", "--max-failed", "2")
    assert code == 0
    assert "1 of 3 done (0 in this run), 2 failed (66.7%; allowed: 2)" in err
    outlast("run", "scrape.py:scrape", "urls.txt")
    assert outlast("retry", "scrape")[2] == "job scrape has no failed items: nothing was changed\n"
    assert json.loads(outlast("retry", "scrape", "--json")[1]) == {
        "schema_version": 1,
        "job_id": "scrape",
        "retried": 0,
        "skipped": 0,
        "left": 0,
        "dry_run": False,
    }


def test_a_run_answers_with_a_document(outlast):
    code, out, err = outlast("--json", "run", "scrape.py:scrape", "some.txt")
    document = json.loads(out)
    assert code == document["exit_code"] == 1
    assert (document["schema_version"], document["job_id"], document["outcome"]) == (
        1,
        "scrape",
        "completed_with_failures",
    )
    assert (document["total"], document["done"], document["failed"]) == (3, 1, 2)
    assert [group["count"] for group in document["failures"]] == [2]
    assert document["hosts_down"] == []
    assert err == ""


def test_with_json_standard_error_holds_json_alone_unless_progress_was_asked_for(outlast, tmp_path, monkeypatch):
    (tmp_path / "items.jsonl").write_text("oops\n")
    code, out, err = outlast("run", "scrape.py:scrape", "items.jsonl", "--json")
    assert (code, out) == (2, "")
    assert json.loads(err)["schema_version"] == 1
    _, out, err = outlast("run", "scrape.py:scrape", "urls.txt", "--job", "more", "--json", "--progress", "plain")
    assert json.loads(out)["done"] == 6
    assert "of job more: beginning" in err


def test_a_dash_is_standard_output_where_there_is_one_answer_and_refused_where_there_is_none(outlast, tmp_path):
    code, _, err = outlast("run", "scrape.py:scrape", "urls.txt", "-o", "-")
    assert code == 2
    assert (
        "-o - is no file: an output goes on from run to run. To print what is recorded: outlast results scrape\n" in err
    )
    outlast("run", "scrape.py:tally", "urls.txt", "--job", "scrape")
    lines = outlast("results", "scrape")[1]
    assert outlast("results", "scrape", "-o", "-") == (0, lines, "")
    assert outlast("export", "scrape", "-", "--format", "jsonl") == (0, lines, "")
    code, out, err = outlast("export", "scrape", "-", "--format", "csv")
    assert (code, err) == (0, "")
    assert (out.splitlines()[0], len(out.splitlines())) == ("item", 7)
    code, _, err = outlast("export", "scrape", "-")
    assert (code, "--format" in err) == (2, True)
    for more in (["--format", "sqlite"], ["--format", "csv", "--json"]):
        assert outlast("export", "scrape", "-", *more)[0] == 2, more
    assert json.loads(outlast("checkpoint", "export", "scrape", "-o", "-")[1])["state"] == {"seen": 6}
    code, _, err = outlast("backup", "scrape", "-")
    assert (code, "name a file" in err) == (2, True)
    assert outlast("resume", "scrape", "-o", "-")[0] == 2
    assert not (tmp_path / "-").exists()


def test_quiet_is_one_line(outlast):
    _, out, err = outlast("run", "scrape.py:scrape", "some.txt", "-q")
    assert out == ""
    assert [line.split(":")[0].split(" in ")[0] for line in err.splitlines()] == ["FINISHED WITH FAILURES"]


def test_verbose_logs_every_event(outlast):
    _, _, err = outlast("run", "scrape.py:scrape", "urls.txt", "-v")
    assert "outlast.event run_started" in err
    assert "outlast.event run_ended" in err


def test_no_items_is_a_failure_that_says_where_they_were_looked_for(outlast, tmp_path):
    (tmp_path / "none.txt").write_text("\n\n")
    code, _, err = outlast("run", "scrape.py:scrape", "none.txt")
    assert (code, err.splitlines()[-2]) == (1, "EMPTY: there were no items: none.txt held none.")


def test_a_decorated_job_brings_its_name_and_settings(outlast, tmp_path):
    code, _, err = outlast("run", "scrape.py:buy", "some.txt")
    assert code == 0
    assert "of job shop: beginning, kept in shop-store" in err
    assert "outlast results shop --store shop-store" in err
    assert outlast("ls", "--store", "shop-store")[1].splitlines()[1].startswith("shop")
    code, _, err = outlast("resume", "shop", "--store", "shop-store")
    assert "Nothing left to do" in err
    assert not (tmp_path / ".outlast").exists()


def test_a_job_file_is_a_target_and_its_paths_are_its_own(outlast, tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "job.toml").write_text(
        'name = "toml"\ntarget = "../scrape.py:scrape"\nitems = "../some.txt"\noutput = "out.jsonl"\nmax_failed = 2\nstore = "kept"\n'
    )
    code, _, err = outlast("run", "deep/job.toml")
    assert code == 0, err
    assert len((tmp_path / "deep" / "out.jsonl").read_text().splitlines()) == 1
    assert (tmp_path / "deep" / "kept" / "jobs").is_dir()
    assert f"--store {tmp_path}/deep/kept" in err
    monkeypatch.chdir("/")
    code, _, err = outlast("resume", "toml", "--store", tmp_path / "deep" / "kept", "--max-failed", "0")
    assert code == 1
    assert "allowed: 0" in err
    assert os.getcwd() == str(tmp_path)


def test_what_is_typed_wins_over_the_job_file(outlast, tmp_path):
    (tmp_path / "job.toml").write_text('name = "toml"\ntarget = "scrape.py:scrape"\nitems = "some.txt"\n')
    code, _, err = outlast("run", "job.toml", "urls.txt", "--job", "typed")
    assert code == 0
    assert "job typed" in err
    code, _, err = outlast("run", "scrape.py:buy", "--config", "job.toml", "--store", "here")
    assert code == 0
    assert "of job toml: beginning, kept in here" in err
    assert ": 3 of 3 done" in err


def test_items_of_a_file_are_known_by_their_key(outlast, tmp_path):
    (tmp_path / "items.jsonl").write_text('{"id": "a", "n": 1}\n{"id": "a", "n": 2}\n{"id": "b", "n": 3}\n')
    assert ": 2 of 2 done" in outlast("run", "scrape.py:scrape", "items.jsonl", "--key", "id")[2]


def test_results_are_streamed_or_saved(outlast, tmp_path):
    outlast("run", "scrape.py:scrape", "urls.txt")
    code, out, err = outlast("results", "scrape")
    assert (code, err) == (0, "")
    assert {json.loads(line)["item"] for line in out.splitlines()} == {f"https://a.test/{n}" for n in range(6)}
    assert outlast("results", "scrape", "-o", "saved.jsonl")[0] == 0
    assert (tmp_path / "saved.jsonl").read_text() == out
    code, _, err = outlast("results", "scrape", "-o", "saved.jsonl")
    assert code == 2
    assert "saved.jsonl exists: name a file that does not" in err
    code, _, err = outlast("results", "scrape", "-o", "/dev/full/x")
    assert code == 2
    assert "/dev/full/x cannot be written: Not a directory" in err


def test_of_many_results_each_is_written_once(outlast, tmp_path):
    (tmp_path / "many.txt").write_text("".join(f"{n}\n" for n in range(1001)))
    assert outlast("run", "scrape.py:scrape", "many.txt", "--concurrency", "500")[0] == 0
    items = [json.loads(line)["item"] for line in outlast("results", "scrape")[1].splitlines()]
    assert sorted(map(int, items)) == list(range(1001))


def test_status_and_ls_tell_of_jobs_and_of_their_absence(outlast):
    assert outlast("ls") == (0, "", "no jobs in .outlast\n")
    assert json.loads(outlast("ls", "--json")[1]) == {"schema_version": 1, "jobs": []}
    code, _, err = outlast("status")
    assert (code, err) == (6, "outlast: error: the store .outlast has no job to go on with\n")
    code, _, err = outlast("status", "nope")
    assert (code, err) == (6, "outlast: error: no job 'nope' in the store .outlast (it has no jobs)\n")
    outlast("run", "scrape.py:scrape", "some.txt")
    outlast("run", "scrape.py:buy", "urls.txt", "--store", ".outlast")
    code, out, _ = outlast("status", "scrape")
    assert code == 0
    assert out.splitlines()[:2] == ["job scrape: 3 of 3 finished (100.0%)", "1 done, 2 failed, 0 to do"]
    assert out.splitlines()[2].endswith(": completed_with_failures (exit code 1)")
    assert "outlast retry scrape" in out
    assert outlast("status")[1].startswith("job shop")
    lines = outlast("ls")[1].splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["job", "shop", "scrape"]
    assert lines[-1].startswith("  not as expected: max_failed: ")
    assert outlast("resume", "scrape")[0] == 1
    code, out, err = outlast("ls", "scrape")
    assert (code, err, [line.split()[-1] for line in out.splitlines()[1:]]) == (0, "", ["failures", "failures"])
    runs = json.loads(outlast("ls", "scrape", "--json")[1])["runs"]
    assert [(run["done"], run["given_up"], run["resumed"]) for run in runs] == [(0, 0, True), (1, 2, False)]
    assert outlast("ls", "nope")[0] == 6
    code, _, err = outlast("status", "nope")
    assert (code, err) == (6, "outlast: error: no job 'nope' in the store .outlast (there are: scrape, shop)\n")


def test_a_job_from_code_is_gone_on_with_by_its_script(outlast, tmp_path):
    async def work():
        async with Run("coded", store=str(tmp_path / ".outlast")) as run:
            await run.process(lambda item: item, ["a"])

    asyncio.run(work())
    code, _, err = outlast("resume", "coded")
    assert (code, err) == (
        2,
        "outlast: error: job 'coded' was started from code: run that script again, it goes on by itself\n",
    )


def test_a_directory_that_is_gone_is_said(outlast, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    shutil.copy("scrape.py", here)
    monkeypatch.chdir(here)
    outlast("run", "scrape.py:scrape", "https://a.test/1", "--store", tmp_path / "s")
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(here)
    code, _, err = outlast("resume", "scrape", "--store", "s")
    assert code == 2
    assert f"the directory '{here}', in which job 'scrape' was started, is gone" in err
    assert "--job scrape --store" in err


def test_standard_input_is_read_once_and_resume_says_so(outlast, tmp_path, monkeypatch):
    with (tmp_path / "some.txt").open("rb") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert ": 1 of 3 done" in outlast("run", "scrape.py:scrape", "-")[2]
    outlast("retry", "scrape")
    code, _, err = outlast("resume")
    assert code == 1
    assert "cannot be read again: going on with the 3 that were read." in err
    assert ": 1 of 3 done (0 in this run)" in err


def damaged(tmp_path, name):
    [ledger] = tmp_path.glob(f".outlast/jobs/{name}-*/ledger.db")
    ledger.write_bytes(b"no database" * 1000)


def test_a_damaged_ledger_is_shown_as_damaged_not_as_absent(outlast, tmp_path):
    outlast("run", "scrape.py:buy", "urls.txt", "--store", ".outlast")
    outlast("run", "scrape.py:scrape", "urls.txt")
    damaged(tmp_path, "scrape")
    code, out, _ = outlast("ls")
    assert code == 4
    assert "DAMAGED" in next(line for line in out.splitlines() if line.startswith("scrape"))
    assert outlast("ls", "scrape")[1].splitlines()[1].endswith("  finished")  # its event log can be read
    assert [job["damage"] is None for job in json.loads(outlast("ls", "--json")[1])["jobs"]] == [True, False]
    for verb in (
        ["status", "scrape"],
        ["results", "scrape"],
        ["retry", "scrape"],
        ["run", "scrape.py:scrape", "urls.txt"],
    ):
        code, _, err = outlast(*verb)
        assert code == 4, verb
        assert err.splitlines()[-2].startswith("outlast: error: the ledger ")
        assert "is damaged" in err
        assert err.splitlines()[-1] == "  See what is damaged: outlast verify scrape. Mend it: outlast repair scrape"
    assert outlast("status")[1].startswith("job shop")


@pytest.mark.parametrize(
    ("handler", "setting", "line"),
    [
        ("asks", "", "asks asks for 'nobody_has_this', which nobody provides"),
        ("visits", 'storage_state = "gone.json"', "browser.storage_state: 'gone.json' is neither 'shared' nor 'fresh'"),
        ("visits", 'context = { locle = "de" }', "no 'locle', did you mean 'locale'?"),
    ],
)
def test_what_a_handler_cannot_be_given_is_said_before_there_is_a_job(outlast, tmp_path, handler, setting, line):
    with (tmp_path / "scrape.py").open("a") as file:
        file.write("\nasync def visits(item, page): ...\n")
    (tmp_path / "job.toml").write_text(f'target = "scrape.py:{handler}"\nitems = "urls.txt"\n[browser]\n{setting}\n')
    code, _, err = outlast("run", "job.toml")
    assert code == 2
    assert line in err
    assert "beginning" not in err
    assert not (tmp_path / ".outlast").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["run", "scrape.py:scrap", "urls.txt"], 2, "has no function 'scrap'"),
        (["run", "scrap.py:scrape", "urls.txt"], 2, "there is no file 'scrap.py'"),
        (["run", "scrape.py:scrape", "nope.txt"], 2, "there is no file 'nope.txt'"),
        (["run", "scrape.py:asks", "urls.txt"], 2, "asks asks for 'nobody_has_this', which nobody provides"),
        (
            ["run", "scrape.py:scrape", "urls.txt", "--concurrency", "0"],
            2,
            "concurrency: should be greater than or equal to 1",
        ),
        (["run", "scrape.py:scrape", "urls.txt", "--timeout", "soon"], 2, "timeout: should be a duration"),
        (["run", "scrape.py:scrape", "urls.txt", "--max-failed", "lots"], 2, "max_failed: should be a number of items"),
        (["run", "scrape.py:scrape", "urls.txt", "--job", ""], 2, "a job's name has 1 to 512 characters"),
        (["run", "scrape.py:scrape", "urls.txt", "--job", "x" * 600], 2, "a job's name has 1 to 512 characters"),
        (["run", "nope.toml"], 2, "there is no job file 'nope.toml'"),
        (["run", "scrape.py:scrape", "--config", "nope.toml"], 2, "there is no job file 'nope.toml'"),
        (["run", "scrape.py:scrape", "urls.txt", "--store", "scrape.py"], 2, "cannot be written"),
        (
            ["run", "scrape.py:scrape", "urls.txt", "-o", "urls.txt"],
            2,
            "urls.txt exists and is not the file that this job is writing",
        ),
        (["run", "scrape.py:scrape", "urls.txt", "-o", "/dev/null/x"], 2, "cannot be written"),
        (["run", "scrape.py:ends", "urls.txt"], 70, "SystemExit: 0"),
        (["results", "nope"], 6, "no job 'nope'"),
        (["retry", "nope"], 6, "no job 'nope'"),
        (["resume", "nope"], 6, "no job 'nope'"),
        (["resume"], 6, "has no job to go on with"),
    ],
)
def test_what_is_wrong_is_one_clear_line(outlast, arguments, code, line):
    ended, out, err = outlast(*arguments)
    assert (ended, out) == (code, "")
    said = [each for each in err.splitlines() if each.startswith("outlast: error: ")]
    assert len(said) == 1
    assert line in "".join(said)


def test_a_job_file_without_a_target_or_with_an_unknown_key_is_refused(outlast, tmp_path):
    (tmp_path / "job.toml").write_text('items = "urls.txt"\n')
    code, _, err = outlast("run", "job.toml")
    assert code == 2
    assert 'job.toml names no target: add target = "scrape.py:scrape"' in err
    (tmp_path / "job.toml").write_text('targett = "scrape.py:scrape"\n')
    code, _, err = outlast("run", "job.toml")
    assert code == 2
    assert "job.toml: targett: unknown key; did you mean 'target'?" in err


def test_an_error_in_the_file_of_the_target_is_shown_with_its_line(outlast, tmp_path):
    (tmp_path / "broken_scraper.py").write_text("import json\n\n\nprice = json.loads('{')\n")
    code, _, err = outlast("run", "broken_scraper.py:scrape", "urls.txt")
    first, *rest = err.splitlines()
    assert code == 70
    assert first.startswith(f"outlast: error: {tmp_path}/broken_scraper.py cannot be imported: JSONDecodeError")
    assert any(f'{tmp_path}/broken_scraper.py", line 4' in line for line in rest)
    assert not any("outlast/cli" in line for line in rest)


def test_a_syntax_error_in_the_file_of_the_target_is_shown_without_the_way_there(outlast, tmp_path):
    (tmp_path / "broken_scraper.py").write_text("def scrape(item)\n    return item\n")
    code, _, err = outlast("run", "broken_scraper.py:scrape", "urls.txt")
    first, *rest = err.splitlines()
    assert code == 70
    assert "cannot be imported: SyntaxError: expected ':'" in first
    assert rest[0] == f'  File "{tmp_path}/broken_scraper.py", line 1'
    assert "importlib" not in err


def test_a_line_that_is_no_item_ends_the_run_and_keeps_what_was_done(outlast, tmp_path):
    good = "".join(f'"item {n}"\n' for n in range(1000))
    (tmp_path / "items.jsonl").write_text(f"{good}oops\n")
    code, _, err = outlast("run", "scrape.py:scrape", "items.jsonl")
    assert code == 2
    assert "outlast: error: items.jsonl line 1001: not JSON" in err
    (tmp_path / "items.jsonl").write_text(good)
    code, _, err = outlast("run", "scrape.py:scrape", "items.jsonl")
    assert code == 0
    assert "resuming" in err


def test_a_job_that_only_crashes_is_held_until_it_is_released(outlast, tmp_path, monkeypatch):
    monkeypatch.setenv("OUTLAST_CRASH_LOOP_LIMIT", "2")
    (tmp_path / "items.jsonl").write_text("oops \x1b\n")
    for _ in range(2):
        assert outlast("run", "scrape.py:scrape", "items.jsonl")[0] == 2
    code, _, err = outlast("resume", "scrape")
    assert code == 3
    assert "outlast: error: job 'scrape' is on hold: its last 2 starts" in err
    assert "--release-hold" in err
    code, out, _ = outlast("status", "scrape")
    assert code == 0
    held = next(line for line in out.splitlines() if line.startswith("ON HOLD since "))
    assert "its last 2 starts got nothing done: ValidationError: items.jsonl line 1: not JSON" in held
    assert "  when that is mended   outlast resume scrape --release-hold" in out
    assert outlast("ls")[1].splitlines()[1].endswith("on hold")
    assert json.loads(outlast("status", "scrape", "--json")[1])["notes"]["hold"]["starts"]["fruitless"] == 2
    (tmp_path / "items.jsonl").write_text('"good"\n')
    assert outlast("run", "scrape.py:scrape", "items.jsonl")[0] == 3
    code, _, err = outlast("resume", "scrape", "--release-hold")
    assert code == 0, err
    assert "ON HOLD" not in outlast("status", "scrape")[1]
    assert "\x1b" not in held + err
