"""The real disk does what the port says; holding a file keeps others from removing it."""

import asyncio
import errno
import os

import pytest

from outlast.storage.disk import FileStat, OsDisk


@pytest.fixture
def disk():
    return OsDisk()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"contents")
    return path


def test_a_file_is_read_in_part_or_whole(disk, path):
    assert disk.read(path, None) == b"contents"
    assert disk.read(path, 3) == b"con"
    assert disk.read(path, 99) == b"contents"


def test_a_link_is_neither_read_nor_held_nor_removed(disk, path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    for step in (lambda: disk.read(link, None), lambda: disk.hold(link), lambda: disk.unlink_unheld(link)):
        with pytest.raises(OSError) as caught:
            step()
        assert caught.value.errno == errno.ELOOP
    with pytest.raises(FileNotFoundError):
        disk.stat(link)
    assert link.is_symlink()


def test_a_directory_is_listed_and_told_from_a_file(disk, path, tmp_path):
    assert disk.names(tmp_path) == ["file"]
    assert (disk.is_directory(tmp_path), disk.is_directory(path), disk.is_directory(tmp_path / "x")) == (
        True,
        False,
        False,
    )
    with pytest.raises(NotADirectoryError):
        disk.names(path)
    with pytest.raises(FileNotFoundError):
        disk.names(tmp_path / "x")
    with pytest.raises(FileExistsError):
        disk.make_directory(path)


def test_only_a_file_has_a_size_and_a_time(disk, path, tmp_path):
    os.utime(path, ns=(5, 7))
    assert disk.stat(path) == FileStat(8, 7)
    for other in (tmp_path, tmp_path / "x"):
        with pytest.raises(FileNotFoundError):
            disk.stat(other)


def test_what_is_held_is_neither_removed_nor_replaced(disk, path, tmp_path):
    (tmp_path / "new").write_bytes(b"new")
    first, second = disk.hold(path), disk.hold(path)
    handles = len(os.listdir("/proc/self/fd"))
    for held in (second, first):
        assert disk.is_held(path) is True
        with pytest.raises(BlockingIOError):
            disk.unlink_unheld(path)
        with pytest.raises(BlockingIOError):
            disk.replace_unheld(tmp_path / "new", path)
        assert len(os.listdir("/proc/self/fd")) == handles, "a refusal leaves no handle open"
        disk.close(held)
        handles -= 1
    assert disk.is_held(path) is False
    disk.replace_unheld(tmp_path / "new", path)
    assert disk.read(path, None) == b"new"
    disk.unlink_unheld(path)
    assert os.listdir(tmp_path) == []


def test_what_is_being_written_is_held(disk, tmp_path):
    descriptor = disk.create(tmp_path / "new")
    assert disk.is_held(tmp_path / "new") is True
    disk.close(descriptor)
    assert disk.is_held(tmp_path / "new") is False


def test_what_is_not_there_is_not_found_by_any_of_these(disk, path, tmp_path):
    absent = tmp_path / "x"
    steps = [disk.hold, disk.is_held, disk.unlink_unheld, lambda at: disk.replace_unheld(path, at)]
    for step in steps:
        with pytest.raises(FileNotFoundError):
            step(absent)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.real_time
async def test_holding_takes_the_file_that_is_there_and_not_one_that_was(disk, tmp_path):
    path = tmp_path / "file"
    writing = disk.create(path)
    holding = asyncio.create_task(asyncio.to_thread(disk.hold, path))
    while sum(os.path.realpath(f"/proc/self/fd/{each}") == str(path) for each in os.listdir("/proc/self/fd")) < 2:
        await asyncio.sleep(0.001)
    # It waits for the lock of a file in whose place another is put now.
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "new").replace(path)
    disk.close(writing)
    held = await holding
    assert os.read(held, 99) == b"new"
    with pytest.raises(BlockingIOError):
        disk.unlink_unheld(path)
    disk.close(held)
    disk.unlink_unheld(path)
