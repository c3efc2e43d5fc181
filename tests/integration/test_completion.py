"""The tab key in real shells: the script is read by the shell, and what it offers is looked at."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from outlast.cli import main
from outlast.cli.completing import STORE
from outlast.config import JobConfiguration
from outlast.jobs.store import job_directory

BIN = Path(sys.executable).parent
TARGET = """
async def scrape(item):
    if "bad" in item:
        raise ValueError("no price on this page")
    return item
"""
ASK = """
source /dev/stdin <<'SCRIPT'
{script}
SCRIPT
ask() {{
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _outlast_completion outlast 2>&1
    printf '%s\\n' "${{COMPREPLY[@]}}"
}}
ask {words}
"""

pytestmark = pytest.mark.real_time


@pytest.fixture
def asked(tmp_path):
    """What bash offers for these words, in a directory with a store."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("OUTLAST_")}
    environ["PATH"] = f"{BIN}:{environ['PATH']}"
    script = subprocess.run(
        ["outlast", "completion", "bash"], env=environ, capture_output=True, text=True, check=True, timeout=60
    ).stdout

    def ask(*words):
        # The words stand in a script, and in it they are what was typed.
        done = subprocess.run(
            ["bash", "--norc", "-c", ASK.format(script=script, words=shlex.join(words))],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    return ask


@pytest.fixture
def jobs(tmp_path, monkeypatch, capsys):
    """Two jobs, one of them with a name that a shell would take apart, and a failure."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scrape.py").write_text(TARGET)
    (tmp_path / "urls.txt").write_text("https://shop.example/1\nhttps://shop.example/bad\n")
    for name in ("shop", "shop floor; rm *"):
        with pytest.raises(SystemExit):
            main(["run", "scrape.py:scrape", "urls.txt", "--job", name, "--quiet", "--max-failed", "9"])
    capsys.readouterr()


@pytest.fixture
def offered(monkeypatch, capsys, tmp_path):
    """What is offered for these words, each as it is typed; asked in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OUTLAST_STORE", raising=False)

    def offer(*words):
        asking = {
            "_OUTLAST_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": f"{len(words) - 1}",
        }
        for name, value in asking.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            main([])
        told = capsys.readouterr()
        assert told.err == ""
        return [line for line in told.out.splitlines() if line]

    return offer


def test_bash_offers_what_is_there(asked, jobs):
    assert asked("outlast", "re") == ["resume", "results", "report", "retry", "repair", "rekey"]
    assert asked("outlast", "status", "shop\\ ") == ["'shop floor; rm *'"]
    assert asked("outlast", "status", "no") == [""]


def test_verbs_options_and_values_are_offered(offered):
    assert offered("outlast", "checkpoint", "p") == ["plain,prune"]
    assert offered("outlast", "run", "a.py:f", "--max") == ["plain,--max-failed", "plain,--max-time"]
    assert offered("outlast", "failures", "shop", "--class", "tim") == ["plain,timeout"]
    assert offered("outlast", "run", "a.py:f", "--color", "n") == ["plain,never"]
    assert offered("outlast", "run", "scr") == ["file,scr"]
    assert offered("outlast", "run", "--config", "j") == ["file,j"]
    assert offered("outlast", "ls", "--store", "k") == ["dir,k"]
    assert offered("outlast", "config", "check", "j") == ["file,j"]


def test_jobs_and_their_failures_are_offered(offered, jobs):
    both = ["plain,shop", "plain,'shop floor; rm *'"]
    assert offered("outlast", "status", "''") == both
    assert offered("outlast", "run", "a.py:f", "--job", "sho") == both
    assert offered("outlast", "checkpoint", "show", "'shop '") == both[1:]
    [group] = offered("outlast", "failures", "shop", "F-")
    assert offered("outlast", "retry", "shop", "--group", "''") == [group]
    assert offered("outlast", "ignore", "shop", "--host", "''") == ["plain,shop.example"]


def test_events_runs_and_the_hosts_of_a_rate_are_offered(offered, jobs, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["resume", "shop", "--quiet", "--max-failed", "9"])
    capsys.readouterr()
    assert offered("outlast", "events", "shop", "--type", "abort_t") == ["plain,abort_triggered"]
    assert offered("outlast", "events", "shop", "--type", "samp") == ["plain,sample"]
    log = job_directory(tmp_path / ".outlast", "shop").path / "events.ndjson"
    entries = map(json.loads, log.read_text().splitlines())
    runs = [f"plain,{each['run_id']}" for each in entries if each["event_type"] == "run_started"]
    assert len(runs) == 2
    assert offered("outlast", "events", "shop", "--run", "''") == runs[::-1]
    assert offered("outlast", "report", "shop", "--run", runs[0][6:].lower()) == runs[:1]
    assert offered("outlast", "rate", "shop", "shop.") == ["plain,shop.example="]
    assert offered("outlast", "rate", "shop", "--clear", "shop.") == ["plain,shop.example"]


def test_what_was_offered_leaves_the_verb_as_it_was(offered, capsys):
    assert offered("outlast", "checkpoint", "show", "a", "--path", "k") == ["dir,k"]
    os.environ.pop("_OUTLAST_COMPLETE")  # `offered` puts back what was there before
    with pytest.raises(SystemExit) as ended:
        main(["checkpoint", "show", "a", "--path", "kept"])
    assert ended.value.code == 6
    assert "there are no checkpoints in kept" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_nothing_hostile_is_offered_or_told(monkeypatch, capsys, tmp_path, shell):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scrape.py").write_text("def scrape(item):\n    raise ValueError(f'{item} \\x1b[31m \\n red')")
    with pytest.raises(SystemExit):
        main(["run", "scrape.py:scrape", "https://shop.example/1", "--job", "shop", "--quiet", "--max-failed", "9"])
    capsys.readouterr()
    incomplete = "F-" if shell == "fish" else "3"
    asking = {
        "_OUTLAST_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": "outlast failures shop F-",
        "COMP_CWORD": incomplete,
    }
    for name, value in asking.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main([])
    told = capsys.readouterr().out
    assert "F-" in told
    assert "<url> ?[<n>m" in told
    assert "\x1b" not in told


def test_whoever_asks_in_vain_is_shown_nothing(offered, jobs, tmp_path):
    assert offered("outlast", "nothing", "of", "the", "kind") == []
    assert offered("outlast", "failures", "no-such-job", "F") == []
    (tmp_path / "pyproject.toml").write_text("[tool.outlast]\nconcurency = 1\n")
    assert offered("outlast", "status", "''") == []
    lock = next(tmp_path.glob(".outlast/jobs/*/LOCK"))
    lock.write_text('{"job": "a\\nb"}')
    (tmp_path / "pyproject.toml").unlink()
    assert len(offered("outlast", "status", "''")) == 1


def test_jobs_of_the_store_that_is_named_are_offered(offered, jobs, tmp_path):
    (tmp_path / ".outlast").rename(tmp_path / "kept")
    assert offered("outlast", "--store", "kept", "status", "sho") == ["plain,shop", "plain,'shop floor; rm *'"]
    (tmp_path / "pyproject.toml").write_text('[tool.outlast]\nstore = "kept"\n')
    assert offered("outlast", "status", "sho") == ["plain,shop", "plain,'shop floor; rm *'"]


def test_the_store_by_default_is_that_of_the_configuration():
    assert JobConfiguration().store == STORE


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_that_is_here_can_read_its_script(shell, capsys):
    with pytest.raises(SystemExit):
        main(["completion", shell])
    script = capsys.readouterr().out
    assert f"_OUTLAST_COMPLETE={shell}_complete" in script
    if (
        shutil.which(shell) is not None
    ):  # bash is on every machine that has `make`; of the others the text is what can be seen
        done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")


def test_completing_a_verb_loads_nothing_heavy():
    code = (
        "import os, sys\n"
        "os.environ |= {'_OUTLAST_COMPLETE': 'bash_complete', 'COMP_WORDS': 'outlast sta', 'COMP_CWORD': '1'}\n"
        "from outlast.cli import main\n"
        "try: main([])\n"
        "except SystemExit: print([n for n in ('pydantic', 'apsw', 'rich', 'asyncio') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["plain,status", "[]"]
