"""The output file against the ledger, byte for byte."""

import json

import pytest

from outlast.cli.compared import RESULTS_AT_ONCE, Comparison, compared
from outlast.errors import LedgerCorruptionError
from outlast.ledger import ItemStatus, MemoryLedger, NewItem, Record, Shape

pytestmark = pytest.mark.real_time


@pytest.fixture
async def ledger():
    """A thousand records, each longer than a character is."""
    ledger = MemoryLedger()
    await ledger.add([NewItem(f"i{number}") for number in range(2 * RESULTS_AT_ONCE)])
    for lease in await ledger.lease("me", 2 * RESULTS_AT_ONCE, 0.0, 9e9):
        line = json.dumps({"é": lease.key}, ensure_ascii=False) + "\n"
        await ledger.record(Record(lease=lease, status=ItemStatus.DONE, attempts=1, shape=Shape.ONE, lines=line))
    return ledger


async def lines_to(ledger, position):
    return "".join(each.lines for each in await ledger.results(0, position)).encode()


@pytest.fixture
async def output(ledger, tmp_path):
    """The file up to record 900, noted so."""
    path = tmp_path / "out.jsonl"
    path.write_bytes(await lines_to(ledger, 900))
    await ledger.put("output", {"path": str(path), "position": 900, "size": path.stat().st_size})
    return path


async def test_a_file_that_holds_what_was_recorded_is_sound(ledger, output):
    output.write_bytes(await lines_to(ledger, 2 * RESULTS_AT_ONCE))
    noted = {"path": str(output), "position": 2 * RESULTS_AT_ONCE, "size": output.stat().st_size}
    await ledger.put("output", noted)
    found = await compared(ledger)
    assert (found.state, found.results, found.missing, found.problem) == (Comparison.SOUND, 1_000, 0, None)
    assert (found.path, found.size) == (output, output.stat().st_size)


async def test_a_file_that_lacks_the_newest_records_is_behind(ledger, output):
    found = await compared(ledger)
    assert (found.state, found.results, found.missing, found.problem) == (Comparison.BEHIND, 900, 100, None)


async def test_what_stands_behind_the_noted_place_does_not_count(ledger, output):
    with output.open("ab") as file:
        file.write(b'{"torn": ')
    assert (await compared(ledger)).state is Comparison.BEHIND


@pytest.mark.parametrize("place", [0, 7_000, -1])
async def test_one_changed_byte_is_found_with_its_place(ledger, output, place):
    blob = bytearray(output.read_bytes())
    blob[place] ^= 1
    output.write_bytes(blob)
    found = await compared(ledger)
    assert found.state is Comparison.DAMAGED
    assert found.problem == f"byte {place % len(blob)} is not what was recorded"


@pytest.mark.parametrize("length", [0, 5_000])
async def test_a_file_that_was_cut_is_damaged(ledger, output, length):
    output.write_bytes(output.read_bytes()[:length])
    found = await compared(ledger)
    assert (found.state, found.problem) == (
        Comparison.DAMAGED,
        f"it ends at byte {length}, before the place that was noted",
    )


async def test_a_file_that_is_gone_is_absent_and_not_damaged(ledger, output):
    output.unlink()
    assert (await compared(ledger)).state is Comparison.ABSENT


async def test_a_file_that_cannot_be_read_is_not_called_sound(ledger, output):
    output.unlink()
    output.mkdir()
    assert (await compared(ledger)).state is Comparison.UNKNOWN


async def test_a_note_that_does_not_fit_the_results_is_damage(ledger, output):
    size = output.stat().st_size
    await ledger.put("output", {"path": str(output), "position": 900, "size": size - 1})
    found = await compared(ledger)
    assert (found.state, found.problem) == (
        Comparison.DAMAGED,
        f"{size - 1} bytes were noted, and the recorded results make {size}",
    )


async def test_a_job_without_an_output_has_nothing_to_compare(ledger):
    assert await compared(ledger) is None


class DamagedLedger(MemoryLedger):
    """Its results cannot be read."""

    async def results(self, after, limit):
        raise LedgerCorruptionError("no")


async def test_where_results_are_damaged_nobody_can_tell(output):
    ledger = DamagedLedger()
    await ledger.put("output", {"path": str(output), "position": 900, "size": 1})
    found = await compared(ledger)
    assert (found.state, found.problem) == (
        Comparison.UNKNOWN,
        "results of the ledger are damaged, so nobody can tell",
    )
