"""A store is read without touching what runs there."""

import json
import os
import socket

import pytest

from outlast.cli.again import order_again
from outlast.cli.options import Settings
from outlast.cli.plan import planned
from outlast.cli.reading import Holder, found, holder_of, record_of, store_of
from outlast.errors import ConfigurationError, JobNotFoundError
from outlast.jobs.store import job_directory
from outlast.ledger import ItemStatus, NewItem, Record, SqliteLedger

pytestmark = pytest.mark.real_time


@pytest.fixture
def directory(tmp_path):
    found = job_directory(tmp_path, "docs")
    found.path.mkdir(parents=True)
    return found


async def filled(directory, errors, facts=()):
    ledger = await SqliteLedger.open(directory.ledger)
    await ledger.add([NewItem(f"i{number}") for number in range(len(errors))])
    leases = await ledger.lease("me", len(errors) or 1, 0.0, 9e9)
    for lease, error in zip(leases, errors, strict=True):
        await ledger.record(Record(lease=lease, status=ItemStatus.FAILED, attempts=1, error=json.dumps(error)))
    for name, value in facts:
        await ledger.put(name, value)
    await ledger.close()


def failure(signature):
    return {"type": "E", "message": f"{signature}!", "signature": signature, "class": "unknown"}


async def test_a_job_is_found_or_the_others_are_named(directory, tmp_path):
    await filled(directory, [])
    assert found(tmp_path, "docs") == directory
    with pytest.raises(JobNotFoundError, match=r"no job 'dogs' in the store .* \(there are: docs\)"):
        found(tmp_path, "dogs")


async def test_reading_leaves_the_job_as_it_was(directory):
    await filled(directory, [failure("a")], [("job", "docs"), ("run", {"id": "1", "started": "x"})])
    record = await record_of(directory)
    assert (record.name, record.counts.failed, record.finished, record.was_killed) == ("docs", 1, True, True)
    assert not (directory.path / "LOCK").exists()


def signed(directory, pid, host):
    (directory.path / "LOCK").write_text(json.dumps({"pid": pid, "host": host, "since": "then"}))


def test_a_job_without_a_lock_or_with_a_broken_one_does_not_run(directory):
    assert holder_of(directory) is None
    (directory.path / "LOCK").write_text("{")
    assert holder_of(directory) is None


@pytest.mark.parametrize("host", [socket.gethostname(), "elsewhere"])
def test_a_lock_that_nobody_holds_is_no_run(directory, host):
    signed(directory, os.getpid(), host)
    assert holder_of(directory) is None


def test_a_lock_that_is_held_and_not_signed_is_a_run_all_the_same(directory):
    lock = directory.lock("docs", "then")
    for text in ("", "{", "[]", "{}"):
        (directory.path / "LOCK").write_text(text)
        assert holder_of(directory) == Holder()
    lock.close()
    assert holder_of(directory) is None


@pytest.mark.parametrize("pid", [1, 2**22 - 1, os.getpid()], ids=["1", "largest", "own"])
def test_a_lock_that_is_held_is_a_run(directory, pid):
    lock = directory.lock("docs", "then")
    signed(directory, pid, socket.gethostname())
    holder = holder_of(directory)
    assert holder is not None
    assert (holder.pid, holder.since) == (pid, "then")
    lock.close()
    assert holder_of(directory) is None


def test_the_store_is_the_given_one_or_the_projects(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OUTLAST_STORE", raising=False)
    assert str(store_of(Settings(store="x"))) == "x"
    assert str(store_of(Settings())) == ".outlast"
    (tmp_path / "pyproject.toml").write_text('[tool.outlast]\nstore = "kept"\n')
    assert str(store_of(Settings())) == "kept"


async def test_an_order_is_typed_again_with_what_was_overridden(directory, tmp_path):
    typed = {
        "target": "s.py:f",
        "items": ["a"],
        "options": {"concurrency": 2, "output": "o"},
        "directory": str(tmp_path),
    }
    await filled(directory, [], [("job", "docs"), ("invocation", typed)])
    order = order_again(
        await record_of(directory), {"concurrency": 4, "output": "mine"}, tmp_path / "here", " --store s"
    )
    assert order.options == {"concurrency": 4, "output": f"{tmp_path}/here/mine", "job": "docs"}
    assert (order.target, order.items, order.resumed, order.hint) == ("s.py:f", ("a",), True, " --store s")
    assert order.to_dict()["options"] == dict(order.options)


async def test_the_rate_of_a_host_leaves_those_of_the_others_alone(directory, tmp_path):
    typed = {
        "target": "s.py:f",
        "items": ["a"],
        "options": {"rate": {"a.test": "1/s", "*": "9/s"}},
        "directory": str(tmp_path),
    }
    await filled(directory, [], [("job", "docs"), ("invocation", typed)])
    record = await record_of(directory)
    assert order_again(record, {}, tmp_path, "").options["rate"] == {"a.test": "1/s", "*": "9/s"}
    again = order_again(record, {"rate": {"a.test": "2/s"}}, tmp_path, "")
    assert again.options["rate"] == {"a.test": "2/s", "*": "9/s"}


async def test_a_plan_of_an_order_again_leaves_out_standard_input_and_a_missing_job_file_is_said(directory, tmp_path):
    (tmp_path / "s_again.py").write_text("async def f(item): ...\n")
    typed = {"target": "s_again.py:f", "items": ["-", "https://a/"], "options": {}, "directory": str(tmp_path)}
    await filled(directory, [], [("job", "docs"), ("invocation", typed)])
    record = await record_of(directory)
    plan = planned(order_again(record, {}, tmp_path, ""), Settings(store=str(tmp_path)))
    assert [source.text for source in plan.sources] == ["https://a/"]
    assert (plan.name, plan.skipped_input, plan.hint) == ("docs", True, "")
    with pytest.raises(ConfigurationError, match="no job file"):
        planned(order_again(record, {"config": "nope.toml"}, tmp_path, ""), Settings())


async def test_what_is_typed_about_the_browser_is_its_sections(directory, tmp_path):
    (tmp_path / "s_pages.py").write_text("async def f(item, page): ...\n")
    (tmp_path / "job.toml").write_text("[browser]\nconcurrency = 7\nengine = 'firefox'\n")
    options = {"pages": 3, "headed": True, "config": "job.toml"}
    typed = {"target": "s_pages.py:f", "items": ["https://a/"], "options": options, "directory": str(tmp_path)}
    await filled(directory, [], [("job", "docs"), ("invocation", typed)])
    record = await record_of(directory)
    browser = planned(order_again(record, {}, tmp_path, ""), Settings(store=str(tmp_path))).config.browser
    assert (browser.concurrency, browser.headless, browser.engine) == (3, False, "firefox")
    again = order_again(record, {"pages": 5}, tmp_path, "")
    assert planned(again, Settings(store=str(tmp_path))).config.browser.concurrency == 5


async def test_of_a_run_without_these_options_the_file_says_what_its_browser_is(directory, tmp_path):
    (tmp_path / "s_file.py").write_text("async def f(item, page): ...\n")
    (tmp_path / "job.toml").write_text("[browser]\nconcurrency = 7\nheadless = false\n")
    typed = {
        "target": "s_file.py:f",
        "items": ["https://a/"],
        "options": {"config": "job.toml"},
        "directory": str(tmp_path),
    }
    await filled(directory, [], [("job", "docs"), ("invocation", typed)])
    record = await record_of(directory)
    browser = planned(order_again(record, {}, tmp_path, ""), Settings(store=str(tmp_path))).config.browser
    assert (browser.concurrency, browser.headless) == (7, False)
