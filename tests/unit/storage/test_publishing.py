"""A file that others write has its name when it is whole and durable, or never."""

import pytest

from outlast.storage.files import sweep
from outlast.storage.publishing import publishing


def write(target, text="all of it", **how):
    with publishing(target, **how) as aside:
        aside.write_text(text)
        assert not target.exists()
    return target


def test_what_was_written_has_its_name_when_the_block_ends(tmp_path):
    target = write(tmp_path / "a.csv")
    assert target.read_text() == "all of it"
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]
    assert target.stat().st_mode & 0o777 == 0o600


def test_after_an_error_there_is_nothing(tmp_path):
    with pytest.raises(RuntimeError), publishing(tmp_path / "a.csv") as aside:
        aside.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "a.csv").symlink_to("nowhere")
    with pytest.raises(FileExistsError), publishing(tmp_path / "a.csv"):
        raise AssertionError
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]


def test_a_name_that_is_taken_meanwhile_is_left_to_the_other(tmp_path):
    with pytest.raises(FileExistsError), publishing(tmp_path / "a.csv") as aside:
        aside.write_text("ours")
        (tmp_path / "a.csv").write_text("theirs")
    assert (tmp_path / "a.csv").read_text() == "theirs"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_steps_stand_in_the_order_that_a_power_cut_asks_for(tmp_path, faulty_disk):
    disk = faulty_disk()
    write(tmp_path / "a.csv", disk=disk)
    assert disk.steps == ["create", "fsync", "close", "link", "unlink", "sync_directory"]


@pytest.mark.parametrize("step", ["create", "fsync", "close", "link", "sync_directory"])
def test_on_a_failing_disk_there_is_nothing(tmp_path, faulty_disk, step):
    steps = ["create", "fsync", "close", "link", "unlink", "sync_directory"]
    with pytest.raises(OSError, match="Input/output"):
        write(tmp_path / "a.csv", disk=faulty_disk(fails_at=steps.index(step) + 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", range(1, 7))
def test_a_killed_writer_leaves_the_whole_file_or_what_is_swept(tmp_path, faulty_disk, step):
    disk = faulty_disk(dies_at=step)
    with pytest.raises(disk.PowerCut):
        write(tmp_path / "a.csv", disk=disk)
    sweep(tmp_path)
    assert [each.read_text() for each in tmp_path.iterdir()] in ([], ["all of it"])
