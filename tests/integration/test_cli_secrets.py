"""Secrets in messages and keys: nowhere that people read or that leaves the machine; raw where a program reads."""

import json

import pytest

pytestmark = pytest.mark.real_time

TARGET = """
async def login(url):
    raise RuntimeError("login failed, password=hunter2 door_code=hunter2")
"""
JOB = """
target = "login.py:login"
items = ["urls.txt"]
name = "login"
notify = {command = ["sh", "-c", "cat > notified.json"], on = ["completed_with_failures"]}
logging = {redact = ["door_code", "password", "token"]}
"""


@pytest.fixture
def ended(outlast, tmp_path):
    """A job that has failed with secrets in its messages and keys: what its run has written on the screen."""
    (tmp_path / "login.py").write_text(TARGET)
    (tmp_path / "login.toml").write_text(JOB)
    (tmp_path / "urls.txt").write_text("https://me:hunter2@a.test/?token=hunter2\n")
    code, out, err = outlast("run", "login.toml")
    assert code == 1
    return out + err


def test_neither_the_ending_nor_a_notice_has_them(ended, tmp_path):
    assert "hunter2" not in ended
    assert "e.g. https://***@a.test/?token=***" in ended
    notice = (tmp_path / "notified.json").read_text()
    assert "completed_with_failures" in notice
    assert "hunter2" not in notice


@pytest.mark.parametrize(
    "words",
    [
        ("status", "login"),
        ("ls",),
        ("failures", "login"),
        ("failures", "login", "--traceback"),
        ("events", "login"),
        ("report", "login", "-o", "-"),
        ("report", "login", "--md"),
        ("report", "login", "--json"),
    ],
)
def test_what_is_shown_later_has_none_whatever_words_the_job_has_added(outlast, ended, words):
    code, out, err = outlast(*words)
    assert code == 0
    assert out
    assert "hunter2" not in out + err


def test_data_for_programs_is_raw(outlast, ended):
    assert outlast("failures", "login", "--items")[1] == "https://me:hunter2@a.test/?token=hunter2\n"
    assert "password=hunter2" in outlast("failures", "login", "--csv")[1]
    [group] = json.loads(outlast("failures", "login", "--json")[1])["groups"]
    assert group["message"] == "login failed, password=hunter2 door_code=hunter2"
