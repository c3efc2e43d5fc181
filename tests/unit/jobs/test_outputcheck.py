"""Nothing is cut off an output file but what the ledger can write again."""

import json

import pytest

from outlast.errors import LedgerCorruptionError
from outlast.jobs.output import Output
from outlast.jobs.outputcheck import agrees
from outlast.ledger import ItemStatus, MemoryLedger, NewItem, Record, Shape


class Losing(MemoryLedger):
    """A ledger that may lose a result."""

    def lose(self, position):
        self._results = [each for each in self._results if each.position != position]

    async def results(self, after, limit, /):
        return [each for each in self._results if each.position > after][:limit]


@pytest.fixture
def ledger():
    return Losing()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.jsonl"


@pytest.fixture
def written_to(virtual_clock, watcher):
    async def write(path, ledger):
        output = await Output.open(path, ledger, virtual_clock, watcher)
        await output.finish()

    return write


async def record(ledger, *values):
    for value in values:
        await ledger.add([NewItem(str(value))])
        [lease] = await ledger.lease("me", 1, 0.0, 1.0)
        line = f"{json.dumps(value)}\n"
        await ledger.record(Record(lease=lease, status=ItemStatus.DONE, attempts=1, shape=Shape.ONE, lines=line))


def text(*values):
    return "".join(f"{json.dumps(value)}\n" for value in values).encode()


@pytest.mark.parametrize(
    "tail",
    [b"", text("two")[:3], text("two"), text("two", "three")[:-1], text("two", "three"), b"\0" * 100, b'"t\0\0"\n\0\0'],
    ids=["nothing", "torn", "one", "torn later", "all", "never reached the disk", "holes"],
)
async def test_what_a_kill_or_a_power_cut_leaves_is_cut_off_without_a_word(path, ledger, written_to, watcher, tail):
    await record(ledger, "one")
    await written_to(path, ledger)
    await record(ledger, "two", "three")
    with path.open("ab") as file:
        file.write(tail)
    await written_to(path, ledger)
    assert path.read_bytes() == text("one", "two", "three")
    assert watcher.kept_as == []
    assert len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize(
    "tail",
    [text("other"), text("two", "three", "four"), text("two") + b"x", b"\0" * 100 + b"x", b"#"],
    ids=["another line", "one more", "a bit more", "beyond what is empty", "a note"],
)
async def test_lines_that_the_ledger_does_not_know_are_kept_under_another_name(path, ledger, written_to, watcher, tail):
    await record(ledger, "one")
    await written_to(path, ledger)
    await record(ledger, "two", "three")
    with path.open("ab") as file:
        file.write(tail)
    await written_to(path, ledger)
    assert path.read_bytes() == text("one", "two", "three")
    [kept] = watcher.kept_as
    assert kept == path.with_name("out.RUN.jsonl")
    assert kept.read_bytes() == text("one") + tail


async def test_a_shorter_file_of_somebody_else_is_kept_too(path, ledger, written_to, watcher):
    await record(ledger, "one", "two")
    await written_to(path, ledger)
    path.write_bytes(b"mine\n")
    await written_to(path, ledger)
    assert path.read_bytes() == text("one", "two")
    assert watcher.kept_as[0].read_bytes() == b"mine\n"


async def test_a_file_of_the_same_length_with_another_end_is_not_ours(path, ledger, written_to, watcher):
    await record(ledger, "one")
    await written_to(path, ledger)
    path.write_bytes(b'"eno"\n')
    await written_to(path, ledger)
    assert path.read_bytes() == text("one")
    assert watcher.kept_as[0].read_bytes() == b'"eno"\n'


async def test_a_line_whose_result_is_gone_from_the_ledger_is_kept(path, ledger, written_to, watcher):
    await record(ledger, "one", "two")
    await written_to(path, ledger)
    ledger.lose(2)
    await written_to(path, ledger)
    assert path.read_bytes() == text("one")
    assert watcher.kept_as[0].read_bytes() == text("one", "two")


async def test_two_files_that_are_kept_do_not_overwrite_each_other(path, ledger, written_to, watcher):
    await record(ledger, "one")
    await written_to(path, ledger)
    for tail in (b"a", b"b", b"c"):
        with path.open("ab") as file:
            file.write(tail)
        await written_to(path, ledger)
    assert [each.read_bytes() for each in watcher.kept_as] == [text("one") + tail for tail in (b"a", b"b", b"c")]


async def test_many_lines_behind_the_noted_place_are_compared_to_the_end(path, ledger, written_to, watcher):
    await record(ledger, "one")
    await written_to(path, ledger)
    await record(ledger, *range(1_000))
    with path.open("ab") as file:
        file.write(text(*range(1_000)))
    await written_to(path, ledger)
    assert watcher.kept_as == []
    await record(ledger, "last")
    with path.open("ab") as file:
        file.write(text("else"))
    await written_to(path, ledger)
    assert len(watcher.kept_as) == 1


@pytest.mark.parametrize(("lost", "left"), [(1, "two"), (2, "one")])
async def test_a_result_that_was_lost_to_damage_is_not_doubled(path, ledger, virtual_clock, watcher, lost, left):
    await record(ledger, "one", "two")
    output = await Output.open(path, ledger, virtual_clock, watcher)
    await output._advance()
    assert path.read_bytes() == text("one", "two")
    ledger.lose(lost)
    output.doubt()
    await output._advance()
    [kept] = watcher.kept_as
    assert kept.read_bytes() == text("one", "two")
    assert path.read_bytes() == text(left)
    await output.finish()


@pytest.mark.parametrize(("lost", "left"), [(1, "two"), (2, "one")])
async def test_a_kill_before_the_file_was_compared_loses_no_doubt(path, ledger, written_to, watcher, lost, left):
    await record(ledger, "one", "two")
    await written_to(path, ledger)
    ledger.lose(lost)
    await ledger.put("damage", {"damaged": 1})
    for _ in range(2):
        await written_to(path, ledger)
    [kept] = watcher.kept_as
    assert kept.read_bytes() == text("one", "two")
    assert path.read_bytes() == text(left)


async def test_a_doubt_that_proves_unfounded_changes_nothing(path, ledger, virtual_clock, watcher):
    await record(ledger, *range(500))
    output = await Output.open(path, ledger, virtual_clock, watcher)
    while await output._advance():
        output.doubt()
    await output.finish()
    assert path.read_bytes() == text(*range(500))
    assert watcher.kept_as == []


async def test_a_doubt_that_comes_up_while_the_file_is_compared_is_not_forgotten(path, ledger, virtual_clock, watcher):
    await record(ledger, *range(500))
    output = await Output.open(path, ledger, virtual_clock, watcher)
    while await output._advance():
        continue
    ask = ledger.results

    async def lose_what_was_compared(after, limit):
        ledger.results = ask
        answer = await ask(after, limit)
        ledger.lose(1)
        output.doubt()
        return answer

    ledger.results = lose_what_was_compared
    output.doubt()
    await output.finish()
    assert path.read_bytes() == text(*range(1, 500))
    assert len(watcher.kept_as) == 1


async def test_a_comparison_that_fails_leaves_the_doubt(path, ledger, virtual_clock, watcher):
    await record(ledger, "one")
    output = await Output.open(path, ledger, virtual_clock, watcher)
    await output._advance()
    ask = ledger.results

    async def fail(after, limit):
        ledger.results = ask
        raise LedgerCorruptionError("a row is damaged")

    ledger.results = fail
    ledger.lose(1)
    output.doubt()
    with pytest.raises(LedgerCorruptionError):
        await output._advance()
    await output.finish()
    assert path.read_bytes() == b""


class Rotten(MemoryLedger):
    """A ledger that cannot read its results until it was mended."""

    async def results(self, after, limit, /):
        if not self.watcher.mended:
            raise LedgerCorruptionError("a row is damaged")
        return await super().results(after, limit)


@pytest.mark.parametrize("mends", [True, False])
async def test_a_damaged_result_is_mended_where_that_can_be_done(path, virtual_clock, watcher, mends):
    ledger = Rotten()
    ledger.watcher = watcher
    watcher.mended = False

    async def mend():
        watcher.mended = mends
        return mends

    watcher.mend = mend
    await record(ledger, "one")
    if not mends:
        with pytest.raises(LedgerCorruptionError):
            await (await Output.open(path, ledger, virtual_clock, watcher)).finish()
        return
    await (await Output.open(path, ledger, virtual_clock, watcher)).finish()
    assert path.read_bytes() == text("one")


@pytest.mark.parametrize(
    ("found", "expected", "verdict"),
    [
        (b"", b"abc", True),
        (b"ab", b"abc", True),
        (b"a\0c", b"abc", True),
        (b"abd", b"abc", False),
        (b"abcd", b"abc", False),
        (b"\0\0\0\0", b"abc", False),
    ],
)
def test_a_beginning_agrees_but_for_what_was_never_written(found, expected, verdict):
    assert agrees(found, expected) is verdict
