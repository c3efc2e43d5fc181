"""`make browser`: a browser is installed where none is found, and nowhere else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / ".ci" / "browser"


@pytest.fixture
def install(tmp_path):
    """Runs the script as this user, with an apt-get that notes what it was asked for; what it noted, and what was said."""

    def call(*, python="false", uid=0, apt="exit 0"):
        tools = tmp_path / "bin"
        tools.mkdir()
        programs = {"id": f"echo {uid}", "python": f'{python} "$@"'}
        if apt is not None:
            programs["apt-get"] = f'echo "$DEBIAN_FRONTEND $*" >> {tmp_path}/asked; echo noise; {apt}'
        for name, body in programs.items():
            (tools / name).write_text(f"#!/bin/sh\n{body}\n")
            (tools / name).chmod(0o755)
        done = subprocess.run(
            ["/bin/sh", str(SCRIPT), str(tools / "python")],
            env={"PATH": str(tools), "HOME": os.environ.get("HOME", "/")},
            capture_output=True,
            text=True,
        )
        asked = tmp_path / "asked"
        assert (done.returncode, done.stdout) == (0, "")
        return asked.read_text().splitlines() if asked.exists() else [], done.stderr

    return call


def test_where_one_is_found_nothing_is_installed(install):
    assert install(python=sys.executable) == ([], "")


def test_where_none_is_found_debians_is_installed_quietly(install):
    asked, told = install()
    assert asked == [
        "noninteractive update -qq",
        "noninteractive install -qqy --no-install-recommends chromium-headless-shell",
    ]
    assert told == "No browser was found: installing chromium-headless-shell.\n"


@pytest.mark.parametrize("options", [{"uid": 1000}, {"apt": None}])
def test_who_cannot_install_is_told_so(install, options):
    asked, told = install(**options)
    assert asked == []
    assert "by root with apt-get" in told


def test_an_installation_that_fails_is_told(install):
    asked, told = install(apt="exit 100")
    assert len(asked) == 1
    assert told.splitlines()[-2:] == ["noise", 'chromium-headless-shell could not be installed: see "outlast doctor".']
