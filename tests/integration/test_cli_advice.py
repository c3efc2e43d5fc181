"""What is advised can be typed, finds the job, and does what it says."""

import json
import shlex
import subprocess

import pytest

from outlast.jobs.store import job_directory

pytestmark = pytest.mark.real_time


def advised(text, what):
    """The command that is advised for something, as a shell takes it apart."""
    [line] = [line for line in text.splitlines() if line.strip().startswith(f"{what}  ")]
    command = line.strip().removeprefix(what).strip()
    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True).stdout
    assert words.startswith(b"outlast\0"), line
    return [word.decode() for word in words.split(b"\0")[1:-1]]


@pytest.mark.parametrize("name", ["-lead", "--json", "new\nline", "it's 'so'", "a && b", "-o\x1b"])
def test_advice_for_any_name_can_be_typed(outlast, name):
    outlast("run", "scrape.py:scrape", "some.txt", "--job", name, "--store", "st ore")
    _, out, _ = outlast("status", "--store", "st ore", "--", name)
    assert outlast(*advised(out, "records"))[:2] == (0, '{"item":"good"}\n')


def test_a_hold_is_released_in_the_store_where_it_is(outlast, tmp_path, monkeypatch):
    monkeypatch.setenv("OUTLAST_CRASH_LOOP_LIMIT", "1")
    (tmp_path / "items.jsonl").write_text("oops\n")
    assert outlast("run", "scrape.py:scrape", "items.jsonl", "--store", "st ore")[0] == 2
    code, _, err = outlast("run", "scrape.py:scrape", "items.jsonl", "--store", "st ore")
    assert code == 3
    assert "outlast resume scrape --store 'st ore' --release-hold, or release_hold=True from code" in err
    (tmp_path / "items.jsonl").write_text('"good"\n')
    assert outlast(*shlex.split("resume scrape --store 'st ore' --release-hold"))[0] == 0


def test_a_job_that_is_resumed_is_started_over_by_the_command_that_is_advised(outlast, tmp_path, monkeypatch):
    outlast("run", "scrape.py:scrape", "urls.txt", "-o", "out.jsonl")
    _, _, err = outlast("resume", "scrape")
    assert advised(err, "start over") == ["resume", "scrape", "--fresh"]
    code, _, err = outlast("resume", "scrape", "--fresh")
    assert code == 0
    assert "starting over" in err
    assert ": 6 of 6 done, none failed" in err


def test_what_came_through_standard_input_cannot_be_started_over_by_resume(outlast, tmp_path, monkeypatch):
    with (tmp_path / "some.txt").open("rb") as file:
        monkeypatch.setattr("sys.stdin", file)
        outlast("run", "scrape.py:scrape", "-", "--max-failed", "2")
    _, _, err = outlast("resume", "scrape")
    assert "  start over                  the same run command with --fresh" in err
    code, _, err = outlast("resume", "scrape", "--fresh")
    assert code == 2
    assert "cannot be read again: start over with the first command and --fresh" in err
    assert outlast("status", "scrape")[1].startswith("job scrape: 3 of 3 finished")


def test_without_items_the_command_for_when_there_are_some_is_advised(outlast, tmp_path):
    (tmp_path / "none.txt").write_text("\n\n")
    code, _, err = outlast("run", "scrape.py:scrape", "none.txt")
    assert (code, err.splitlines()[-2]) == (1, "EMPTY: there were no items: none.txt held none.")
    (tmp_path / "none.txt").write_text("now\n")
    assert outlast(*advised(err, "when there are some"))[0] == 0


def test_after_a_bad_item_the_run_goes_on_once_it_is_mended(outlast, tmp_path):
    (tmp_path / "items.jsonl").write_text("oops\n")
    code, _, err = outlast("run", "scrape.py:scrape", "items.jsonl")
    assert code == 2
    assert err.splitlines()[-1] == "  What was recorded is kept. When that is mended: outlast resume scrape"
    assert json.loads(outlast("resume", "--json")[2].splitlines()[-1])["message"].endswith("outlast resume scrape")


def test_a_store_that_is_a_file_is_said(outlast):
    for verb in (["ls"], ["status"], ["results", "x"]):
        code, out, err = outlast("--store", "urls.txt", *verb)
        assert (code, out) == (2, "")
        assert err == "outlast: error: the store urls.txt is a file, not a directory\n"


def test_of_a_damaged_checkpoint_the_others_and_the_way_to_move_it_are_named(outlast, tmp_path, damage):
    outlast("run", "scrape.py:tally", "urls.txt", "--job", "docs")
    [file] = job_directory(tmp_path / ".outlast", "docs").checkpoints.rglob("*.ckpt")
    damage(file)
    _, _, err = outlast("checkpoint", "show", file.stem)
    assert advised(err, "move it out of the way") == ["repair", "docs"]
    for verb in (["export", file.stem], ["restore", file.stem], ["show", "docs"], ["export", "docs"]):
        code, _, err = outlast("checkpoint", *verb)
        assert code == 4, verb
        assert err.splitlines()[-1] == (
            "  The others: outlast checkpoint ls docs. Move what is damaged out of the way: outlast repair docs"
        )
