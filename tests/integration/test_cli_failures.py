"""An operator with failures: sees why, tries some again, leaves others out, pauses a host; each command printed can be typed."""

import base64
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from outlast.storage.keys import KEY_VARIABLE
from outlast.testing import wait_until

pytestmark = pytest.mark.real_time

SHOP = """
import os

def priced(url):
    raise ValueError(f"no price on {url}")

async def scrape(url):
    if "a.test" in url and not os.path.exists("mended"):
        priced(url)
    if "b.test" in url:
        raise LookupError("sold out")
    return {"url": url}
"""
COMMAND = re.compile(r"^  (?P<what>\S.*?)   (?P<command>outlast \S.*)$", re.MULTILINE)


@pytest.fixture
def shop(outlast, tmp_path):
    """A job of 12 items: 5 failed without a price on a.test, 3 were sold out on b.test, 4 are done."""
    (tmp_path / "shop.py").write_text(SHOP)
    urls = [f"https://{host}.test/{n}" for host, count in (("a", 5), ("b", 3), ("c", 4)) for n in range(count)]
    (tmp_path / "shop.txt").write_text("".join(f"{url}\n" for url in urls))
    code, _, err = outlast("run", "shop.py:scrape", "shop.txt")
    assert code == 1
    return err


def groups(outlast, *options):
    """The names of the groups, by the first word of what they have in common."""
    document = json.loads(outlast("failures", "shop", "--json", *options)[1])
    return {each["message"].split(" ")[0]: each["id"] for each in document["groups"]}


def counts(outlast):
    told = json.loads(outlast("status", "shop", "--json")[1])["counts"]
    return {name: number for name, number in told.items() if number}


def test_the_end_of_a_run_names_the_groups_and_how_one_is_tried_again(outlast, shop):
    named = groups(outlast)
    assert re.search(rf"^  {named['no']}  5  ValueError shop.py:priced no price on <url> +e.g. https://a", shop, re.M)
    assert re.search(rf"^  {named['sold']}  3  LookupError shop.py:scrape sold out +e.g. https://b", shop, re.M)
    assert f"   outlast retry shop --group {named['no']}\n" in shop
    assert "   outlast failures shop\n" in shop
    assert f"   outlast retry shop --group {named['no']}\n" in outlast("status", "shop")[1]


def test_the_groups_of_a_job_by_host_and_one_of_them_in_full(outlast, shop):
    code, out, err = outlast("failures", "shop")
    assert (code, err) == (0, "")
    named = groups(outlast)
    lines = out.splitlines()
    assert lines[0] == "job shop: 8 items failed, in 2 groups"
    assert lines[2].split()[:4] == [named["no"], "5", "programming", "a.test"]
    assert lines[4].split()[:4] == [named["sold"], "3", "programming", "b.test"]
    code, out, _ = outlast("failures", "shop", named["no"][2:6].upper())
    assert code == 0
    assert out.startswith(f"{named['no']}: 5 items of job shop failed, class programming\n")
    assert 'raise ValueError(f"no price on {url}")' in out
    assert "ValueError: no price on https://a.test/" in out
    assert outlast("failures", "shop", named["no"], "--json")[1].count("Traceback (most recent call last)") == 1
    assert "Traceback" not in outlast("failures", "shop", "--json")[1]


def test_the_keys_of_the_items_are_data(outlast, shop):
    keys = [f"https://b.test/{n}" for n in range(3)]
    assert outlast("failures", "shop", "--items", "--host", "b.test") == (0, "".join(f"{key}\n" for key in keys), "")
    document = json.loads(outlast("failures", "shop", "--items", "--host", "b.*", "--json")[1])
    assert [each["key"] for each in document["items"]] == keys
    assert document["items"][0] | {"at": None} == {
        "key": keys[0],
        "host": "b.test",
        "group": groups(outlast)["sold"],
        "class": "programming",
        "attempts": 1,
        "at": None,
        "message": "sold out",
    }
    assert json.loads(outlast("failures", "shop", "--items", "--class", "blocked", "--json")[1])["items"] == []
    assert outlast("failures", "shop", "--items", "--class", "blocked") == (0, "", "")


def test_the_failed_items_are_a_table_for_a_spreadsheet(outlast, shop):
    code, out, err = outlast("failures", "shop", "--csv", "--host", "b.test")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(out.splitlines()))
    assert [row["key"] for row in rows] == [f"https://b.test/{n}" for n in range(3)]
    assert rows[0] | {"at": ""} == {
        "key": "https://b.test/0",
        "host": "b.test",
        "group": groups(outlast)["sold"],
        "class": "programming",
        "attempts": "1",
        "at": "",
        "message": "sold out",
        "type": "builtins.LookupError",
        "status": "",
    }
    assert outlast("failures", "shop", "--csv", "--json", "--host", "b.test")[1] == out
    assert outlast("failures", "shop", groups(outlast)["no"], "--csv")[1].count("\r\n") == 1 + 5
    assert outlast("failures", "shop", "--csv", "--class", "blocked")[1].splitlines() == [out.splitlines()[0]]
    assert outlast("failures", "shop", "F-0000", "--csv")[:2] == (6, "")
    code, _, err = outlast("failures", "shop", "--csv", "--traceback")
    assert (code, "--csv shows items" in err) == (2, True)


def test_a_group_is_mended_and_tried_again_and_the_rest_is_left_out(outlast, shop, tmp_path):
    named = groups(outlast)
    code, _, err = outlast("retry", "shop", "--group", named["no"], "--dry-run")
    assert (code, err.splitlines()[0]) == (0, "5 failed items of job shop would be tried again; 3 others stay failed.")
    assert counts(outlast) == {"done": 4, "failed": 8}
    (tmp_path / "mended").touch()
    assert outlast("retry", "shop", "--group", named["no"])[0] == 0
    assert counts(outlast) == {"pending": 5, "done": 4, "failed": 3}
    code, _, err = outlast("resume", "shop")
    assert code == 1
    assert "9 of 12 done (5 in this run), 3 failed" in err
    assert groups(outlast) == {"sold": named["sold"]}
    assert outlast("ignore", "shop", "--host", "b.test")[0] == 0
    code, _, err = outlast("resume", "shop")
    assert code == 0
    assert "all 12 items of job shop are finished, 3 ignored." in err
    assert outlast("failures", "shop")[1].startswith("job shop: no failed items; 3 ignored\n")
    assert groups(outlast, "--ignored") == {"sold": named["sold"]}
    assert outlast("retry", "shop")[2] == "job shop has no failed items: nothing was changed\n"
    assert outlast("retry", "shop", "--ignored", "--json")[1].count('"retried": 3') == 1
    assert outlast("resume", "shop", "--max-failed", "3")[0] == 0
    assert counts(outlast) == {"done": 9, "failed": 3}


def test_of_items_that_are_ignored_a_share_of_all_may_fail(outlast, shop):
    outlast("ignore", "shop", "--host", "a.test")
    assert outlast("resume", "shop", "--max-failed", "24%")[0] == 1
    assert outlast("resume", "shop", "--max-failed", "25%")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["failures", "nope"], 6, "no job 'nope'"),
        (["failures", "shop", "F-ffffff"], 6, "F-ffffff is no group of failures of job 'shop' (there are: F-"),
        (["retry", "shop", "--group", "F-ffffff"], 6, "F-ffffff is no group"),
        (["ignore", "shop", "--group", "blocked"], 2, "'blocked' is no group: they are called like F-3a9c2f"),
        (["failures", "shop", "--since", "noon"], 2, "--since 'noon' should be a duration"),
        (["ignore", "shop"], 2, "which failures? Say --group, --host, --class, --since or --all"),
        (["retry", "shop", "--class", "nonsense"], 2, "'nonsense' is not one of"),
        (["pause", "nope", "--host", "b.test"], 6, "no job 'nope'"),
        (["unpause", "shop", "--all", "--host", "b.test"], 2, "--host or --all, not both"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(outlast, shop, arguments, code, message):
    before = counts(outlast)
    found, out, err = outlast(*arguments)
    assert (found, out) == (code, "")
    assert message in err.splitlines()[0]
    assert counts(outlast) == before


def test_hosts_are_paused_and_the_status_names_them(outlast, shop):
    code, out, err = outlast("pause", "shop", "--host", "A.test", "--host", "c.test", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "schema_version": 1,
        "job_id": "shop",
        "job_paused": False,
        "paused": ["a.test", "c.test"],
        "changed": ["a.test", "c.test"],
    }
    assert "paused: a.test, c.test\n" in outlast("status", "shop")[1]
    assert outlast("unpause", "shop", "--host", "a.test")[2].startswith(
        "job shop: a.test unpaused; still paused: c.test."
    )
    assert json.loads(outlast("status", "shop", "--json")[1])["paused_hosts"] == ["c.test"]
    assert json.loads(outlast("unpause", "shop", "--all", "--json")[1])["paused"] == []


def test_a_run_goes_on_without_a_paused_host_and_later_with_it(outlast, shop, tmp_path):
    outlast("retry", "shop")
    (tmp_path / "mended").touch()
    code, _, err = outlast("resume", "shop", "--pause-host", "A.test")
    assert code == 3
    assert re.search(r"Stopped after .*\. What is left waits for paused hosts: a\.test\.", err)
    assert "   outlast unpause shop --all && outlast resume shop\n" in err
    assert counts(outlast) == {"pending": 5, "done": 4, "failed": 3}
    assert "paused: a.test\n" in outlast("status", "shop")[1]
    assert outlast("resume", "shop")[0] == 3
    outlast("unpause", "shop", "--all")
    assert outlast("resume", "shop", "--max-failed", "3")[0] == 0
    assert counts(outlast) == {"done": 9, "failed": 3}


def test_a_run_that_goes_on_notices_a_pause_and_its_end(start, tmp_path):
    urls = [f"https://{host}.test/{n}" for n in range(2_000) for host in "ab"]
    (tmp_path / "many.txt").write_text("".join(f"{url}\n" for url in urls))
    said = tmp_path / "said.txt"
    with said.open("wb") as file:
        process = start("run", "scrape.py:scrape", "many.txt", "--concurrency", 2, stderr=file)
    wait_until(lambda: begun(tmp_path, "a"))
    assert start("pause", "scrape", "--host", "a.test").wait(100) == 0
    wait_until(lambda: b"INFO paused now: a.test\n" in said.read_bytes())
    before = begun(tmp_path, "a"), begun(tmp_path, "b")
    wait_until(lambda: begun(tmp_path, "b") >= before[1] + 10)
    paused = begun(tmp_path, "a")
    assert paused <= before[0] + 2  # what the two workers had in hand
    assert start("unpause", "scrape", "--host", "a.test").wait(100) == 0
    wait_until(lambda: begun(tmp_path, "a") > paused)
    # A resume that is refused has paused nothing.
    refused = start("resume", "scrape", "--pause-host", "b.test")
    assert refused.wait(100) == 5
    told = start("status", "scrape", "--json").communicate(timeout=100)[0]
    assert json.loads(told)["paused_hosts"] == []
    process.send_signal(signal.SIGINT)
    process.wait(timeout=100)
    assert b"INFO no host is paused any more\n" in said.read_bytes()


def begun(tmp_path, host):
    path = tmp_path / "fetched.txt"
    return path.read_text().count(f"//{host}.test/") if path.exists() else 0


def test_a_rate_is_kept_and_a_resume_keeps_it(outlast, shop, tmp_path):
    (tmp_path / "mended").touch()
    for verb in (("retry", "shop", "--host", "a.test"), ("retry", "shop", "--host", "b.test")):
        outlast(*verb)
    begun = time.monotonic()
    outlast("resume", "shop", "--rate", "a.test=8/s")
    assert time.monotonic() - begun >= 4 / 8 - 0.1
    assert counts(outlast) == {"done": 9, "failed": 3}
    outlast("retry", "shop")
    code, _, err = outlast("resume", "shop", "--rate", "b.test=often")
    assert (code, "should be a rate such as" in err) == (2, True)


def test_an_encrypted_job_tells_of_its_failures_to_whoever_has_the_key(outlast, tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, base64.b64encode(bytes(32)).decode())
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "job.toml").write_text(
        'name = "shop"\ntarget = "shop.py:scrape"\n[checkpoint]\nencryption_enabled = true\n'
    )
    assert outlast("run", "job.toml", "https://b.test/1", "https://c.test/1")[0] == 1
    named = groups(outlast)
    assert "LookupError: sold out" in outlast("failures", "shop", named["sold"])[1]
    assert outlast("ignore", "shop", "--group", named["sold"])[0] == 0
    assert outlast("pause", "shop", "--host", "c.test")[0] == 0
    monkeypatch.delenv(KEY_VARIABLE)
    for verb in (
        ("failures",),
        ("retry", "--host", "b.test"),
        ("ignore", "--host", "b.test"),
        ("pause", "--host", "d"),
    ):
        code, _, err = outlast(verb[0], "shop", *verb[1:])
        assert (code, "key" in err) == (2, True), verb
    code, out, _ = outlast("status", "shop")
    assert code == 0
    assert "c.test" not in out


def test_every_command_that_is_printed_can_be_typed_as_it_stands(outlast, shop, tmp_path):
    """Beginning with what the run printed: each new kind of command is typed where the job stands as it was printed, and what it prints is read as well."""
    here = tmp_path.with_name("typed")
    waiting, typed = [(shop, tmp_path), (outlast("status", "shop")[1], tmp_path)], {}
    waiting.append((outlast("pause", "shop", "--host", "d.test")[2], tmp_path))
    while waiting:
        text, before = waiting.pop(0)
        for found in COMMAND.finditer(text):
            what, command = found["what"], found["command"]
            if what in typed:
                continue
            typed[what] = command
            after = here / str(len(typed))
            shutil.copytree(before, after)
            done = in_shell(command, after)
            # 1 says that items failed, as they do here.
            assert done.returncode in ({0, 1} if "resume" in command else {0}), (command, done.stderr)
            waiting.append((done.stdout + done.stderr, after))
    verbs = {word for command in typed.values() for word in re.findall(r"outlast (\w+)", command)}
    assert verbs >= {"failures", "retry", "ignore", "resume", "unpause", "results"}


def in_shell(command, directory):
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-c", command], cwd=directory, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_all_is_said_aloud_and_is_no_choice_beside_another(outlast, shop):
    assert outlast("ignore", "shop")[0] == 2
    code, _, err = outlast("ignore", "shop", "--all", "--dry-run")
    assert (code, "  do it   outlast ignore shop --all\n" in err) == (0, True)
    for verb in ("retry", "ignore"):
        code, _, err = outlast(verb, "shop", "--all", "--host", "b.test")
        assert (code, "--all takes all of them, and --host b.test takes some" in err) == (2, True)
    assert counts(outlast) == {"done": 4, "failed": 8}
    code, _, err = outlast("ignore", "shop", "--all")
    assert "  take it back         outlast retry shop --all --ignored\n" in err
    assert counts(outlast) == {"done": 4, "ignored": 8}
    assert outlast("retry", "shop", "--all", "--ignored")[0] == 0
    assert counts(outlast) == {"done": 4, "pending": 8}
