"""The small parts of measuring: estimates, CPU from differences, pressure, sockets, the host."""

import pytest

from outlast.resource.cgroup import ControlGroup
from outlast.resource.cpu import CpuMeter, CpuTimes
from outlast.resource.estimator import Calibration, Exact, Proportional, Resident, estimate, is_due
from outlast.resource.linux import LinuxHost
from outlast.resource.psi import parse_pressure
from outlast.resource.sample import Ask
from outlast.resource.smaps import parse_proportional, parse_resident
from outlast.resource.sockets import connections, parse_tcp

MB = 1 << 20
A, B = (1, 10.0), (2, 20.0)


def test_what_is_shared_counts_once_and_what_is_alone_adds_up():
    assert estimate([Resident(10, 200, 5), Resident(20, 180, 7), Resident(30, 0, 0)]) == 60 + 200 + 7
    assert estimate([]) == 0


def family(count, *, anonymous=30, of_files=200, shared=0):
    return {(n, 1.0): Resident(anonymous, of_files, shared) for n in range(count)}


def learnt(count, *, anonymous, shared):
    calibration = Calibration()
    calibration.learn({(n, 1.0): Proportional(anonymous, shared) for n in range(count)}, family(count))
    return calibration


def test_an_estimate_that_was_never_corrected_is_taken_as_it_is():
    assert Calibration().applied(family(4).values()) == 4 * 30 + 200


def test_what_forks_share_of_their_own_is_as_much_for_each():
    calibration = learnt(4, anonymous=25, shared=50)
    assert calibration.applied(family(4).values()) == 4 * 25 + 200
    assert calibration.applied(family(8).values()) == 8 * 25 + 200


def test_what_is_shared_of_files_is_as_much_however_many_they_are():
    calibration = learnt(4, anonymous=30, shared=75)
    assert calibration.applied(family(4).values()) == 4 * 30 + 300
    assert calibration.applied(family(8).values()) == 8 * 30 + 300


def test_a_leak_is_all_its_own():
    calibration = learnt(4, anonymous=25, shared=50)
    leaking = {**family(4), (0, 1.0): Resident(1_030, 200, 0)}
    assert calibration.applied(leaking.values()) == 4 * 25 + 200 + 1_000


def test_a_correction_leaves_something():
    calibration = learnt(10, anonymous=0, shared=0)
    assert calibration.applied(family(1).values()) == 23


def test_those_that_ended_in_between_say_nothing():
    calibration = Calibration()
    calibration.learn({(9, 1.0): Proportional(1, 1)}, family(4))
    assert calibration.applied(family(4).values()) == 4 * 30 + 200
    calibration.learn({(0, 1.0): Proportional(20, 200), (9, 1.0): Proportional(500, 500)}, family(4))
    assert calibration.applied(family(4).values()) == 4 * 20 + 200


ROLLUP = b"00-ff [rollup]\nRss: 900 kB\nPss: 500 kB\nPss_Dirty: 1 kB\n"


def test_the_proportional_size_is_told_in_parts_and_by_old_kernels_as_a_sum():
    assert parse_proportional(ROLLUP + b"Pss_Anon: 300 kB\nPss_File: 200 kB\n") == Proportional(307_200, 204_800)
    assert parse_proportional(ROLLUP + b"Anonymous: 350 kB\n") == Proportional(358_400, 153_600)
    assert parse_proportional(ROLLUP + b"Anonymous: 800 kB\n") == Proportional(512_000, 0)
    assert parse_proportional(b"") is None


@pytest.mark.parametrize(
    ("since", "processes", "size", "limit", "due"),
    [
        (None, 10, 1, None, True),
        (29.9, 10, 1, None, False),
        (30, 10, 1, None, True),
        (4.9, 10, 95, 100, False),
        (5, 10, 90, 100, True),
        (5, 10, 89, 100, False),
        (5, 15, 1, None, True),
        (4.9, 15, 1, None, False),
        (5, 14, 1, None, False),
        (5, 6, 1, None, True),
        (5, 7, 1, None, False),
    ],
)
def test_it_is_measured_exactly_now_and_then_and_oftener_when_it_matters(since, processes, size, limit, due):
    last = None if since is None else Exact(100.0 - since, 10)
    assert is_due(100.0, last, processes=processes, size=size, limit=limit) is due


def test_the_status_of_a_process_without_memory_says_nothing():
    status = b"Name:\tx\nRssAnon:\t    100 kB\nRssFile:\t     20 kB\nRssShmem:\t      3 kB\n"
    assert parse_resident(status) == Resident(102_400, 20_480, 3_072)
    assert parse_resident(b"Name:\tkthread\nState:\tZ (zombie)\n") is None


def test_the_first_look_at_the_cpu_knows_nothing():
    meter = CpuMeter()
    assert meter.look({A: CpuTimes(5.0)}, 100.0, 2) is None
    assert meter.look({A: CpuTimes(5.5)}, 101.0, 2) == pytest.approx(50)


def test_a_look_that_follows_at_once_gives_the_last_answer():
    meter = CpuMeter()
    assert meter.look({A: CpuTimes(5.0)}, 100.0, 2) is None
    assert meter.look({A: CpuTimes(6.0)}, 100.05, 2) is None
    assert meter.look({A: CpuTimes(6.0)}, 101.0, 2) == pytest.approx(100)
    assert meter.look({A: CpuTimes(9.0)}, 101.0001, 2) == pytest.approx(100)


def test_it_is_never_more_than_there_are_cores():
    meter = CpuMeter()
    meter.look({A: CpuTimes(0.0)}, 100.0, 2)
    assert meter.look({A: CpuTimes(50.0)}, 101.0, 2) == 200


def test_what_a_child_used_before_it_ended_is_found_with_its_parent_and_counted_once():
    meter = CpuMeter()
    meter.look({A: CpuTimes(1.0), B: CpuTimes(3.0)}, 100.0, 4)
    # B used another half second, ended, and was collected by A with all its 3.5 s.
    assert meter.look({A: CpuTimes(1.0, 3.5)}, 101.0, 4) == pytest.approx(50)


def test_a_process_that_is_new_to_the_family_brings_no_more_than_the_time_since_the_last_look():
    meter = CpuMeter()
    meter.look({A: CpuTimes(1.0)}, 100.0, 4)
    assert meter.look({A: CpuTimes(1.0), B: CpuTimes(900.0)}, 101.0, 4) == pytest.approx(100)


def test_pressure_is_read_by_kind():
    text = "some avg10=1.53 avg60=0.87 avg300=0.22 total=58761459\nfull avg10=0.25 avg60=0.1 avg300=0.0 total=9\n"
    assert parse_pressure(text) == {"some": 1.53, "full": 0.25}
    assert parse_pressure("") == {}
    assert parse_pressure("some total=5\nfull avg10=1.0 total=9\n") == {"full": 1.0}


TCP = b"""  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0277 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1001 1
   1: 0100007F:0277 0100007F:8000 01 00000000:00000000 00:00000000 00000000     0        0 1002 1
   2: 0100007F:0277 0100007F:8001 08 00000000:00000000 00:00000000 00000000     0        0 1003 1
   3: 0100007F:0277 0100007F:8002 06 00000000:00000000 00:00000000 00000000     0        0 0 1
"""


def test_who_only_listens_has_no_connection():
    assert parse_tcp(TCP) == {b"1002", b"1003"}


def test_connections_are_those_of_the_processes_asked_for_each_counted_once(tmp_path):
    (tmp_path / "self/net").mkdir(parents=True)
    (tmp_path / "self/net/tcp").write_bytes(TCP)
    for pid, inodes in ((5, (1001, 1002)), (6, (1002, 1003)), (7, (1003,))):
        (tmp_path / f"{pid}/fd").mkdir(parents=True)
        for fd, inode in enumerate(inodes):
            (tmp_path / f"{pid}/fd/{fd}").symlink_to(f"socket:[{inode}]")
    assert connections([5], str(tmp_path)) == 1
    assert connections([5, 6], str(tmp_path)) == 2
    assert connections([5, 999], str(tmp_path)) == 1


@pytest.fixture
def host(tmp_path):
    """A machine of 1,000 MB, 400 of them free, with a control group of 300 MB that uses 100."""

    def built(limit):
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text("0::/\n")
        (tmp_path / "proc/self/mountinfo").write_text("30 20 0:26 / /cg rw - cgroup2 cgroup2 rw\n")
        (tmp_path / "proc/loadavg").write_text("1.25 1 1 1/100 5\n")
        (tmp_path / "proc/meminfo").write_text(
            "MemTotal: 1024000 kB\nMemFree: 1 kB\nMemAvailable: 409600 kB\nSwapTotal: 1000 kB\nSwapFree: 250 kB\n"
        )
        (tmp_path / "cg").mkdir()
        (tmp_path / "cg/memory.max").write_text(limit)
        (tmp_path / "cg/memory.current").write_text(str(100 * MB))
        (tmp_path / "cg/memory.events").write_text("oom_kill 7\n")
        (tmp_path / "cg/memory.pressure").write_text("full avg10=3.00 avg60=0 avg300=0 total=0\n")
        return LinuxHost(ControlGroup(tmp_path), tmp_path)

    return built


ASK = Ask(now=0.0, timestamp="")


def test_the_limit_of_the_control_group_comes_before_that_of_the_machine(host, tmp_path):
    gauge = host(str(300 * MB))
    (tmp_path / "cg/memory.events").write_text("oom_kill 9\n")
    told = gauge(ASK)
    assert told["memory_limit_source"] == "cgroup"
    assert (told["memory_limit_mb"], told["memory_used_mb"], told["memory_available"]) == (300, 100, 200)
    assert told["memory_percent"] == pytest.approx(100 / 3)
    assert told["cgroup_oom_kills"] == 2
    assert told["psi_memory_full_avg10"] == 3.0
    assert told["psi_memory_some_avg10"] is None
    assert (told["load1"], told["swap_percent"]) == (1.25, 75)


@pytest.mark.parametrize("limit", ["max", str(5_000 * MB)])
def test_without_a_limit_below_it_the_machine_is_the_limit(host, limit):
    told = host(limit)(ASK)
    assert told["memory_limit_source"] == "host"
    assert (told["memory_limit_mb"], told["memory_available"], told["memory_percent"]) == (1_000, 400, 60)


def test_what_is_left_is_no_more_than_the_machine_has(host):
    assert host(str(600 * MB))(ASK)["memory_available"] == 400
