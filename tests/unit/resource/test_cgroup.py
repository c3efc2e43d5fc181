"""The limits of control groups, in trees of files as the kernel would show them."""

import pytest

from outlast.resource.cgroup import ControlGroup, MemoryBound

MB = 1 << 20
NONE_V1 = 9_223_372_036_854_771_712
V2_MOUNT = "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    return tmp_path


def tell(root, *, own, mounts):
    (root / "proc/self/cgroup").write_text("\n".join(own) + "\n")
    (root / "proc/self/mountinfo").write_text("\n".join(mounts) + "\n")


def group_v2(root, path, **files):
    directory = root / "sys/fs/cgroup" / path
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("_", ".", 1)).write_text(f"{text}\n")


def group_v1(root, controller, path, **files):
    directory = root / "sys/fs/cgroup" / controller / path
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name.replace("_", ".", 1)).write_text(f"{text}\n")


def mount_v1(controller, mount_root="/"):
    return f"35 31 0:32 {mount_root} /sys/fs/cgroup/{controller} rw,relatime shared:9 - cgroup cgroup rw,{controller}"


def test_version_2_counts_what_could_not_be_taken_back(root):
    tell(root, own=["0::/job"], mounts=["20 1 8:1 / / rw - ext4 /dev/root rw", V2_MOUNT])
    group_v2(root, "job", memory_max=512 * MB, memory_current=300 * MB, memory_stat=f"anon 5\ninactive_file {100 * MB}")
    assert ControlGroup(root).memory() == MemoryBound(512 * MB, 200 * MB)


def test_no_limit_is_none(root):
    tell(root, own=["0::/job"], mounts=[V2_MOUNT])
    group_v2(root, "job", memory_max="max", memory_high="max", memory_current=300 * MB, cpu_max="max 100000")
    assert ControlGroup(root).memory() is None
    assert ControlGroup(root).cores() is None


def test_where_a_group_is_slowed_down_is_its_limit_too(root):
    tell(root, own=["0::/job"], mounts=[V2_MOUNT])
    group_v2(root, "job", memory_max=512 * MB, memory_high=400 * MB, memory_current=100 * MB)
    assert ControlGroup(root).memory() == MemoryBound(400 * MB, 100 * MB)


def test_an_ancestor_with_less_room_binds_first_with_what_it_uses_itself(root):
    tell(root, own=["0::/slice/pod/job"], mounts=[V2_MOUNT])
    group_v2(root, "slice/pod/job", memory_max=512 * MB, memory_current=100 * MB)
    group_v2(root, "slice/pod", memory_max="max", memory_current=700 * MB)
    group_v2(root, "slice", memory_max=1_000 * MB, memory_current=900 * MB)
    assert ControlGroup(root).memory() == MemoryBound(1_000 * MB, 900 * MB)


def test_a_quota_grants_cores_and_the_tightest_counts(root):
    tell(root, own=["0::/slice/job"], mounts=[V2_MOUNT])
    group_v2(root, "slice/job", cpu_max="max 100000")
    group_v2(root, "slice", cpu_max="150000 100000")
    assert ControlGroup(root).cores() == 1.5


def test_version_1_without_a_limit_says_a_very_large_number(root):
    tell(root, own=["4:memory:/job", "1:cpu,cpuacct:/job"], mounts=[mount_v1("memory"), mount_v1("cpu,cpuacct")])
    group_v1(root, "memory", "job", memory_limit_in_bytes=NONE_V1, memory_usage_in_bytes=5 * MB)
    group_v1(root, "cpu,cpuacct", "job", cpu_cfs_quota_us=-1, cpu_cfs_period_us=100_000)
    assert ControlGroup(root).memory() is None
    assert ControlGroup(root).cores() is None


def test_version_1_with_limits(root):
    tell(root, own=["4:memory:/job", "1:cpu:/job"], mounts=[mount_v1("memory"), mount_v1("cpu")])
    group_v1(
        root,
        "memory",
        "job",
        memory_limit_in_bytes=256 * MB,
        memory_usage_in_bytes=200 * MB,
        memory_stat=f"inactive_file 1\ntotal_inactive_file {50 * MB}",
        memory_oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 3",
    )
    group_v1(root, "cpu", "job", cpu_cfs_quota_us=50_000, cpu_cfs_period_us=100_000)
    found = ControlGroup(root)
    assert found.memory() == MemoryBound(256 * MB, 150 * MB)
    assert found.cores() == 0.5
    assert found.oom_kills() == 3


def test_in_a_hybrid_the_controller_of_version_1_binds_and_version_2_tells_the_pressure(root):
    unified = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
    tell(root, own=["4:memory:/job", "0::/job"], mounts=[unified, mount_v1("memory")])
    group_v1(root, "memory", "job", memory_limit_in_bytes=256 * MB, memory_usage_in_bytes=100 * MB)
    pressure = "some avg10=1.50 avg60=0 avg300=0 total=1"
    group_v1(root, "unified", "job", memory_pressure=pressure)
    found = ControlGroup(root)
    assert found.memory() == MemoryBound(256 * MB, 100 * MB)
    assert found.pressure().strip() == pressure


def test_in_a_namespace_the_own_group_is_the_mount_itself(root):
    tell(root, own=["0::/"], mounts=[V2_MOUNT])
    group_v2(root, "", memory_max=64 * MB, memory_current=10 * MB)
    assert ControlGroup(root).memory() == MemoryBound(64 * MB, 10 * MB)


def test_a_container_that_is_told_the_path_on_the_host_sees_its_own_part_of_it(root):
    tell(root, own=["4:memory:/docker/abc"], mounts=[mount_v1("memory", "/docker/abc")])
    group_v1(root, "memory", "", memory_limit_in_bytes=64 * MB, memory_usage_in_bytes=10 * MB)
    assert ControlGroup(root).memory() == MemoryBound(64 * MB, 10 * MB)


@pytest.mark.parametrize("path", ["/../../elsewhere", "/not/mounted/here"])
def test_a_path_that_leads_nowhere_is_the_mount_itself(root, path):
    tell(root, own=[f"0::{path}"], mounts=[V2_MOUNT])
    group_v2(root, "", memory_max=64 * MB, memory_current=10 * MB)
    assert ControlGroup(root).memory() == MemoryBound(64 * MB, 10 * MB)


def test_kills_are_counted_by_version_2_in_its_events(root):
    tell(root, own=["0::/job"], mounts=[V2_MOUNT])
    group_v2(root, "job", memory_events="low 0\noom 5\noom_kill 2\noom_group_kill 0")
    assert ControlGroup(root).oom_kills() == 2


def test_without_control_groups_nothing_is_known(tmp_path):
    found = ControlGroup(tmp_path)
    assert (found.memory(), found.cores(), found.oom_kills(), found.pressure()) == (None, None, None, None)


@pytest.mark.parametrize("mounts", ["", "nonsense", "1 2 3 - cgroup2", "30 20 0:26 - cgroup2 cgroup2 rw"])
@pytest.mark.parametrize("own", ["", "nonsense", "0:"])
def test_what_cannot_be_understood_is_as_good_as_none(root, own, mounts):
    tell(root, own=[own], mounts=[mounts])
    assert ControlGroup(root).memory() is None


def test_the_one_of_this_machine_can_be_read():
    found = ControlGroup()
    bound = found.memory()
    assert bound is None or bound.limit > 0
    assert found.cores() is None or found.cores() > 0
