"""A file is whole or absent, at whichever step the disk refuses."""

import errno
import fcntl
import os
import stat

import pytest

from outlast.storage.disk import OsDisk
from outlast.storage.files import ensure_directory, publish_durably, replace_durably, sweep, write_durably

STEPS = {
    write_durably: ["create", "write", "fsync", "close", "rename", "sync_directory"],
    publish_durably: ["create", "write", "fsync", "close", "link", "unlink", "sync_directory"],
}
both = pytest.mark.parametrize("write", STEPS, ids=["write", "publish"])


each_fault = pytest.mark.parametrize(
    ("write", "number", "step", "code"),
    [
        pytest.param(write, number, step, code, id=f"{write.__name__}-{step}-{errno.errorcode[code]}")
        for write, steps in STEPS.items()
        for number, step in enumerate(steps, start=1)
        for code in (errno.EIO, errno.ENOSPC, errno.EACCES)
    ],
)
each_death = pytest.mark.parametrize(
    ("write", "number"), [(write, number) for write, steps in STEPS.items() for number in range(1, len(steps) + 2)]
)


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


@both
def test_the_steps_come_in_the_order_that_is_the_guarantee(tmp_path, faulty_disk, write):
    disk = faulty_disk()
    write(tmp_path / "file", b"contents", disk=disk)
    assert disk.steps == STEPS[write]
    assert (tmp_path / "file").read_bytes() == b"contents"


@both
def test_a_file_is_its_owner_s_and_nothing_stays_beside_it(tmp_path, write):
    write(tmp_path / "file", b"contents")
    assert mode(tmp_path / "file") == 0o600
    assert os.listdir(tmp_path) == ["file"]


@both
def test_an_empty_file_can_be_written(tmp_path, write):
    write(tmp_path / "file", b"")
    assert (tmp_path / "file").read_bytes() == b""


@both
def test_short_writes_are_continued(tmp_path, faulty_disk, write):
    disk = faulty_disk(bytes_a_write=3)
    write(tmp_path / "file", b"0123456789", disk=disk)
    assert (tmp_path / "file").read_bytes() == b"0123456789"
    assert disk.steps.count("write") == 4


@both
def test_a_disk_that_takes_nothing_is_an_error_and_no_endless_loop(tmp_path, faulty_disk, write):
    with pytest.raises(OSError, match="takes no more bytes"):
        write(tmp_path / "file", b"x", disk=faulty_disk(bytes_a_write=0))
    assert os.listdir(tmp_path) == []


@each_fault
def test_a_step_that_fails_leaves_no_partial_file(tmp_path, faulty_disk, write, number, step, code):
    disk = faulty_disk(fails_at=number, code=code)
    if write is publish_durably and step == "unlink":
        # The file is published by then; its second name is swept by the next writer.
        write(tmp_path / "file", b"contents", disk=disk)
        sweep(tmp_path)
        assert os.listdir(tmp_path) == ["file"]
        return
    with pytest.raises(OSError) as caught:
        write(tmp_path / "file", b"contents", disk=disk)
    assert caught.value.errno == code
    renamed = write is write_durably and step == "sync_directory"
    assert os.listdir(tmp_path) == (["file"] if renamed else [])
    assert disk.steps.count("fsync") <= 1, "an fsync that failed is not tried again"


@each_fault
def test_what_stood_there_is_whole_after_any_failure(tmp_path, faulty_disk, write, number, step, code):
    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises(OSError):
        write(tmp_path / "file", b"contents", disk=faulty_disk(fails_at=number, code=code))
    expected = b"contents" if write is write_durably and step == "sync_directory" else b"before"
    assert (tmp_path / "file").read_bytes() == expected


@each_death
def test_a_process_that_dies_at_any_step_leaves_the_file_whole_or_as_it_was(tmp_path, faulty_disk, write, number):
    target = tmp_path / "file"
    before = b"before" if write is write_durably else None
    if before is not None:
        target.write_bytes(before)
    disk = faulty_disk(dies_at=number)
    if number <= len(STEPS[write]):
        with pytest.raises(disk.PowerCut):
            write(target, b"contents", disk=disk)
    else:
        write(target, b"contents", disk=disk)
    assert (target.read_bytes() if target.exists() else None) in (before, b"contents")
    _close_files_of_the_dead()
    sweep(tmp_path)
    assert set(os.listdir(tmp_path)) <= {"file"}


def _close_files_of_the_dead():
    # What the kernel does for a dead process.
    for name in os.listdir("/proc/self/fd"):
        try:
            if ".outlast-" in os.readlink(f"/proc/self/fd/{name}"):
                os.close(int(name))
        except OSError:
            continue


def test_replacing_needs_a_file_that_is_there_and_that_nobody_holds(tmp_path):
    path, disk = tmp_path / "file", OsDisk()
    with pytest.raises(FileNotFoundError):
        replace_durably(path, b"second")
    assert os.listdir(tmp_path) == []
    path.write_bytes(b"first")
    held = disk.hold(path)
    with pytest.raises(BlockingIOError):
        replace_durably(path, b"second")
    disk.close(held)
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"first", ["file"])
    replace_durably(path, b"second")
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"second", ["file"])


def test_writing_replaces_and_publishing_does_not(tmp_path):
    path = tmp_path / "file"
    publish_durably(path, b"first")
    with pytest.raises(FileExistsError):
        publish_durably(path, b"second")
    assert path.read_bytes() == b"first"
    write_durably(path, b"third")
    assert path.read_bytes() == b"third"
    assert os.listdir(tmp_path) == ["file"]


@both
def test_a_link_at_the_name_is_not_followed(tmp_path, write):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "file").symlink_to(victim)
    try:
        write(tmp_path / "file", b"contents")
    except FileExistsError:
        assert write is publish_durably
    assert victim.read_bytes() == b"precious"


def test_the_temporary_file_is_never_an_existing_one(tmp_path):
    (tmp_path / "taken").write_bytes(b"x")
    with pytest.raises(FileExistsError):
        OsDisk().create(tmp_path / "taken")


def test_directories_are_made_private_and_durable(tmp_path, faulty_disk):
    disk = faulty_disk()
    ensure_directory(tmp_path / "a" / "b" / "c", disk=disk)
    assert [mode(tmp_path / each) for each in ("a", "a/b", "a/b/c")] == [0o700] * 3
    steps = [step for step in disk.steps if step != "is_directory"]
    assert steps == ["sync_directory"] + ["make_directory", "sync_directory"] * 3


def test_a_directory_that_is_there_stays_as_it_is_and_its_name_is_made_durable(tmp_path, faulty_disk):
    tmp_path.chmod(0o750)
    disk = faulty_disk()
    ensure_directory(tmp_path, disk=disk)
    assert mode(tmp_path) == 0o750
    assert disk.steps == ["is_directory", "sync_directory"]
    with pytest.raises(OSError):
        ensure_directory(tmp_path, disk=faulty_disk(fails_at=2))


def test_a_directory_in_one_that_may_not_be_read_is_taken_as_it_is(tmp_path, faulty_disk):
    ensure_directory(tmp_path, disk=faulty_disk(fails_at=2, code=errno.EACCES))


def test_a_file_in_the_way_of_a_directory_is_an_error(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(NotADirectoryError):
        ensure_directory(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        ensure_directory(tmp_path / "file" / "below")


def test_sweeping_takes_the_files_of_dead_writers_only(tmp_path):
    disk = OsDisk()
    living = disk.create(tmp_path / f".outlast-{'1' * 16}.tmp")
    disk.close(disk.create(tmp_path / f".outlast-{'2' * 16}.tmp"))
    (tmp_path / f".outlast-{'3' * 16}.tmp").symlink_to(tmp_path / "elsewhere")
    for name in ("notes.tmp", ".outlast-short.tmp"):
        (tmp_path / name).write_bytes(b"someone else's")
    sweep(tmp_path)
    kept = {f".outlast-{'1' * 16}.tmp", f".outlast-{'3' * 16}.tmp", "notes.tmp", ".outlast-short.tmp"}
    assert set(os.listdir(tmp_path)) == kept
    disk.close(living)
    sweep(tmp_path)
    assert set(os.listdir(tmp_path)) == kept - {f".outlast-{'1' * 16}.tmp"}


def test_a_file_is_locked_while_it_is_written(tmp_path):
    descriptor = OsDisk().create(tmp_path / "file")
    other = os.open(tmp_path / "file", os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)
    OsDisk().close(descriptor)
