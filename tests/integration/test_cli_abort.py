"""A job that is aborted says why, on the screen and later, and every command that it names does what it is named for."""

import json
import os
import re
import shlex
import signal
import sys

import pytest

from outlast.testing import wait_until

pytestmark = pytest.mark.real_time

FUNCTION = """
from pathlib import Path

async def scrape(url):
    if "/bad/" in url and not Path("mended").exists():
        raise ValueError("no price")
    return {"url": url}
"""


@pytest.fixture
def shop(outlast, tmp_path):
    """Two hundred items of five hosts, of which the last hundred and fifty fail until the file `mended` exists."""
    (tmp_path / "shop.py").write_text(FUNCTION)
    kinds = ["good"] * 50 + ["bad"] * 150
    urls = "".join(f"http://h{n % 5}.test/{kind}/{n}\n" for n, kind in enumerate(kinds))
    (tmp_path / "shop.txt").write_text(urls)
    (tmp_path / "job.toml").write_text(
        'name = "shop"\ntarget = "shop.py:scrape"\nitems = "shop.txt"\nconcurrency = 4\npatience = 1\nmax_failed = "50%"\n'
        f'[notify]\ncommand = ["{sys.executable}", "-c", "open(\\"told\\", \\"a\\").write(\\"x\\")"]\n'
    )
    return outlast


def test_an_aborted_job_says_why_and_the_commands_it_names_bring_it_to_its_end(shop, tmp_path):
    code, _, said = shop("run", "job.toml", "--progress", "plain")
    assert code == 3
    assert re.search(
        r"WARN suspended: \d+ of the last \d+ operations failed \(ValueError shop.py:scrape no price\)", said
    )
    assert re.search(r"^ABORTED after .* no recovery in \d+ s\.$", said, re.MULTILINE)
    assert "at 5 of 5 hosts: h0.test" in said
    assert "done: save state, notify, cleanup, log event" in said
    assert (tmp_path / "told").read_text() == "x"
    commands = dict(re.findall(r"^  (\S.*?)   +(outlast .*)$", said, re.MULTILINE))
    assert {"go on", "let them fail", "look"} <= set(commands)
    assert re.search(r"^  \d+ items given up meanwhile wait again$", said, re.MULTILINE)
    assert "50 of 200 done, 150 still to do" in said

    code, shown, _ = shop(*words(commands["look"]))
    assert "aborted: " in shown
    assert "no recovery in" in shown
    assert "given up meanwhile wait again" in shown
    code, shown, _ = shop("status", "shop", "--json")
    note = json.loads(shown)["notes"]["aborted"]
    assert (note["failure_class"], note["hosts_seen"], note["verdict"]["decision"]) == ("programming", 5, "abort")
    assert note["analysis"]["cause"].startswith(f"{note['analysis']['total_failures']} of ")
    assert shop("checkpoint", "ls", "shop")[1].count("abort") == 1

    (tmp_path / "mended").touch()
    code, _, said = shop(*words(commands["go on"]))
    assert (code, "200 of 200 done" in said) == (0, True)
    assert "aborted" not in shop("status", "shop")[1]


def test_what_is_broken_for_good_may_fail_when_somebody_says_so(shop):
    said = shop("run", "job.toml")[2]
    [command] = re.findall(r"^  let them fail +(outlast .*)$", said, re.MULTILINE)
    code, _, said = shop(*words(command))
    assert (code, "50 of 200 done" in said, "150 failed" in said) == (1, True, True)


def test_quiet_is_one_line_of_an_abort_too(shop):
    code, _, said = shop("run", "job.toml", "--quiet")
    assert code == 3
    assert re.fullmatch(r"ABORTED after .* no recovery in \d+ s\.\n", said)


def test_without_the_guard_the_items_are_burnt(shop):
    code, _, said = shop("run", "job.toml", "--abort-policy", "never")
    assert (code, "50 of 200 done, 150 failed" in said) == (1, True)


def test_a_policy_that_does_not_exist_is_refused_before_anything_is_begun(shop, tmp_path):
    code, _, said = shop("run", "job.toml", "--abort-policy", "strikt")
    assert code == 2
    assert "abort.default_policy" in said
    assert "strict" in said
    assert not (tmp_path / ".outlast").exists()


def test_a_job_of_which_some_hosts_are_well_offers_to_go_on_without_the_others(outlast, tmp_path):
    (tmp_path / "shop.py").write_text(FUNCTION)
    order = [f"http://w{n % 3}.test/good/{n}" for n in range(12)] + [
        f"http://h{n % 5}.test/bad/{n}" for n in range(150)
    ]
    (tmp_path / "shop.txt").write_text("\n".join(order))
    (tmp_path / "job.toml").write_text(
        'name = "shop"\ntarget = "shop.py:scrape"\nitems = "shop.txt"\nconcurrency = 4\npatience = 1\nmax_failed = "90%"\n'
    )
    code, _, said = outlast("run", "job.toml")
    assert code == 3
    assert "at 5 of 8 hosts" in said
    assert "well until the end: w" in said
    [command] = re.findall(r"outlast resume shop --pause-host h\d\.test", said)
    (tmp_path / "mended").touch()
    code, _, said = outlast(*words(command))
    assert code == 3  # the host that is paused has items left
    assert "outlast unpause shop --all && outlast resume shop" in said


def words(command):
    return shlex.split(command)[1:]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_somebody_is_told_of_an_abort_cuts_that_short_and_the_run_is_aborted(
    shop, start, tmp_path, number
):
    tell = "import os, time; open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'telling'); time.sleep(600)"
    settings = (tmp_path / "job.toml").read_text().split("[notify]")[0]
    (tmp_path / "job.toml").write_text(
        f'{settings}[notify]\ntimeout = 500\ncommand = ["{sys.executable}", "-c", "{tell}"]\n'
    )
    process = start("run", "job.toml", "--progress", "plain")
    wait_until((tmp_path / "telling").exists, 100)
    process.send_signal(number)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 3
    assert b"ABORTED after" in said
    assert b"go on" in said
    teller = int((tmp_path / "telling").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(teller, 0)
    code, shown, _ = shop("status", "shop", "--json")
    assert json.loads(shown)["ended"]["outcome"] == "aborted"
    told = shop("events", "shop", "--json")[1]
    assert "cut off: whoever runs the job was told to end" in told
    assert {"abort_executed", "abort_analysed", "run_ended"} <= set(re.findall(r"[a-z]+_[a-z]+", told))
