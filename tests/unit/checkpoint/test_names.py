"""Any job id is safe, and nothing but an id reaches the file system."""

import pytest

from outlast.checkpoint.names import JOB_ID_MAX, Name, id_of, key_of, parse
from outlast.errors import ValidationError

ODD = [
    "a",
    "A",
    "a/b",
    "a-b",
    "../../etc/passwd",
    "..",
    "/",
    "\\",
    "é",
    "日本語",
    "\u0000",
    "a\nb",
    "CON",
    " ",
    "-",
    "x" * 512,
]


@pytest.mark.parametrize("job_id", ODD, ids=ascii)
def test_a_job_s_key_is_a_plain_file_name(job_id):
    key = key_of(job_id)
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not key.startswith("-")
    assert len(key) <= 49
    assert parse(id_of(key, 7)) == Name(key, 7)


def test_different_jobs_have_different_keys():
    assert len({key_of(job_id) for job_id in ODD}) == len(ODD)


def test_people_recognise_the_job():
    assert key_of("Shop: Prices (DE)").startswith("shop-prices-de-")
    assert key_of("日本語").startswith("job-")


@pytest.mark.parametrize("job_id", ["", "x" * (JOB_ID_MAX + 1), None, 7, b"job", "\ud800"], ids=ascii)
def test_what_cannot_be_a_job_id_is_refused(job_id):
    with pytest.raises(ValidationError, match="job id"):
        key_of(job_id)


KEY = key_of("job")


@pytest.mark.parametrize(
    "checkpoint_id",
    [
        "", "x", "../../etc/passwd", "/etc/passwd", "..", f"../{KEY}-00000001", f"{KEY}-00000001/..", f"{KEY}/{KEY}-00000001",
        f"{KEY}-1", f"{KEY}-000000001", f"{KEY}-00000001\n", f"{KEY}-0000000\u0661", f"{KEY}-00000001.ckpt", KEY.upper() + "-00000001",
        f"{KEY}-{'9' * 19}", f"{KEY}-00000001\0", None, 7, b"x",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_not_an_id_names_nothing(checkpoint_id):
    assert parse(checkpoint_id) is None


def test_numbers_beyond_eight_digits_go_on():
    assert parse(id_of(KEY, 123_456_789)) == Name(KEY, 123_456_789)
