"""The small parts of measuring: estimates, CPU from differences, pressure, sockets, the host."""

import pytest

from outlast.resource.cgroup import ControlGroup
from outlast.resource.cpu import CpuMeter, CpuTimes
from outlast.resource.estimator import Calibration, Resident, estimate, is_due
from outlast.resource.linux import LinuxHost
from outlast.resource.psi import parse_pressure
from outlast.resource.sample import Ask
from outlast.resource.smaps import parse_resident
from outlast.resource.sockets import connections, parse_tcp

MB = 1 << 20
A, B = (1, 10.0), (2, 20.0)


def test_what_is_shared_counts_once_and_what_is_alone_adds_up():
    assert estimate([Resident(10, 200, 5), Resident(20, 180, 7), Resident(30, 0, 0)]) == 60 + 200 + 7
    assert estimate([]) == 0


def test_an_estimate_is_corrected_by_the_last_exact_measurement():
    calibration = Calibration()
    assert calibration.applied(100) == 100
    calibration.learn(exact=80, estimated=100)
    assert calibration.applied(200) == 160
    calibration.learn(exact=0, estimated=100)
    calibration.learn(exact=100, estimated=0)
    assert calibration.applied(200) == 160


@pytest.mark.parametrize(
    ("since", "size", "limit", "due"),
    [
        (None, 1, None, True),
        (29.9, 1, None, False),
        (30, 1, None, True),
        (4.9, 95, 100, False),
        (5, 90, 100, True),
        (5, 89, 100, False),
    ],
)
def test_it_is_measured_exactly_now_and_then_and_oftener_near_a_limit(since, size, limit, due):
    assert is_due(100.0, None if since is None else 100.0 - since, size, limit) is due


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
