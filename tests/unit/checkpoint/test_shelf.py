"""What happens when files vanish or cannot be read between two looks."""

import errno
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from outlast.checkpoint import envelope
from outlast.checkpoint.envelope import Codec, Label
from outlast.checkpoint.policy import CheckpointPolicy
from outlast.checkpoint.reader import Opened, Refused
from outlast.checkpoint.retention import RetentionPolicy
from outlast.checkpoint.sealing import Sealing
from outlast.checkpoint.shelf import Shelf, Snapshot
from outlast.checkpoint.store import DirectoryStore
from outlast.errors import CheckpointCorruptionError
from outlast.storage.frozen import freeze
from outlast.storage.keys import Keyring

KEEP_TWO = CheckpointPolicy(retention=RetentionPolicy(count=2))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class HauntedStore(DirectoryStore):
    """Before a file is read, `haunt` does something to it."""

    haunt = staticmethod(lambda entry: None)

    def read(self, entry, size=None):
        self.haunt(entry)
        return super().read(entry, size)


@pytest.fixture
def store(tmp_path):
    store = HauntedStore(tmp_path)
    store.root = tmp_path
    return store


@pytest.fixture
def shelf(store):
    return Shelf(store, KEEP_TWO)


def put(shelf, count=1):
    return [shelf.put(Snapshot("job", NOW, freeze({}), freeze({})))[0] for _ in range(count)]


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


def test_what_the_disk_cannot_read_is_damaged_and_stays_where_it_is(store, shelf):
    (entry,) = put(shelf)
    store.haunt = unreadable
    look = shelf.open(entry.id)
    assert isinstance(look, Refused)
    assert isinstance(look.error, CheckpointCorruptionError)
    assert "the disk cannot read it" in look.error.message
    assert look.quarantined_to is None
    store.haunt = lambda entry: None
    assert isinstance(shelf.open(entry.id), Opened), "the disk has thought better of it"


def test_what_is_in_quarantine_is_refused_although_it_may_be_intact(store, shelf):
    (entry,) = put(shelf)
    store.quarantine(entry)
    for look in (shelf.open(entry.id), shelf.verify(entry.id)):
        assert isinstance(look, Refused)
        assert "quarantine" in look.error.message


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday"])
def test_a_time_that_is_in_no_year_harms_nobody(store, shelf, created):
    put(shelf, 2)
    label = Label(id="", job_id="job", sequence=9, created=created, codec=Codec.NONE, metadata={})
    key = store.entries(put(shelf)[0].key)[0].key
    path = store.root / key / f"{key}-00000009.ckpt"
    path.write_bytes(envelope.seal(replace(label, id=path.stem), [b"{}"]))
    (entry,) = put(Shelf(store, KEEP_TWO))
    assert entry.sequence == 10


def test_what_the_disk_cannot_read_does_not_count_as_kept(store, tmp_path):
    put(Shelf(store, KEEP_TWO), 2)
    store.haunt = unreadable
    put(Shelf(store, KEEP_TWO))
    assert len(store.entries(put(Shelf(store, KEEP_TWO))[0].key)) == 4


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
    put(Shelf(store, KEEP_TWO))
    assert sorted(reads) == [4, 5]


def test_damage_that_another_process_moves_away_first_is_damage_and_not_absence(store, shelf, flip):
    (entry,) = put(shelf)
    flip(entry.path)

    def moved(found):
        if not found.quarantined:
            store.quarantine(found)

    store.haunt = moved
    look = shelf.open(entry.id)
    assert isinstance(look, Refused)
    assert look.damaged


def test_a_file_that_is_replaced_while_it_is_listed_is_not_called_damaged(store, shelf):
    (entry,) = put(shelf)

    def replaced(found):
        # As `rewrap` does: another header, and so another length than the one that was taken.
        store.haunt = lambda _: None
        label = Label(id=entry.id, job_id="job", sequence=1, created="", codec=Codec.GZIP, metadata={"longer": "x"})
        store.replace(found, envelope.seal(label, [b"{}"]))

    store.haunt = replaced
    (row,) = shelf.rows("job", None)
    assert (row["status"], row["metadata"]) == ("available", {"longer": "x"})


def test_a_file_that_goes_while_it_is_rewrapped_stays_gone(store):
    keys = [Keyring.of([bytes([number]) * 32 for number in ids]) for ids in ((1,), (2, 1))]
    (entry,) = put(Shelf(store, KEEP_TWO, Sealing(keys[0], required=True)))
    shelf = Shelf(store, KEEP_TWO, Sealing(keys[1], required=True))
    store.haunt = vanish
    assert shelf.rewrap("job") == 0
    assert store.entries(entry.key) == []


def test_of_two_writers_the_slower_does_not_encode_its_data_again(store):
    encoded = []

    class Counted:
        def pieces(self):
            encoded.append(1)
            yield b"{}"

    def beaten(directory):
        if len(store.entries(directory)) < 3:
            put(Shelf(DirectoryStore(store.root), CheckpointPolicy()))

    publish = store.publish
    store.publish = lambda key, contents: publish(key, lambda *name: (beaten(key), contents(*name))[1])
    shelf = Shelf(store, CheckpointPolicy())
    entry, _ = shelf.put(Snapshot("job", NOW, Counted(), freeze({})))
    assert entry.sequence == 4
    assert len(encoded) == 1
