"""Which processes are ours, by a `/proc` made of ordinary files and by the real one."""

import os
import subprocess
import sys
import time

import pytest

from outlast.resource.proc import ProcessTree, parse_stat, start_time

ZEROS = " ".join(["0"] * 30)


class FakeProc:
    """A directory like `/proc`; processes come and go by hand."""

    def __init__(self, path):
        self.path = path

    def add(self, pid, parent, *, group=None, start=100, ticks=(0, 0, 0, 0), state="S", name="x"):
        directory = self.path / str(pid)
        directory.mkdir(exist_ok=True)
        utime, stime, cutime, cstime = ticks
        (directory / "stat").write_text(
            f"{pid} ({name}) {state} {parent} {group or pid} 0 0 0 0 0 0 0 0 "
            f"{utime} {stime} {cutime} {cstime} 20 0 3 0 {start} {ZEROS}\n"
        )

    def remove(self, pid):
        (self.path / str(pid) / "stat").unlink()
        (self.path / str(pid)).rmdir()


@pytest.fixture
def proc(tmp_path):
    fake = FakeProc(tmp_path)
    fake.add(1, 0, start=1)
    fake.add(10, 1, start=50)
    return fake


@pytest.fixture
def tree(proc):
    return ProcessTree(str(proc.path), own=10)


def pids(members):
    return {stat.pid for stat in members.all}


def test_a_name_may_hold_anything():
    stat = parse_stat(f"7 (a ) R 1 (b) S 3 7 0 0 0 0 0 0 0 0 100 50 30 20 20 0 4 0 12345 {ZEROS}".encode())
    assert (stat.pid, stat.state, stat.parent, stat.group, stat.threads, stat.start) == (7, "S", 3, 7, 4, 12_345)
    ticks = os.sysconf("SC_CLK_TCK")
    assert (stat.times.own, stat.times.children) == (150 / ticks, 50 / ticks)


def test_the_tree_is_the_own_process_and_what_it_started(proc, tree):
    proc.add(11, 10)
    proc.add(12, 11)
    proc.add(20, 1)
    assert pids(tree.look([])) == {10, 11, 12}


def test_who_was_ours_stays_it_when_its_parent_ends(proc, tree):
    proc.add(11, 10)
    proc.add(12, 11, start=110)
    assert pids(tree.look([])) == {10, 11, 12}
    proc.remove(11)
    proc.add(12, 1, start=110)
    proc.add(13, 12, start=120)
    assert pids(tree.look([])) == {10, 12, 13}


def test_a_number_that_was_given_out_again_is_somebody_else(proc, tree):
    proc.add(11, 10)
    tree.look([])
    proc.remove(11)
    proc.add(11, 1, start=500)
    assert pids(tree.look([])) == {10}


def test_even_between_two_lists_a_number_may_have_changed_hands(proc, tree):
    # The directory is the same, as far as can be seen, and the process is not.
    proc.add(11, 10)
    tree.look([])
    proc.add(11, 1, start=500)
    assert pids(tree.look([])) == {10}
    assert pids(tree.look([])) == {10}


def test_the_number_of_a_dead_parent_does_not_adopt_when_we_are_given_it(proc, tree):
    # 30 is older than 11, so it cannot be its child.
    proc.add(30, 11, start=60)
    tree.look([])
    proc.add(11, 10, start=500)
    assert pids(tree.look([])) == {10, 11}


def test_the_browsers_are_their_main_processes_with_group_and_descendants(proc, tree):
    proc.add(40, 1, start=200)
    proc.add(41, 40, group=40, start=201)
    proc.add(42, 1, group=40, start=202)
    proc.add(43, 42, start=203)
    members = tree.look([(40, 200.0)])
    assert pids(members) == {10, 40, 41, 42, 43}
    assert {pid for pid, _ in members.browsers} == {40, 41, 42, 43}


def test_what_a_browser_left_behind_is_still_its_own(proc, tree):
    proc.add(40, 10, start=200)
    proc.add(41, 40, group=40, start=201)
    tree.look([(40, 200.0)])
    proc.remove(40)
    assert {pid for pid, _ in tree.look([]).browsers} == {41}


def test_a_browser_of_the_right_number_and_the_wrong_age_is_none(proc, tree):
    proc.add(40, 1, start=300)
    members = tree.look([(40, 200.0)])
    assert pids(members) == {10}
    assert not members.browsers


def test_hidden_and_vanishing_processes_are_no_errors(proc, tree):
    (proc.path / "77").mkdir()
    proc.add(11, 10)
    assert pids(tree.look([])) == {10, 11}
    (proc.path / "11" / "stat").unlink()
    assert pids(tree.look([])) == {10}


def test_times_are_read_anew_with_every_look(proc, tree):
    tree.look([])
    proc.add(10, 1, start=50, ticks=(300, 0, 0, 0))
    (own,) = tree.look([]).all
    assert own.times.own == 300 / os.sysconf("SC_CLK_TCK")


def test_only_new_processes_and_ours_are_read(proc, tree, monkeypatch):
    for pid in range(100, 200):
        proc.add(pid, 1)
    tree.look([])
    read = []
    keep = tree._read
    tree._read = lambda pid: read.append(pid) or keep(pid)
    proc.add(300, 1)
    tree.look([])
    assert sorted(read) == [10, 300]


@pytest.mark.real_time
async def test_on_the_real_one_a_child_comes_and_goes():
    tree = ProcessTree()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        members = tree.look([])
        assert {os.getpid(), child.pid} <= pids(members)
        began = next(stat.start for stat in members.all if stat.pid == child.pid)
        assert start_time(child.pid) == began
        assert child.pid in {pid for pid, _ in tree.look([(child.pid, began)]).browsers}
    finally:
        child.kill()
        deadline = time.monotonic() + 10
        while parse_state(child.pid) != "Z" and time.monotonic() < deadline:
            time.sleep(0.01)
        zombies = [stat.pid for stat in tree.look([]).all if stat.state == "Z"]
        child.communicate()
    assert child.pid in zombies
    assert child.pid not in pids(tree.look([]))
    assert start_time(child.pid) is None


def parse_state(pid):
    with open(f"/proc/{pid}/stat", "rb") as file:
        return parse_stat(file.read()).state
