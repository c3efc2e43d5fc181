"""Measuring off the loop: what it costs the loop, what hangs, what is shared, and the platforms without `/proc`."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from outlast.config import ResourceConfiguration
from outlast.errors import ResourceMonitoringError
from outlast.resource import ResourceMonitor
from outlast.resource.cgroup import ControlGroup
from outlast.resource.estimator import Proportional
from outlast.resource.gauges import Disk, sampler_of
from outlast.resource.lag import LagProbe
from outlast.resource.linux import LinuxTree
from outlast.resource.portable import PortableTree, created
from outlast.resource.proc import start_time
from outlast.resource.readings import METRICS
from outlast.resource.sample import Ask
from outlast.resource.thread import SamplingThread

ASK = Ask(now=0.0, timestamp="")


async def settle(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.005)
    assert condition()


def test_every_metric_has_its_key_and_no_other(tmp_path):
    assert set(sampler_of(tmp_path).sample(ASK).readings) == set(METRICS)


def test_a_platform_without_proc_is_measured_too(tmp_path):
    sampler = sampler_of(tmp_path, proc=tmp_path / "no-proc")
    sample = sampler.sample(ASK)
    assert not sample.failed
    assert set(sample.readings) == set(METRICS)
    assert sample.readings["memory_method"] == "rss"
    assert sample.readings["process_count"] >= 1
    assert sample.readings["memory_usage"] > 10
    assert 0 < sample.readings["memory_percent"] < 100
    assert sample.readings["cpu_usage"] is None
    later = sampler.sample(Ask(now=10.0, timestamp="")).readings
    assert 0 <= later["cpu_usage"] <= 100
    assert later["psi_memory_full_avg10"] is None


def test_both_platforms_agree_about_a_tree(tmp_path):
    children = [subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(2)]
    try:
        root = children[0].pid
        theirs = PortableTree(1.0)(Ask(now=0.0, timestamp="", roots=((root, created(root)),)))
        ours = sampler_of(tmp_path).sample(Ask(now=0.0, timestamp="", roots=((root, start_time(root)),))).readings
        assert theirs["process_count"] == ours["process_count"]
        assert theirs["browser_processes"] == ours["browser_processes"] == 1
        assert theirs["tree_rss_mb"] == pytest.approx(ours["tree_rss_mb"], rel=0.3)
    finally:
        for child in children:
            child.communicate()
    assert created(root) is None
    assert start_time(os.getpid()) is not None
    assert start_time(os.getpid(), proc="/no/proc") == created(os.getpid())


def test_where_the_exact_size_is_refused_the_estimate_has_to_do_and_it_is_not_asked_for_again_and_again():
    asked = []

    def refused(pid):
        asked.append(pid)
        raise PermissionError(13, "ptrace")

    tree = LinuxTree(ControlGroup(), exactly=refused)
    for now in (0.0, 40.0, 80.0):
        told = tree(Ask(now=now, timestamp="", exactly=True))
        assert told["memory_method"] == "estimate"
        assert told["memory_pss_age"] is None
        assert told["memory_usage"] > 5
    assert len(asked) == 1
    tree(Ask(now=601.0, timestamp=""))
    assert len(asked) == 2


def test_a_process_that_ends_while_it_is_measured_is_left_out():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    def ends(pid):
        if pid == child.pid:
            raise ProcessLookupError(3, "gone")
        return Proportional(7 << 20, 5 << 20)

    try:
        told = LinuxTree(ControlGroup(), exactly=ends)(ASK)
    finally:
        child.communicate()
    assert told["memory_method"] == "pss"
    assert told["process_count"] == 2


def test_exact_measurements_are_taken_when_they_are_due_or_asked_for():
    asked = []
    tree = LinuxTree(ControlGroup(), exactly=lambda pid: asked.append(pid) or Proportional(10 << 20, 5 << 20))
    ages = [tree(Ask(now=now, timestamp=""))["memory_pss_age"] for now in (0.0, 10.0, 29.0, 30.0, 31.0)]
    assert ages == [0, 10, 29, 0, 1]
    assert tree(Ask(now=32.0, timestamp="", exactly=True))["memory_method"] == "pss"
    # Ten of fifteen MB are above nine tenths of this limit, so it is looked at every five seconds.
    assert tree(Ask(now=36.0, timestamp="", limit=16.0))["memory_method"] == "estimate"
    assert tree(Ask(now=37.0, timestamp="", limit=16.0))["memory_method"] == "pss"
    assert tree(Ask(now=43.0, timestamp="", limit=100.0))["memory_method"] == "estimate"
    assert len(set(asked)) == 1


def test_the_job_never_has_less_than_its_browsers_however_it_was_corrected_before_there_was_one():
    def mostly_shared(pid):
        # Of a process that was forked hardly anything is its own.
        return Proportional(1 << 20, 1 << 20)

    tree = LinuxTree(ControlGroup(), exactly=mostly_shared)
    assert tree(ASK)["memory_method"] == "pss"
    code = "import sys; held = bytearray(20 << 20); print(flush=True); sys.stdin.read()"
    browser = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        browser.stdout.readline()
        roots = ((browser.pid, start_time(browser.pid)),)
        told = tree(Ask(now=1.0, timestamp="", roots=roots))
        assert told["memory_method"] == "estimate"
        assert told["browser_memory"] > 20
        assert told["memory_usage"] > told["browser_memory"]
        told = tree(Ask(now=2.0, timestamp="", roots=roots, exactly=True))
        assert told["memory_method"] == "pss"
        assert told["memory_usage"] > told["browser_memory"]
    finally:
        browser.communicate()


def test_connections_are_counted_now_and_then():
    tree = LinuxTree(ControlGroup())
    with socket.create_server(("127.0.0.1", 0)) as server:
        before = tree(Ask(now=0.0, timestamp=""))["network_connections"]
        with socket.create_connection(server.getsockname()), server.accept()[0]:
            assert tree(Ask(now=9.0, timestamp=""))["network_connections"] == before
            assert tree(Ask(now=10.0, timestamp=""))["network_connections"] == before + 2
            assert tree(Ask(now=11.0, timestamp=""))["network_connections"] == before + 2
        assert tree(Ask(now=12.0, timestamp="", exactly=True))["network_connections"] == before


def test_the_disk_is_that_of_the_storage_path_even_before_it_exists(tmp_path):
    there, not_yet = Disk(tmp_path)(ASK), Disk(tmp_path / "a/b/c")(ASK)
    assert there["disk_free"] == pytest.approx(not_yet["disk_free"], rel=0.05)
    assert there["disk_free"] > 0
    assert 0 < there["disk_percent"] < 100


async def test_the_storage_path_of_the_monitor_is_what_is_measured():
    async with ResourceMonitor(ResourceConfiguration(), storage_path="/proc") as monitor:
        assert (await monitor.get_current_metrics())["disk_free"] == 0


async def test_those_who_ask_at_the_same_time_share_a_measurement(build, machine):
    async with build() as monitor:
        found = await asyncio.gather(*(monitor.get_current_metrics() for _ in range(20)))
    assert len(found) == 20
    assert len(machine.asked) < 20


@pytest.mark.real_time
async def test_a_gauge_that_hangs_is_an_error_for_those_who_ask_and_no_pile_of_work(machine, monkeypatch, bus, heard):
    monkeypatch.setattr("outlast.resource.measuring.SAMPLE_DEADLINE", 0.1)
    free = threading.Event()
    asked = []

    def stuck(ask):
        asked.append(ask)
        free.wait(20)
        return {"load1": 1.0}

    async with ResourceMonitor(ResourceConfiguration(), events=bus, gauges={"stuck": stuck}) as monitor:
        for _ in range(3):
            with pytest.raises(ResourceMonitoringError, match="no measurement within"):
                await monitor.get_current_metrics()
        assert len(asked) == 1
        assert [event.data["gauge"] for event in heard] == ["sampling"]
        free.set()
        monkeypatch.setattr("outlast.resource.measuring.SAMPLE_DEADLINE", 20)
        assert (await monitor.get_current_metrics())["load1"] == 1.0


@pytest.mark.real_time
async def test_measuring_does_not_hold_the_loop_up():
    # A gauge that sleeps for a fifth of a second with the interpreter's lock released, as reading a slow file does.
    def slow(ask):
        time.sleep(0.2)
        return {"load1": 1.0}

    ticks = 0

    async def count():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async with ResourceMonitor(ResourceConfiguration(), gauges={"slow": slow}) as monitor:
        counting = asyncio.create_task(count())
        await monitor.get_current_metrics()
        counting.cancel()
    assert ticks > 100


@pytest.mark.real_time
async def test_a_call_takes_the_loop_a_few_milliseconds_at_most(tmp_path):
    # CPU of the loop's own thread, so that a busy machine does not matter.
    async with ResourceMonitor(ResourceConfiguration(monitoring_interval=1), storage_path=tmp_path) as monitor:
        await monitor.get_current_metrics()
        costs = []
        for _ in range(20):
            began = time.thread_time()
            await monitor.get_current_metrics()
            costs.append(time.thread_time() - began)
    assert sorted(costs)[10] < 0.005


@pytest.mark.real_time
async def test_a_stall_of_the_loop_is_seen_by_whoever_asks():
    async with ResourceMonitor(ResourceConfiguration(monitoring_interval=60)) as monitor:
        assert (await monitor.get_current_metrics())["event_loop_lag"] is None
        await monitor.start_monitoring("production", lambda told: None)
        await asyncio.sleep(0.05)
        time.sleep(0.5)
        for _ in range(2):
            assert (await monitor.get_current_metrics())["event_loop_lag"] >= 0.25


async def test_a_lag_is_remembered_for_a_while_and_then_forgotten():
    probe, loop = LagProbe(5), asyncio.get_running_loop()
    assert probe.worst() is None
    probe.start()
    probe.start()
    await asyncio.sleep(10)
    assert probe.worst() == pytest.approx(0, abs=1e-6)
    loop._now += 0.5
    assert probe.worst() > 0.25
    await asyncio.sleep(1)
    loop._now += 2.0
    await asyncio.sleep(1)
    assert probe.worst() > 1.7
    await asyncio.sleep(1)
    loop._now += 0.4
    await asyncio.sleep(3.5)
    assert 0.15 < probe.worst() < 0.5
    await asyncio.sleep(5)
    assert probe.worst() == pytest.approx(0, abs=1e-6)
    probe.stop()
    probe.stop()
    assert probe.worst() is None


def test_the_thread_gives_results_and_errors_and_may_begin_again():
    thread = SamplingThread()
    for _ in range(2):
        assert thread.submit(divmod, 7, 2).result(10) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            thread.submit(divmod, 7, 0).result(10)
        thread.shutdown()
    thread.shutdown()


def test_work_that_was_cancelled_before_its_turn_is_not_done():
    thread, free, done = SamplingThread(), threading.Event(), []
    thread.submit(free.wait, 10)
    waiting = thread.submit(done.append, 1)
    assert waiting.cancel()
    free.set()
    thread.submit(int).result(10)
    thread.shutdown()
    assert done == []


@pytest.mark.real_time
async def test_a_gauge_that_hangs_does_not_keep_the_program_from_ending(tmp_path):
    program = """
import asyncio, threading
from outlast import ResourceConfiguration, ResourceMonitor
def stuck(ask):
    threading.Event().wait()
async def main():
    async with ResourceMonitor(ResourceConfiguration(), gauges={"stuck": stuck}) as monitor:
        await monitor.start_monitoring("production", print)
        await asyncio.sleep(0.1)
asyncio.run(main())
print("ended")
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.stdout.strip() == "ended", done.stderr


@pytest.mark.real_time
async def test_many_sessions_leave_no_open_files_behind(tmp_path):
    async with ResourceMonitor(ResourceConfiguration(), storage_path=tmp_path) as monitor:
        await monitor.get_current_metrics()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(30):
            session = await monitor.start_monitoring("production", lambda told: None)
            await monitor.get_current_metrics()
            await monitor.stop_monitoring(session)
        assert len(os.listdir("/proc/self/fd")) <= before


def test_the_monitor_reads_psutil_only_where_it_must():
    program = "import sys, asyncio; from outlast import *\n" + (
        "asyncio.run(ResourceMonitor(ResourceConfiguration()).get_current_metrics()); print('psutil' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == str(not Path("/proc/self/stat").exists())
