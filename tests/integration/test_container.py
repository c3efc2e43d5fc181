"""The container of the how-to, as far as it can be had without Docker: its command as process 1 of a namespace of its own."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from outlast.testing import wait_until

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/run-in-a-container.md").read_text()
NAMESPACE = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
ITEMS = 40

SCRAPE = """
import asyncio, os

async def scrape(url, http):
    print("process", os.getpid(), flush=True)
    async with http.get(url, raise_for_status=True) as response:
        text = await response.text()
    while int(url.rpartition("/")[2]) >= 6 and not os.path.exists("go"):
        await asyncio.sleep(0.02)
    return {"url": url, "token": text.partition("<p id='token'>")[2].partition("<")[0]}
"""


def block(first_line):
    """The block of the page that begins with this line."""
    return re.search(rf"^```\w+\n({re.escape(first_line)}\n.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]


def instruction(name):
    return re.search(rf"^{name} (.*)$", block("# Dockerfile"), re.MULTILINE)[1]


def entry():
    """What the container runs, and its environment with the volume in place of /data."""
    command = json.loads(instruction("ENTRYPOINT")) + json.loads(instruction("CMD"))
    variables = dict(each.split("=", 1) for each in shlex.split(instruction("ENV")))
    return command, variables


@pytest.fixture
def container(tmp_path):
    """Starts the container's command as process 1, in its own directory, on one volume."""
    app, volume = tmp_path / "app", tmp_path / "volume"
    app.mkdir()
    volume.mkdir()
    started = []

    def start(*arguments):
        (program, *given), variables = entry()
        assert program == "outlast"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("OUTLAST_")}
        environ |= {name: value.replace("/data", str(volume)) for name, value in variables.items()}
        with (tmp_path / "printed").open("ab") as printed:
            process = subprocess.Popen(
                [*NAMESPACE, sys.executable, "-m", "outlast", *(arguments or given)],
                cwd=app,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return process

    start.app, start.volume, start.printed = app, volume, tmp_path / "printed"
    yield start
    for process in started:
        with suppress(ProcessLookupError):
            # Its child dies with it (--kill-child).
            process.kill()
        process.wait()


def process_1(container):
    """The process of the job, as it is known outside of its namespace."""
    return int(Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()[0])


@pytest.mark.real_time
def test_process_1_stops_in_order_by_sigterm_and_another_container_goes_on(container, browser_site):
    site = browser_site(ITEMS)
    (container.app / "scrape.py").write_text(SCRAPE)
    (container.app / "job.toml").write_text(block("# job.toml").replace("concurrency = 8", "concurrency = 2"))
    (container.app / "urls.txt").write_text("".join(f"{url}\n" for url in site.urls))
    first = container()
    wait_until(lambda: sum(site.requests.values()) == 8 or first.poll() is not None)
    os.kill(process_1(first), signal.SIGTERM)
    wait_until(lambda: "stopping" in container.printed.read_text())
    (container.app / "go").touch()
    assert first.wait(100) == 143, container.printed.read_text()
    assert "process 1\n" in container.printed.read_text()
    recorded = (container.volume / "items.jsonl").read_text().splitlines()
    assert len(recorded) == 8
    assert container().wait(100) == 0, container.printed.read_text()
    records = [json.loads(line) for line in (container.volume / "items.jsonl").read_text().splitlines()]
    assert sorted(each["token"] for each in records) == sorted(site.record(n)["token"] for n in range(ITEMS))
    # What was in flight was let end: nothing was fetched twice.
    assert set(site.requests.values()) == {1}
    assert container("status", "shop", "--json").wait(100) == 0


def test_the_image_holds_what_the_job_needs():
    text = block("# Dockerfile")
    assert "chromium-headless-shell" in text
    assert re.search(r"^USER (?!root)", text, re.MULTILINE)
    variables = entry()[1]
    assert all(variables[name].startswith(f"{instruction('VOLUME')}/") for name in ("OUTLAST_STORE", "OUTLAST_OUTPUT"))


def test_kubernetes_gives_up_where_only_a_person_helps():
    advice = (ROOT / "docs/how-to/cron-and-systemd.md").read_text()
    final = re.search(r"RestartPreventExitStatus=([\d ]+)", advice)[1].split()
    given_up = re.search(r"values: \[([\d, ]+)\]", PAGE)[1].split(", ")
    # 5 is another container that runs the job: it will end, and the pod may try again.
    assert set(final) - {"5"} == set(given_up)
