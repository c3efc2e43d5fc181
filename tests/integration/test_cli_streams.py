"""Streams that are closed, full, or that nobody reads: the work is done all the same, and the exit code tells of the work."""

import os
import stat

import pytest

pytestmark = pytest.mark.real_time

full_disk = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")


def ended(process, timeout=100):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, (out or b"").decode(), (err or b"").decode()


@pytest.fixture
def closed(start):
    """Call `outlast` with these of its streams closed, as a shell does with `2>&-`."""

    def call(streams, *arguments):
        return ended(start(*arguments, preexec_fn=lambda: [os.close(number) for number in streams]))

    return call


@pytest.fixture
def done(start):
    assert ended(start("run", "scrape.py:scrape", "urls.txt", "--concurrency", 60))[0] == 0


def test_without_standard_error_a_job_is_done_and_codes_are_as_ever(closed, tmp_path):
    assert closed([2], "run", "scrape.py:scrape", "urls.txt", "--concurrency", 60)[0] == 0
    assert len((tmp_path / "fetched.txt").read_text().splitlines()) == 60
    assert closed([2], "verify", "scrape")[0] == 0
    assert closed([0, 1, 2], "verify", "scrape")[0] == 0
    assert closed([2], "status", "nope")[0] == 6
    assert closed([2], "results", "scrape")[1].count("\n") == 60


@pytest.mark.parametrize(
    "arguments",
    [
        ["results", "scrape"],
        ["status", "scrape"],
        ["ls", "--json"],
        ["export", "scrape", "x.jsonl", "--json"],
        ["run", "scrape.py:scrape", "urls.txt", "--json"],
        ["--help"],
    ],
)
def test_without_standard_output_nothing_is_told_and_all_is_done(closed, done, arguments):
    code, _, err = closed([1], *arguments)
    assert code == 0, err
    assert "error" not in err


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["checkpoint", "ls", "--help"], ["--version"]])
def test_help_that_nobody_reads_is_no_error(start, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    process = start(*arguments, stdout=writing)
    os.close(writing)
    assert ended(process) == (0, "", "")


@full_disk
@pytest.mark.parametrize("arguments", [["results", "scrape"], ["ls"], ["--help"], ["demo"]])
def test_an_answer_that_does_not_fit_on_the_disk_is_said_in_one_line(start, done, arguments):
    with open("/dev/full", "w") as full:
        code, _, err = ended(start(*arguments, stdout=full))
    assert (code, err) == (
        7,
        "outlast: error: standard output cannot be written: No space left on device\n",
    )


def test_results_are_saved_as_a_whole_for_their_owner_alone(start, done, tmp_path):
    code, out, err = ended(start("results", "scrape", "-o", "saved.jsonl"))
    assert (code, out) == (0, "")
    assert err.startswith("60 records of job scrape written to saved.jsonl (")
    assert stat.S_IMODE((tmp_path / "saved.jsonl").stat().st_mode) == 0o600
    assert len((tmp_path / "saved.jsonl").read_text().splitlines()) == 60


def test_results_that_cannot_be_read_leave_no_file(start, done, tmp_path):
    [ledger] = tmp_path.glob(".outlast/jobs/*/ledger.db")
    blob = bytearray(ledger.read_bytes())
    at = blob.index(b'"https://a.test/7"')
    blob[at + 1] ^= 0x40
    ledger.write_bytes(blob)
    assert ended(start("results", "scrape", "-o", "saved.jsonl"))[0] == 4
    assert not [*tmp_path.glob("*saved*"), *tmp_path.glob(".outlast-*")]
