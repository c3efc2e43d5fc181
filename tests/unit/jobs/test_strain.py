"""When a job stops for want of room: late, and not for what others do."""

from types import SimpleNamespace

import pytest

from outlast.jobs.strain import DISK_SECONDS, MEMORY_SECONDS, Strain

LIMIT = SimpleNamespace(name="memory_limit", metric="memory_usage", limit=1_000.0, critical=1_100.0)
SHARE = SimpleNamespace(name="memory_percent", metric="memory_percent", limit=80.0, critical=88.0)
DISK = SimpleNamespace(name="disk_space", metric="disk_free", limit=512.0, critical=256.0)
CPU = SimpleNamespace(name="cpu_percent", metric="cpu_usage", limit=90.0, critical=None)


def said(bounds, metrics, *, seconds, every=5.0):
    strain, now = Strain(bounds), 0.0
    while now <= seconds:
        told = strain.look(now, metrics)
        if told is not None:
            return now, told
        now += every
    return None


def test_memory_beyond_its_critical_bound_is_borne_for_a_time_and_then_said_with_its_numbers():
    at, told = said([LIMIT], {"memory_usage": 1_234.5}, seconds=600)
    assert at == MEMORY_SECONDS
    assert told.startswith(
        "The job holds 1234 MB: that is more than 1000 MB (memory_limit), and has been above 1100 MB for 60 s, and nothing"
    )
    assert "[browser] concurrency" in told


def test_a_job_without_pages_is_not_advised_to_have_fewer():
    told = Strain([LIMIT], pages=False, memory_seconds=0.0).look(0.0, {"memory_usage": 1_234.5})
    assert told.endswith("Give it more memory, or have fewer items in flight (--concurrency).")


def test_memory_above_the_limit_and_below_critical_is_the_monitors_business():
    assert said([LIMIT], {"memory_usage": 1_099.0}, seconds=600) is None


def test_a_moment_without_it_begins_the_time_anew():
    strain = Strain([LIMIT])
    for now in range(600):
        assert strain.look(float(now), {"memory_usage": 900.0 if now % 50 == 0 else 2_000.0}) is None


def test_what_is_not_known_neither_ends_nor_begins_the_time():
    strain = Strain([LIMIT])
    assert strain.look(0.0, {"memory_usage": 2_000.0}) is None
    assert strain.look(30.0, {"memory_usage": None}) is None
    assert strain.look(59.0, {}) is None
    assert strain.look(60.0, {"memory_usage": 2_000.0}) is not None


def test_a_machine_that_others_have_filled_does_not_stop_the_job():
    full = {"memory_percent": 95.0, "memory_used_mb": 20_000.0, "memory_usage": 600.0, "memory_limit_mb": 21_000.0}
    assert said([SHARE], full, seconds=600) is None


def test_a_machine_that_the_job_has_filled_does():
    full = {"memory_percent": 95.0, "memory_used_mb": 20_000.0, "memory_usage": 12_000.0, "memory_limit_mb": 21_000.0}
    at, told = said([SHARE], full, seconds=600)
    assert at == MEMORY_SECONDS
    assert told.startswith("95 % of the memory of 21000 MB is used, 12000 MB of it by the job: that is more than 80 %")


def test_a_disk_that_is_almost_full_stops_it_sooner():
    at, told = said([DISK], {"disk_free": 100.4}, seconds=600)
    assert at == DISK_SECONDS
    assert told.startswith("Only 100 MB are free on the disk of the job, which wants at least 512 (disk_space).")


@pytest.mark.parametrize("metrics", [{"cpu_usage": 100.0}, {"disk_free": 513.0}, {"memory_percent": 79.0}, {}])
def test_nothing_else_stops_it(metrics):
    assert said([LIMIT, SHARE, DISK, CPU], metrics, seconds=3_600) is None
