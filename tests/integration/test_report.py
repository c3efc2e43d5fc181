"""`outlast report`: of jobs that ran, run, were killed, aborted, are encrypted or damaged; and the page, in a real Chromium."""

import asyncio
import base64
import json
import os
import random
import re
import shlex
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outlast.browser import find_browser
from outlast.jobs.store import job_directory
from outlast.ledger import SqliteLedger
from outlast.ledger.port import ItemStatus, NewItem, Record, Shape
from outlast.storage.keys import KEY_VARIABLE
from outlast.testing import wait_until

pytestmark = pytest.mark.real_time

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
BEGAN = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
EVIL = "</script><script>window.evil=1</script><img src=x onerror=window.evil=2>"
SECONDS = 7_200
PAGE_MAX = 1_000_000


def moment(seconds):
    return (BEGAN + timedelta(seconds=seconds)).isoformat()


def line(kind, seconds, data, run="R1", key=None):
    item = {} if key is None else {"item_key": key, "attempt": data.get("attempt")}
    head = {"event_type": kind, "timestamp": moment(seconds), "job_id": "shop", "run_id": run}
    return json.dumps({**head, "data": data, **item})


def two_hours(items):
    """The event log of two hours in which a host broke down, a browser leaked, and one run was killed and gone on with."""
    roll, lines, done, saved = random.Random(7), [], 0, 0
    for run, (begins, ends) in {"R1": (0, 3_000), "R2": (3_300, SECONDS)}.items():
        lines.append(
            line(
                "run_started",
                begins,
                {"run_id": run, "done": done, "pending": items - done, "resumed": run == "R2"},
                run,
            )
        )
        at, here, failed, memory = begins, 0, 0, 600
        while at < ends:
            at = min(ends, at + 10)
            here = round((at - begins) * items / (SECONDS - 300))
            failed += roll.random() < 0.2
            memory = 600 if memory > 2_400 else memory + roll.randrange(20)
            if memory == 600:
                lines.append(line("browser_restarted", at, {"reason": "memory", "planned": True, "duration": 2.0}, run))
            key = f"https://a.test/{at}"
            lines.append(line("retry_attempted", at, {"attempt": 1, "delay": roll.choice([0.5, 8, 90])}, run, key))
            lines.append(line(roll.choice(["retry_succeeded", "retry_exhausted"]), at, {"attempt": 2}, run, key))
            if at % 300 == 0:
                saved += 1
                lines.append(line("checkpoint_created", at, {"checkpoint_id": f"c-{saved}", "size_bytes": 900}, run))
            states = {
                "done": done + here,
                "failed": failed,
                "ignored": 0,
                "leased": 8,
                "deferred": 0,
                "pending": max(0, items - done - here),
            }
            tally = {"run_done": here, "run_failed": failed, "retries": 2 * (at - begins) // 10, "elapsed": at - begins}
            size = {
                "memory_bytes": memory << 20,
                "browser_memory_bytes": (memory - 200) << 20,
                "memory_limit_bytes": 4_096 << 20,
            }
            lines.append(
                line(
                    "sample", at, {**states, **tally, **size, "delays": {"1": 2, "16": 1, "300": 1}, "left_out": 2}, run
                )
            )
        done += here
    lines.append(line("host_parked", 4_000, {"host": EVIL, "failures": 9, "error": EVIL * 1_000}, "R2"))
    lines.append(line("abort_triggered", ends, {"reason": f"62 % failed {EVIL}", "policy_id": "default"}, "R2"))
    lines.append(line("run_ended", ends, {"outcome": "aborted", "done": done, "failed": 90, "deferred": 5}, "R2"))
    return "\n".join(lines) + "\n"


async def ledger_of(directory, items):
    directory.path.mkdir(parents=True)
    ledger = await SqliteLedger.open(directory.ledger)
    for start in range(0, items, 10_000):
        await ledger.add(
            [NewItem(f"https://{'abc'[n % 3]}.test/{n}") for n in range(start, min(items, start + 10_000))]
        )
    while leases := await ledger.lease("x", 10_000, 0.0, 1e12):
        await asyncio.gather(*(ledger.record(record_of(lease)) for lease in leases))
    await ledger.put("job", "shop")
    await ledger.put("run", {"id": "R2", "started": moment(3_300)})
    await ledger.put("ended", {"run": "R2", "outcome": "aborted", "at": moment(SECONDS), "exit_code": 3})
    await ledger.put(
        "aborted", {"run": "R2", "reason": "62 % failed", "since": moment(6_000), "hosts": ["b.test"], "hosts_seen": 3}
    )
    await ledger.put(
        "invocation", {"target": "scrape.py:scrape", "items": ["urls.txt"], "directory": ".", "options": {}}
    )
    await ledger.close()


def record_of(lease):
    number = lease.item
    if number % 100:
        return Record(lease, ItemStatus.DONE, 1 + (number % 17 == 0), Shape.ONE, "{}\n")
    kind = f"lib.Error{number // 100 % 30}"
    failure = {
        "type": kind,
        "message": f"{EVIL} \x1b[31m {'m' * 5_000}",
        "class": "blocked",
        "at": moment(number % SECONDS),
    }
    return Record(
        lease,
        ItemStatus.FAILED,
        5,
        error=json.dumps({**failure, "signature": f"{kind} scrape.py:f {EVIL}", "traceback": ""}),
    )


@pytest.fixture
def two_hour_job(tmp_path):
    """A job of so many items that took two hours, made up, in the store `store`."""

    def make(items):
        directory = job_directory(tmp_path / "store", "shop")
        asyncio.run(ledger_of(directory, items))
        (directory.path / "events.ndjson").write_text(two_hours(items))
        return directory

    return make


@pytest.fixture
def looked_at(tmp_path):
    """What a function finds on a page that Chromium shows without a network; its complaints are in `told`."""
    from playwright.async_api import async_playwright

    def look(file, function, *, printed=False, **options):
        async def go():
            told = []
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path=find_browser("chromium", None).path, args=["--no-sandbox"]
                )
                context = await browser.new_context(offline=True, **options)
                page = await context.new_page()
                page.on("console", lambda message: told.append(message.text))
                page.on("pageerror", lambda error: told.append(str(error)))
                page.on("request", lambda request: told.append(request.url))
                await page.goto(file.absolute().as_uri())
                found = await function(page)
                await browser.close()
            return found, told

        return asyncio.run(go())

    return look


def test_a_hundred_thousand_items_make_a_page_that_anybody_can_mail(outlast, two_hour_job):
    two_hour_job(100_000)
    code, out, err = outlast("report", "shop", "--store", "store")
    assert (code, out) == (0, "")
    assert re.fullmatch(r"report on job shop: shop-report\.html \([\d.]+ KiB\)\n", err)
    file = Path("shop-report.html")
    assert file.stat().st_size < PAGE_MAX
    assert file.stat().st_mode & 0o077 == 0
    report = json.loads(outlast("report", "shop", "--store", "store", "--json")[1])
    assert report["schema_version"] == 1
    assert report["numbers"]["counts"]["done"] + report["numbers"]["counts"]["failed"] == 100_000
    assert sum(row["items"] for row in report["attempts"]) == 100_000
    assert sum(filter(None, report["timeline"]["finished"])) == pytest.approx(100_000, rel=0.01)
    assert report["failures"]["total"] == 1_000


def test_the_page_in_chromium(outlast, two_hour_job, looked_at):
    two_hour_job(600)
    assert outlast("report", "shop", "--store", "store", "-o", "page.html")[0] == 0

    async def audit(page):
        await page.evaluate(AXE.read_text())
        found = await page.evaluate("axe.run()")
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        drawn = await page.evaluate("[...document.querySelectorAll('canvas')].filter(each => each.width > 0).length")
        evil = await page.evaluate("typeof window.evil")
        return [each["id"] for each in found["violations"]], wide, drawn, evil

    file = Path("page.html")
    for options in (
        {"viewport": {"width": 1_240, "height": 900}},
        {"viewport": {"width": 1_240, "height": 900}, "color_scheme": "dark"},
        {"viewport": {"width": 390, "height": 800}},
    ):
        found, told = looked_at(file, audit, **options)
        assert found == ([], 0, 3, "undefined"), options
        assert told == [file.absolute().as_uri()]


def test_the_page_without_javascript_tells_the_same_in_tables(outlast, two_hour_job, looked_at):
    two_hour_job(600)
    outlast("report", "shop", "--store", "store", "-o", "page.html")

    async def read(page):
        return await page.inner_text("body")

    text, told = looked_at(Path("page.html"), read, java_script_enabled=False)
    assert told == [Path("page.html").absolute().as_uri()]
    for word in (
        "Items",
        "known so far",
        "browser restarted",
        "stopped without a word",
        "aborted",
        "Error1",
        "up to 1 s",
        "first try",
    ):
        assert word in text or word.upper() in text, word
    assert "window.evil=1" in text


def test_pictures_are_zoomed_together_and_marks_can_be_read(outlast, two_hour_job, looked_at):
    two_hour_job(600)
    outlast("report", "shop", "--store", "store", "-o", "page.html")

    async def zoom(page):
        box = await page.locator("#chart-rates .u-over").bounding_box()
        middle = box["y"] + box["height"] / 2
        await page.mouse.move(box["x"] + box["width"] * 3_000 / SECONDS, middle)
        mark = await page.inner_text("#near")
        canvas = "document.querySelector('#chart-progress canvas').toDataURL()"
        before = await page.evaluate(canvas)
        await page.mouse.move(box["x"] + 50, middle)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 200, middle, steps=4)
        await page.mouse.up()
        await page.wait_for_function(f"before => {canvas} !== before", arg=before)
        return mark

    mark, told = looked_at(Path("page.html"), zoom, viewport={"width": 1_240, "height": 900})
    assert mark.startswith("2026-11-22 21:50 stopped without a word: killed, ended by an error")
    assert len(told) == 1


def test_it_prints_with_its_pictures(outlast, two_hour_job, looked_at):
    two_hour_job(600)
    outlast("report", "shop", "--store", "store", "-o", "page.html")

    async def printed(page):
        return await page.pdf(format="A4"), await page.evaluate("document.documentElement.className")

    (pdf, classes), told = looked_at(Path("page.html"), printed, color_scheme="dark")
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type /Page\b", pdf)) < 12
    assert classes == "js"
    assert len(told) == 1


def test_a_split_page_takes_style_and_script_from_beside_it(outlast, two_hour_job, looked_at):
    two_hour_job(600)
    code, _, err = outlast("report", "shop", "--store", "store", "--split", "-o", "page.html")
    assert (code, sorted(each.name for each in Path().glob("page.*"))) == (0, ["page.css", "page.html", "page.js"])

    async def audit(page):
        return await page.locator("canvas").count(), await page.evaluate("getComputedStyle(document.body).maxWidth")

    found, told = looked_at(Path("page.html"), audit)
    assert found == (3, "1180px")
    assert sorted(url.rpartition("/")[2] for url in told) == ["page.css", "page.html", "page.js"]


def test_every_command_of_a_report_works_when_it_is_typed(outlast):
    job = "it's <b>mine</b> & yours"
    assert outlast("run", "scrape.py:scrape", "some.txt", "--job", job)[0] == 1
    report = json.loads(outlast("report", job, "--json")[1])
    typed = [step["command"] for step in report["steps"]] + [report["command"]]
    assert len(typed) >= 4
    for command in [each for line in reversed(typed) for each in line.split(" && ")]:
        program, *words = shlex.split(command)
        assert program == "outlast"
        code, _, err = outlast(*words)
        assert code in {0, 1}, err


def test_a_job_that_runs_and_the_same_once_it_was_killed(start, outlast, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "urls.txt").write_text("".join(f"https://a.test/{n}\n" for n in range(5_000)))
    process = start("run", "scrape.py:scrape", "urls.txt", "--job", "docs", "--concurrency", "1")
    report = {}

    def told():
        code, out, _ = outlast("report", "docs", "--json")
        report.update(json.loads(out) if code == 0 else {})
        return report and report["numbers"]["counts"]["done"] and report["runs"]

    wait_until(told)
    assert report["standing"]["word"] == "running"
    assert report["numbers"]["crashes"] == 0
    process.send_signal(signal.SIGKILL)
    process.wait()
    report = json.loads(outlast("report", "docs", "--json")[1])
    assert report["standing"]["word"] == "killed"
    assert report["numbers"]["crashes"] == 1
    assert report["steps"][0]["command"] == "outlast resume docs"
    assert [mark["kind"] for mark in report["marks"]] == ["start", "broken"]


def test_an_encrypted_job_needs_its_key(outlast, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, base64.b64encode(os.urandom(32)).decode())
    monkeypatch.setenv("OUTLAST_CHECKPOINT__ENCRYPTION_ENABLED", "true")
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs", "--max-failed", "9")
    code, out, _ = outlast("report", "docs", "--md")
    assert code == 0
    assert "no price on" in out
    assert "begun" in out
    monkeypatch.delenv(KEY_VARIABLE)
    code, out, err = outlast("report", "docs", "--md")
    assert (code, out) == (2, "")
    assert "is encrypted by the key" in err


def test_a_job_without_an_event_log_and_one_without_items(outlast):
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs")
    for file in job_directory(Path(".outlast"), "docs").path.glob("events*"):
        file.unlink()
    report = json.loads(outlast("report", "docs", "--json")[1])
    assert report["gaps"] == ["There is no event log, so nothing is known of when things happened."]
    assert report["failures"]["total"] == 2
    Path("none.txt").write_text("")
    outlast("run", "scrape.py:scrape", "none.txt", "--job", "void")
    code, _, _ = outlast("report", "void", "-o", "void.html")
    assert code == 0
    assert ">empty</span>" in Path("void.html").read_text()


def test_a_damaged_ledger_leaves_the_event_log_and_what_mends_it(outlast):
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs")
    ledger = job_directory(Path(".outlast"), "docs").ledger
    ledger.write_bytes(b"\xff" * 4_096 + ledger.read_bytes()[4_096:])
    code, out, _ = outlast("report", "docs", "--json")
    report = json.loads(out)
    assert (code, report["standing"]["word"], report["unread"]) == (4, "damaged", True)
    assert [step["command"] for step in report["steps"]] == ["outlast verify docs", "outlast repair docs"]
    assert report["numbers"]["runs"] == 1


TORN = """
import asyncio, outlast

@outlast.job("docs")
async def scrape(item):
    return {"item": item}

def torn():
    yield "https://a.test/1"
    raise RuntimeError("the list is torn")

asyncio.run(scrape.run(torn()))
"""


def test_a_run_that_an_error_has_ended_was_not_killed(outlast, tmp_path):
    done = subprocess.run([sys.executable, "-c", TORN], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "the list is torn" in done.stderr
    report = json.loads(outlast("report", "docs", "--json")[1])
    assert report["standing"]["word"] == "ended with an error"
    assert report["numbers"]["crashes"] == 0
    assert report["story"] == ["It ended so: RuntimeError: the list is torn"]
    assert report["marks"][-1]["text"] == "ended with an error"


def test_nothing_of_the_job_is_changed(outlast, tree):
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs")
    directory = job_directory(Path(".outlast"), "docs").path
    before = tree(directory)
    outlast("report", "docs", "-o", "page.html")
    assert {name for name, digest in tree(directory).items() if before.get(name) != digest} <= {
        "ledger.db-shm",
        "ledger.db-wal",
    }


def test_one_run_of_several(outlast):
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs")
    outlast("retry", "docs")
    outlast("resume", "docs")
    whole = json.loads(outlast("report", "docs", "--json")[1])
    assert len(whole["runs"]) == 2
    one = json.loads(outlast("report", "docs", "--json", "--run", whole["runs"][0]["id"][:-1].lower())[1])
    assert [run["id"] for run in one["runs"]] == [one["run"]] == [whole["runs"][0]["id"]]
    code, _, err = outlast("report", "docs", "--run", "NOSUCH")
    assert code == 6
    assert "has no run whose id begins with 'NOSUCH'" in err
    code, _, err = outlast("report", "docs", "--run", "0")
    assert code == 2
    assert f"2 runs of job 'docs' have ids that begin with '0': {whole['runs'][0]['id']}, " in err


def test_the_name_of_the_file_says_the_form(outlast):
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs")
    for name, begin in (("a.html", "<!doctype html>"), ("a.md", "# docs: "), ("a.json", '{"schema_version"')):
        assert outlast("report", "docs", "-o", name)[0] == 0
        assert Path(name).read_text().startswith(begin)
    assert outlast("report", "docs", "--html", "-o", "-")[1].startswith("<!doctype html>")
    assert outlast("report", "docs", "--md", "-o", "a.txt")[0] == 0
    assert Path("a.txt").read_text().startswith("# docs: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--md --split", "--split is for the HTML page"),
        ("--json --open", "--open is for the HTML page"),
        ("--split -o -", "--split needs a file"),
        ("--json --md", "either --md or --json"),
        ("--html --md", "either --html or --md"),
        ("--json -o r.md", "--json does not make what 'r.md' is named for"),
        ("--md -o r.html", "--md does not make what 'r.html' is named for"),
    ],
)
def test_options_that_do_not_go_together_are_refused(outlast, options, message):
    code, _, err = outlast("report", "docs", *options.split())
    assert code == 2
    assert message in err


def test_a_place_that_cannot_be_written_is_one_clear_line(outlast):
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs")
    code, out, err = outlast("report", "docs", "-o", "nowhere/page.html")
    assert (code, out) == (2, "")
    assert "the report nowhere/page.html cannot be written: No such file or directory" in err


def test_open_shows_the_page_in_the_browser_of_the_user(outlast, tmp_path):
    outlast("run", "scrape.py:scrape", "some.txt", "--job", "docs")
    opener = tmp_path / "opener"
    opener.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/shown\n')
    opener.chmod(0o755)
    command = [sys.executable, "-m", "outlast", "report", "docs", "--open"]
    for browser, said in ((str(opener), "KiB)\n"), ("/nowhere/at/all", "yourself\n")):
        environ = {**os.environ, "BROWSER": browser, "PATH": str(tmp_path)}
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stderr.endswith(said)
    assert (tmp_path / "shown").read_text() == (tmp_path / "docs-report.html").as_uri()
