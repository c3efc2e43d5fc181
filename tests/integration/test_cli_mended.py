"""A job whose ledger was damaged in many places: what is said before, during and after its repair is true, and agrees."""

import json
import random

import pytest

from outlast.jobs.store import job_directory

pytestmark = pytest.mark.real_time

PAGE = 4096


@pytest.fixture
def job(outlast, tmp_path):
    """A job of 301 items of which the ledger was damaged in 40 places, and a run that came upon it; its directory."""
    (tmp_path / "many.txt").write_text("".join(f"https://a.test/{number}/{'x' * 200}\n" for number in range(300)))
    for more in ((), ("https://b.test/",)):
        assert outlast("run", "scrape.py:tally", "many.txt", *more, "--job", "docs", "-o", "out.jsonl")[0] == 0
    directory = job_directory(tmp_path / ".outlast", "docs")
    blob, chance = bytearray(directory.ledger.read_bytes()), random.Random(5)
    for _ in range(40):
        blob[chance.randrange(3 * PAGE, len(blob))] ^= chance.randrange(1, 256)
    directory.ledger.write_bytes(blob)
    code, _, err = outlast("resume", "docs")
    assert (code, "is damaged" in err) == (4, True)
    assert "nothing was changed" not in err
    return directory


def test_a_run_that_ended_on_damage_is_followed_by_verify_and_repair(outlast, job):
    code, out, _ = outlast("status", "docs")
    assert code == 0
    assert out.splitlines()[-3:] == [
        "  see what is damaged   outlast verify docs",
        "  mend it               outlast repair docs",
        "  go on after that      outlast resume docs",
    ]
    code, out, _ = outlast("ls")
    assert code == 4
    row, reason = out.splitlines()[1:]
    assert row.endswith("  DAMAGED")
    assert reason == "  its last run could not read its ledger"


def test_after_a_repair_all_numbers_agree_and_nobody_speaks_of_an_older_copy(outlast, job, tmp_path):
    code, out, _ = outlast("repair", "docs", "--json")
    mended = json.loads(out)["ledger"]
    assert (code, mended["rebuilt"]) == (1, True)
    verified = json.loads(outlast("verify", "docs", "--json")[1])["ledger"]
    assert (verified["items"], verified["results"]) == (mended["items"], mended["results"])
    assert outlast("ls")[0] == 0
    assert "outlast resume docs" in outlast("status", "docs")[1]
    code, _, err = outlast("resume", "docs")
    assert code == 0, err
    assert f"resuming, {mended['results']} of {mended['items']} done" in err
    assert "a repair could not save all of them. What is missing is done again" in err
    assert "older copy" not in err + outlast("status", "docs")[1]
    assert outlast("resume", "docs")[2].count("MISSING") == 0, "it is said once"
    assert json.loads(outlast("verify", "docs", "--json")[1])["ledger"]["results"] == 301
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 301
