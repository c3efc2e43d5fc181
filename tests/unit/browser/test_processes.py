"""Processes are told by pid and start, ended with their group, and whatever a killed owner left is ended by the next."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from psutil import process_iter

from outlast import BrowserLifecycle, BrowserPolicy
from outlast.browser import Deadlines
from outlast.browser.custody import _reap
from outlast.browser.deathwatch import Deathwatch
from outlast.browser.launched import Launched
from outlast.browser.processes import (
    PROC,
    Process,
    children,
    command,
    end,
    group,
    is_alive,
    leads_group,
    look,
    memory,
    remove_temporary,
    temporary_directories,
)
from outlast.browser.reaper import Reaper
from outlast.browser.registry import Registry, left_behind
from outlast.testing import FakeLauncher

pytestmark = pytest.mark.real_time


@pytest.fixture
def started():
    """Starts processes, and ends what is left of them."""
    running = []

    def start(*words, own_group=True):
        child = subprocess.Popen(words or ("sleep", "60"), start_new_session=own_group)
        running.append(child)
        return look(child.pid)

    yield start
    for child in running:
        child.kill()
        child.wait()


async def until(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_process_is_another_one_when_it_started_at_another_time(started):
    process = started()
    assert is_alive(process)
    assert process in children(look(os.getpid()))
    stranger = Process(process.pid, process.started + 1)
    assert not is_alive(stranger)
    assert group(stranger) == []
    end(stranger)
    await asyncio.sleep(0.1)
    assert is_alive(process)
    end(process)
    await until(lambda: not is_alive(process))
    # A dead child that nobody waited for is no living process.
    assert look(process.pid) is None


async def test_a_group_is_ended_with_its_first_even_when_that_is_gone_already(started):
    script = "sleep 60 & sleep 60 & echo $$; wait"
    shell = subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE)
    shell.stdout.readline()
    leader = look(shell.pid)
    await until(lambda: len(group(leader)) == 3)
    assert leads_group(leader)
    os.kill(leader.pid, signal.SIGKILL)
    shell.wait()
    shell.stdout.close()
    assert len(group(leader)) == 2
    end(leader)
    await until(lambda: not group(leader))


async def test_one_that_leads_no_group_is_ended_alone(started):
    process = started(own_group=False)
    await until(lambda: command(process).startswith("sleep"))
    assert not leads_group(process)
    assert group(process) == [process]
    end(process)
    await until(lambda: not is_alive(process))
    assert look(os.getpid()) is not None


async def test_memory_is_measured_and_unknown_is_none(started):
    assert memory([look(os.getpid())]) > 5
    assert memory([]) is None
    assert memory([Process(2**22 + 1, 0)]) is None


async def test_only_directories_that_playwright_made_are_taken_for_temporary(started, tmp_path):
    ours, theirs = tmp_path / "playwright_chromiumdev_profile-x", tmp_path / "precious"
    ours.mkdir()
    theirs.mkdir()
    script = "import time; print(flush=True); time.sleep(60)"
    process = started(sys.executable, "-c", script, f"--user-data-dir={ours}", f"--user-data-dir={theirs}")
    await until(lambda: temporary_directories(process) == [str(ours)])
    assert "--user-data-dir" in command(process)
    remove_temporary([str(ours), str(theirs), str(tmp_path / "playwright-artifacts-gone")])
    assert [each.name for each in tmp_path.iterdir()] == ["precious"]


async def test_a_death_is_noticed_at_once(started):
    process, died = started(), asyncio.Event()
    watch = Deathwatch()
    watch.watch(process, died.set)
    await asyncio.sleep(0.05)
    assert not died.is_set()
    end(process)
    async with asyncio.timeout(60):
        await died.wait()
    watch.watch(process, lambda: died.clear())
    assert not died.is_set()


async def test_a_watch_that_has_ended_tells_nothing(started):
    process, died = started(), asyncio.Event()
    watch = Deathwatch()
    watch.watch(process, died.set)
    watch.end()
    end(process)
    await until(lambda: not is_alive(process))
    await asyncio.sleep(0.05)
    assert not died.is_set()


def written_by_a_dead_owner(directory, processes, directories=(), **changed):
    """The file of an owner that is gone."""
    registry = Registry(directory, "01DEAD")
    registry.began(1, processes, directories)
    file = directory / "01DEAD.jsonl"
    owner, *rows = [json.loads(line) for line in file.read_text().splitlines()]
    owner |= {"owner": [2**22 + 1, 1], **changed}
    file.write_text("".join(json.dumps(row) + "\n" for row in (owner, *rows)))
    return file


async def test_what_a_dead_owner_left_is_ended_at_the_next_start(started, tmp_path):
    profile = tmp_path / "playwright_chromiumdev_profile-x"
    profile.mkdir()
    frozen, driver, other = started(), started(own_group=False), started()
    os.kill(frozen.pid, signal.SIGSTOP)
    file = written_by_a_dead_owner(tmp_path / "browsers", [frozen, driver], [str(profile)])
    async with BrowserLifecycle(FakeLauncher(), storage=tmp_path):
        assert not is_alive(frozen)
        assert not is_alive(driver)
        assert is_alive(other)
        assert not profile.exists()
        assert not file.exists()


async def test_what_a_living_owner_has_is_left_alone(started, tmp_path):
    process = started()
    registry = Registry(tmp_path, "01LIVE")
    registry.began(1, [process], [])
    assert left_behind(tmp_path, time.time()) == []
    assert (tmp_path / "01LIVE.jsonl").stat().st_mode & 0o777 == 0o600


async def test_another_namespace_is_not_judged_and_another_boot_has_only_directories(started, tmp_path):
    process = started()
    written_by_a_dead_owner(tmp_path, [process], [], namespace="pid:[1]")
    assert left_behind(tmp_path, time.time()) == []
    written_by_a_dead_owner(tmp_path, [process], ["/tmp/playwright-artifacts-none"], boot="another")
    [left] = left_behind(tmp_path, time.time())
    assert left.processes == []
    assert left.directories[-1] == "/tmp/playwright-artifacts-none"


async def test_the_file_of_a_container_that_has_written_nothing_for_a_week_is_removed(started, tmp_path):
    process, profile = started(), tmp_path / "playwright-artifacts-x"
    profile.mkdir()
    file = written_by_a_dead_owner(tmp_path / "browsers", [process], [str(profile)], namespace="pid:[1]")
    os.utime(file, (time.time() - 8 * 86_400,) * 2)
    async with BrowserLifecycle(FakeLauncher(), storage=tmp_path):
        assert not file.exists()
        # Numbers and names mean something else there.
        assert is_alive(process)
        assert profile.exists()


@pytest.mark.parametrize(
    "row",
    [
        '{"began": 1}',
        '{"began": 2, "processes": [["x", 1]], "directories": []}',
        '{"began": [1]}',
        '{"ended": [1]}',
        "7",
    ],
)
async def test_a_row_that_is_none_of_ours_is_no_row(started, tmp_path, row):
    process = started()
    file = written_by_a_dead_owner(tmp_path, [process])
    file.write_text(file.read_text() + row + "\n")
    [left] = left_behind(tmp_path, time.time())
    assert left.processes == [process]


async def test_an_owner_who_cannot_be_told_is_left_alone(started, tmp_path):
    written_by_a_dead_owner(tmp_path, [started()], owner=["x"])
    assert left_behind(tmp_path, time.time()) == []


async def test_a_browser_that_ended_is_not_looked_for(started, tmp_path):
    file = written_by_a_dead_owner(tmp_path, [started()])
    file.write_text(file.read_text() + '{"ended": 1}\n{"began": 2, "proc')
    [left] = left_behind(tmp_path, time.time())
    assert left.processes == []


async def test_a_file_that_says_nothing_is_left_alone(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe")
    (tmp_path / "b.jsonl").write_text("[]\nnonsense\n")
    assert left_behind(tmp_path, time.time()) == []
    assert left_behind(tmp_path / "none", time.time()) == []


GUARDED = """
import os, sys
from outlast.browser.processes import Process
from outlast.browser.reaper import Reaper

reaper = Reaper()
reaper.guard([Process(*map(int, each.split(":"))) for each in sys.argv[2:]], [sys.argv[1]])
if os.environ.get("QUIT"):
    reaper.close()
os.kill(os.getpid(), 9)
"""


def guarded(directory, *processes, **environ):
    words = [f"{each.pid}:{each.started}" for each in processes]
    subprocess.run(
        [sys.executable, "-c", GUARDED, str(directory), *words], env={**os.environ, **environ}, timeout=30, check=False
    )


async def test_the_shell_ends_what_its_dead_master_left_and_nothing_else(started, tmp_path):
    profile, precious = tmp_path / "playwright-artifacts-x y", tmp_path / "precious"
    profile.mkdir()
    precious.mkdir()
    frozen, alone, other = started(), started(own_group=False), started()
    os.kill(frozen.pid, signal.SIGSTOP)
    await asyncio.to_thread(guarded, profile, frozen, alone, Process(other.pid, other.started + 1))
    await until(lambda: not is_alive(frozen) and not is_alive(alone) and not profile.exists())
    assert is_alive(other)
    assert precious.exists()


async def test_the_shell_of_a_master_who_ended_well_ends_nothing(started, tmp_path):
    process = started()
    await asyncio.to_thread(guarded, tmp_path / "playwright-artifacts-x", process, QUIT="1")
    await until(lambda: not [each for each in process_iter(["cmdline"]) if str(tmp_path) in str(each.info["cmdline"])])
    assert is_alive(process)


async def test_a_shell_is_started_for_something_to_guard_and_leaves_no_zombie(started):
    reaper = Reaper()
    before = children(look(os.getpid()))

    def shells():
        # What is being started has no command for an instant, and what others have started may end meanwhile.
        return [each for each in children(look(os.getpid())) if each not in before and "trap" in command(each)]

    reaper.guard([], [])
    assert reaper._shell is None
    reaper.guard([started()], [])
    await until(shells)
    [shell] = shells()
    reaper.close()
    assert not is_alive(shell)
    reaper.close()


class Driver:
    """A driver and a browser that are nothing but processes."""

    def __init__(self, start, launcher):
        self.start, self.launcher = start, launcher
        self.processes = []

    async def __call__(self):
        script = "setsid sh -c 'exec sleep 60' outlast-mark & wait"
        driver = self.start("/bin/sh", "-c", script)
        await until(lambda: [each for each in children(driver) if leads_group(each)])
        launched = await self.launcher()
        [browser] = [each for each in children(driver) if leads_group(each)]
        self.processes.append((browser, driver))
        return Launched(launched.browser, launched.stop, driver.pid, "sleep")


@pytest.mark.parametrize("which", [0, 1], ids=["browser", "driver"])
async def test_the_death_of_a_process_is_the_death_of_its_browser(started, which, tmp_path):
    driver = Driver(started, FakeLauncher())
    policy = BrowserPolicy(deadlines=Deadlines(probe=0.2, close_browser=0.5))
    async with BrowserLifecycle(driver, policy=policy, storage=tmp_path) as lifecycle:
        async with lifecycle.page():
            assert lifecycle.roots() == [(each.pid, each.started) for each in driver.processes[0]]
        end(driver.processes[0][which])
        await until(lambda: lifecycle.generation == 2)
        assert not any(is_alive(each) for each in driver.processes[0])
        rows = next((tmp_path / "browsers").glob("*.jsonl")).read_text().splitlines()
        assert [next(iter(json.loads(row))) for row in rows] == ["owner", "began", "ended", "began"]
    assert not any(is_alive(each) for pair in driver.processes for each in pair)
    assert not list((tmp_path / "browsers").glob("*.jsonl"))


async def test_adopted_processes_that_have_died_are_taken_leave_of(started):
    process = started()
    end(process)
    await until(lambda: not is_alive(process))
    assert (PROC / str(process.pid)).exists()
    _reap([process])
    assert not (PROC / str(process.pid)).exists()
    _reap([process])


async def test_what_cannot_be_ended_stays_written_down(started, tmp_path, monkeypatch):
    from outlast.browser import ending

    driver = Driver(started, FakeLauncher())
    policy = BrowserPolicy(reaper=False, deadlines=Deadlines(probe=0.1, die=0.2, stop=0.5))
    lifecycle = BrowserLifecycle(driver, policy=policy, storage=tmp_path)
    async with lifecycle.page():
        monkeypatch.setattr(ending, "end", lambda process: None)
    await lifecycle.close()
    assert is_alive(driver.processes[0][0])
    monkeypatch.undo()
    rows = next((tmp_path / "browsers").glob("*.jsonl")).read_text().splitlines()
    assert [next(iter(json.loads(row))) for row in rows] == ["owner", "began"]
