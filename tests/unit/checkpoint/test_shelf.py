"""What happens when files vanish or cannot be read between two looks."""

import errno

import pytest

from outlast.checkpoint.policy import CheckpointPolicy
from outlast.checkpoint.shelf import Opened, Refused, Shelf, Snapshot
from outlast.checkpoint.store import DirectoryStore
from outlast.errors import CheckpointCorruptionError


class HauntedStore(DirectoryStore):
    """Before a file is read, `haunt` does something to it."""

    haunt = staticmethod(lambda entry: None)

    def read(self, entry, size=None):
        self.haunt(entry)
        return super().read(entry, size)


@pytest.fixture
def store(tmp_path):
    return HauntedStore(tmp_path)


@pytest.fixture
def shelf(store):
    return Shelf(store, CheckpointPolicy(keep=2))


def put(shelf, count=1):
    return [shelf.put(Snapshot("job", "now", b"{}", b"{}"))[0] for _ in range(count)]


def vanish(entry):
    entry.path.unlink(missing_ok=True)


def unreadable(entry):
    raise OSError(errno.EIO, "Input/output error")


def test_a_file_that_goes_while_it_is_opened_is_absent(store, shelf):
    (entry,) = put(shelf)
    store.haunt = vanish
    assert shelf.open(entry.id) is None
    assert shelf.open_entry(entry) is None


def test_a_file_that_goes_while_it_is_listed_is_left_out(store, shelf):
    put(shelf, 2)
    store.haunt = lambda entry: vanish(entry) if entry.sequence == 2 else None
    assert [row["sequence_number"] for row in shelf.rows("job", None)] == [1]


def test_a_file_that_goes_while_it_is_deleted_was_not_deleted_by_us(store, shelf):
    (entry,) = put(shelf)
    store.haunt = vanish
    assert shelf.remove(entry.id) is None


def test_what_the_disk_cannot_read_is_damaged(store, shelf):
    (entry,) = put(shelf)
    store.haunt = unreadable
    look = shelf.open(entry.id)
    assert isinstance(look, Refused)
    assert isinstance(look.error, CheckpointCorruptionError)
    assert "the disk cannot read it" in look.error.message
    assert look.quarantined_to is not None


def test_what_the_disk_cannot_read_does_not_count_as_kept(store, tmp_path):
    put(Shelf(store, CheckpointPolicy(keep=2)), 2)
    store.haunt = unreadable
    put(Shelf(store, CheckpointPolicy(keep=2)))
    assert len(store.entries(put(Shelf(store, CheckpointPolicy(keep=2)))[0].key)) == 4


def test_a_trouble_that_may_pass_is_not_called_damage(store, shelf):
    (entry,) = put(shelf)

    def too_many_open_files(_):
        raise OSError(errno.EMFILE, "Too many open files")

    store.haunt = too_many_open_files
    with pytest.raises(OSError, match="Too many"):
        shelf.open(entry.id)
    store.haunt = lambda entry: None
    assert isinstance(shelf.open(entry.id), Opened)


def test_a_header_that_claims_a_terabyte_is_not_believed(tmp_path):
    sizes = []

    class CountingStore(DirectoryStore):
        def read(self, entry, size=None):
            sizes.append(size)
            return super().read(entry, size)

    shelf = Shelf(CountingStore(tmp_path), CheckpointPolicy())
    (entry,) = put(shelf)
    magic, version, _, rest = entry.path.read_bytes().split(b" ", 3)
    entry.path.write_bytes(b" ".join([magic, version, b"999999999999", rest]))
    (row,) = shelf.rows("job", None)
    assert row["status"] == "corrupted"
    assert max(sizes) <= 4096


def test_a_link_that_takes_the_place_of_a_file_is_not_followed(store, shelf, tmp_path):
    (entry,) = put(shelf)

    def replaced(entry):
        entry.path.rename(tmp_path / "secret")
        entry.path.symlink_to(tmp_path / "secret")

    store.haunt = replaced
    with pytest.raises(OSError, match="symbolic links"):
        shelf.open(entry.id)


def test_each_checkpoint_is_read_once_for_retention(store, shelf):
    put(shelf, 2)
    reads = []
    store.haunt = lambda entry: reads.append(entry.sequence)
    put(shelf, 3)
    assert reads == [], "what this process wrote it knows"
    put(Shelf(store, CheckpointPolicy(keep=2)))
    assert sorted(reads) == [4, 5]
