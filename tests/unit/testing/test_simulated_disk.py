"""The simulated disk behaves like the real one until something goes wrong; then it keeps no more than it promised."""

import errno
from pathlib import Path
from random import Random

import pytest

from outlast.storage.disk import OsDisk
from outlast.storage.files import ensure_directory, publish_durably, replace_durably, sweep, write_durably
from outlast.testing.simulated_disk import DiskModel, PowerCutError, SimulatedDisk

MANY = 300


@pytest.fixture(params=["real", "simulated"])
def place(request, tmp_path):
    """A disk and an empty directory on it."""
    if request.param == "real":
        return OsDisk(), tmp_path
    return SimulatedDisk(DiskModel.from_image({}, [str(tmp_path)])), tmp_path


@pytest.fixture
def model():
    return DiskModel.from_image({"/d/old": b"o" * 1024})


def put(disk, path, blob=b"", *, sync=True):
    descriptor = disk.create(path)
    if blob:
        assert disk.write(descriptor, memoryview(blob)) == len(blob)
    if sync:
        disk.fsync(descriptor)
    disk.close(descriptor)


def refused(step, *arguments):
    with pytest.raises(OSError) as caught:
        step(*arguments)
    return type(caught.value)


def after_crashes(model, many=MANY):
    return [model.crash(Random(seed)).image() for seed in range(many)]


def failing(step, code=errno.EIO):
    return lambda name: code if name == step else None


# The real disk and the simulated one


def test_what_was_written_is_read(place):
    disk, root = place
    put(disk, root / "a", b"hello")
    assert (disk.read(root / "a", None), disk.read(root / "a", 2), disk.read(root / "a", 99)) == (
        b"hello",
        b"he",
        b"hello",
    )
    assert disk.stat(root / "a").size == 5
    assert disk.names(root) == ["a"]


def test_writes_follow_each_other(place):
    disk, root = place
    descriptor = disk.create(root / "a")
    for part in (b"one ", b"two"):
        disk.write(descriptor, memoryview(part))
    disk.close(descriptor)
    assert disk.read(root / "a", None) == b"one two"


def test_a_file_is_cut(place):
    disk, root = place
    put(disk, root / "a", b"hello")
    disk.truncate(root / "a", 2)
    assert disk.read(root / "a", None) == b"he"
    assert disk.stat(root / "a").size == 2


def test_names_move_double_and_go(place):
    disk, root = place
    put(disk, root / "a", b"A")
    put(disk, root / "b", b"B")
    disk.link(root / "a", root / "c")
    disk.rename(root / "a", root / "b")
    assert sorted(disk.names(root)) == ["b", "c"]
    assert disk.read(root / "b", None) == disk.read(root / "c", None) == b"A"
    disk.rename(root / "b", root / "c")
    assert sorted(disk.names(root)) == ["b", "c"], "two names of one file stay"
    disk.unlink(root / "c")
    assert disk.names(root) == ["b"]


def test_directories_are_made_and_known(place):
    disk, root = place
    assert not disk.is_directory(root / "d")
    disk.make_directory(root / "d")
    put(disk, root / "d" / "a")
    assert disk.is_directory(root / "d")
    assert not disk.is_directory(root / "d" / "a")
    disk.rename(root / "d" / "a", root / "a")
    disk.sync_directory(root)
    disk.sync_directory(root / "d")
    assert (disk.names(root / "d"), sorted(disk.names(root))) == ([], ["a", "d"])


def test_both_refuse_the_same_things(place):
    disk, root = place
    put(disk, root / "a")
    disk.make_directory(root / "d")
    for step, arguments in (
        (disk.create, [root / "a"]),
        (disk.create, [root / "d"]),
        (disk.make_directory, [root / "a"]),
        (disk.make_directory, [root / "d"]),
        (disk.link, [root / "a", root / "d"]),
        (disk.link, [root / "a", root / "a"]),
    ):
        assert refused(step, *arguments) is FileExistsError
    for step, arguments in (
        (disk.create, [root / "none" / "a"]),
        (disk.make_directory, [root / "none" / "a"]),
        (disk.read, [root / "none", None]),
        (disk.names, [root / "none"]),
        (disk.stat, [root / "none"]),
        (disk.stat, [root / "d"]),
        (disk.unlink, [root / "none"]),
        (disk.unlink_unheld, [root / "none"]),
        (disk.hold, [root / "none"]),
        (disk.is_held, [root / "none"]),
        (disk.truncate, [root / "none", 0]),
        (disk.sync_directory, [root / "none"]),
        (disk.rename, [root / "none", root / "b"]),
        (disk.rename, [root / "a", root / "none" / "a"]),
        (disk.link, [root / "none", root / "b"]),
        (disk.replace_unheld, [root / "a", root / "none"]),
    ):
        assert refused(step, *arguments) is FileNotFoundError
    for step, arguments in (
        (disk.create, [root / "a" / "b"]),
        (disk.names, [root / "a"]),
        (disk.sync_directory, [root / "a"]),
        (disk.make_directory, [root / "a" / "b"]),
    ):
        assert refused(step, *arguments) is NotADirectoryError
    assert refused(disk.read, root / "d", None) is IsADirectoryError
    assert refused(disk.unlink, root / "d") is IsADirectoryError
    assert refused(disk.rename, root / "a", root / "d") is IsADirectoryError
    assert sorted(disk.names(root)) == ["a", "d"]


def test_what_is_held_or_being_written_stays(place):
    disk, root = place
    put(disk, root / "a", b"A")
    put(disk, root / "b", b"B")
    holders = [disk.hold(root / "a"), disk.hold(root / "a")]
    for holder in holders:
        assert disk.is_held(root / "a")
        assert refused(disk.unlink_unheld, root / "a") is BlockingIOError
        assert refused(disk.replace_unheld, root / "b", root / "a") is BlockingIOError
        disk.close(holder)
    assert not disk.is_held(root / "a")
    disk.replace_unheld(root / "b", root / "a")
    assert disk.read(root / "a", None) == b"B"
    disk.unlink_unheld(root / "a")
    writer = disk.create(root / "w")
    assert refused(disk.unlink_unheld, root / "w") is BlockingIOError
    disk.close(writer)
    disk.unlink_unheld(root / "w")
    assert disk.names(root) == []


def test_a_descriptor_serves_for_what_it_was_opened_for_and_until_it_is_closed(place):
    disk, root = place
    put(disk, root / "a", b"A")
    holder = disk.hold(root / "a")
    assert refused(disk.write, holder, memoryview(b"x")) is OSError
    disk.close(holder)
    assert refused(disk.fsync, holder) is OSError
    assert refused(disk.close, holder) is OSError
    assert disk.read(root / "a", None) == b"A"


def test_an_open_file_lives_on_without_a_name(place):
    disk, root = place
    descriptor = disk.create(root / "a")
    disk.unlink(root / "a")
    assert disk.write(descriptor, memoryview(b"x")) == 1
    disk.fsync(descriptor)
    disk.close(descriptor)
    assert disk.names(root) == []


def test_a_later_file_is_not_older(place):
    disk, root = place
    put(disk, root / "a", b"A")
    put(disk, root / "b", b"B")
    assert disk.stat(root / "a").modified_ns <= disk.stat(root / "b").modified_ns


def test_the_durable_file_layer_runs_on_both(place):
    disk, root = place
    ensure_directory(root / "x" / "y", disk=disk)
    publish_durably(root / "x" / "y" / "a", b"1", disk=disk)
    write_durably(root / "x" / "y" / "a", b"2", disk=disk)
    replace_durably(root / "x" / "y" / "a", b"3", disk=disk)
    with pytest.raises(FileExistsError):
        publish_durably(root / "x" / "y" / "a", b"4", disk=disk)
    sweep(root / "x" / "y", disk=disk)
    assert disk.names(root / "x" / "y") == ["a"]
    assert disk.read(root / "x" / "y" / "a", None) == b"3"


# Power cuts


def test_what_is_durable_survives_every_power_cut(model):
    disk = SimulatedDisk(model)
    put(disk, Path("/d/new"), b"n" * 2000)
    disk.sync_directory(Path("/d"))
    assert all(image == {"/d/old": b"o" * 1024, "/d/new": b"n" * 2000} for image in after_crashes(model))


def test_what_is_not_durable_is_lost_torn_or_there(model):
    disk = SimulatedDisk(model)
    put(disk, Path("/d/new"), b"n" * 2000, sync=False)
    disk.sync_directory(Path("/d"))
    found = [image["/d/new"] for image in after_crashes(model)]
    assert {b"", b"n" * 2000} <= set(found)
    assert any(0 < len(content) < 2000 for content in found), "a size that lags"
    assert any(content and not any(content) for content in found), "a size without its bytes"
    assert any(set(content) == {0, ord("n")} for content in found), "some sectors and not others"
    assert any(set(content) - {0, ord("n")} for content in found), "garbage"
    assert max(map(len, found)) == 2000


def test_writes_reach_the_platter_in_any_order():
    model = DiskModel.from_image({"/f": bytes(1024)})
    model.file("/f").write(0, b"1" * 512)
    model.file("/f").write(512, b"2" * 512)
    found = {image["/f"] for image in after_crashes(model)}
    assert {bytes(1024), b"1" * 512 + bytes(512), bytes(512) + b"2" * 512, b"1" * 512 + b"2" * 512} <= found


@pytest.mark.parametrize("powersafe", [True, False])
def test_an_interrupted_write_harms_its_neighbours_only_on_a_disk_that_is_not_powersafe(powersafe):
    model = DiskModel.from_image({"/f": b"o" * 512})
    model.powersafe = powersafe
    model.file("/f").write(100, b"n" * 100)
    neighbours = {image["/f"][:100] for image in after_crashes(model)}
    assert (neighbours == {b"o" * 100}) is powersafe


def test_a_cut_file_may_be_long_again():
    model = DiskModel.from_image({"/f": b"o" * 512})
    model.file("/f").truncate(0)
    model.file("/f").write(0, b"n")
    found = {image["/f"] for image in after_crashes(model)}
    assert {b"o" * 512, b"", b"n"} <= found
    assert {len(content) for content in found} == {512, 1, 0}, "cutting is done or not, never in part"
    model.file("/f").sync()
    assert {image["/f"] for image in after_crashes(model)} == {b"n"}


def test_names_survive_in_any_subset_until_their_directory_is_synced(model):
    for name in ("a", "b"):
        put(SimulatedDisk(model), Path("/d") / name)
    assert {frozenset(image) - {"/d/old"} for image in after_crashes(model)} == {
        frozenset(),
        frozenset({"/d/a"}),
        frozenset({"/d/b"}),
        frozenset({"/d/a", "/d/b"}),
    }
    model.sync_directory("/d")
    assert all(set(image) == {"/d/old", "/d/a", "/d/b"} for image in after_crashes(model))


def test_a_removed_file_may_come_back_until_its_directory_is_synced(model):
    model.unlink("/d/old")
    assert {len(image) for image in after_crashes(model)} == {0, 1}
    model.sync_directory("/d")
    assert {len(image) for image in after_crashes(model)} == {0}


def test_a_rename_is_whole_or_has_not_been(model):
    model.make_directory("/e")
    model.sync_directory("/")
    model.rename("/d/old", "/e/new")
    model.sync_directory("/d")
    assert {tuple(image) for image in after_crashes(model)} == {("/d/old",), ("/e/new",)}
    model.sync_directory("/e")
    assert {tuple(image) for image in after_crashes(model)} == {("/e/new",)}


def test_a_name_taken_again_is_not_lost_with_the_rename_before_it(model):
    model.rename("/d/old", "/d/new")
    model.create("/d/old")
    model.sync_directory("/d")
    assert after_crashes(model, 1) == [{"/d/old": b"", "/d/new": b"o" * 1024}]


def test_a_directory_that_is_lost_takes_its_files_along(model):
    model.make_directory("/e")
    put(SimulatedDisk(model), Path("/e/a"), b"A")
    model.sync_directory("/e")
    assert {tuple(image) for image in after_crashes(model)} == {("/d/old",), ("/d/old", "/e/a")}
    model.sync_directory("/")
    assert all("/e/a" in image for image in after_crashes(model))


def test_two_names_are_one_file_after_a_power_cut_too(model):
    model.link("/d/old", "/d/second")
    model.sync_directory("/d")
    after = model.crash(Random(0))
    assert after.file("/d/old") is after.file("/d/second")


def test_a_seed_is_one_crash(model):
    put(SimulatedDisk(model), Path("/d/new"), b"n" * 5000, sync=False)
    assert after_crashes(model, 50) == after_crashes(model, 50)


# Faults


def test_a_second_fsync_does_not_bring_back_what_the_first_one_lost():
    left = set()
    for seed in range(50):
        model = DiskModel.from_image({}, ["/d"])
        disk = SimulatedDisk(model, failing("fsync"), chance=Random(seed))
        descriptor = disk.create(Path("/d/new"))
        disk.write(descriptor, memoryview(b"n" * 5000))
        disk.sync_directory(Path("/d"))
        with pytest.raises(OSError, match="Input/output error"):
            disk.fsync(descriptor)
        assert model.image()["/d/new"] == b"n" * 5000, "readers see it until the power goes"
        model.file("/d/new").sync()
        found = {image["/d/new"] for image in after_crashes(model, 20)}
        assert len(found) == 1
        left |= found
        model.file("/d/new").write(0, b"n" * 5000)
        model.file("/d/new").sync()
        assert {image["/d/new"] for image in after_crashes(model, 20)} == {b"n" * 5000}, "written again, it is there"
    assert {bytes(5000), b"n" * 5000} < left
    assert len(left) > 5, "what a failed fsync leaves is anything"


def test_a_second_fsync_of_a_directory_brings_back_new_directories_alone(model):
    kept = set()
    for seed in range(50):
        one = model.crash(Random(seed))
        disk = SimulatedDisk(one, failing("sync_directory"), chance=Random(seed))
        put(disk, Path("/d/new"))
        disk.make_directory(Path("/d/e"))
        with pytest.raises(OSError, match="Input/output error"):
            disk.sync_directory(Path("/d"))
        one.sync_directory("/d")
        after = one.crash(Random(seed))
        assert after.is_directory("/d/e")
        kept.add("new" in after.names("/d"))
    assert kept == {True, False}


def test_a_failed_fsync_of_a_directory_loses_nothing_that_was_durable(model):
    model.make_directory("/e")  # not durable, and earlier than what follows
    model.create("/d/new")
    model.sync_directory("/d")
    for seed in range(20):
        model.fail_sync_directory("/d", Random(seed))
    assert all("/d/new" in image for image in after_crashes(model))


@pytest.mark.parametrize(
    "step",
    [
        "create",
        "write",
        "close",
        "rename",
        "link",
        "unlink",
        "make_directory",
        "hold",
        "unlink_unheld",
        "stat",
        "truncate",
    ],
)
def test_a_step_that_fails_changes_nothing(model, step):
    disk = SimulatedDisk(model, failing(step, errno.EROFS))
    path = Path("/d/old")
    arguments = {
        "create": [Path("/d/new")],
        "rename": [path, Path("/d/new")],
        "link": [path, Path("/d/new")],
        "make_directory": [Path("/d/new")],
        "truncate": [path, 1],
    }
    if step in {"write", "close"}:
        descriptor = disk.create(Path("/d/w"))
        arguments |= {"write": [descriptor, memoryview(b"x")], "close": [descriptor]}
    before = model.image()
    with pytest.raises(OSError) as caught:
        getattr(disk, step)(*arguments.get(step, [path]))
    assert caught.value.errno == errno.EROFS
    assert model.image() == before


def test_a_full_disk_takes_what_fits_and_then_nothing(model):
    model.capacity = 1024 + 700
    disk = SimulatedDisk(model)
    descriptor = disk.create(Path("/d/new"))
    assert disk.write(descriptor, memoryview(b"n" * 1000)) == 700
    with pytest.raises(OSError, match="No space left") as caught:
        disk.write(descriptor, memoryview(b"n" * 300))
    assert caught.value.errno == errno.ENOSPC
    model.unlink("/d/old")
    assert disk.write(descriptor, memoryview(b"n" * 300)) == 300


def test_a_write_may_be_short(model):
    disk = SimulatedDisk(model)
    disk.bytes_a_write = 3
    publish_durably(Path("/d/new"), b"0123456789", disk=disk)
    assert disk.read(Path("/d/new"), None) == b"0123456789"


def test_a_killed_process_does_nothing_more_and_holds_nothing(model):
    def kill(name):
        if name == "fsync":
            raise PowerCutError

    victim = SimulatedDisk(model, kill)
    descriptor = victim.create(Path("/d/new"))
    victim.write(descriptor, memoryview(b"n"))
    holder = victim.hold(Path("/d/old"))
    for step, arguments in ((victim.fsync, [descriptor]), (victim.close, [holder]), (victim.names, [Path("/d")])):
        with pytest.raises(PowerCutError):
            step(*arguments)
    assert model.image()["/d/new"] == b"n", "the page cache outlives the process"
    other = SimulatedDisk(model)
    other.unlink_unheld(Path("/d/old"))
    other.unlink_unheld(Path("/d/new"))
    assert model.image() == {}
