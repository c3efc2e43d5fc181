"""The event log: written off the loop, bounded, never in the way; and read again whatever happened to it."""

import json
import logging
import os
import subprocess
import sys
import threading
import time

import pytest

from outlast.config import LoggingConfiguration
from outlast.errors import KeyMissingError
from outlast.logs import EventLog, EventReader, Limits, read_events
from outlast.logs.eventfile import CURRENT, event_files, rewrap_event_files
from outlast.logs.eventlog import PENDING_MAX
from outlast.logs.text import masking
from outlast.storage.keys import Keyring
from outlast.testing import wait_until

SMALL = Limits(files=3, size=65_536)


def entry(number=0, **data):
    return {
        "event_type": "retry_attempted",
        "timestamp": "2026-01-31T12:00:00+00:00",
        "job_id": "shop",
        "run_id": "r1",
        "component": "retry",
        "severity": "info",
        "data": {"attempt": number, **data},
        "correlation_id": "ab" * 16,
    }


@pytest.fixture
def keys():
    return Keyring.of([b"k" * 32])


def write(directory, *entries, **options):
    log = EventLog(directory, **options)
    for each in entries:
        log.append(each)
    log.close()
    return log


def numbers(directory, **options):
    return [each.data["attempt"] for each in read_events(directory, **options)]


def test_what_was_appended_is_read_in_its_order(tmp_path):
    write(tmp_path, *map(entry, range(500)))
    entries = list(read_events(tmp_path))
    assert [each.data["attempt"] for each in entries] == list(range(500))
    first = entries[0]
    assert (first.event_type, first.job_id, first.run_id, first.severity) == ("retry_attempted", "shop", "r1", "info")
    assert first.event.data == {"attempt": 0}
    assert first.timestamp.utcoffset().total_seconds() == 0


def test_every_line_is_one_json_object(tmp_path):
    write(tmp_path, entry(error="a\nb\x1b[2J\u2028\udc80"), entry(error=float("nan")), entry(error=10**5_000))
    lines = (tmp_path / CURRENT).read_bytes().split(b"\n")[:-1]
    assert len(lines) == 3
    assert [json.loads(line)["data"]["attempt"] for line in lines] == [0, 0, 0]
    assert next(read_events(tmp_path)).data["error"] == "a\nb\x1b[2J\u2028\udc80"


def test_nothing_is_made_before_the_first_line(tmp_path):
    before = threading.active_count()
    EventLog(tmp_path / "not there").close()
    assert threading.active_count() == before
    assert not list(tmp_path.iterdir())
    assert not list(read_events(tmp_path / "not there"))


def test_nobody_else_may_read_it(tmp_path):
    write(tmp_path, entry())
    assert (tmp_path / CURRENT).stat().st_mode & 0o777 == 0o600


def test_the_thread_ends_with_the_log(tmp_path):
    before = threading.active_count()
    write(tmp_path, entry())
    assert threading.active_count() == before


def test_secrets_are_masked(tmp_path):
    write(
        tmp_path,
        entry(error="token=hunter2", deep=[{"password": "hunter2"}]),
        mask=masking(LoggingConfiguration().redact),
    )
    assert "hunter2" not in (tmp_path / CURRENT).read_text()


def test_a_huge_event_is_a_bounded_line(tmp_path):
    write(tmp_path, entry(error="x" * 10**6), entry(many=["y" * 2_000] * 90))
    sizes = [len(line) for line in (tmp_path / CURRENT).read_bytes().splitlines()]
    assert max(sizes) <= 32_768
    assert "cut" in list(read_events(tmp_path))[1].data


@pytest.mark.parametrize("sealed", [False, True])
def test_it_stays_within_its_bound_and_keeps_the_newest(tmp_path, keys, sealed):
    chosen = keys if sealed else None
    for start in range(0, 4_000, 1_000):
        write(tmp_path, *(entry(start + each, error="x" * 100) for each in range(1_000)), limits=SMALL, keys=chosen)
    files = event_files(tmp_path)
    assert len(files) == SMALL.files
    assert all(path.stat().st_size <= SMALL.size for path in files)
    kept = numbers(tmp_path, keys=chosen)
    assert kept == list(range(kept[0], 4_000))
    assert len(kept) > 300


def test_one_file_may_be_all_there_is(tmp_path):
    write(tmp_path, *(entry(each, error="x" * 100) for each in range(2_000)), limits=Limits(files=1, size=65_536))
    assert [path.name for path in event_files(tmp_path)] == [CURRENT]
    assert numbers(tmp_path)[-1] == 1_999


def test_a_torn_last_line_costs_that_line_alone(tmp_path):
    write(tmp_path, entry(1), entry(2))
    path = tmp_path / CURRENT
    path.write_bytes(path.read_bytes()[:-20])
    assert numbers(tmp_path) == [1]
    write(tmp_path, entry(3))
    reader = EventReader(tmp_path)
    assert [each.data["attempt"] for each in reader.read()] == [1, 3]
    assert reader.unreadable == 1
    reader.close()


@pytest.mark.parametrize(
    "junk",
    [b"\x00\xff\n", b"[]\n", b'{"event_type": 1}\n', b'{"sealed": "AA", "n": 1}\n', b'{"sealed_by": 1}\n', b"\n"],
)
def test_damage_in_the_middle_costs_its_line_alone(tmp_path, junk):
    write(tmp_path, entry(1))
    with (tmp_path / CURRENT).open("ab") as file:
        file.write(junk)
    write(tmp_path, entry(2))
    assert numbers(tmp_path, keys=Keyring({})) == [1, 2]


def test_a_full_disk_is_counted_told_once_and_stops_nobody(tmp_path, caplog):
    (tmp_path / CURRENT).symlink_to("/dev/full")
    log = write(tmp_path, *(entry(each, error="x" * 1_000) for each in range(100)))
    assert log.lost == 100
    [record] = [each for each in caplog.records if each.name == "outlast.logs"]
    assert "No space left on device" in record.message
    assert "the job goes on" in record.message


@pytest.mark.real_time
def test_what_is_urgent_or_flushed_does_not_wait_for_its_turn(tmp_path, monkeypatch):
    monkeypatch.setattr("outlast.logs.eventlog.FLUSH_SECONDS", 600.0)
    log = EventLog(tmp_path)
    log.flush()
    log.append(entry(1))
    log.flush()
    assert numbers(tmp_path) == [1]
    log.append(entry(2))
    log.append(entry(3), urgent=True)
    wait_until(lambda: numbers(tmp_path) == [1, 2, 3])
    log.close()


def test_what_was_lost_stands_in_the_log_once_there_is_room(tmp_path):
    (tmp_path / CURRENT).symlink_to("/dev/full")
    log = EventLog(tmp_path)
    log.append(entry(1))
    while not log.lost:
        time.sleep(0.01)
    (tmp_path / CURRENT).unlink()
    log.append(entry(2))
    log.close()
    kinds = [(each.event_type, dict(each.data)) for each in read_events(tmp_path)]
    assert kinds == [("retry_attempted", {"attempt": 2}), ("gap", {"lost": 1})]


def test_a_directory_that_is_gone_stops_nobody(tmp_path):
    assert write(tmp_path / "gone", entry()).lost == 1


def test_lines_that_wait_are_bounded(tmp_path):
    log = EventLog(tmp_path)
    log._thread = threading.current_thread()  # nobody writes
    for _ in range(PENDING_MAX + 5):
        log.append(entry())
    assert log.lost == 5
    assert len(log._pending) == PENDING_MAX


def test_data_that_no_json_can_hold_costs_its_line_alone(tmp_path):
    class Odd(dict):
        def items(self):
            raise RuntimeError("changed under way")

    log = write(tmp_path, {**entry(1), "data": Odd()}, entry(2))
    assert log.lost == 1
    assert [each.event_type for each in read_events(tmp_path)] == ["retry_attempted", "gap"]


def test_sealed_it_tells_nothing_and_opens_with_the_key(tmp_path, keys):
    write(tmp_path, *(entry(each, error="visible") for each in range(300)), keys=keys)
    write(tmp_path, entry(300), keys=keys)
    assert b"visible" not in (tmp_path / CURRENT).read_bytes()
    assert numbers(tmp_path, keys=keys, sealed=True) == list(range(301))


@pytest.mark.parametrize("at_hand", [None, Keyring({}), Keyring.of([b"x" * 32])])
def test_without_its_key_it_cannot_be_read(tmp_path, keys, at_hand):
    write(tmp_path, entry(), keys=keys)
    with pytest.raises(KeyMissingError):
        list(read_events(tmp_path, keys=at_hand))


def test_of_a_part_whose_key_is_gone_the_rest_is_read(tmp_path, keys):
    write(tmp_path, entry(1), keys=keys)
    write(tmp_path, entry(2), keys=Keyring.of([b"n" * 32]))
    assert numbers(tmp_path, keys=keys) == [1]
    assert numbers(tmp_path, keys=Keyring.of([b"n" * 32])) == [2]


def test_what_was_moved_or_put_in_clear_into_a_sealed_log_does_not_count(tmp_path, keys):
    write(tmp_path, entry(1), keys=keys)
    write(tmp_path, entry(2), keys=keys)
    path = tmp_path / CURRENT
    head, first, second_head, second = path.read_bytes().splitlines(keepends=True)
    forged = json.dumps(entry(9)).encode() + b"\n"
    path.write_bytes(head + second + first + forged + second_head + first)
    assert numbers(tmp_path, keys=keys, sealed=True) == [1]
    assert numbers(tmp_path, keys=keys) == [1, 9]
    with pytest.raises(KeyMissingError):
        list(read_events(tmp_path, keys=Keyring({}), about=b"another job", sealed=True))
    assert not list(read_events(tmp_path, keys=keys, about=b"another job", sealed=True))


def test_sealed_lines_of_one_run_cannot_change_places_or_come_twice(tmp_path, keys):
    write(tmp_path, *(entry(each, error="x" * 1_000) for each in range(100)), keys=keys)
    path = tmp_path / CURRENT
    head, *lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) > 3
    path.write_bytes(b"".join([head, lines[1], lines[0], lines[1], *lines[2:]]))
    reader = EventReader(tmp_path, keys=keys)
    kept = [each.data["attempt"] for each in reader.read()]
    reader.close()
    assert kept == list(range(kept[0], 100))
    assert kept[0] > 0
    assert reader.unreadable == 2
    path.write_bytes(b"".join([head, lines[0].replace(b'"n":1,', b'"n":9,')]))
    assert not numbers(tmp_path, keys=keys)


def test_it_can_be_put_under_another_key(tmp_path, keys):
    write(tmp_path, *(entry(each, error="x" * 100) for each in range(2_000)), keys=keys, limits=SMALL)
    before = numbers(tmp_path, keys=keys)
    both = Keyring.of([b"n" * 32, b"k" * 32])
    assert rewrap_event_files(tmp_path, b"events", both) == len(event_files(tmp_path))
    assert rewrap_event_files(tmp_path, b"events", both) == 0
    assert numbers(tmp_path, keys=Keyring.of([b"n" * 32])) == before
    with pytest.raises(KeyMissingError):
        numbers(tmp_path, keys=keys)


def test_a_reader_follows_what_is_added_also_over_the_end_of_a_file(tmp_path):
    reader = EventReader(tmp_path)
    seen = []
    assert not list(reader.read())
    for start in range(0, 3_000, 300):
        write(tmp_path, *(entry(start + each, error="x" * 100) for each in range(300)), limits=SMALL)
        seen += [each.data["attempt"] for each in reader.read()]
        assert not list(reader.read())
    reader.close()
    assert seen == list(range(3_000))


def test_a_reader_that_was_overtaken_goes_on_with_the_oldest_there_is(tmp_path):
    reader = EventReader(tmp_path)
    write(tmp_path, entry(-1), limits=SMALL)
    seen = [each.data["attempt"] for each in reader.read()]
    write(tmp_path, *(entry(each, error="x" * 100) for each in range(4_000)), limits=SMALL)
    seen += [each.data["attempt"] for each in reader.read()]
    reader.close()
    kept = numbers(tmp_path)
    assert kept[0] > 1_000
    # The file that it had open it has read to its end.
    assert seen == [*range(-1, len(seen) - len(kept) - 1), *kept]


def test_a_reader_that_takes_its_time_misses_no_file_that_is_still_there(tmp_path):
    write(tmp_path, *(entry(each, error="x" * 100) for each in range(500)), limits=SMALL)
    reader = EventReader(tmp_path)
    entries = reader.read()
    seen = [next(entries).data["attempt"]]
    start = 500
    first = event_files(tmp_path)[0]
    while first.exists():
        write(tmp_path, *(entry(start + each, error="x" * 100) for each in range(50)), limits=SMALL)
        start += 50
    seen += [each.data["attempt"] for each in entries]
    reader.close()
    assert seen == list(range(start))


def test_a_reader_is_not_led_astray_by_files_that_change_while_they_are_looked_at(tmp_path, monkeypatch):
    write(tmp_path, *(entry(each, error="x" * 100) for each in range(1_000)), limits=Limits(files=9, size=65_536))
    files = event_files(tmp_path)
    assert len(files) > 3
    # A file that was renamed just before the look: what it is called now was not seen, and its successor was.
    looks = iter([[files[0], files[2], files[3]]])
    monkeypatch.setattr("outlast.logs.reading.event_files", lambda _: next(looks, files))
    reader = EventReader(tmp_path)
    seen = [each.data["attempt"] for each in reader.read()]
    looks = iter([[files[0], files[2]], [tmp_path / "gone"]])
    again = EventReader(tmp_path)
    assert [each.data["attempt"] for each in again.read()] == seen == list(range(1_000))
    reader.close()
    again.close()


def test_secrets_in_the_key_of_an_item_are_masked(tmp_path):
    key = "https://me:hunter2@shop.test/1?token=hunter2"
    write(tmp_path, {**entry(), "item_key": key, "attempt": 1}, mask=masking(LoggingConfiguration().redact))
    assert next(read_events(tmp_path)).item_key == "https://***@shop.test/1?token=***"


def test_a_system_that_gives_no_thread_stops_nobody(tmp_path, monkeypatch, caplog):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    log = EventLog(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        log.append(entry(1))
    log.append(entry(2))
    log.close()
    assert log.lost == 1
    assert next(read_events(tmp_path)).data == {"attempt": 2}
    assert "can't start new thread" in caplog.text


def test_a_file_that_cannot_be_put_aside_grows_no_further(tmp_path, keys, monkeypatch):
    write(tmp_path, *(entry(each, error="x" * 100) for each in range(500)), limits=SMALL, keys=keys)
    (tmp_path / CURRENT).write_bytes((tmp_path / CURRENT).read_bytes() + b"x" * SMALL.size)
    monkeypatch.setattr("outlast.logs.eventlog.next_name", lambda directory: directory / "gone" / "x")
    sizes = []
    for each in range(3):
        assert write(tmp_path, entry(each), limits=SMALL, keys=keys).lost == 1
        sizes.append((tmp_path / CURRENT).stat().st_size)
    assert len(set(sizes)) == 1


KILLED = """
import sys, time
from pathlib import Path
from outlast.logs import EventLog
log = EventLog(Path(sys.argv[1]))
for number in range(10**9):
    log.append({"event_type": "x", "timestamp": "2026-01-31T12:00:00+00:00", "job_id": "j", "run_id": "r", "data": {"attempt": number}})
    print(number, flush=True)
    time.sleep(0.001)
"""


@pytest.mark.real_time
def test_a_line_is_written_soon_though_no_other_follows(tmp_path):
    log = EventLog(tmp_path)
    log.append(entry())
    try:
        wait_until(lambda: list(read_events(tmp_path)))
    finally:
        log.close()


@pytest.mark.real_time
def test_a_kill_costs_the_last_lines_alone(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE, env={**os.environ})
    path = tmp_path / CURRENT
    wait_until(lambda: path.exists() and path.stat().st_size > 20_000)
    process.kill()
    printed = process.communicate()[0].split()
    entries = list(read_events(tmp_path))
    assert [each.data["attempt"] for each in entries] == list(range(len(entries)))
    assert len(printed) >= len(entries) > 50


def test_the_log_says_on_stderr_what_it_cannot_do_and_nothing_else(tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        write(tmp_path, entry())
    assert not [each for each in caplog.records if each.name.startswith("outlast")]
