"""`outlast doctor` on this machine, with a real browser and a real disk, and on machines that it makes unfit."""

import json
import subprocess
import sys
import tempfile

import pytest

from outlast.browser import find_browser

pytestmark = pytest.mark.real_time

IN_A_NAMESPACE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]


# What a browser answers, for the checks that are about something else: a real one takes half a second each time.
QUICK = """#!/bin/sh
[ "$1" = --version ] && echo Chromium 1 || echo "<p>doctor</p><script>document.write(6*7)</script>42"
"""


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """A stand-in for the browser."""
    file = tmp_path / "quick-chromium"
    file.write_text(QUICK)
    file.chmod(0o755)
    monkeypatch.setenv("OUTLAST_CHROMIUM", str(file))


def facts_of(out):
    told = json.loads(out)
    assert told["schema_version"] == 1
    return told["fit"], {each["name"]: each for each in told["checks"]}


def test_this_machine_is_fit_and_nothing_is_left_behind(outlast, tmp_path):
    before = sorted(tmp_path.iterdir())
    code, out, _ = outlast("doctor", "--json")
    fit, checks = facts_of(out)
    assert (code, fit) == (0, True), out
    expected = ["python", "sqlite", "extras", "store", "disk", "sync", "key", "memory"]
    assert list(checks) == [*expected, "open files", "/dev/shm", "process 1", "clock", "browser"]
    browser = checks["browser"]["facts"]
    assert browser["path"] == find_browser().path
    assert browser["launches"] is True
    assert browser["version"].startswith(("Chromium", "Google Chrome"))
    assert checks["store"]["facts"]["sync_seconds"] > 0
    assert checks["memory"]["facts"]["available_mb"] > 0
    assert checks["sqlite"]["facts"]["wal_safe"] is True
    assert sorted(tmp_path.iterdir()) == before


def test_a_person_reads_a_line_for_each_and_a_verdict(outlast, quick):
    code, out, err = outlast("doctor")
    assert code == 0
    assert {line.split()[0] for line in out.splitlines()} <= {"ok", "warn", "->"}
    assert "starts and shows a page" in out
    assert err.startswith("FIT: nothing is bad, ")


def test_a_browser_that_is_not_where_it_is_said_to_be_makes_the_machine_unfit(outlast, monkeypatch):
    monkeypatch.setenv("OUTLAST_CHROMIUM", "/nowhere/chromium")
    code, out, err = outlast("doctor")
    assert code == 1
    assert "OUTLAST_CHROMIUM names /nowhere/chromium" in out
    assert err.startswith("NOT FIT: 1 of 13 checks bad, ")
    assert outlast("doctor", "--quiet")[1:] == ("", err)


def test_the_browser_of_a_job_file_is_the_one_that_is_tried(outlast, tmp_path, quick):
    (tmp_path / "job.toml").write_text("[browser]\nexecutable = '/nowhere/chrome'\n")
    code, out, _ = outlast("doctor", "--config", "job.toml")
    assert code == 1
    assert "the configuration names /nowhere/chrome" in out


def test_a_store_that_cannot_be_kept_makes_the_machine_unfit(outlast, tmp_path, quick):
    (tmp_path / "file").write_text("")
    code, out, _ = outlast("doctor", "--store", tmp_path / "file" / "store", "--json")
    assert code == 1
    assert facts_of(out)[1]["store"]["facts"]["problem"] == "Not a directory"


def test_what_a_reboot_forgets_is_a_warning(outlast, quick):
    with tempfile.TemporaryDirectory(dir="/dev/shm") as volatile:
        code, out, _ = outlast("doctor", "--store", volatile, "--json")
        fit, checks = facts_of(out)
        assert (code, fit, checks["store"]["state"], checks["store"]["facts"]["kind"]) == (0, True, "warn", "tmpfs")


def test_wrong_settings_are_told_and_the_rest_is_looked_at_all_the_same(outlast, tmp_path, quick):
    (tmp_path / "job.toml").write_text("concurency = 3\n")
    code, out, _ = outlast("doctor", "--config", "job.toml", "--json")
    fit, checks = facts_of(out)
    assert (code, fit, checks["settings"]["state"]) == (1, False, "bad")
    assert "concurrency" in checks["settings"]["says"]
    assert checks["browser"]["state"] == "ok"


def test_a_key_that_is_missing_is_told_and_one_that_is_there_is_not(outlast, monkeypatch, quick):
    monkeypatch.setenv("OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED", "true")
    assert "no job can begin" in outlast("doctor")[1]
    key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    monkeypatch.setenv("OUTLAST_ENCRYPTION_KEY", key)
    code, out, err = outlast("doctor", "--json")
    assert code == 0
    assert key not in out + err


def test_as_process_1_it_asks_for_an_init(tmp_path, quick):
    done = subprocess.run(
        [*IN_A_NAMESPACE, sys.executable, "-m", "outlast", "doctor", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    check = facts_of(done.stdout)[1]["process 1"]
    assert (check["state"], check["do"]) == ("warn", ["docker run --init ..."])
