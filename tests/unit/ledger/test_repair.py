"""Repair changes what is damaged and nothing else, keeps what it replaces, and may be killed at any moment."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from time import sleep

import apsw
import pytest

from outlast.errors import KeyMissingError, LedgerCorruptionError, LedgerError, LedgerUnavailableError
from outlast.ledger import ItemStatus, NewItem
from outlast.ledger.health import Remedy
from outlast.ledger.image import index_path, log_path
from outlast.ledger.repair import Repaired, repair
from outlast.ledger.schema import SCHEMA_VERSION

PAGE = 4096


@pytest.fixture
def aside(tmp_path):
    return tmp_path / "aside"


@pytest.fixture
def worked(path, opened):
    """A closed ledger of some items, half of them done."""

    def make(count=40, **how):
        one = opened(**how)
        one.do("add", [NewItem(f"key-{number}", f'{{"n":{number}}}') for number in range(count)])
        one.finish(count // 2)
        one.do("put", "output", json.dumps({"path": "/x.jsonl", "position": count // 2, "size": 99}))
        one.close()

    return make


def tree(directory):
    return {str(each.relative_to(directory)): each.read_bytes() for each in directory.rglob("*") if each.is_file()}


def wipe_header(path):
    blob = path.read_bytes()
    path.write_bytes(bytes(512) + blob[512:])


def test_a_sound_ledger_is_left_alone(path, worked, aside):
    worked()
    before = path.read_bytes()
    repaired = repair(path, aside=aside)
    assert repaired.sound
    assert repaired == Repaired(items=40, results=20)
    assert path.read_bytes() == before
    assert not aside.exists()


def test_a_damaged_row_is_mended_in_the_file_and_the_damaged_file_kept(path, worked, spoil, opened, aside):
    worked()
    spoil("UPDATE items SET payload = 'x' WHERE key = 'key-30'")
    spoil("UPDATE results SET lines = 'x' WHERE item = 1")
    damaged = path.read_bytes()
    repaired = repair(path, aside=aside)
    assert not repaired.rebuilt
    assert {(finding.table, finding.key, finding.remedy) for finding in repaired.findings} == {
        ("items", "key-30", Remedy.FAILED),
        ("items", "key-0", Remedy.PENDING),
        ("results", "key-0", Remedy.REMOVED),
    }
    assert (repaired.items, repaired.results) == (40, 19)
    assert repaired.kept_as == aside / "ledger.db"
    assert repaired.kept_as.read_bytes() == damaged
    items, results = opened().everything()
    assert (items["key-30"].status, items["key-0"].status) == (ItemStatus.FAILED, ItemStatus.PENDING)
    assert len(results) == 19


def test_a_second_repair_finds_nothing(path, worked, spoil, aside, tmp_path):
    worked()
    spoil("UPDATE items SET attempts = 9 WHERE id = 3")
    assert not repair(path, aside=aside).sound
    assert repair(path, aside=tmp_path / "again").sound
    wipe_header(path)
    assert not repair(path, aside=tmp_path / "once more").sound
    assert repair(path, aside=tmp_path / "again").sound


def test_what_sqlite_cannot_read_is_built_anew_and_its_pieces_are_cleared_away(path, worked, opened, aside):
    worked()
    wipe_header(path)
    damaged = path.read_bytes()
    repaired = repair(path, aside=aside)
    assert repaired.rebuilt
    assert any("cannot be opened" in line for line in repaired.structure)
    assert tree(aside) == {"ledger.db": damaged}
    assert not index_path(path).exists()
    assert len(opened().everything()[1]) == 20


@pytest.mark.parametrize("sealed", [False, True])
def test_a_dry_run_tells_the_same_and_changes_nothing(path, worked, spoil, keys, tmp_path, sealed):
    how = {"keys": keys} if sealed else {}
    worked(**how)
    for spoil_it in (lambda: spoil("UPDATE items SET attempts = 9 WHERE id = 3"), lambda: wipe_header(path)):
        spoil_it()
        before = path.read_bytes()
        foretold = repair(path, aside=tmp_path / "none", dry_run=True, **how)
        assert path.read_bytes() == before
        assert not (tmp_path / "none").exists()
        done = repair(path, aside=tmp_path / str(len(before)) / os.urandom(3).hex(), **how)
        assert foretold.kept_as is None
        assert (foretold.remedies, foretold.items, foretold.results) == (done.remedies, done.items, done.results)
        assert set(foretold.findings) == set(done.findings)
        assert foretold.rebuilt == done.rebuilt


def test_a_dry_run_needs_no_room_among_the_temporary_files(path, worked, tmp_path, aside, monkeypatch):
    worked()
    wipe_header(path)
    before = tree(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    assert repair(path, aside=aside, dry_run=True).items == 40
    assert tree(tmp_path) == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_dry_run_names_what_is_sealed_by_its_keyed_hash_where_the_key_is_missing(path, worked, spoil, keys, aside):
    worked(keys=keys)
    spoil("UPDATE items SET attempts = 9 WHERE id = 3")
    [finding] = repair(path, aside=aside, dry_run=True).findings
    assert len(finding.key) == 22
    with pytest.raises(KeyMissingError):
        repair(path, aside=aside)
    [finding] = repair(path, aside=aside, keys=keys).findings
    assert finding.key == "key-2"


def test_keys_that_a_plain_ledger_does_not_need_are_no_hindrance(path, worked, spoil, keys, aside, tmp_path):
    worked()
    spoil("UPDATE items SET attempts = 9 WHERE id = 3")
    assert not repair(path, aside=aside, keys=keys).rebuilt
    wipe_header(path)
    assert repair(path, aside=tmp_path / "again", keys=keys).rebuilt


def test_a_broken_structure_is_not_mended_in_place(path, worked, aside, look, opened):
    worked(300)
    [(leaf,)] = look("SELECT pageno FROM dbstat WHERE name = 'items' AND pagetype = 'leaf' ORDER BY pageno LIMIT 1")
    blob = bytearray(path.read_bytes())
    at = (leaf - 1) * PAGE
    # Two cells of one place.
    blob[at + 8 : at + 10] = blob[at + 10 : at + 12]
    path.write_bytes(bytes(blob))
    repaired = repair(path, aside=aside)
    assert repaired.rebuilt
    assert opened().file.check(deep=True).sound


def test_a_damaged_index_is_made_anew_in_the_file(path, worked, spoil, aside, opened):
    worked()
    spoil("PRAGMA writable_schema = ON; DELETE FROM items WHERE 0; PRAGMA writable_schema = OFF")
    db = apsw.Connection(str(path))
    db.execute("PRAGMA writable_schema = ON")
    [(sql,)] = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'items_pending'").fetchall()
    db.execute("UPDATE sqlite_schema SET sql = replace(sql, 'status = 0', 'status = 9') WHERE name = 'items_pending'")
    db.close()
    db = apsw.Connection(str(path))
    db.execute("REINDEX items_pending")
    db.execute("PRAGMA writable_schema = ON")
    db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'items_pending'", (sql,))
    db.close()
    repaired = repair(path, aside=aside)
    assert not repaired.sound
    assert not repaired.rebuilt
    assert len(opened().do("lease", "me", 99, 0.0, 9.0)) == 20


def test_the_output_file_is_compared_from_its_beginning_after_a_repair(path, worked, spoil, aside, opened):
    """A result that was lost may stand in it, and would stand there twice once it is done again."""
    worked()
    spoil("UPDATE results SET lines = 'x' WHERE item = 1")
    repair(path, aside=aside)
    assert opened().file.get("output") == {"path": "/x.jsonl", "position": 0, "size": 0}


def test_leases_of_the_dead_are_given_back(path, worked, spoil, aside, opened):
    worked()
    one = opened()
    one.do("lease", "me", 5, 0.0, 1e9)
    one.close()
    spoil("UPDATE items SET attempts = 9 WHERE id = 3")
    repair(path, aside=aside)
    assert opened().file.counts().leased == 0


def test_where_there_is_no_ledger_nothing_is_made(path, aside, tmp_path):
    with pytest.raises(LedgerUnavailableError, match="there is no ledger"):
        repair(path, aside=aside)
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_of_a_later_version_is_not_touched(path, worked, spoil, aside):
    worked()
    spoil("CREATE TABLE later (a)")
    spoil(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="another version"):
        repair(path, aside=aside)
    assert path.read_bytes() == before


def test_a_version_that_is_damaged_is_no_later_version(path, worked, spoil, aside, opened):
    worked()
    spoil("PRAGMA user_version = 1026")
    repaired = repair(path, aside=aside)
    assert repaired.structure == ("the number of its version is damaged",)
    assert len(opened().everything()[0]) == 40


def test_another_programs_database_is_not_touched(path, aside):
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, key)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(LedgerCorruptionError, match="nothing in it has a checksum that fits"):
        repair(path, aside=aside)
    assert path.read_bytes() == before
    assert not aside.exists()


def test_the_copies_go_into_a_directory_of_their_own(path, worked, aside):
    worked()
    wipe_header(path)
    aside.mkdir()
    with pytest.raises(LedgerUnavailableError, match="File exists"):
        repair(path, aside=aside)
    assert tree(aside) == {}


def test_an_empty_file_beside_a_log_is_not_taken_for_a_new_ledger(path, opened, aside):
    one = opened()
    one.do("add", [NewItem("a"), NewItem("b")])
    log = log_path(path).read_bytes()
    one.close()
    path.write_bytes(b"")
    log_path(path).write_bytes(log)
    with pytest.raises(LedgerCorruptionError, match="its file is gone, and its log is still there"):
        opened()
    assert repair(path, aside=aside).items == 2
    assert set(opened().everything()[0]) == {"a", "b"}


def damaged_ledger(path, worked):
    """One whose log is damaged in its middle, and whose file is not the whole truth."""
    worked()
    wipe_header(path)


def test_on_a_failing_disk_the_ledger_is_the_old_one_or_the_new_one(path, worked, opened, tmp_path, faulty_disk):
    worked()
    wipe_header(path)
    damaged = path.read_bytes()
    probe = faulty_disk()
    repair(path, aside=tmp_path / "probe", disk=probe)
    steps = len(probe.steps)
    assert steps >= 12
    for step in range(1, steps + 1):
        for how in ({"fails_at": step}, {"dies_at": step}):
            path.write_bytes(damaged)
            disk = faulty_disk(**how)
            with pytest.raises((LedgerUnavailableError, disk.PowerCut)):
                repair(path, aside=tmp_path / f"{step}-{list(how)[0]}", disk=disk)
            again = repair(path, aside=tmp_path / f"{step}-{list(how)[0]}-again")
            assert again.items == 40
            one = opened()
            items, results = one.everything()
            assert (len(items), len(results)) == (40, 20)
            assert one.file.check(deep=True).sound
            one.close()


SCRIPT = """
import sys
from pathlib import Path
from outlast.ledger.repair import repair
path = Path(sys.argv[1])
print("ready", flush=True)
repair(path, aside=path.parent / sys.argv[2])
print("done", flush=True)
"""


@pytest.mark.real_time
def test_a_repair_that_is_killed_can_be_run_again(path, worked, opened, tmp_path):
    worked(2_000)
    wipe_header(path)
    damaged = path.read_bytes()
    rng = random.Random(5)
    killed = 0
    for attempt in range(8):
        path.write_bytes(damaged)
        for other in (log_path(path), index_path(path)):
            other.unlink(missing_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, path, f"aside-{attempt}"], stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout.readline() == "ready\n"
            sleep(rng.random() * 0.5)
            process.send_signal(signal.SIGKILL)
            killed += process.stdout.read() == ""
        repaired = repair(path, aside=tmp_path / f"again-{attempt}")
        assert (repaired.items, repaired.results) == (2_000, 1_000)
        one = opened()
        items, results = one.everything()
        assert (len(items), len(results)) == (2_000, 1_000)
        one.close()
    assert killed
