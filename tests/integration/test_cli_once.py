"""What `run` and `resume` are told for one call."""

import asyncio
import json
import os
import sys

import pytest

from outlast.jobs import Run
from outlast.jobs.store import job_directory

pytestmark = pytest.mark.real_time


def test_with_exit_zero_findings_are_no_failure_of_the_command(outlast):
    code, _, err = outlast("run", "scrape.py:scrape", "some.txt", "--exit-zero")
    assert (code, err.splitlines()[-1]) == (0, "The exit code is 0, as --exit-zero asks; else it would be 1.")
    code, out, _ = outlast("resume", "scrape", "--exit-zero", "--json")
    assert (code, json.loads(out)["exit_code"]) == (0, 1)
    assert outlast("resume", "scrape")[0] == 1  # it is meant for one call
    code, _, err = outlast("run", "scrape.py:scrape", "--job", "none", "--exit-zero")
    assert (code, "EMPTY" in err) == (0, True)


def test_with_exit_zero_all_that_is_not_finished_keeps_its_code(outlast):
    assert outlast("run", "scrape.py:scrape", "missing.txt", "--exit-zero")[0] == 2
    outlast("run", "scrape.py:scrape", "https://b.test/1")
    outlast("pause", "scrape", "--host", "a.test")
    code, _, err = outlast("run", "scrape.py:scrape", "urls.txt", "--exit-zero")
    assert (code, "exit-zero" in err) == (3, False)


def test_a_run_goes_on_with_the_state_of_a_checkpoint_and_does_nothing_twice(outlast, tmp_path):
    for number in range(3):
        assert outlast("run", "scrape.py:tally", f"https://a.test/{number}", "-o", "out.jsonl")[0] == 0
    ids = [row["id"] for row in json.loads(outlast("checkpoint", "ls", "scrape", "--json")[1])["checkpoints"]]
    (tmp_path / "more.txt").write_text("https://a.test/0\nhttps://a.test/9\n")
    outlast("run", "scrape.py:tally", "more.txt", "--job", "other")
    assert outlast("resume", "other", "--from", ids[2])[0] == 2
    assert outlast("resume", "scrape", "--from", "scrape")[0] == 2
    code, _, err = outlast("resume", "scrape", "--from", "nothing")
    assert (code, "--from 'nothing' is no checkpoint of the store .outlast" in err) == (6, True)
    assert outlast("resume", "scrape", "--from", f"{ids[2][:-1]}9")[0] == 6
    assert outlast("resume", "scrape", "--from", ids[2], "--fresh")[0] == 2
    assert len(json.loads(outlast("checkpoint", "ls", "scrape", "--json")[1])["checkpoints"]) == 3
    code, _, err = outlast("resume", "--from", ids[2])
    assert code == 0
    first, second = err.splitlines()[:2]
    assert first.startswith(f"Going on with the state of {ids[2]} (taken ")
    assert first.endswith(") of job scrape; what is done stays done.")
    assert "resuming, 3 of 3 done" in second
    assert json.loads(outlast("checkpoint", "export", "scrape")[1])["state"] == {"seen": 1}
    outlast("run", "scrape.py:tally", "https://a.test/new", "-o", "out.jsonl")
    assert json.loads(outlast("checkpoint", "export", "scrape")[1])["state"] == {"seen": 2}
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 4


def test_a_resume_that_cannot_begin_has_restored_nothing(outlast, tmp_path):
    outlast("run", "scrape.py:tally", "urls.txt")
    [row] = json.loads(outlast("checkpoint", "ls", "scrape", "--json")[1])["checkpoints"]
    (tmp_path / "urls.txt").unlink()
    assert outlast("resume", "scrape", "--from", row["id"])[0] == 2
    assert len(json.loads(outlast("checkpoint", "ls", "scrape", "--json")[1])["checkpoints"]) == 1


CHANGED = "The code has changed since the last run: "


@pytest.fixture
def code(tmp_path):
    """A target that imports a module from beside it and one from among what is installed there."""
    (tmp_path / "deep" / "site-packages").mkdir(parents=True)
    (tmp_path / "deep" / "site-packages" / "installed_there.py").write_text("X = 1\n")
    (tmp_path / "deep" / "prices.py").write_text("X = 1\n")
    file = tmp_path / "deep" / "shop.py"
    file.write_text(
        "import sys, pathlib\nsys.path.append(str(pathlib.Path(__file__).parent / 'site-packages'))\n"
        "import prices, installed_there\ndef scrape(url): return {'url': url}\n"
    )
    return file


def forget(tmp_path):
    """As in a process of its own."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def test_changed_code_is_told_once_and_the_run_goes_on(outlast, tmp_path, code):
    assert CHANGED not in outlast("run", "deep/shop.py:scrape", "urls.txt")[2]
    forget(tmp_path)
    (tmp_path / "deep" / "site-packages" / "installed_there.py").write_text("X = 2\n")
    assert CHANGED not in outlast("resume", "shop")[2]
    forget(tmp_path)
    (tmp_path / "deep" / "prices.py").write_text("X = 2 # other\n")
    status, _, err = outlast("resume", "shop")
    assert status == 0
    assert err.splitlines()[0] == f"{CHANGED}prices.py. What is done stays done; --fresh does all of it again."
    assert "Nothing left to do" in err
    assert CHANGED not in outlast("resume", "shop")[2]
    code.write_text(code.read_text() + "# more\n")
    assert json.loads(outlast("resume", "shop", "--json")[1])["code_changed"] == ["shop.py"]
    assert json.loads(outlast("resume", "shop", "--json")[1])["code_changed"] == []
    code.write_text(code.read_text() + "# more\n")
    assert json.loads(outlast("resume", "shop", "--json", "--fresh")[1])["code_changed"] is None


def test_other_code_is_refused_where_the_same_is_required(outlast, tmp_path, code):
    same = ("run", "deep/shop.py:scrape", "urls.txt", "--require-same-code")
    assert outlast(*same)[0] == 0
    assert outlast(*same)[0] == 0
    code.write_text(code.read_text() + "# more\n")
    for command in (same, ("resume", "shop", "--require-same-code")):
        status, _, err = outlast(*command, "--concurrency", "3")
        assert status == 2
        assert "the code of job 'shop' has changed since its last run: shop.py." in err
    assert CHANGED in outlast("resume", "shop")[2]  # what was refused has not been noted
    assert outlast(*same)[0] == 0


def test_where_nobody_knows_the_code_the_same_cannot_be_promised(outlast, tmp_path):
    asyncio.run(started_from_code(tmp_path))
    status, _, err = outlast("run", "scrape.py:scrape", "urls.txt", "--job", "mine", "--require-same-code")
    assert (status, "nobody knows with which code job 'mine' ran last" in err) == (2, True)
    dry = json.loads(outlast("run", "scrape.py:scrape", "urls.txt", "--job", "mine", "--dry-run", "--json")[1])
    assert dry["code_changed"] is None
    assert CHANGED not in outlast("run", "scrape.py:scrape", "urls.txt", "--job", "mine")[2]


async def started_from_code(tmp_path):
    async with Run("mine", store=tmp_path / ".outlast") as run:
        await run.process(lambda item: {"x": item}, ["a"])


def rows(err):
    """The lines of a dry run, by their first word."""
    return {line.split()[0]: line.strip() for line in err.splitlines()[1:]}


def test_a_dry_run_says_what_would_be_done_and_leaves_no_trace(outlast, tmp_path, tree, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    before = tree(tmp_path)
    code, out, err = outlast(
        "run", "scrape.py:scrape", "urls.txt", "--rate", "a.test=2/s", "-o", "out.jsonl", "--dry-run"
    )
    assert (code, out) == (0, "")
    assert err.splitlines()[0] == "job scrape: 6 items to do. Nothing was started or written."
    told = rows(err)
    assert told["items"] == "items     6 items in urls.txt: 6 new"
    assert told["kept"].endswith(" (new)")
    assert told["output"] == f"output    {tmp_path}/out.jsonl"
    assert "rate.a.test 2/s" in told["settings"]
    assert tree(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {"scrape.py", "urls.txt", "some.txt"}


def test_a_dry_run_of_a_job_that_has_begun_counts_what_is_left(outlast, tmp_path, tree):
    outlast("run", "scrape.py:scrape", "some.txt", "-o", "out.jsonl")
    outlast("retry", "scrape")
    (tmp_path / "more.txt").write_text("good\nbad 1\nnew 1\nnew 2\nnew 1\n")
    before = tree(tmp_path)
    code, _, err = outlast("run", "scrape.py:scrape", "more.txt", "--dry-run")
    assert code == 0
    assert err.splitlines()[0] == ("job scrape: 4 items to do (2 left over, 2 new). Nothing was started or written.")
    told = rows(err)
    assert told["items"] == "items     5 items in more.txt: 2 new, 3 known or there twice"
    assert told["output"] == f"output    {tmp_path}/out.jsonl"
    document = json.loads(outlast("resume", "scrape", "--dry-run", "--json")[1])
    assert (document["to_do"], document["new"], document["counts"]["done"]) == (2, 0, 1)
    fresh = outlast("run", "scrape.py:scrape", "more.txt", "--fresh", "--dry-run")[2]
    assert fresh.splitlines()[0] == "job scrape: 4 items to do. Nothing was started or written."
    assert "put aside  all that is recorded: 3 items, 1 done" in fresh
    assert tree(tmp_path) == before
    code, _, err = outlast("run", "scrape.py:scrape", "more.txt")
    assert "5 of 5" not in err
    assert ": 3 of 5 done" in err


def test_a_dry_run_says_what_stands_in_the_way(outlast, tmp_path):
    outlast("run", "scrape.py:scrape", "urls.txt")
    outlast("pause", "scrape", "--host", "a.test")
    assert "The whole job is paused" not in outlast("resume", "scrape", "--dry-run")[2]
    outlast("pause", "scrape")
    lock = job_directory(tmp_path / ".outlast", "scrape").lock("scrape", "now")
    (tmp_path / "scrape.py").write_text((tmp_path / "scrape.py").read_text() + "# more\n")
    try:
        code, _, err = outlast("resume", "scrape", "--dry-run")
    finally:
        lock.close()
    assert code == 0
    assert f"It runs now, as pid {os.getpid()} on " in err
    assert "Items of paused hosts would wait: a.test.\n" in err
    assert "The whole job is paused: nothing would be begun until it is unpaused.\n" in err
    assert CHANGED + "scrape.py." in err
    assert outlast("resume", "scrape", "--dry-run", "--require-same-code")[0] == 2
    assert outlast("run", "scrape.py:scrape", "gone.txt", "--dry-run")[0] == 2
    (tmp_path / "items.jsonl").write_text("oops\n")
    code, _, err = outlast("run", "scrape.py:scrape", "items.jsonl", "--dry-run")
    assert (code, "items.jsonl line 1" in err) == (2, True)


def test_a_dry_run_looks_at_a_bounded_number_of_items_and_says_so(outlast, tmp_path, monkeypatch):
    monkeypatch.setattr("outlast.cli.foretelling.ITEMS_MAX", 5)
    err = outlast("run", "scrape.py:scrape", "urls.txt", "--dry-run")[2]
    assert err.startswith("job scrape: at least 6 items to do. ")
    outlast("run", "scrape.py:scrape", "urls.txt")
    code, _, err = outlast("run", "scrape.py:scrape", "urls.txt", "--dry-run")
    assert (code, err.splitlines()[0]) == (0, "job scrape: at least 0 items to do. Nothing was started or written.")
    assert "how many of them are new was not looked at" in err
    document = json.loads(outlast("resume", "scrape", "--dry-run", "--json")[1])
    assert (document["new"], document["to_do"], document["all_looked_at"]) == (None, 0, False)
